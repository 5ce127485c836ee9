"""Giving committed entries their place in the whole log, and telling who listens. The order is made in the database.

Any process may do it at any time: web requests after their commit, the worker after its batches, and a timer for what
a process that died left behind. Listeners hear the new head on `CHANNEL` and read the feed from where they are.
"""

from __future__ import annotations

import threading
import time
from functools import partial

import structlog
from django.db import DatabaseError, connections, transaction

CHANNEL = "countersign_log"
INDEX = "SELECT audit_index(%s)"
PATIENCE_MS = 2000
EVERY_S = 0.05

log = structlog.get_logger(__name__)


def index_log(using: str = "default", *, patience_ms: int = 0) -> int | None:
    """Index what is committed and return the head of the log.

    Returns None when another process is at it, after waiting up to `patience_ms` for one's turn: with patience, what the
    caller committed before is indexed when a number comes back; without, whoever is at work may have missed it.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(INDEX, [patience_ms])
        row = cursor.fetchone()
    return None if row is None else row[0]


class _Pace:
    """One process's pace: at once when the last time is long ago, else once more when `EVERY_S` is over."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0.0
        self._timer: threading.Timer | None = None

    def go(self, using: str) -> None:
        """Index now or soon; many calls in a row make few of it."""
        with self._lock:
            wait = self._last + EVERY_S - time.monotonic()
            if wait > 0:
                self._later(wait, using)
                return
            self._last = time.monotonic()
        index_log(using, patience_ms=PATIENCE_MS)

    def _later(self, wait: float, using: str) -> None:
        if self._timer is None or not self._timer.is_alive():
            self._timer = threading.Timer(wait, self._catch_up, [using])
            self._timer.daemon = True
            self._timer.start()

    def _catch_up(self, using: str) -> None:
        with self._lock:
            self._last = time.monotonic()
            self._timer = None
        try:
            index_log(using, patience_ms=PATIENCE_MS)
        except DatabaseError as error:
            # Whoever indexes next takes what is left: a worker after its next batch, or the live feed's tick.
            log.warning("log.not_indexed", error=type(error).__name__)
        finally:
            connections[using].close()


_pace = _Pace()


def index_soon(using: str = "default") -> None:
    """Index after the commit of the transaction at hand, or now where there is none; merged when calls come fast."""
    transaction.on_commit(partial(_pace.go, using), using=using, robust=True)
