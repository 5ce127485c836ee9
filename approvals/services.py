"""What is done to requests: people decide, undo and take part; workers open, use up, withdraw and expire them.

This page offers all of it under one name. Decisions are written in `approvals.decisions`; the moves that a worker
writes for many sessions at once are values, made in `approvals.moves`.
"""

from uuid import UUID

from django.db import connection, transaction

from approvals.decisions import Decided, Edit, Locked, decide, key_of, undo
from approvals.emergency import Glass
from approvals.lifecycle import OPEN, REQUEST
from approvals.models import ApprovalRequest, Decision
from approvals.moves import NewRequest, consume, expire, open_request, request_entry, void, withdraw
from approvals.outcome import Settled
from approvals.ready import Ready, ready
from audit.actors import Actor
from audit.batch import Batch, Change
from audit.events import EventKind
from audit.services import transition

__all__ = [
    "Decided", "Edit", "Glass", "Locked", "NewRequest", "Ready", "Settled", "consume", "decide", "due", "exclude", "expire",
    "key_of", "open_request", "ready", "take_numbers", "undo", "void", "withdraw",
]  # fmt: skip


@transaction.atomic
def exclude(*, session_id: UUID, user_id: int, actor: Actor) -> int:
    """Widen four eyes: `user_id` takes part in the session from now on, and what they said of its open requests is void.

    Returns how many requests it changed.
    """
    rows = ApprovalRequest.objects.select_for_update(no_key=True).filter(session_id=session_id, status__in=sorted(OPEN))
    rows = rows.exclude(excluded__contains=[user_id]).order_by("id")
    requests = list(rows)
    if not requests:
        return 0
    Decision.objects.filter(request__in=requests, decided_by=user_id, voided="").update(voided="rights")
    changes = tuple(
        Change(REQUEST, row.id, row.status, "exclude", {"excluded": sorted({*row.excluded, user_id})}) for row in requests
    )
    entries = tuple(request_entry(row, EventKind.APPROVAL_EXCLUDED, actor, {"user": str(user_id)}) for row in requests)
    transition(Batch(changes=changes, entries=entries))
    return len(requests)


def due(limit: int) -> list[ApprovalRequest]:
    """Return up to `limit` open requests whose time is over, locked for the caller's transaction; others' are skipped."""
    rows = ApprovalRequest.objects.select_for_update(skip_locked=True, no_key=True).filter(status__in=sorted(OPEN))
    return list(rows.extra(where=["expires_at <= clock_timestamp()"]).order_by("expires_at")[:limit])


def take_numbers(count: int) -> list[int]:
    """Return `count` new numbers of requests, the N of AP-N."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('approvals_request_number') FROM generate_series(1, %s)", [count])
        return [number for (number,) in cursor.fetchall()]
