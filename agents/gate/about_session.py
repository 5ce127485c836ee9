"""What becomes of a request about the session itself: a further allowance, a word that helps it on, or its end.

It is left on the session's row, in its notes, or as a message; the worker that takes the session up reads it there.
"""

from dataclasses import dataclass, field
from typing import Any

from agents.models import Session
from approvals.models import ApprovalRequest
from approvals.outcome import Settled
from audit.actors import Actor
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import Birth, Entry, Text

BEYOND = 1_000  # places that a running session's worker will not reach before it reads the rows again


@dataclass(slots=True)
class Left:
    """What is left for the session: columns of its row, and a message."""

    values: dict[str, Any] = field(default_factory=dict)
    births: tuple[Birth, ...] = ()
    entries: tuple[Entry, ...] = ()


def left(settled: Settled, session: Session, actor: Actor) -> Left:
    """What a verdict leaves for its session; nothing where the request is about a call."""
    match settled.request.kind, settled.said.verdict:
        case "budget", _:
            return Left({"notes": _allowance(settled, session)})
        case "stuck", "answer":
            return _helped(settled, session, actor)
        case "stuck", _:
            return Left({"notes": _ended(session, f"{settled.by} looked at it and gave it up.")})
    return Left()


def unanswered(request: ApprovalRequest, session: Session) -> dict[str, Any]:
    """The notes of a session whose request about itself nobody answered; empty where it was about a call."""
    if request.kind == "stuck":
        return _ended(session, "Nobody answered the request about it in time.")
    if request.kind == "budget" and (limit := request.facts.get("limit", "")):
        return {**session.notes, **{name: _with(session, name, limit) for name in ("refused", "unanswered")}}
    return {}


def _allowance(settled: Settled, session: Session) -> dict[str, Any]:
    """A further allowance, or that it was refused, for the limits to read."""
    notes, limit = dict(session.notes), settled.request.facts["limit"]
    if settled.said.amount is None:
        return {**notes, "refused": _with(session, "refused", limit)}
    allowance = dict(notes.get("allowance", {}))
    return {**notes, "allowance": {**allowance, limit: allowance.get(limit, 0) + settled.said.amount}}


def _with(session: Session, name: str, limit: str) -> list[str]:
    return sorted({*session.notes.get(name, ()), limit})


def _ended(session: Session, why: str) -> dict[str, Any]:
    told = f"The session made no progress. {why}"
    return {**session.notes, "stuck": {**session.notes.get("stuck", {}), "ended": told}}


def _helped(settled: Settled, session: Session, actor: Actor) -> Left:
    """The answer as a message to the agent. Whoever gave it decided, as with an instruction; it is no part in the session."""
    text = Text(uuid7(), "message", settled.said.answer)
    index = session.next_index + (BEYOND + session.nudges if session.status == "running" else 0)
    birth = Birth(
        "agents.Message",
        {"id": uuid7(), "session_id": session.id, "index": index, "source": "operator", "text_id": text.id,
         "author_name": settled.by},
    )  # fmt: skip
    told: dict[str, Any] = {"index": index, "flags": [], "approval": settled.request.ref}
    entry = Entry(f"session:{session.ref}", EventKind.MESSAGE_RECEIVED, actor, told, ids=(session.ref, settled.request.ref),
                  rev=session.rev + 1, texts=(text,), trace=session.trace)  # fmt: skip
    return Left({"next_index": index + 1}, (birth,), (entry,))
