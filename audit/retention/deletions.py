"""Deleting the texts of whole streams because somebody asked for it, and what is told afterwards where a text was.

The log stays whole: commitments stand, entries `content.deleted` say which streams, who, why, and under which number.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString

from django.db import connection, transaction

from audit.actors import Actor
from audit.events import EventKind
from audit.index import index_soon
from audit.retention.errors import ContentHeld, InvalidRetention
from audit.retention.holds import held_streams
from audit.retention.models import DeletedStream, Deletion, Hold, KeptBack, RetentionRule
from audit.retention.rules import STREAM, one_at_a_time
from audit.services import Entry, record

LONGEST_REASON = 500
NAMED = 100  # streams that one entry names
_OF_STREAMS: LiteralString = "FROM audit_entry AS e JOIN audit_content AS c ON c.entry_id = e.id WHERE e.stream = ANY (%s)"
_COUNT: LiteralString = "SELECT c.cls, count(*) " + _OF_STREAMS + " GROUP BY c.cls ORDER BY c.cls"
_DELETE: LiteralString = "DELETE FROM audit_content WHERE id IN (SELECT c.id " + _OF_STREAMS + ")"  # noqa: S608  no value is in it


@dataclass(frozen=True, slots=True)
class Asked:
    """What is deleted for whom: the streams, what was looked for, why, and what goes or stays beside the texts."""

    streams: Sequence[str]
    asked: Mapping[str, str]
    reason: str
    beside: Mapping[str, int]


def counted(streams: Sequence[str]) -> dict[str, int]:
    """Return how many texts of each class these streams have."""
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [list(streams)])
        return dict(cursor.fetchall())


def delete(what: Asked, *, actor: Actor) -> Deletion:
    """Delete every text of these streams, in the caller's transaction. Raises InvalidRetention, ContentHeld."""
    reason = what.reason.strip()
    if not 3 <= len(reason) <= LONGEST_REASON:
        raise InvalidRetention(field="reason", reason=f"says why, in 3 to {LONGEST_REASON} characters")
    one_at_a_time()
    if held := held_streams(what.streams):
        raise ContentHeld(told=_told(held), reason=_why(held))
    classes = counted(what.streams)
    total = sum(classes.values())
    row = Deletion(
        reason=reason, asked=dict(what.asked), texts=total, classes=classes, beside=dict(what.beside), by_name=actor.name
    )
    row.save(force_insert=True)
    with connection.cursor() as cursor:
        cursor.execute(_DELETE, [list(what.streams)])
    taken = [DeletedStream(stream=stream, deletion=row) for stream in what.streams]
    DeletedStream.objects.bulk_create(taken, ignore_conflicts=True)
    KeptBack.objects.filter(stream__in=what.streams).delete()
    record(_entries(row, what, actor))
    transaction.on_commit(index_soon)
    row.refresh_from_db()
    return row


def _entries(row: Deletion, what: Asked, actor: Actor) -> list[Entry]:
    """One entry for each hundred streams, the counts in the first."""
    counts = {"texts": row.texts, "classes": row.classes, "beside": row.beside, "sessions": len(what.streams)}
    found = []
    for start in range(0, len(what.streams), NAMED):
        named = [stream.removeprefix("session:") for stream in what.streams[start : start + NAMED]]
        told: dict[str, Any] = {"reason": row.reason, "request": row.number, "asked": row.asked, **({} if start else counts)}
        found.append(Entry(STREAM, EventKind.CONTENT_DELETED, actor, told, ids=tuple(named)))
    return found


def _told(held: Sequence[str]) -> str:
    first = held[0].removeprefix("session:")
    return f"{first} is" if len(held) == 1 else f"{first} and {len(held) - 1} more are"


def _why(held: Sequence[str]) -> str:
    row = Hold.objects.filter(lifted_at=None, scope="session", whose=held[0].removeprefix("session:")).first()
    return (row.reason if row else "a hold on a principal's texts") + "."


def newest(limit: int, *, before: int | None = None) -> list[Deletion]:
    """Return deletions that people asked for, the newest first; `before` is the number of the last one seen."""
    rows = Deletion.objects.order_by("-number")
    return list((rows.filter(number__lt=before) if before is not None else rows)[:limit])


def deletion_of(stream: str) -> Deletion | None:
    """Return the deletion that took a stream's texts; None where no person asked for one."""
    return Deletion.objects.filter(streams__stream=stream).first()


def why_gone(stream: str, *, entry_id: int | None = None, cls: str = "") -> str:
    """Return the sentence that stands where a text was.

    Args:
        stream: the stream of its entry.
        entry_id: of its entry; without it that of the stream's beginning is meant.
        cls: its class; without it, any that has been deleted by its age.
    """
    if (row := deletion_of(stream)) is not None:
        return f"Deleted on {_day(row.at)} by {row.by_name}, request {row.number}."
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM audit_entry WHERE stream = %s AND seq = 1", [stream])
        first = cursor.fetchone()
    place = entry_id or (first[0] if first else 0)
    rules = RetentionRule.objects.filter(swept__gte=place, deleted__gt=0)
    if (rules.filter(cls=cls) if cls else rules).exists():
        return "Deleted by its age: what this installation keeps for a time only. Its commitment stays in the log."
    return "It is not there any more, and nothing says who deleted it: tell whoever runs this installation."


def _day(at: datetime) -> str:
    moment = at.astimezone(UTC)
    return f"{moment.day} {moment:%b %Y}"
