"""Changes of the log that the database refused to this process: each becomes an alarm in the log (AUDIT-2).

The refused statement and all of its transaction are undone, so the alarm is written on a connection of its own, by a thread.
What the database refuses to others stands in its own log alone.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

import structlog
from django.db import DatabaseError, connections
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created

from audit.actors import SYSTEM
from audit.canonical import Json
from audit.entry import Entry
from audit.events import EventKind
from audit.index import index_log
from audit.services import record

log = structlog.get_logger(__name__)
REFUSED = frozenset({"23001", "42501"})
"""SQLSTATEs with which triggers and rights refuse."""
REF = "audit:tampering"
"""The short id of these alarms."""
EVERY_S = 10.0
"""A process writes no more than one alarm in so long; how many there were in between stands in the next."""
_TABLE = re.compile(r"\baudit_(entry|log|log_index|stream|content|subtree|checkpoint|pending)\b")
_VERB = re.compile(r"\s*([a-z]+)", re.IGNORECASE)


class _Alarms:
    """What this process has to tell of."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = -EVERY_S
        self._more = 0
        self.threads: list[threading.Thread] = []

    def raise_(self, table: str, statement: str, using: str) -> None:
        """Tell of a refusal, unless one was told of just now."""
        with self._lock:
            now = time.monotonic()
            if now - self._last < EVERY_S:
                self._more += 1
                return
            more, self._more, self._last = self._more, 0, now
            thread = threading.Thread(target=_tell, args=[table, statement, more, using], name="tampering", daemon=True)
            self.threads = [*(one for one in self.threads if one.is_alive()), thread]
        thread.start()


_alarms = _Alarms()


def listen() -> None:
    """Watch every connection that this process makes from now on."""
    connection_created.connect(_watched, dispatch_uid="countersign.tampering")


def finish() -> None:
    """Wait for alarms that are being written."""
    for thread in _alarms.threads:
        thread.join(10)


def refused_table(error: DatabaseError) -> str:
    """Return the table of the log that a statement was not allowed to change; empty where it was refused for anything else."""
    if getattr(error.__cause__, "sqlstate", None) not in REFUSED:
        return ""
    found = _TABLE.search(str(error))
    return found.group() if found else ""


def _watched(connection: BaseDatabaseWrapper, **_: Any) -> None:
    if _watch not in connection.execute_wrappers:
        connection.execute_wrappers.append(_watch)


def _watch(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    try:
        return execute(sql, params, many, context)
    except DatabaseError as error:
        if table := refused_table(error):
            verb = _VERB.match(str(sql))
            _alarms.raise_(table, verb.group(1).upper() if verb else "", context["connection"].alias)
        raise


def _tell(table: str, statement: str, more: int, using: str) -> None:
    log.critical("audit.tampering_refused", table=table, statement=statement)
    try:
        facts: dict[str, Json] = {"table": table, "statement": statement, "more": more}
        record([Entry("system", EventKind.ALARM_TAMPERING, SYSTEM, facts, ids=(REF,))], using=using)
        index_log(using)
    except DatabaseError as error:
        log.warning("audit.tampering_not_written", error=type(error).__name__)
    finally:
        connections[using].close()
