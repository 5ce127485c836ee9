"""Who may read raw content: goals, answers, arguments, results, reasoning. The one rule of pages and API."""

from collections.abc import Mapping
from uuid import UUID

from approvals.models import ApprovalRequest
from console.auth import Caller
from console.rights import Right


def reveals_request(caller: Caller) -> bool:
    """Return whether the caller may read what a request is about, word for word."""
    return caller.has(Right.REVEAL) or caller.has(Right.REVEAL_DECIDED)


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
