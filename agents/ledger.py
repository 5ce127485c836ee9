"""One writer per process: takes what many sessions have ready and puts it into one transaction.

A thread with the process's one writing connection. Runners hand it records and wait; nobody goes on before the
commit, so durability is whole while many sessions share its cost. It also does the reading that runners need,
so that no connection is ever held while a model or a tool is waited for.

A record whose row moved on (another worker's lease, a person's cancel) fails alone; the rest of its transaction is
written again without it. When the database goes away the same records are tried again: `step` in each record's
guard makes a second writing of the same step impossible.
"""

import asyncio
import contextlib
import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import structlog
from django.db import Error as DatabaseError
from django.db import InterfaceError, OperationalError, connection, transaction

from agents.errors import LeaseLost
from agents.failpoints import failpoint
from agents.rules import RulesChanged, held_stamp
from audit.connection import PIPED
from audit.errors import StaleState
from audit.index import index_log
from audit.services import Batch
from audit.services import transition as write

log = structlog.get_logger(__name__)
T = TypeVar("T")

INDEX_EVERY_S = 0.03  # entries get their place in the log at most this often
INDEX_EVERY_BUSY_S = 0.1  # where there is much to do: ten times a second is live enough
LINGER_S = 0.0004  # for each session that the worker carries, a transaction waits so long for company
LONGEST_LINGER_S = 0.02
STANDSTILL_S = 8  # within a transaction; less than a lease, so that the locks are gone when that runs out
BUSY = 8  # sessions; below, nothing waits
DATABASE_PATIENCE_S = 60.0  # how long records wait for a database that is away


@dataclass(slots=True)
class Record:
    """One step of one session, ready to be written.

    `premise` is the stamp of the rules it was judged by: written only if they still hold.
    `fallback` is written instead where `batch` does not fit the rows any more (something new came in meanwhile), or
    where its premise does not hold: it starts nothing.
    """

    session: UUID
    batch: Batch
    premise: str = ""
    fallback: Batch | None = None
    done: Future[bool] = field(default_factory=Future)


@dataclass(slots=True)
class _Reading:
    function: Callable[[], Any]
    done: Future[Any] = field(default_factory=Future)


class Ledger:
    """The process's writer. Start it, use `write` and `read` from the event loop, close it."""

    def __init__(self) -> None:
        self._inbox: queue.SimpleQueue[Record | _Reading | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="ledger", daemon=True)
        self._index_due: float | None = None
        self._indexed_at = 0.0
        self._set_up: Any = None  # the connection that was prepared
        self.crowd = 0  # sessions that the worker carries

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def close(self) -> None:
        """Write what was handed in, then stop."""
        self._inbox.put(None)
        self._thread.join(timeout=30)

    async def write(self, record: Record) -> bool:
        """Write a record and wait for its commit.

        Returns:
            True if `batch` was written, False if its fallback was.

        Raises:
            LeaseLost: the session has moved on; nothing of the record was written.
            RulesChanged: policy, a tool setting or a stop changed since it was judged.
        """
        self._inbox.put(record)
        return await asyncio.shield(asyncio.wrap_future(record.done))

    async def read(self, function: Callable[[], T]) -> T:
        """Run a function on the ledger's connection and return what it returns."""
        reading = _Reading(function)
        self._inbox.put(reading)
        result: T = await asyncio.wrap_future(reading.done)
        return result

    def later(self, function: Callable[[], object]) -> None:
        """Have a function run on the ledger's connection; nobody waits for it."""
        self._inbox.put(_Reading(function))

    def _run(self) -> None:
        PIPED.set(False)  # after a pipeline PostgreSQL forgets STANDSTILL_S until the next statement
        try:
            while (jobs := self._gather()) is not None:
                try:
                    self._do(jobs)
                except Exception as error:
                    # Nobody may wait for a thread that is gone: whoever handed something in is told, and it goes on.
                    log.exception("ledger.failed", jobs=len(jobs))
                    _fail(jobs, error)
        finally:
            connection.close()

    def _do(self, jobs: list[Record | _Reading]) -> None:
        records = [job for job in jobs if isinstance(job, Record)]
        if records:
            self._write(records)
        for job in jobs:
            if isinstance(job, _Reading):
                self._read(job)
        self._index()

    def _gather(self) -> list[Record | _Reading] | None:
        """Wait for work, then take all that is there; None when closed and empty."""
        try:
            first = self._inbox.get(timeout=self._until_index())
        except queue.Empty:
            return []
        if first is None:
            return None
        jobs = [first]
        lingers = isinstance(first, Record) and self.crowd >= BUSY
        deadline = time.monotonic() + (min(LONGEST_LINGER_S, LINGER_S * self.crowd) if lingers else 0)
        while (job := self._next(deadline)) is not None:
            jobs.append(job)
        return jobs

    def _next(self, deadline: float) -> Record | _Reading | None:
        with contextlib.suppress(queue.Empty):
            left = deadline - time.monotonic()
            job = self._inbox.get(timeout=left) if left > 0 else self._inbox.get_nowait()
            if job is None:
                self._inbox.put(None)  # closing: keep it for the next round
            return job
        return None

    def _until_index(self) -> float | None:
        return None if self._index_due is None else max(0.0, self._index_due - time.monotonic())

    def _read(self, job: _Reading) -> None:
        if not job.done.set_running_or_notify_cancel():
            return  # whoever asked has left
        try:
            self._prepare_connection()
            job.done.set_result(job.function())
        except (OperationalError, InterfaceError) as error:
            connection.close()
            job.done.set_exception(error)
        except Exception as error:  # noqa: BLE001 whoever asked gets it, whatever it is
            job.done.set_exception(error)

    def _write(self, records: list[Record]) -> None:
        deadline = time.monotonic() + DATABASE_PATIENCE_S
        while records := [record for record in records if not record.done.done()]:
            try:
                self._commit(records)
                return
            except StaleState as error:
                records = self._without_stale(records, frozenset(map(str, error.ids)))
            except (OperationalError, InterfaceError) as error:
                connection.close()
                if time.monotonic() > deadline:
                    _fail(records, error)
                    return
                log.warning("ledger.database_away", records=len(records), error=type(error).__name__, detail=str(error)[:300])
                time.sleep(0.2)  # between attempts to reach a database that is restarting; bounded above
            except Exception as error:  # noqa: BLE001 fails its own session only, and is told there
                if len(records) == 1:
                    _fail(records, error)
                    return
                for record in records:
                    self._write([record])
                return

    def _commit(self, records: list[Record]) -> None:
        failpoint("ledger.before_commit")
        self._prepare_connection()
        with transaction.atomic():
            batches = self._with_premise(records)
            if batches:
                write([batch for _, batch in batches])
            failpoint("ledger.in_transaction")
        failpoint("ledger.after_commit")
        # At once when the last time is long ago, so that an idle installation shows an event without delay.
        self._index_due = self._index_due or max(time.monotonic(), self._indexed_at + self._index_every())
        for record, batch in batches:
            record.done.set_result(batch is record.batch)

    def _prepare_connection(self) -> None:
        """Set up a new connection for what goes over it all day.

        The same few statements: one plan for each, whatever its parameters (what they look for is written out in them,
        so that no plan depends on it). And the server ends the transaction of a process that stands still within
        one: its locks would keep its sessions from every other worker for as long as it stands.
        """
        connection.ensure_connection()
        if connection.connection is not self._set_up:
            with connection.cursor() as cursor:
                cursor.execute(
                    f"SET idle_in_transaction_session_timeout = '{STANDSTILL_S}s'; SET plan_cache_mode = force_generic_plan"
                )
            self._set_up = connection.connection

    def _with_premise(self, records: list[Record]) -> list[tuple[Record, Batch]]:
        """What is written of each record: all of it, or its second form where it was judged by rules that changed."""
        if not any(record.premise for record in records):
            return [(record, record.batch) for record in records]
        now = held_stamp()
        batches = []
        for record in records:
            if not record.premise or record.premise == now:
                batches.append((record, record.batch))
            elif record.fallback is not None:
                batches.append((record, record.fallback))
            else:
                _fail([record], RulesChanged())
        return batches

    def _without_stale(self, records: list[Record], ids: frozenset[str]) -> list[Record]:
        """Fail, or write in their second form, the records whose rows moved on; return the others."""
        stale = [record for record in records if ids & {str(change.id) for change in record.batch.changes}]
        if not stale:
            _fail(records, LeaseLost())
            return []
        for record in stale:
            self._second_form(record)
        return [record for record in records if record not in stale]

    def _second_form(self, record: Record) -> None:
        if record.fallback is None or record.done.done():
            _fail([record], LeaseLost())
            return
        second = Record(record.session, record.fallback)  # it starts nothing, so no rule was judged by
        self._write([second])
        error = second.done.exception()
        if error is None:
            record.done.set_result(False)
        else:
            record.done.set_exception(error)

    def _index_every(self) -> float:
        return INDEX_EVERY_BUSY_S if self.crowd >= BUSY else INDEX_EVERY_S

    def _index(self) -> None:
        if self._index_due is None or time.monotonic() < self._index_due:
            return
        try:
            # None: another process is at it, and may have missed what was just written.
            self._index_due = None if index_log() is not None else time.monotonic() + INDEX_EVERY_S
            self._indexed_at = time.monotonic()
        except DatabaseError as error:
            log.warning("log.not_indexed", error=type(error).__name__)
            connection.close()
            self._index_due = time.monotonic() + 0.5


def _fail(jobs: Sequence[Record | _Reading], error: Exception) -> None:
    for job in jobs:
        if not job.done.done():
            job.done.set_exception(error)
