"""The log as a feed: what pages and programs follow from a cursor. Nothing here says who may see what."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Max

from audit.models import LogIndex


@dataclass(frozen=True, slots=True)
class FeedEvent:
    """One entry as listeners need it: its place in the log, what happened, and the short ids that it is about."""

    n: int
    kind: str
    ids: tuple[str, ...]
    rev: int
    stream: str
    at: datetime


def head(using: str = "default") -> int:
    """Return the number of the last entry of the log; 0 when it is empty."""
    last: int | None = LogIndex.objects.using(using).aggregate(last=Max("log_index"))["last"]
    return last or 0


def read(after: int, limit: int = 500, *, using: str = "default") -> list[FeedEvent]:
    """Return up to `limit` entries after number `after`, in the order of the log."""
    rows = (
        LogIndex.objects.using(using)
        .filter(log_index__gt=after)
        .order_by("log_index")
        .values_list(
            "log_index", "entry__kind", "entry__body_json__ids", "entry__body_json__rev", "entry__stream", "entry__at"
        )[:limit]
    )
    return [FeedEvent(n, kind, tuple(ids or ()), rev or 0, stream, at) for n, kind, ids, rev, stream, at in rows]
