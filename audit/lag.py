"""How far the signed log is behind the log, and the alarm when it is too far: see `SEAL_LATE_S`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import structlog
from django.db import connections

from audit.actors import SYSTEM
from audit.entry import Entry
from audit.events import EventKind
from audit.index import index_soon
from audit.services import record

log = structlog.get_logger(__name__)
REF = "audit:seal"
"""The short id of alarms about sealing."""
_BEHIND = """
SELECT c.size, c.at, h.head, extract(epoch FROM clock_timestamp() - e.at)::float8
  FROM (SELECT coalesce(max(log_index), 0) AS head FROM audit_log_index) AS h
  LEFT JOIN LATERAL (SELECT size, at FROM audit_checkpoint ORDER BY size DESC LIMIT 1) AS c ON true
  LEFT JOIN audit_log_index AS l ON l.log_index = coalesce(c.size, 0) + 1
  LEFT JOIN audit_entry AS e ON e.id = l.entry_id
"""
_TOLD = """
SELECT EXISTS (SELECT FROM audit_entry WHERE kind = %s AND at > coalesce((SELECT max(at) FROM audit_checkpoint), '-infinity'))
"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What is signed: so many entries at that time, of so many; and for how long the first that is not has waited."""

    size: int
    at: datetime | None
    head: int
    waits_s: float

    @property
    def behind(self) -> int:
        """How many entries are not signed."""
        return max(0, self.head - self.size)


def sealed(using: str = "default") -> Sealed:
    """Return how far the log is signed."""
    with connections[using].cursor() as cursor:
        cursor.execute(_BEHIND)
        size, at, head, waits = cursor.fetchone()
    return Sealed(size or 0, at, head, max(0.0, waits or 0.0))


def is_late(found: Sealed, late_s: int) -> bool:
    """Return whether entries of a log that was signed before wait for longer than they may; with 0 they may for ever."""
    return bool(late_s) and found.at is not None and found.behind > 0 and found.waits_s > late_s


def watch(late_s: int) -> bool:
    """Raise the alarm where signing is late, once until something is signed again; return whether it did."""
    found = sealed()
    if not is_late(found, late_s):
        return False
    log.warning("seal.late", behind=found.behind, waits_s=round(found.waits_s), size=found.size)
    with connections["default"].cursor() as cursor:
        cursor.execute(_TOLD, [EventKind.ALARM_SEAL_LATE])
        if cursor.fetchone()[0]:
            return False
    facts = {"size": found.size, "behind": found.behind, "waits_s": int(found.waits_s)}
    record([Entry("system", EventKind.ALARM_SEAL_LATE, SYSTEM, facts, ids=(REF,))])
    index_soon()
    return True


def forked(size: int, using: str = "default") -> None:
    """Raise the alarm that what was signed is not the beginning of the log any more, once until something is signed again."""
    with connections[using].cursor() as cursor:
        cursor.execute(_TOLD, [EventKind.ALARM_LOG_FORKED])
        if cursor.fetchone()[0]:
            return
    record([Entry("system", EventKind.ALARM_LOG_FORKED, SYSTEM, {"size": size}, ids=(REF,))], using=using)
    index_soon(using)
