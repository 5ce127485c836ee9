"""Rolling a prompt back: one write, after which no session starts with the version that was left, and what runs follows.

With a canary it is the canary that goes; else the release before comes back, passing over what was itself rolled back.
Running sessions finish as they are, or a recall says that they move or stop: workers read it with the rules that they
judge by (`agents.rules`) and obey before the next question to a model.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction

from agents.errors import BadText, NothingBefore, StaleRelease
from agents.lifecycle import PROMPT_VERSION, RECALL, RELEASE
from agents.models import PromptVersion, Recall, Release, Session
from agents.prompts.asking import void_stale
from agents.prompts.planned import overtaken
from agents.prompts.releases import Routed, checked_reason, new_release, routed
from agents.queries import LIVE
from approvals.changing import changing
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Birth, Change, Entry
from audit.services import transition as write

RUNNING = ("finish", "move", "stop")
"""What becomes of sessions that run with the version that is left."""


@dataclass(frozen=True, slots=True)
class Rollback:
    """What a rollback does: the version that is left, and the one that has all traffic then."""

    slug: str
    left: PromptVersion
    to: PromptVersion
    running: str
    sessions: int = 0  # that run with the version that is left


def target(now: Routed) -> PromptVersion | None:
    """Return the version that a rollback would restore; None where there is nothing before."""
    if now.base is None:
        return None
    if now.canary is not None:
        return now.base.version
    # Of each version its newest release: what was rolled back since it was last released is passed over.
    newest = Release.objects.filter(prompt=now.prompt).order_by("version_id", "-id").distinct("version_id")
    superseded = [
        (id_, version) for id_, version, status in newest.values_list("id", "version_id", "status") if status == "superseded"
    ]
    return PromptVersion.objects.get(pk=max(superseded)[1]) if superseded else None


@atomically
def rollback(*, slug: str, reason: str, running: str, actor: Actor, shown: UUID | None = None) -> Rollback:
    """Restore the release before, for every session that starts from now on.

    Args:
        slug: the prompt's.
        reason: why.
        running: `finish`, `move` or `stop`: what becomes of the sessions that run with the version that is left.
        actor: who rolls back; the caller has checked the right to.
        shown: the newest live release that was shown, where it shall be compared.

    Raises:
        UnknownPrompt, BadText, NothingBefore, StaleRelease.
    """
    if running not in RUNNING:
        raise BadText(field="running", reason="is finish, move or stop")
    why = checked_reason(reason)
    if len(why) < 3:
        raise BadText(field="reason", reason="says why: it stands in the audit trail")
    if running != "finish":
        changing()  # no intent by the instructions that are left is written once this is committed
    now = routed(slug, lock=True)
    if shown is not None and shown not in {row.pk for row in now.rows}:
        raise StaleRelease(slug=slug)
    to, leaving = target(now), now.canary or now.base
    if to is None or leaving is None:
        raise NothingBefore(slug=slug)
    sessions = _write(now, leaving, to, running, why, actor)
    transaction.on_commit(lambda: void_stale(slug))
    return Rollback(slug, leaving.version, to, running, sessions)


def _write(now: Routed, leaving: Release, to: PromptVersion, running: str, why: str, actor: Actor) -> int:
    slug, left = now.prompt.slug, leaving.version
    changes = [
        Change(RELEASE, row.pk, "live", "roll_back" if row is leaving else "supersede", {"ended_at": NOW}) for row in now.rows
    ]
    changes.append(Change(PROMPT_VERSION, left.pk, left.status, "retire"))
    if to.status != "active":
        changes.append(Change(PROMPT_VERSION, to.pk, to.status, "activate"))
    # What was recalled itself once may be what is restored: its sessions stay then.
    changes += [
        Change(RECALL, row.pk, "open", "end", {"ended_at": NOW}) for row in Recall.objects.filter(version=to, status="open")
    ]
    births = [new_release(now.prompt, to.pk, 100, why, actor)]
    if running != "finish":
        births.append(_recall(left, to, running, why, actor))
    sessions = Session.objects.filter(prompt_version=left, status__in=LIVE).count()
    facts: dict[str, Any] = {"version": left.version, "to": to.version, "checksum": to.checksum, "share": leaving.share, "running": running,
             "sessions": sessions, "reason": why}  # fmt: skip
    entry = Entry(f"prompt:{slug}", EventKind.PROMPT_ROLLED_BACK, actor, facts, ids=(slug,))
    ends, told = overtaken(now.prompt, f"{left.version} was rolled back", actor)
    write(Batch((*changes, *ends), tuple(births), (entry, *told)))
    transaction.on_commit(index_soon)
    return sessions


def _recall(left: PromptVersion, to: PromptVersion, running: str, why: str, actor: Actor) -> Birth:
    values = {"id": uuid7(), "version_id": left.pk, "to_id": to.pk, "running": running, "reason": why,
              "recalled_by": actor.name, "started_at": NOW}  # fmt: skip
    return Birth("agents.Recall", values, RECALL)
