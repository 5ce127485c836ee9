"""Where a tool's blocking work runs: threads of the tools' own, each of which gives its database connection back."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

_Result = TypeVar("_Result")
_threads = ThreadPoolExecutor(max_workers=32, thread_name_prefix="tool")


async def in_thread(work: Callable[[], _Result]) -> _Result:
    """Run blocking work in a thread and return what it returns.

    It outlives a time-out, because a thread cannot be stopped. For asynchronous tools that read the database too.
    """

    def run() -> _Result:
        try:
            return work()
        finally:
            for connection in connections.all(initialized_only=True):
                connection.close()

    return await asyncio.get_running_loop().run_in_executor(_threads, run)
