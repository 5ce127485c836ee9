"""Dead letters: sessions that failed for good and are kept whole (LOOP-14). Listing, replaying and closing them.

A replay goes on from the last good turn: what of the failed one was not stored is done anew, what was stored stands.
A goal that is put in the place of the first is a message behind it, so what was asked before stays readable.
Calls keep their rows, so their idempotency keys too; what is done is not done again, and whether a call happened whose
worker died is asked of people anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count, Min, Q, QuerySet

from agents.config import AgentConfig
from agents.errors import BadText, NotDead, UnknownSession
from agents.gate import effect
from agents.gate.request import agent_of
from agents.guardrails.inputs import MAX_GOAL, MAX_MESSAGE
from agents.lifecycle import SESSION
from agents.loading import load
from agents.models import Session
from agents.services import get_session
from agents.starting import Pinned, accepted, message_row, pinned_now, title_of
from agents.state import State
from agents.wake import wake
from approvals.services import open_request, take_numbers
from audit.actors import Actor
from audit.content import read_texts
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, After, Batch, Birth, Change, Entry, Text
from audit.services import transition as write

CATEGORIES = ("model", "tool", "validation", "timeout", "budget")
MOST = 50  # replayed or closed in one go
LONGEST_NOTE = 500
LOST = "The session ended before anybody answered."


@transaction.atomic
def replay(
    *, session: Session | UUID, actor: Actor, user_id: int | None, goal: str = "", instruction: str = "", as_now: bool = False
) -> Session:
    """Let a dead letter go on from its last good turn, with a new time to live.

    Args:
        session: the dead letter.
        actor: who replays it; the caller has checked the right to.
        user_id: that user, or the owner of the token: who gives a goal or an instruction takes part, and decides nothing in it.
        goal: what it is after from now on, in the place of its goal; empty to leave that as it is.
        instruction: what the agent is told first; empty for nothing.
        as_now: with the agent's current revision (model, limits, tools) and its prompt's live version, in place of those
            that the session was started with.

    Raises:
        UnknownSession, NotDead, BadText; with `as_now` Stopped, UnknownTaskType, BadAgent too.
    """
    row = _dead(session)
    texts = _given(row, goal, instruction)
    pinned = _pinned(row) if as_now else None
    config = pinned.config if pinned else AgentConfig.model_validate(row.revision.document)
    moved = _revived(row, **(pinned.columns if pinned else {}), expires_at=After(config.limits.session_ttl_s))
    told: dict[str, Any] = {"by": actor.name, "turns": row.turns, "error": row.error or {}}
    births = [message_row(row.id, row.next_index + place, text, actor, user_id) for place, text in enumerate(texts)]
    told |= {text.name: row.next_index + place for place, text in enumerate(texts)}
    moved |= {"next_index": row.next_index + len(texts)} if texts else {}
    if texts and texts[0].name == "goal":
        births[0] = Birth("agents.Message", {**births[0].values, "supersedes": row.messages.get(index=0).pk})
        moved |= {"title": title_of(texts[0].body)}
    questions, opened = _asked_anew(row, user_id if texts else None)
    entries = [_entry(row, EventKind.SESSION_REPLAYED, actor, told, *texts)]
    if pinned is not None:
        entries.append(_entry(row, EventKind.SESSION_MOVED, actor, pinned.facts))
    change = Change(SESSION, row.id, row.status, "replay", moved)
    write(Batch((change,), (*births, *questions), (*entries, *opened)))
    return _written(row)


def _given(row: Session, goal: str, instruction: str) -> list[Text]:
    """What a person says with a replay, the goal first; a goal that it has already is none. Raises BadText."""
    texts = [("goal", accepted("goal", goal, MAX_GOAL).text)] if goal.strip() else []
    texts = [] if texts and texts[0][1] == _goal(row) else texts
    texts += [("message", accepted("instruction", instruction, MAX_MESSAGE).text)] if instruction.strip() else []
    return [Text(uuid7(), name, text) for name, text in texts]


def _goal(row: Session) -> str:
    text_id = (
        row.messages.filter(Q(index=0) | Q(supersedes__isnull=False)).order_by("-index").values_list("text_id", flat=True)[0]
    )
    return read_texts([text_id]).get(text_id, "")


@transaction.atomic
def close(*, session: Session | UUID, actor: Actor, note: str) -> Session:
    """Say of a dead letter that it is not worth a replay, and why. It is failed then, for good; its log is closed.

    Raises:
        UnknownSession, NotDead, BadText.
    """
    why = note.strip()
    if not 3 <= len(why) <= LONGEST_NOTE:
        raise BadText(field="note", reason=f"says why, in 3 to {LONGEST_NOTE} characters")
    row = _dead(session)
    left = [call.key for call in load([row.pk], None)[0].calls() if call.status in ("unknown", "executing")]
    told = {"by": actor.name, "note": why, "error": row.error or {}, "unknown": left}
    change = Change(SESSION, row.id, row.status, "close", {"nudges": row.nudges + 1, "updated_at": NOW})
    write(Batch((change,), (), (_entry(row, EventKind.SESSION_CLOSED, actor, told, closes=True),)))
    return _written(row)


@dataclass(frozen=True, slots=True)
class Kept:
    """How many dead letters there are of one category and code, and since when the oldest of them is."""

    category: str
    code: str
    count: int
    oldest: datetime


def kept() -> list[Kept]:
    """What dead letters there are, the most frequent first."""
    rows = Session.objects.filter(status="dead_letter").order_by().values_list("error__category", "error__code")
    found = rows.annotate(count=Count("id"), oldest=Min("ended_at"))
    kinds = [Kept(category or "", code or "", count, oldest) for category, code, count, oldest in found]
    return sorted(kinds, key=lambda kind: (-kind.count, kind.category, kind.code))


def letters(*, category: str = "", code: str = "", agent: str = "", before: int | None = None, limit: int) -> list[Session]:
    """One page of dead letters, the newest first; `before` is the number of the last one seen."""
    rows = _of(category, code, agent).select_related("agent", "prompt_version__prompt").order_by("-number")
    rows = rows.defer("prompt_version__text")
    if before is not None:
        rows = rows.filter(number__lt=before)
    return list(rows[:limit])


@dataclass(frozen=True, slots=True)
class Every:
    """As many dead letters of a filter as one go takes, the oldest first, and how many more there are."""

    refs: list[str]
    left: int


def every(*, category: str = "", code: str = "", agent: str = "", until: datetime) -> Every:
    """Choose all dead letters of a filter that failed until a moment.

    What fails again after a replay failed later, so that going on with the same moment never takes one up twice.
    """
    rows = _of(category, code, agent).filter(ended_at__lte=until)
    numbers = list(rows.order_by("ended_at", "number").values_list("number", flat=True)[:MOST])
    return Every([f"S-{number}" for number in numbers], rows.count() - len(numbers))


def _of(category: str, code: str, agent: str) -> QuerySet[Session]:
    """The dead letters of a filter; what is empty in it takes all."""
    asked = {"error__category": category, "error__code": code, "agent__slug": agent}
    return Session.objects.filter(status="dead_letter", **{name: value for name, value in asked.items() if value})


def _dead(session: Session | UUID) -> Session:
    key = session.pk if isinstance(session, Session) else session
    rows = Session.objects.select_for_update(of=("self",), no_key=True).select_related("agent", "revision")
    row = rows.filter(pk=key).first()
    if row is None:
        raise UnknownSession(ref=str(key))
    if row.status != "dead_letter":
        raise NotDead(ref=row.ref, status=row.status.replace("_", " "))
    return row


def _pinned(row: Session) -> Pinned:
    labels = {"tenant": row.tenant, "feature": row.feature}
    return pinned_now(row.agent.slug, row.task_type, session=row.pk, labels=labels)


def _revived(row: Session, **values: Any) -> dict[str, Any]:
    """The columns of a session that lives again: nothing of its end is left but what it reached."""
    notes = {name: value for name, value in row.notes.items() if name not in ("slowed", "no_model")}
    return {
        "nudges": row.nudges + 1, "stop": "", "stop_note": {}, "held_by": None, "error": None, "ended_at": None, "partial": False,
        "attempts": 0, "consecutive_errors": 0, "notes": notes, "ready_at": NOW, "updated_at": NOW, **values,
    }  # fmt: skip


def _asked_anew(row: Session, speaker: int | None) -> tuple[list[Birth], list[Entry]]:
    """Ask people again about calls of which nobody knows whether they happened: their question ended with the session."""
    state = load([row.pk], None)[0]
    if speaker is not None:
        state.excluded = tuple(sorted({*state.excluded, speaker}))
    lost = [call for call in state.calls() if call.status == "unknown"]
    births, entries = [], []
    for call, number in zip(lost, take_numbers(len(lost)) if lost else (), strict=True):
        call.request_id = uuid7()
        birth, opened = open_request(
            effect.question(state, call, _why(state), number), actor=agent_of(state), trace=state.trace
        )
        births.append(birth)
        entries.append(opened)
    return births, entries


def _why(state: State) -> str:
    return f"{state.ref} is replayed. {LOST}"


def _entry(row: Session, kind: EventKind, actor: Actor, told: dict[str, Any], *texts: Text, closes: bool = False) -> Entry:
    return Entry(f"session:{row.ref}", kind, actor, told, ids=(row.ref,), rev=row.rev + 1, texts=texts,
                 on_behalf_of=row.on_behalf_of, trace=row.trace, closes=closes)  # fmt: skip


def _written(row: Session) -> Session:
    wake(row.id)
    transaction.on_commit(index_soon)
    return get_session(row.id)


def refs(given: Sequence[str]) -> list[str]:
    """The short ids of one go, each once. Raises BadText for none or too many."""
    found = list(dict.fromkeys(given))
    if not 1 <= len(found) <= MOST:
        raise BadText(field="ids", reason=f"names 1 to {MOST} dead letters")
    return found
