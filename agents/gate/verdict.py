"""What a person's verdict makes of the call that it is about, as values for the deciding write. Pure."""

from uuid import UUID

from agents.gate import words
from agents.lifecycle import TOOL_CALL
from approvals.models import ApprovalRequest
from approvals.services import Settled
from audit.actors import Actor
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import NOW, Change, Entry, Text


def call_outcome(settled: Settled, actor: Actor) -> tuple[Change, Entry] | None:
    """Return what a verdict makes of its call; None where that stays as it is: a worker consumes the approval of one."""
    said, by, request = settled.said, settled.by, settled.request
    match said.verdict:
        case "reject":
            text = words.rejected(by, said.instruction)
            return _ended(request, actor, "awaiting", "reject", EventKind.TOOL_CALL_REJECTED, text, "rejected")
        case "answer":
            events = ("approve", "start", "succeed")
            return _ended(request, actor, "awaiting", events, EventKind.TOOL_CALL_SUCCEEDED, words.answered(by, said.answer))
        case "happened":
            text = words.happened(by, said.answer)
            return _ended(request, actor, "unknown", "resolve", EventKind.TOOL_CALL_RESOLVED, text)
        case "give_up":
            text = words.gave_up(by)
            return _ended(request, actor, "unknown", "resolve", EventKind.TOOL_CALL_RESOLVED, text, "unknown_outcome")
        case "run_again":
            change = Change(TOOL_CALL, _call_id(request), "unknown", "run_again", {"error_type": ""})
            return change, _entry(request, EventKind.TOOL_CALL_RETRIED, actor)
        case _:
            return None


def _ended(
    request: ApprovalRequest,
    actor: Actor,
    state: str,
    event: str | tuple[str, ...],
    kind: EventKind,
    text: str,
    error_type: str = "",
) -> tuple[Change, Entry]:
    """Give the call its one tool message."""
    result = Text(uuid7(), "result", text)
    values = {"result_id": result.id, "error_type": error_type, "ended_at": NOW}
    return Change(TOOL_CALL, _call_id(request), state, event, values), _entry(request, kind, actor, result)


def _call_id(request: ApprovalRequest) -> UUID:
    if request.call_id is None:
        raise ValueError(f"{request.ref} is not about a call")
    return request.call_id


def _entry(request: ApprovalRequest, kind: EventKind, actor: Actor, *texts: Text) -> Entry:
    told = {"key": request.facts.get("key") or request.facts.get("call", ""), "tool": request.tool, "approval": request.ref}
    return Entry(f"session:{request.session_ref}", kind, actor, told, ids=(request.session_ref, request.ref), texts=texts)
