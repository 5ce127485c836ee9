"""Starting a session: checked, pinned to what is current, queued for any worker. One transaction."""

import json
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents.admission import admit
from agents.brought import message_key, withheld_message
from agents.budgets import refuse_spent
from agents.config import AgentConfig
from agents.errors import BadText, UnknownAgent, UnknownTaskType
from agents.gate.flagging import WITHHELD
from agents.guardrails.inputs import MAX_GOAL, BadInput, Input, accept
from agents.guardrails.money import Priority
from agents.lifecycle import SESSION
from agents.llm.pricing import most_microusd
from agents.llm.tokens import most
from agents.loading import from_json
from agents.models import Agent, AgentRevision, PromptVersion, Session
from agents.prompts.releases import Live, asked_live, chosen_from
from agents.prompts.variables import missing
from agents.queries import refuse_stopped
from agents.tools import egress
from agents.versions import VERSION
from agents.wake import waking
from audit.actors import Actor
from audit.atomically import atomically
from audit.batch import settled
from audit.connection import read_together
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import MOMENT, NOW, After, Batch, Birth, Entry, Moment, Text
from audit.services import transition as write

TITLE = 160  # characters of a goal that lists show


@dataclass(frozen=True, slots=True)
class Brought:
    """What came from outside with a goal: strangers' words, which the model reads as such and which taint the session."""

    text: str  # accepted
    author: str
    mark: Mapping[str, str]  # as it stands among what tainted the session
    withheld: bool = False  # it looks like orders, and policy keeps that from the model until a person releases it


@atomically
def start_session(  # noqa: PLR0913  one name for each thing that a session is started with
    *,
    actor: Actor,
    person_id: int | None,
    agent: str,
    goal: str,
    task_type: str = "default",
    on_behalf_of: str = "",
    tenant: str = "",
    feature: str = "",
    dry_run: bool = False,
    webhook_url: str = "",
    priority: Priority | None = None,
    brought: Brought | None = None,
    authors: Sequence[int] = (),
) -> Session:
    """Start a session: pinned to the agent's current revision and the prompt's live version, queued for any worker.

    Args:
        actor: who starts it.
        person_id: that user, or the owner of the token: four eyes.
        agent: the agent's slug.
        goal: what to do; bounded and cleaned.
        task_type: which of the agent's scopes it gets.
        on_behalf_of: another person or customer, by e-mail or name.
        tenant, feature: labels for budgets and attribution.
        dry_run: write tools only say what they would have done.
        webhook_url: the program that is told when it rests or ends; an https address, public unless its host is allowed.
        priority: who waits first where a budget runs short; the agent's own where it is None.
        brought: what came with the goal from outside, untrusted.
        authors: other users who wrote what it does: four eyes too.

    Raises:
        UnknownAgent, UnknownTaskType, BadText, Stopped, BudgetSpent, QueueFull; BadText also names a label that the prompt needs.
    """
    if webhook_url and (wrong := egress.refused_webhook(webhook_url)):
        raise BadText(field="webhook_url", reason=wrong)
    id_ = uuid7()
    labels = {"tenant": tenant, "feature": feature}
    pinned = pinned_now(agent, task_type, session=id_, labels=labels, new=True)
    text = accepted("goal", goal, MAX_GOAL)
    if pinned.capped:
        config = pinned.config
        least = most_microusd(config.model, most(pinned.version.text) + most(text.text), config.max_output_tokens)
        refuse_spent(agent=agent, tenant=tenant[:200], least_microusd=least)
    if pinned.bounded:
        admit(agent)
    goal_text = Text(uuid7(), "goal", text.text)
    values: dict[str, Any] = {
        **pinned.columns, "id": id_, "number": pinned.next_number, "task_type": task_type,
        "title": title_of(text.text), "started_kind": actor.kind, "started_by": actor.id,
        "started_name": actor.name, "started_user": person_id, "token": actor.token, "on_behalf_of": on_behalf_of[:200],
        "on_behalf_user": _user_named(on_behalf_of), "tenant": tenant[:200], "feature": feature[:200],
        **({"webhook_url": webhook_url} if webhook_url else {}),
        "priority": _stored(priority or pinned.config.priority),
        "dry_run": dry_run or pinned.config.dry_run, "next_index": 1, "trace": secrets.token_hex(16),
        "schema_version": VERSION, "notes": _notes(text.flags, authors), "taint": [], "stop_note": {},
        "created_at": NOW, "updated_at": NOW, "ready_at": NOW, "expires_at": After(pinned.config.limits.session_ttl_s),
    }  # fmt: skip
    told = {name: values[name] for name in ("environment", "task_type", "dry_run", "tenant", "feature")}
    ref = f"S-{values['number']}"
    texts, heard = _heard(values, brought, ref) if brought else ((), ())
    entry = Entry(f"session:{ref}", EventKind.SESSION_STARTED, actor, {**pinned.facts, **told, "flags": list(text.flags)}, ids=(ref,),
                  rev=1, texts=(goal_text, *texts), on_behalf_of=values["on_behalf_of"], trace=values["trace"])  # fmt: skip
    first = message_row(values["id"], 0, goal_text, actor, person_id)
    (written,) = write(
        Batch((), (Birth("agents.Session", values, SESSION), first, *heard), (entry,), (waking(values["id"]),)),
        moment=pinned.moment,
    )
    transaction.on_commit(index_soon)
    return pinned.session(values, written.at)


def _notes(flags: Sequence[str], authors: Sequence[int]) -> dict[str, Any]:
    """What is noted of a session at its start; nothing in the ordinary case."""
    return {**({"flags": list(flags)} if flags else {}), **({"authors": list(authors)} if authors else {})}


def _heard(values: dict[str, Any], brought: Brought, ref: str) -> tuple[tuple[Text, ...], tuple[Birth]]:
    """What was brought, as the message behind the goal, or what stands for it; the session's columns say that it is tainted."""
    kept = Text(uuid7(), WITHHELD, brought.text) if brought.withheld else None
    text = Text(uuid7(), "message", withheld_message(message_key(ref), brought.author) if kept else brought.text)
    values |= {"next_index": 2, "taint": [{**brought.mark, **({WITHHELD: str(kept.id)} if kept else {})}]}
    message = {"id": uuid7(), "session_id": values["id"], "index": 1, "source": "system" if kept else "user",
               "trust": "trusted" if kept else "untrusted", "text_id": text.id,
               "author_name": "" if kept else brought.author}  # fmt: skip
    return (text, *((kept,) if kept else ())), (Birth("agents.Message", message),)


@dataclass(frozen=True, slots=True)
class Pinned:
    """What a session is pinned to at its start: the agent's revision and the prompt's version of this moment."""

    revision: AgentRevision
    config: AgentConfig
    live: Live
    moment: Moment
    capped: bool  # there is a budget
    bounded: bool  # the queue is limited
    next_number: int | None  # for a new session

    @property
    def version(self) -> PromptVersion:
        """The prompt's version."""
        return self.live.version

    @property
    def columns(self) -> dict[str, Any]:
        """As columns of the session."""
        return {
            "agent_id": self.revision.agent_id,
            "revision_id": self.revision.id,
            "prompt_version_id": self.version.id,
            "environment": self.config.environment,
        }

    @property
    def facts(self) -> dict[str, Any]:
        """As the session's first entry states it."""
        return {
            "agent": self.revision.agent.slug,
            "revision": self.revision.number,
            "prompt_version": f"{self.version.prompt.slug} {self.version.version}",
            "prompt_checksum": self.version.checksum,
            # Anybody can work out from the ids that the session fell into this share.
            **({} if self.live.alone else {"release": str(self.live.release), "share": self.live.share}),
        }

    def session(self, values: Mapping[str, Any], at: datetime) -> Session:
        """The session whose row was written with `values` at that time, as reading it would give it."""
        session = Session(**{name: settled(value, at) for name, value in values.items()})
        session._state.adding, session._state.db = False, "default"  # noqa: SLF001 Django's documented way
        session.agent, session.revision, session.prompt_version = self.revision.agent, self.revision, self.version
        return session


def pinned_now(agent: str, task_type: str, *, session: UUID, labels: Mapping[str, str], new: bool = False) -> Pinned:
    """What a session of this agent, with this id and these labels, is pinned to now; a new one gets its number with it.

    Raises:
        UnknownAgent, UnknownTaskType, Stopped, BadAgent; BadText for a label that the prompt needs and that is empty.
    """
    current, releases, moment = read_together((_CURRENT, [new, agent]), asked_live(agent), MOMENT)
    if not current:
        raise UnknownAgent(slug=agent[:63])
    revision, asks = _current(current[0])
    if asks.pop("stopped"):
        refuse_stopped(agent)
    config = AgentConfig.model_validate(revision.document)
    if task_type not in config.task_types:
        raise UnknownTaskType(agent=agent, task_type=task_type[:60], known=", ".join(sorted(config.task_types)))
    live = chosen_from(releases, config.prompt, session)
    known = {"agent": agent, "environment": config.environment, "task_type": task_type, **labels}
    if live.variables != "{}" and (lacking := missing(json.loads(live.variables), known)):
        raise BadText(field=lacking[0], reason=f"is needed: the prompt {config.prompt} is written for one")
    return Pinned(revision, config, live, Moment.of(moment), **asks)


_CURRENT = """
SELECT r.id, r.agent_id, r.number, r.document, a.slug,
       EXISTS (SELECT FROM agents_budget WHERE status = 'active') AS capped,
       EXISTS (SELECT FROM agents_limit l WHERE l.scope IN ('queue:', 'queue:' || a.slug) AND l.at_once IS NOT NULL) AS bounded,
       EXISTS (SELECT FROM agents_stop WHERE status = 'active') AS stopped,
       CASE WHEN %s THEN nextval('agents_session_number') END AS next_number
FROM agents_agentrevision r JOIN agents_agent a ON a.id = r.agent_id
WHERE a.slug = %s AND r.current"""


def _current(row: dict[str, Any]) -> tuple[AgentRevision, dict[str, Any]]:
    """The agent's current revision with the columns that a start needs, and what else was asked."""
    slug, row["document"] = row.pop("slug"), from_json(row["document"])
    asks = {name: row.pop(name) for name in ("capped", "bounded", "stopped", "next_number")}
    revision = AgentRevision.from_db("default", list(row), list(row.values()))
    revision.agent = Agent.from_db("default", ["id", "slug"], [row["agent_id"], slug])
    return revision, asks


def accepted(field: str, text: str, limit: int) -> Input:
    """The text, cleaned; raises BadText that names the field and the fix."""
    accepted = accept(text, limit=limit)
    if isinstance(accepted, BadInput):
        raise BadText(field=field, reason=accepted.reason)
    return accepted


def title_of(goal: str) -> str:
    """The beginning of a goal, as lists show it."""
    return " ".join(goal.split())[:TITLE]


def _stored(priority: Priority) -> str | None:
    """The priority as its column holds it: nothing in the ordinary case."""
    return None if priority == "normal" else priority


def _user_named(name: str) -> int | None:
    """The account that a session acts for, if it is one: it may not decide in it. Raises BadText for a name of several."""
    if not name:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM auth_user WHERE lower(%s) IN (lower(username), lower(email), lower(first_name),"
            " lower(trim(first_name || ' ' || last_name))) LIMIT 2",
            [name.strip()],
        )
        found = [int(id_) for (id_,) in cursor.fetchall()]
    if len(found) > 1:
        raise BadText(field="on_behalf_of", reason="names several accounts; give the e-mail address of the one that is meant")
    return found[0] if found else None


def message_row(session: UUID, index: int, text: Text, actor: Actor, person_id: int | None) -> Birth:
    """A message as a row; its text is written with the entry."""
    values = {"id": uuid7(), "session_id": session, "index": index, "source": "user", "text_id": text.id,
              "author": person_id, "author_name": actor.name}  # fmt: skip
    return Birth("agents.Message", values)
