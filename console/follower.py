"""One reader's place in the live feed: what lies after its cursor, and the pieces of the answer that it watches."""

from __future__ import annotations

import asyncio
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from audit.feed import FeedEvent

if TYPE_CHECKING:
    from console.live import Hub

OLDEST = timedelta(hours=24)


class Follower:
    """One reader's place in the feed, and the one session whose streamed answer it watches."""

    def __init__(self, hub: Hub, cursor: int | None) -> None:
        self.hub = hub
        self.cursor = hub.head if cursor is None else cursor
        self.watched = ""
        self._deltas: deque[tuple[int, str]] = deque(maxlen=100)
        self._news = asyncio.Event()
        self._news.set()

    def wake(self) -> None:
        """Say that there may be something to take."""
        self._news.set()

    def offer(self, session: str, text: str, at: int) -> None:
        """Take in a piece of a streamed answer that begins `at` there; the oldest ones fall out when nobody takes them."""
        if session == self.watched:
            self._deltas.append((at, text))
            self._news.set()

    async def wait(self, timeout_s: float) -> bool:
        """Wait until there may be something to take; False when the time is over first."""
        try:
            # Not `wait_for`: it forgets that it was cancelled when the news comes in the same moment.
            async with asyncio.timeout(timeout_s):
                await self._news.wait()
        except TimeoutError:
            return False
        self._news.clear()
        return True

    async def take(self) -> list[FeedEvent] | None:
        """Return the events after the cursor and move it; None when they are too many or too old: reload instead."""
        events = await self.hub.after(self.cursor)
        if events is None or (events and events[0].at < datetime.now(UTC) - OLDEST):
            self.cursor = self.hub.head
            return None
        if events:
            self.cursor = events[-1].n
        return events

    def take_pieces(self) -> list[tuple[int, str]]:
        """Return the pieces of the streamed answer that came since the last call, each with where in it it begins."""
        pieces = list(self._deltas)
        self._deltas.clear()
        return pieces

    def leave(self) -> None:
        """Stop following."""
        self.hub.drop(self)
