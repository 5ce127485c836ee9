"""Deletes texts whose days are over: in the order of their entries, a bounded batch at a time, in transactions of their own.

Each rule remembers the entry up to which everything that was due is gone, so that nothing is looked at twice and an hour
without work costs two look-ups. What is held, or belongs to a session that has not ended, is left, and its stream is noted to be
looked at again. Each batch is an entry: which class, how many, up to which place in the log.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from typing import LiteralString
from uuid import UUID

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.db.models.functions import Now

from audit.actors import SYSTEM
from audit.canonical import Json
from audit.events import EventKind
from audit.index import index_soon
from audit.models import AuditEntry, Content
from audit.queries import LONGEST_APPEND
from audit.retention.holds import HELD
from audit.retention.models import KeptBack, RetentionRule
from audit.retention.rules import STREAM, one_at_a_time
from audit.services import Entry, record

log = structlog.get_logger(__name__)
BATCH = 2_000  # entries with content, of any class
STREAMS = 100
ROUND_S = 5.0
KEPT: LiteralString = "(e.stream LIKE 'session:%%' AND NOT s.closed) OR " + HELD.format(stream="e.stream")
"""A session that has not ended needs its texts; what is held is kept."""
_BOUND = """
SELECT max(entry_id) FROM (SELECT entry_id FROM audit_content WHERE entry_id > %s AND entry_id <= %s ORDER BY entry_id LIMIT %s) AS c"""
_DUE: LiteralString = (
    """
SELECT c.id, e.stream, p.log_index, """
    + KEPT
    + """
FROM audit_content AS c JOIN audit_entry AS e ON e.id = c.entry_id JOIN audit_stream AS s ON s.name = e.stream
LEFT JOIN audit_log_index AS p ON p.entry_id = e.id
WHERE c.entry_id > %s AND c.entry_id <= %s AND c.cls = %s"""
)
_FREE: LiteralString = (
    """
SELECT c.id, c.cls, p.log_index
FROM audit_entry AS e JOIN audit_stream AS s ON s.name = e.stream JOIN audit_content AS c ON c.entry_id = e.id
JOIN audit_retention_rule AS r ON r.cls = c.cls AND c.entry_id <= r.swept AND r.days IS NOT NULL
LEFT JOIN audit_log_index AS p ON p.entry_id = e.id
WHERE e.stream = %s AND NOT ("""
    + KEPT
    + ")"
)
_STAYS: LiteralString = (
    """
SELECT EXISTS (SELECT FROM audit_entry AS e JOIN audit_stream AS s ON s.name = e.stream WHERE e.stream = %s AND ("""
    + KEPT
    + "))"
)


@dataclass(frozen=True, slots=True)
class Gone:
    """Texts of one class that were deleted together."""

    cls: str
    ids: tuple[UUID, ...]
    places: tuple[int, ...]


def sweep(*, until: float | None = None) -> int:
    """Delete what is due, for some seconds at most; return how many texts. Costs one look-up where no rule has days."""
    end = time.monotonic() + ROUND_S if until is None else until
    rules = list(RetentionRule.objects.filter(days__isnull=False).order_by("cls"))
    deleted = 0
    for rule in rules:
        boundary = _boundary(rule)
        while rule.swept < boundary and time.monotonic() < end:
            deleted += batch(rule, boundary)
    return deleted + (_again(end) if rules else 0)


def _boundary(rule: RetentionRule) -> int:
    """Return the newest entry whose days are surely over: clocks and numbers disagree by less than LONGEST_APPEND."""
    over = AuditEntry.objects.filter(at__lt=Now() - timedelta(days=rule.days or 0) - LONGEST_APPEND)
    return over.order_by("-at").values_list("id", flat=True).first() or 0


@transaction.atomic
def batch(rule: RetentionRule, boundary: int) -> int:
    """Delete what is due of one rule in the next entries, up to `boundary`; return how many texts."""
    one_at_a_time()
    # Somebody may have changed it, or another sweep gone on, since it was read.
    now = RetentionRule.objects.filter(pk=rule.pk, days=rule.days).first()
    if now is None:
        rule.swept = boundary
        return 0
    with connection.cursor() as cursor:
        cursor.execute(_BOUND, [now.swept, boundary, BATCH])
        upto: int = cursor.fetchone()[0] or boundary
        cursor.execute(_DUE, [now.swept, upto, rule.cls])
        rows = cursor.fetchall()
    gone = [(id_, place) for id_, _, place, kept in rows if not kept]
    streams = sorted({stream for _, stream, _, kept in rows if kept})
    KeptBack.objects.bulk_create([KeptBack(stream=stream) for stream in streams], ignore_conflicts=True)
    RetentionRule.objects.filter(pk=rule.pk).update(swept=upto)
    rule.swept = upto
    return _delete(Gone(rule.cls, tuple(id_ for id_, _ in gone), tuple(place for _, place in gone if place)), rule.days)


def _delete(gone: Gone, days: int | None) -> int:
    if not gone.ids:
        return 0
    Content.objects.filter(pk__in=gone.ids).delete()
    RetentionRule.objects.filter(pk=gone.cls).update(deleted=F("deleted") + len(gone.ids))
    told: dict[str, Json] = {"reason": "retention", "class": gone.cls, "count": len(gone.ids), "days": days,
            "from": min(gone.places, default=0), "upto": max(gone.places, default=0)}  # fmt: skip
    record([Entry(STREAM, EventKind.CONTENT_DELETED, SYSTEM, told, ids=(gone.cls,))])
    transaction.on_commit(index_soon)
    log.info("content.deleted", cls=gone.cls, count=len(gone.ids))
    return len(gone.ids)


def _again(end: float) -> int:
    """Look again at streams that were kept back, those first that nobody looked at for longest."""
    streams = list(KeptBack.objects.order_by("looked_at").values_list("stream", flat=True)[:STREAMS])
    deleted = 0
    for stream in streams:
        if time.monotonic() >= end:
            break
        deleted += _free(stream)
    return deleted


@transaction.atomic
def _free(stream: str) -> int:
    one_at_a_time()
    with connection.cursor() as cursor:
        cursor.execute(_STAYS, [stream])
        if cursor.fetchone()[0]:
            KeptBack.objects.filter(pk=stream).update(looked_at=Now())
            return 0
        cursor.execute(_FREE, [stream])
        rows = cursor.fetchall()
    KeptBack.objects.filter(pk=stream).delete()
    days = dict(RetentionRule.objects.values_list("cls", "days"))
    found: dict[str, list[tuple[UUID, int]]] = {}
    for id_, cls, place in rows:
        found.setdefault(cls, []).append((id_, place))
    return sum(
        _delete(Gone(cls, tuple(id_ for id_, _ in gone), tuple(place for _, place in gone if place)), days.get(cls))
        for cls, gone in sorted(found.items())
    )
