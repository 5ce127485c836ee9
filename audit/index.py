"""Giving committed entries their place in the whole log, and telling who listens. The order is made in the database.

Any process may do it at any time: web requests after their commit, the worker after its batches, and a timer for what
a process that died left behind. Listeners hear the new head on `CHANNEL` and read the feed from where they are.
"""

from __future__ import annotations

import threading
import time
from functools import partial

import structlog
from django.db import connections, transaction

CHANNEL = "countersign_log"
INDEX = "SELECT audit_index(%s)"
PATIENCE_MS = 2000
EVERY_S = 0.05
BEHIND_S = (
    0.02  # so long the thread lets the answer go first, and the next one that its caller asks for: both share the interpreter
)
IDLE_S = 0.5  # how long the thread that catches up keeps its connection

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
    """One process's pace: at once when the last time is long ago, else once more, in a thread, when `EVERY_S` is over.

    In a process that keeps connections to answer people with, always in the thread: nobody's answer waits for it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0.0
        self._due = threading.Event()
        self._thread: threading.Thread | None = None
        self._ending = False

    def go(self, using: str) -> None:
        """Index now or soon; many calls in a row make few of it."""
        with self._lock:
            if "pool" in connections[using].settings_dict["OPTIONS"] or self._last + EVERY_S > time.monotonic():
                self._later(using)
                return
            self._last = time.monotonic()
        index_log(using, patience_ms=PATIENCE_MS)

    def _later(self, using: str) -> None:
        self._due.set()
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, args=[using], name="index", daemon=True)
            self._thread.start()

    def _run(self, using: str) -> None:
        """Catch up as long as there is something to, on one connection; then go."""
        try:
            while self._wanted():
                if not self._ending:
                    time.sleep(max(BEHIND_S, self._last + EVERY_S - time.monotonic()))  # the pace itself; see BEHIND_S
                self._due.clear()
                with self._lock:
                    self._last = time.monotonic()
                _catch_up(using)
        finally:
            connections[using].close()

    def finish(self) -> None:
        """Do what is still to be done, and let the thread go."""
        with self._lock:
            thread = self._thread
            if thread is None:
                return
            self._ending = True
            self._due.set()
        thread.join(2 * PATIENCE_MS / 1000)
        self._ending = False

    def _wanted(self) -> bool:
        if self._due.wait(0 if self._ending else IDLE_S):
            return True
        with self._lock:
            if not self._due.is_set():
                self._thread = None
                return False
        return True


def _catch_up(using: str) -> None:
    """Index; once more on a new connection where the old one had gone."""
    for attempt in (1, 2):
        try:
            index_log(using, patience_ms=PATIENCE_MS)
        except Exception as error:  # noqa: BLE001  nobody waits for this thread: it tells, and goes on
            connections[using].close()
            if attempt == 2:
                # Whoever indexes next takes what is left: a worker after its next batch, or the live feed's tick.
                log.warning("log.not_indexed", error=type(error).__name__)
        else:
            return


_pace = _Pace()


def finish() -> None:
    """Wait for what `index_soon` left to be done; for whoever is about to take the database away."""
    _pace.finish()


def index_soon(using: str = "default") -> None:
    """Index after the commit of the transaction at hand, or now where there is none; merged when calls come fast."""
    transaction.on_commit(partial(_pace.go, using), using=using, robust=True)
