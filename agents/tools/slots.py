"""How many calls of a tool run at once, and how many start in a minute, in this process.

Each worker process counts for itself: two workers allow twice as much. A bound over all workers needs a shared row and
is not here.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from weakref import WeakKeyDictionary

from agents.tools.definition import Tool
from agents.tools.errors import Unavailable

MINUTE = 60.0
_semaphores: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Semaphore]] = WeakKeyDictionary()
_starts: dict[str, deque[float]] = {}


@asynccontextmanager
async def slot(tool: Tool) -> AsyncIterator[None]:
    """Hold one of the tool's slots; raise Unavailable where none comes free in the tool's own time or its rate is used up."""
    _count_start(tool)
    if tool.concurrency is None:
        yield
        return
    semaphore = _semaphore(tool.name, tool.concurrency)
    try:
        async with asyncio.timeout(tool.timeout_s):
            await semaphore.acquire()
    except TimeoutError as error:
        raise Unavailable(
            f"All {tool.concurrency} places of {tool.name} are taken.", hint="Try again later, or go on without it."
        ) from error
    try:
        yield
    finally:
        semaphore.release()


def _semaphore(name: str, size: int) -> asyncio.Semaphore:
    return _semaphores.setdefault(asyncio.get_running_loop(), {}).setdefault(name, asyncio.Semaphore(size))


def _count_start(tool: Tool) -> None:
    if tool.rate_per_minute is None:
        return
    starts, now = _starts.setdefault(tool.name, deque()), time.monotonic()
    while starts and starts[0] <= now - MINUTE:
        starts.popleft()
    if len(starts) >= tool.rate_per_minute:
        wait = round(starts[0] + MINUTE - now) + 1
        raise Unavailable(f"{tool.name} may start {tool.rate_per_minute} times a minute.", hint=f"Try again in {wait} s.")
    starts.append(now)
