"""What people and programs do to sessions and agents. Keyword-only, one transaction each, the actor always named.

Whoever holds the lease writes a running session; so what is asked of one that runs is noted on its row (`nudges`,
`stop`) and its worker is told. A session that rests is moved here at once.
"""

import secrets
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from agents.agents import apply_agent
from agents.config import AgentConfig
from agents.errors import BadText, SessionEnded, UnknownAgent, UnknownSession, UnknownTaskType, WrongState
from agents.gate import words
from agents.guardrails.inputs import MAX_GOAL, MAX_MESSAGE, BadInput, Input, accept
from agents.lifecycle import SESSION, TOOL_CALL
from agents.models import AgentRevision, Session, ToolCall
from agents.prompts.releases import live_version
from agents.steps import ENDS
from agents.wake import wake
from approvals.lifecycle import OPEN
from approvals.models import ApprovalRequest
from approvals.services import exclude, withdraw
from audit.actors import Actor
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, After, Batch, Birth, Change, Entry, Text
from audit.services import transition as write

__all__ = ["add_message", "apply_agent", "cancel", "end_session", "get_session", "pause", "resume", "start_session", "watch"]

TITLE = 160  # characters of a goal that lists show
WATCH_S = 30


def get_session(ref: str | UUID) -> Session:
    """One session by its short id or its id. Raises UnknownSession."""
    found = Session.objects.select_related("agent", "revision", "prompt_version__prompt")
    number = ref[2:] if isinstance(ref, str) and ref[:2].upper() == "S-" else ""
    if isinstance(ref, UUID):
        session = found.filter(pk=ref).first()
    else:
        session = (
            found.filter(number=int(number)).first() if number.isascii() and number.isdigit() and len(number) < 19 else None
        )
    if session is None:
        raise UnknownSession(ref=str(ref)[:40])
    return session


@transaction.atomic
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
        webhook_url: not supported yet; refused.

    Raises:
        UnknownAgent, UnknownTaskType, BadText.
    """
    if webhook_url:
        raise BadText(field="webhook_url", reason="is not supported yet; follow the session by polling or by its events")
    revision = AgentRevision.objects.select_related("agent").filter(agent__slug=agent, current=True).first()
    if revision is None:
        raise UnknownAgent(slug=agent[:63])
    config = AgentConfig.model_validate(revision.document)
    if task_type not in config.task_types:
        raise UnknownTaskType(agent=agent, task_type=task_type[:60], known=", ".join(sorted(config.task_types)))
    text = _accepted("goal", goal, MAX_GOAL)
    version = live_version(config.prompt)
    number = _next_number()
    ids = {"session": uuid7(), "goal": uuid7()}
    ref = f"S-{number}"
    values: dict[str, Any] = {
        "id": ids["session"], "number": number, "agent_id": revision.agent_id, "revision_id": revision.id,
        "prompt_version_id": version.id, "environment": config.environment, "task_type": task_type,
        "title": " ".join(text.text.split())[:TITLE], "started_kind": actor.kind, "started_by": actor.id,
        "started_name": actor.name, "started_user": person_id, "token": actor.token, "on_behalf_of": on_behalf_of[:200],
        "on_behalf_user": _user_named(on_behalf_of), "tenant": tenant[:200], "feature": feature[:200],
        "dry_run": dry_run or config.dry_run, "next_index": 1, "trace": secrets.token_hex(16),
        "notes": {"flags": list(text.flags)} if text.flags else {}, "taint": [], "stop_note": {},
        "expires_at": After(config.limits.session_ttl_s),
    }  # fmt: skip
    goal_text = Text(ids["goal"], "goal", text.text)
    facts = {
        "agent": agent, "revision": revision.number, "prompt_version": f"{version.prompt.slug} {version.version}",
        "prompt_checksum": version.checksum, "environment": config.environment, "task_type": task_type,
        "dry_run": values["dry_run"], "tenant": values["tenant"], "feature": values["feature"], "flags": list(text.flags),
    }  # fmt: skip
    entry = Entry(f"session:{ref}", EventKind.SESSION_STARTED, actor, facts, ids=(ref,), rev=1, texts=(goal_text,),
                  on_behalf_of=values["on_behalf_of"], trace=values["trace"])  # fmt: skip
    first = _message(ids["session"], 0, goal_text, actor, person_id)
    write(Batch((), (Birth("agents.Session", values, SESSION), first), (entry,)))
    wake(ids["session"])
    transaction.on_commit(index_soon)
    session = Session.objects.get(pk=ids["session"])
    session.agent, session.revision, session.prompt_version = revision.agent, revision, version
    return session


@transaction.atomic
def add_message(*, session: Session | UUID, actor: Actor, user_id: int | None, content: str) -> Session:
    """Say something to the agent. It joins the next turn; whoever said it may not decide in this session any more.

    Raises:
        UnknownSession, SessionEnded, BadText.
    """
    text = _accepted("content", content, MAX_MESSAGE)
    _open_requests(session)  # requests are locked before their session, and the session before its stream, everywhere
    row = _locked(session)
    if user_id is not None:
        exclude(session_id=row.pk, user_id=user_id, actor=actor)
    said = Text(uuid7(), "message", text.text)
    index = row.next_index if row.status != "running" else _beyond(row)
    facts = {"index": index, "flags": list(text.flags)}
    entry = _entry(row, EventKind.MESSAGE_RECEIVED, actor, facts, said)
    birth = _message(row.id, index, said, actor, user_id)
    write(Batch((_noticed(row, next_index=index + 1),), (birth,), (entry,)))
    return _moved(row)


@transaction.atomic
def cancel(*, session: Session | UUID, actor: Actor, reason: str = "") -> Session:
    """End a session. Nothing more is done; what runs this instant is recorded with its outcome.

    Raises:
        UnknownSession, SessionEnded.
    """
    withdrawn = _open_requests(session)
    row = _locked(session)
    if row.status != "running":
        return end_session(row, "cancel", actor=actor, reason=reason, requests=withdrawn)
    note = {"kind": actor.kind, "id": actor.id, "name": actor.name, "reason": reason[:500]}
    changes, entries = withdraw(withdrawn, actor=actor, reason="The session was cancelled.")
    noticed = _noticed(row, stop="cancel", stop_note=note)
    write(Batch((*changes, noticed), (), tuple(entries)))
    return _moved(row)


@transaction.atomic
def pause(*, session: Session | UUID, actor: Actor, reason: str = "") -> Session:
    """Hold a session where it is; requests stay open. Raises UnknownSession, SessionEnded, WrongState."""
    row = _locked(session)
    if row.status == "paused":
        raise WrongState(ref=row.ref, status="paused", action="paused")
    if row.status == "running":
        note = {"kind": actor.kind, "id": actor.id, "name": actor.name, "reason": reason[:500]}
        write(Batch((_noticed(row, stop="pause", stop_note=note),)))
        return _moved(row)
    change = Change(SESSION, row.id, row.status, "pause", _rests(row))
    write(Batch((change,), (), (_entry(row, EventKind.SESSION_PAUSED, actor, {"reason": reason[:500], "by": actor.name}),)))
    return _moved(row)


@transaction.atomic
def resume(*, session: Session | UUID, actor: Actor, reason: str = "") -> Session:
    """Let a paused session go on where it was. Raises UnknownSession, SessionEnded, WrongState."""
    row = _locked(session)
    if row.status != "paused":
        raise WrongState(ref=row.ref, status=row.status, action="resumed")
    change = Change(SESSION, row.id, "paused", "resume", {**_rests(row), "ready_at": NOW})
    write(Batch((change,), (), (_entry(row, EventKind.SESSION_UNPAUSED, actor, {"reason": reason[:500]}),)))
    return _moved(row)


def watch(*, session: Session | UUID) -> None:
    """Somebody looks at the session: its answers stream for the next half minute."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agents_session SET watched_until = now() + make_interval(secs => %s)"
            " WHERE id = %s AND (watched_until IS NULL OR watched_until < now() + make_interval(secs => %s))",
            [WATCH_S, _pk(session), WATCH_S / 2],
        )
        if cursor.rowcount:
            cursor.execute("SELECT pg_notify('countersign_wake', %s)", [str(_pk(session))])


def end_session(
    row: Session, event: str, *, actor: Actor, reason: str, requests: list[ApprovalRequest], error: dict[str, Any] | None = None
) -> Session:
    """End a session that no worker runs; the caller holds its row and its requests locked."""
    changes, entries = withdraw(requests, actor=actor, reason=f"The session ended ({event}).")
    texts = []
    for call in ToolCall.objects.filter(session=row, status__in=["awaiting", "allowed"]):
        text = Text(uuid7(), f"call.{call.key.rpartition('/')[2]}.result", words.withdrawn(), "result")
        texts.append(text)
        values = {"result_id": text.id, "error_type": "rejected", "ended_at": NOW}
        changes.append(Change(TOOL_CALL, call.id, call.status, "withdraw", values))
    moved = {**_rests(row), "ended_at": NOW, "partial": row.answer_id is not None, **({"error": error} if error else {})}
    changes.append(Change(SESSION, row.id, row.status, event, moved))
    facts = {"reason": reason[:500], "by": actor.name, "turns": row.turns, "cost_microusd": row.cost_microusd}
    last = _entry(row, ENDS[event], actor, facts, *texts, closes=True)
    write(Batch(tuple(changes), (), (*entries, last)))
    return _moved(row)


def _accepted(field: str, text: str, limit: int) -> Input:
    accepted = accept(text, limit=limit)
    if isinstance(accepted, BadInput):
        raise BadText(field=field, reason=accepted.reason)
    return accepted


def _next_number() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('agents_session_number')")
        return int(cursor.fetchone()[0])


def _user_named(name: str) -> int | None:
    """The account that a session acts for, if it is one: it may not decide in it."""
    if not name:
        return None
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM auth_user WHERE lower(username) = lower(%s) OR lower(email) = lower(%s) ORDER BY id LIMIT 1",
            [name, name],
        )
        found = cursor.fetchone()
        return int(found[0]) if found else None


def _message(session: UUID, index: int, text: Text, actor: Actor, person_id: int | None) -> Birth:
    values = {"id": uuid7(), "session_id": session, "index": index, "source": "user", "text_id": text.id,
              "author": person_id, "author_name": actor.name}  # fmt: skip
    return Birth("agents.Message", values)


def _pk(session: Session | UUID) -> UUID:
    return session.pk if isinstance(session, Session) else session


def _open_requests(session: Session | UUID) -> list[ApprovalRequest]:
    rows = ApprovalRequest.objects.select_for_update(no_key=True).filter(session_id=_pk(session), status__in=sorted(OPEN))
    return list(rows.order_by("id"))


def _locked(session: Session | UUID) -> Session:
    row = Session.objects.select_for_update(of=("self",), no_key=True).select_related("agent").filter(pk=_pk(session)).first()
    if row is None:
        raise UnknownSession(ref=str(_pk(session)))
    if row.ended:
        raise SessionEnded(ref=row.ref, status=row.status)
    return row


def _beyond(row: Session) -> int:
    # A running session's worker counts on in memory; a message from outside takes a place that it will not reach.
    return row.next_index + 1_000 + row.nudges


def _noticed(row: Session, **values: Any) -> Change:
    """Something new: a session that waited for a message goes on; any other finds it when it looks next."""
    event = "wake" if row.status == "waiting_input" and "stop" not in values else "nudge"
    ready = {"ready_at": NOW} if event == "wake" else {}
    return Change(SESSION, row.id, row.status, event, {"nudges": row.nudges + 1, "updated_at": NOW, **ready, **values})


def _rests(row: Session) -> dict[str, Any]:
    return {"nudges": row.nudges + 1, "stop": "", "lease_owner": None, "lease_expires": None, "updated_at": NOW}


def _entry(row: Session, kind: EventKind, actor: Actor, facts: dict[str, Any], *texts: Text, closes: bool = False) -> Entry:
    return Entry(f"session:{row.ref}", kind, actor, facts, ids=(row.ref,), rev=row.rev + 1, texts=texts,
                 on_behalf_of=row.on_behalf_of, trace=row.trace, closes=closes)  # fmt: skip


def _moved(row: Session) -> Session:
    wake(row.id)
    transaction.on_commit(index_soon)
    return get_session(row.id)
