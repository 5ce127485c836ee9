"""Where a tool's blocking work runs: threads of the tools' own.

A new database connection costs more than most tools do, so a few threads keep theirs for the next call, outside of any
transaction. One that was broken, is old, or belongs to another database than the settings name now is closed instead.
"""

import asyncio
import select
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connection

THREADS = 32
KEPT = 8  # connections that stay open in this process
KEEP_S = 60.0

_Result = TypeVar("_Result")
_threads = ThreadPoolExecutor(max_workers=THREADS, thread_name_prefix="tool")
_places = threading.Semaphore(KEPT)


class _Mine(threading.local):
    """What a thread knows of the connection that it keeps."""

    database: tuple[str, str] | None = None  # None: it keeps none
    until = 0.0


_mine = _Mine()


async def in_thread(work: Callable[[], _Result]) -> _Result:
    """Run blocking work in a thread and return what it returns.

    It outlives a time-out, because a thread cannot be stopped. For asynchronous tools that read the database too.
    """
    return await asyncio.get_running_loop().run_in_executor(_threads, _run, work)


def within(work: Callable[[], _Result], seconds: float) -> _Result:
    """Run blocking work in a thread, for whoever cannot wait longer than `seconds`; raises TimeoutError after that."""
    return _threads.submit(_run, work).result(timeout=seconds)


def _run(work: Callable[[], _Result]) -> _Result:
    if _mine.database is not None and not _usable():
        _close()
    done = False
    try:
        result = work()
        done = True
        return result
    finally:
        if not (done and _keep()):
            _close()


def _usable() -> bool:
    """Whether the kept connection is alive, young, and leads where the settings point; costs one system call."""
    raw = connection.connection
    if raw is None or raw.closed or time.monotonic() > _mine.until or _mine.database != _place():
        return False
    readable, _, _ = select.select([raw.fileno()], [], [], 0)
    return not readable  # a server that went away makes an idle connection readable


def _keep() -> bool:
    """Keep the connection for the next call, where it is in order and there is a place; say whether it stays."""
    if connection.connection is None or connection.in_atomic_block or not connection.get_autocommit():
        return False
    if _mine.database is not None:
        return True
    if not _places.acquire(blocking=False):
        return False
    _mine.database, _mine.until = _place(), time.monotonic() + KEEP_S
    return True


def _close() -> None:
    if _mine.database is not None:
        _mine.database = None
        _places.release()
    connection.close()


def _place() -> tuple[str, str]:
    return str(connection.settings_dict["NAME"]), str(connection.settings_dict["HOST"])
