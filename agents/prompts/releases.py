"""Which versions of a prompt are live, and sending traffic to one. What a session gets is worked out in `agents.prompts.shares`.

A distribution is the live releases of a prompt; their shares make up 100. Each change of it ends them all and makes the
next, so the history says at any time what went where. Sessions read it as they start, on whatever process.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.errors import BadAgent, BadText, NotReleased, StaleRelease, UnknownPrompt
from agents.lifecycle import PROMPT_VERSION, RECALL, RELEASE
from agents.models import Prompt, PromptVersion, Recall, Release, RolloutPlan
from agents.prompts.gate import refuse_below
from agents.prompts.planned import overtaken
from agents.prompts.shares import STOPS, Share, chosen
from agents.prompts.versions import Draft, born, version_named
from audit.actors import Actor
from audit.atomically import atomically
from audit.connection import Asked, read
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Birth, Change, Entry
from audit.services import transition as write

LONGEST_REASON = 500

_LIVE = """
SELECT v.id, v.prompt_id, v.version, v.checksum, v.variables::text AS variables, r.id AS release, r.share, p.slug
FROM agents_release r JOIN agents_prompt p ON p.id = r.prompt_id JOIN agents_promptversion v ON v.id = r.version_id
WHERE r.ended_at IS NULL AND p.slug = """
_OF_AGENT = """(
SELECT r.document ->> 'prompt' FROM agents_agentrevision r JOIN agents_agent a ON a.id = r.agent_id
WHERE a.slug = %s AND r.current)"""


@dataclass(frozen=True, slots=True)
class Live:
    """The version that a session starts with, without its text; `release` and `share` where it had a choice."""

    version: PromptVersion
    variables: str  # as JSON
    release: UUID
    share: int
    alone: bool


def live_version(slug: str, session: UUID | None = None) -> Live:
    """The version that a session with this id starts with; without one, that of most sessions.

    Raises:
        BadAgent: the prompt has no release.
    """
    return chosen_from(read(_LIVE + "%s", [slug]), slug, session)


def asked_live(agent: str) -> Asked:
    """Return what is asked for the releases of an agent's prompt, to be read together with the agent."""
    return _LIVE + _OF_AGENT, [agent]


def chosen_from(rows: Sequence[dict[str, Any]], slug: str, session: UUID | None) -> Live:
    """As `live_version`, of the releases that were read; where they are another prompt's they are read anew."""
    if rows and rows[0]["slug"] != slug:
        return live_version(slug, session)
    if not rows:
        raise BadAgent(problem=f"its prompt `{slug}` has no live version; give `prompt_text`, or release one")
    row = rows[0] if len(rows) == 1 else _picked(rows, session)
    known = {name: row[name] for name in ("id", "prompt_id", "version", "checksum")}
    version = PromptVersion.from_db("default", list(known), list(known.values()))
    version.prompt = Prompt.from_db("default", ["id", "slug"], [row["prompt_id"], slug])
    return Live(version, row["variables"], row["release"], row["share"], alone=len(rows) == 1)


def _picked(rows: Sequence[dict[str, Any]], session: UUID | None) -> dict[str, Any]:
    if session is None:
        return max(rows, key=lambda row: (row["share"], -row["release"].int))
    release = chosen([Share(row["release"], row["id"], row["share"]) for row in rows], session).id
    return next(row for row in rows if row["release"] == release)


@atomically
def create_prompt(
    *, slug: str, text: str, actor: Actor, note: str = "", user_id: int | None = None, live: bool = True
) -> PromptVersion:
    """Make a prompt with version 1.0.0, released to all traffic; the caller knows that it is new.

    Without `live` the version is a candidate and nothing is released.
    """
    prompt = Prompt(id=uuid7(), slug=slug)
    draft = Draft(text, {}, {}, [], "minor", "", "1.0.0")
    path = ("propose", "activate") if live else ("propose",)
    birth, added = born(prompt, draft, number="1.0.0", parent=None, note=note, actor=actor, user_id=user_id, path=path)
    stream = f"prompt:{slug}"
    births = [Birth("agents.Prompt", {"id": prompt.pk, "slug": slug}), birth]
    entries = [Entry(stream, EventKind.PROMPT_CREATED, actor, {"slug": slug}, ids=(slug,)), added]
    if live:
        births.append(new_release(prompt, birth.values["id"], 100, note, actor))
        facts: dict[str, Any] = {"version": "1.0.0", "checksum": draft.checksum, "share": 100}
        entries.append(Entry(stream, EventKind.PROMPT_RELEASED, actor, facts, ids=(slug,)))
    write(Batch(births=tuple(births), entries=tuple(entries)))
    return PromptVersion.objects.select_related("prompt").get(pk=birth.values["id"])


@dataclass(frozen=True, slots=True)
class Routed:
    """A prompt's traffic, its row locked: the version of most sessions, and the canary if there is one."""

    prompt: Prompt
    rows: tuple[Release, ...]
    base: Release | None
    canary: Release | None


def routed(slug: str, *, lock: bool = False) -> Routed:
    """Return where a prompt's traffic goes now; with `lock` nobody routes it anew before the transaction ends.

    Raises UnknownPrompt.
    """
    prompts = Prompt.objects.select_for_update(no_key=True) if lock else Prompt.objects
    prompt = prompts.filter(slug=slug).first()
    if prompt is None:
        raise UnknownPrompt(slug=slug[:63])
    rows = tuple(Release.objects.filter(prompt=prompt, ended_at=None).select_related("version").order_by("id"))
    canary = next((row for row in rows if row.version.status == "canary"), None)
    return Routed(prompt, rows, next((row for row in rows if row is not canary), None), canary)


@atomically
def release(
    *, slug: str, version: str, share: int, actor: Actor, reason: str = "", shown: UUID | None = None, override: str = ""
) -> Routed:
    """Send a share of the new sessions to a version, or all of them. Sessions that run keep theirs.

    Args:
        slug: the prompt's.
        version: which one.
        share: 5, 10, 25, 50 or 100 of 100.
        actor: who releases; the caller has checked the right to.
        reason: why.
        shown: the newest live release that was shown, where it shall be compared.
        override: why it shall have traffic although its suites hold it back; only a person may say that.

    Raises:
        UnknownPrompt, UnknownPromptVersion, BadText, NotReleased, StaleRelease, BelowGate.
    """
    now, target, why = checked_release(slug, version, share, reason, shown)
    if has_it(now, target, share):
        return now
    write(released(now, target, share, why, actor, override=override))
    transaction.on_commit(index_soon)
    return routed(slug)


def rolled_back(prompt: Prompt, versions: Sequence[UUID]) -> frozenset[UUID]:
    """Return which of these versions were rolled back when they last had traffic."""
    rows = Release.objects.filter(prompt=prompt, version__in=versions).order_by("version_id", "-id").distinct("version_id")
    return frozenset(id_ for id_, status in rows.values_list("version_id", "status") if status == "rolled_back")


def has_it(now: Routed, target: PromptVersion, share: int) -> bool:
    """Say whether a canary has that share already."""
    return now.canary is not None and (now.canary.version_id, now.canary.share) == (target.pk, share)


def checked_release(slug: str, version: str, share: int, reason: str, shown: UUID | None) -> tuple[Routed, PromptVersion, str]:
    """Return the prompt's traffic, locked, the version and the reason of a release that can be. Raises as `release`."""
    if share not in STOPS:
        raise BadText(field="share", reason=f"is {', '.join(map(str, STOPS[:-1]))} or {STOPS[-1]}")
    why = checked_reason(reason)
    now = routed(slug, lock=True)
    if shown is not None and shown not in {row.pk for row in now.rows}:
        raise StaleRelease(slug=slug)
    target = version_named(slug, version)
    refuse_unfit(now, target, share)
    return now, target, why


def released(
    now: Routed, target: PromptVersion, share: int, why: str, actor: Actor, *, override: str = "", approval: str = "",
    plan: RolloutPlan | None = None,
) -> Batch:  # fmt: skip
    """Return what a release writes. Raises as `release`.

    `approval` is the request by which a second person agreed; `plan` the one that this is a step of: its gate was asked as it
    began. Any other plan ends with it.
    """
    refuse_unfit(now, target, share)
    held = [] if plan is not None else refuse_below(target, override=override, actor=actor)
    slug = now.prompt.slug
    rest = [] if share == 100 or now.base is None else [new_release(now.prompt, now.base.version_id, 100 - share, why, actor)]
    births = (*rest, new_release(now.prompt, target.pk, share, why, actor))
    changes = [Change(RELEASE, row.pk, "live", "supersede", {"ended_at": NOW}) for row in now.rows]
    changes += _moves(now, target, share)
    changes += [
        Change(RECALL, row.pk, "open", "end", {"ended_at": NOW}) for row in Recall.objects.filter(version=target, status="open")
    ]
    ends, told = overtaken(now.prompt, f"{target.version} was released to {share} %", actor, keep=plan)
    facts = {"version": target.version, "checksum": target.checksum, "share": share, "reason": why, **_before(now)}
    ids = (slug, approval) if approval else (slug,)
    entry = Entry(f"prompt:{slug}", EventKind.PROMPT_RELEASED, actor, facts, ids=ids)
    return Batch((*changes, *ends), births, (entry, *told, *overridden(target, held, override, actor)))


def overridden(target: PromptVersion, held: Sequence[str], override: str, actor: Actor) -> tuple[Entry, ...]:
    """Return the entry about a person who gives a version traffic that its suites hold back; none where nothing does."""
    if not held:
        return ()
    slug = target.prompt.slug
    facts = {"version": target.version, "held_back": list(held), "reason": override.strip()}
    return (Entry(f"prompt:{slug}", EventKind.PROMPT_GATE_OVERRIDDEN, actor, facts, ids=(slug,)),)


def refuse_unfit(now: Routed, target: PromptVersion, share: int) -> None:
    """Raise NotReleased where a version cannot have that share of this traffic."""
    reason = unfit(now, target, share)
    if reason:
        raise NotReleased(slug=now.prompt.slug, version=target.version, reason=reason)


def checked_reason(reason: str) -> str:
    """Return a reason, trimmed. Raises BadText."""
    why = reason.strip()
    if len(why) > LONGEST_REASON or "\x00" in why:
        raise BadText(field="reason", reason=f"has at most {LONGEST_REASON} characters")
    return why


def unfit(now: Routed, target: PromptVersion, share: int) -> str:
    """Return why a version cannot have that share of this traffic; empty where it can."""
    if now.base is not None and now.base.version_id == target.pk:
        return "it has all traffic that no canary has; roll the canary back to give it all of it"
    if now.canary is not None and now.canary.version_id != target.pk:
        other = now.canary
        return f"{other.version.version} has {other.share}% of the sessions; promote it or roll it back first"
    if now.base is None and share != 100:
        return "no version is live; the first one is released to 100%"
    return ""


def _moves(now: Routed, target: PromptVersion, share: int) -> list[Change]:
    """The statuses of the versions that a release changes."""
    event = "activate" if share == 100 else "start_canary"
    events = ("propose", event) if target.status == "draft" else (event,)
    changes = [Change(PROMPT_VERSION, target.pk, target.status, events)]
    if share == 100 and now.base is not None:
        changes.append(Change(PROMPT_VERSION, now.base.version_id, "active", "retire"))
    return changes


def _before(now: Routed) -> dict[str, Any]:
    told: dict[str, Any] = {"from": now.base.version.version} if now.base else {}
    return {**told, "share_before": now.canary.share} if now.canary else told


def new_release(prompt: Prompt, version: UUID, share: int, reason: str, actor: Actor) -> Birth:
    """Return the new row of a live release."""
    values = {
        "id": uuid7(), "prompt_id": prompt.pk, "version_id": version, "share": share, "reason": reason,
        "released_by": actor.name, "started_at": NOW,
    }  # fmt: skip
    # A whole release has to end before there is room for the next.
    return Birth("agents.Release", values, RELEASE, after_changes=True)
