"""Sessions follow a recall: they move to the version that a rollback restored, and plan again, or they stop.

Whoever holds the lease writes a running session, before its next question to a model. Those that rest are moved by the
sweep; one that wakes before that is moved by its worker. What was put before people by the old instructions is void.
"""

import contextlib
from collections.abc import Iterable
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from agents import rests
from agents.errors import SessionEnded
from agents.gate import words
from agents.ledger import Record
from agents.lifecycle import RECALL, SESSION, TOOL_CALL
from agents.models import Recall, Session, ToolCall
from agents.prompts.recalls import Recalled
from agents.queries import LIVE
from agents.services import cancel
from agents.state import State
from agents.steps import entry, move, record
from agents.wake import waking
from approvals.lifecycle import OPEN
from approvals.models import ApprovalRequest
from approvals.services import void
from audit.actors import SYSTEM
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import NOW, Batch, Change, Entry, Text
from audit.services import transition as write

MOST = 100  # sessions that one sweep moves
AFTERMATH_S = 60  # a start that was under way at the rollback is long over
RESTING = ("queued", "waiting_approval", "waiting_input", "paused")
STAY = ("budget", "unknown_outcome")
"""Requests that the instructions have no part in: money, and what already happened or did not."""


async def follow(state: State, recalled: Recalled, read: rests.Reader) -> Record:
    """Move the session that this worker runs to the version that was restored, or stop it."""
    if recalled.running == "stop":
        return await rests.end(state, "cancel", read, told={"reason": _why(recalled.version), "by": recalled.by})
    rows = await read(lambda: _asked([state.id]))
    changes, entries = void(rows, actor=SYSTEM, reason=_why(recalled.version))
    texts: list[Text] = []
    waiting = [call for call in state.calls() if call.status in ("awaiting", "allowed")]
    changes += [_withdrawn(call.id, call.status, texts) for call in waiting]
    told: dict[str, Any] = {**recalled.facts, "calls": [call.key for call in waiting]}
    state.nudged = True  # it is read anew, with its new instructions
    state.recalled = None
    moved = move(state, prompt_version_id=recalled.to_id)
    return record(state, changes=[*changes, moved], entries=[*entries, entry(state, EventKind.SESSION_MOVED, told, *texts)])


def tend_recalls() -> int:
    """Move or stop what rests under a recall; end those that have nothing left to follow them. Returns the rows moved."""
    return sum(
        _tend(row) for row in Recall.objects.filter(status="open").select_related("version__prompt", "to").order_by("id")
    )


def _tend(recall: Recall) -> int:
    ids = list(
        Session.objects.filter(prompt_version=recall.version_id, status__in=RESTING)
        .order_by("id")
        .values_list("id", flat=True)[:MOST]
    )
    if recall.running == "stop":
        for id_ in ids:
            with contextlib.suppress(SessionEnded):
                cancel(session=id_, actor=SYSTEM, reason=_why(_name(recall)))
    elif ids:
        _move(recall, ids)
    if not ids:
        _end(recall)
    return len(ids)


def _end(recall: Recall) -> None:
    if recall.started_at > timezone.now() - timedelta(seconds=AFTERMATH_S):
        return
    if not Session.objects.filter(prompt_version=recall.version_id, status__in=LIVE).exists():
        with transaction.atomic():
            row = Recall.objects.select_for_update(no_key=True, skip_locked=True).filter(pk=recall.pk, status="open").first()
            if row is not None:
                write(Batch((Change(RECALL, row.pk, "open", "end", {"ended_at": NOW}),)))


@transaction.atomic
def _move(recall: Recall, ids: list[UUID]) -> None:
    """Requests are locked before calls, and calls before sessions, everywhere."""
    asked = _asked(ids, lock=True)
    calls = list(
        ToolCall.objects.select_for_update(no_key=True, of=("self",))
        .filter(session_id__in=ids, status__in=["awaiting", "allowed"])
        .order_by("id")
    )
    resting = Session.objects.select_for_update(no_key=True, of=("self",)).filter(
        id__in=ids, status__in=RESTING, prompt_version=recall.version_id
    )
    batches = []
    for session in resting.order_by("id"):
        mine = [call for call in calls if call.session_id == session.id]
        batches.append(_moved(recall, session, [row for row in asked if row.session_id == session.id], mine))
    if batches:
        write(batches)


def _moved(recall: Recall, session: Session, asked: Iterable[ApprovalRequest], calls: list[ToolCall]) -> Batch:
    changes, entries = void(asked, actor=SYSTEM, reason=_why(_name(recall)))
    texts: list[Text] = []
    changes += [_withdrawn(call.id, call.status, texts) for call in calls]
    wakes = session.status == "waiting_approval" and bool(calls or changes)
    values: dict[str, Any] = {"prompt_version_id": recall.to_id, "nudges": session.nudges + 1, "updated_at": NOW}
    if wakes:
        values["ready_at"] = NOW
    changes.append(Change(SESSION, session.id, session.status, "wake" if wakes else "nudge", values))
    slug = recall.version.prompt.slug
    told = Recalled(_name(recall), recall.to_id, f"{slug} {recall.to.version}", "move", recall.reason, recall.recalled_by)
    facts: dict[str, Any] = {**told.facts, "calls": [call.key for call in calls]}
    entries.append(
        Entry(f"session:{session.ref}", EventKind.SESSION_MOVED, SYSTEM, facts, ids=(session.ref,), rev=session.rev + 1,
              texts=tuple(texts), trace=session.trace)
    )  # fmt: skip
    return Batch(tuple(changes), (), tuple(entries), (waking(session.id),))


def _asked(ids: list[UUID], *, lock: bool = False) -> list[ApprovalRequest]:
    rows = ApprovalRequest.objects.filter(session_id__in=ids, status__in=sorted(OPEN)).exclude(kind__in=STAY).order_by("id")
    return list(rows.select_for_update(no_key=True, of=("self",)) if lock else rows)


def _withdrawn(id_: UUID, status: str, texts: list[Text]) -> Change:
    """A call that was planned by the old instructions has its one tool message: it was not run."""
    text = Text(uuid7(), f"call.{id_}.result", words.moved(), "result")
    texts.append(text)
    return Change(TOOL_CALL, id_, status, "withdraw", {"result_id": text.id, "error_type": "rejected", "ended_at": NOW})


def _name(recall: Recall) -> str:
    return f"{recall.version.prompt.slug} {recall.version.version}"


def _why(version: str) -> str:
    return f"The prompt {version} was rolled back."
