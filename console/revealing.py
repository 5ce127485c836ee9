"""Who may read raw content: goals, answers, arguments, results, reasoning. The one rule of pages and API."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from agents.grading.items import Grader, reads
from agents.models import GradingItem, Session
from approvals.models import ApprovalRequest
from console.auth import Caller
from console.errors import Forbidden
from console.rights import Right

UNREAD_TITLE = "A goal you may not read"
UNREAD_SUMMARIES: Mapping[str, str] = {
    "tool_call": "Call {tool}",
    "question": "A question you may not read",
    "unknown_outcome": "Call {tool}: whether it had its effect is unknown",
    "stuck": "The session makes no progress",
}
"""What stands for the summary of a request; those of other kinds are the product's own words and hold nothing raw."""


def reveals_request(caller: Caller) -> bool:
    """Return whether the caller may read what a request is about, word for word."""
    return caller.has(Right.REVEAL) or caller.has(Right.REVEAL_DECIDED)


def may_read_prompts(caller: Caller) -> bool:
    """Return whether the caller may read prompt texts."""
    return caller.has(Right.REVEAL) or caller.has(Right.REVEAL_PROMPTS)


def reveals_session(caller: Caller, *, session_id: UUID, started_user: int | None) -> bool:
    """Return whether the caller may read a session's texts: by right, as who started it, or as who decides in it."""
    return session_id in revealed_sessions(caller, {session_id: started_user})


def revealed_sessions(caller: Caller, starters: Mapping[UUID, int | None]) -> set[UUID]:
    """Return which of these sessions, each with the user who started it, the caller may read; in one query."""
    if caller.has(Right.REVEAL):
        return set(starters)
    own = {session_id for session_id, user_id in starters.items() if caller.known and user_id == caller.user_id}
    if not caller.has(Right.REVEAL_DECIDED):
        return own
    rows = ApprovalRequest.objects.filter(session_id__in=[one for one in starters if one not in own])
    return own | {one for one in rows.values_list("session_id", flat=True) if one is not None}


def grader_of(caller: Caller) -> Grader:
    """Return the caller as one who grades: what was taken to be graded is what reviewers decide about, and so may read.

    Raises Forbidden for a service token: people grade.
    """
    if caller.kind == "service":
        raise Forbidden(needs="a person: service tokens never grade")
    decides = caller.has(Right.REVEAL_DECIDED) and caller.has(Right.GRADE)
    reveals = caller.has(Right.REVEAL)
    return Grader(
        id=caller.user_id, actor=caller.actor(), sessions=reveals or decides, results=decides or may_read_prompts(caller)
    )


def reads_item(caller: Caller, item: GradingItem) -> bool:
    """Return whether the caller may read what an item is of."""
    return caller.kind != "service" and reads(grader_of(caller), item)


def check_reads(caller: Caller, session: Session) -> None:
    """Raise Forbidden for a caller who may not read a session's texts: nobody lets pass what he cannot read."""
    if not reveals_session(caller, session_id=session.id, started_user=session.started_user):
        raise Forbidden(needs="somebody who may read this session, such as who started it")


def title_of(session: Session, *, revealed: bool) -> str:
    """Return the title of a session, which is its goal in short, or what stands for it."""
    return session.title if revealed else UNREAD_TITLE


def summary_of(row: ApprovalRequest, *, revealed: bool) -> str:
    """Return what a request asks for in one sentence; its values are raw content."""
    return row.summary if revealed else UNREAD_SUMMARIES.get(row.kind, row.summary).replace("{tool}", row.tool)


def marks_of(taint: Sequence[Mapping[str, Any]], *, revealed: bool) -> list[dict[str, Any]]:
    """Return where untrusted content came from, and what it said only for those who may read it."""
    return [{name: value for name, value in mark.items() if revealed or name not in ("quote", "passage")} for mark in taint]
