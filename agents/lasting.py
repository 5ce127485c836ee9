"""Work that goes on for as long as its process."""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

log = structlog.get_logger(__name__)
PAUSE_S = 1.0  # between two tries


async def lasting(work: Callable[[], Awaitable[None]]) -> None:
    """Do a helper's work for good: an error that nobody thought of is told and tried again, never the helper's silent end."""
    while True:
        try:
            await work()
        except Exception:
            log.exception("worker.helper_failed", helper=work.__name__)
        await asyncio.sleep(PAUSE_S)
