"""The live feed of one web process: one LISTEN connection, one reader of the log, direct fan-out to its followers.

NOTIFY carries only "there is more"; what it is about is read from the log by cursor, once for the whole process, and
kept in a ring from which every follower takes what lies after its own cursor. Nothing waits in a queue per follower,
so a slow one costs no memory: who falls too far behind is told to reload. A follower's place is in `console.follower`,
the sockets themselves in `console.sockets`, what a person may see in `console.watchers`, who looks at what in `console.presence`.
"""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from typing import Any, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

import psycopg
import structlog
from django.db import Error as DatabaseError
from django.db import connection, connections

from audit import feed, index
from audit.feed import FeedEvent
from console import presence
from console.follower import Follower
from console.presence import Presence
from console.watchers import Desk

CHANNEL = "countersign_log"
DELTAS = "countersign_delta"
BACKLOG = 500
"""How many events a follower may be behind before it is told to reload instead."""
RING = 2 * BACKLOG
TICK_S = 1.0
"""A lost wake-up costs this much, and a dead worker or sealer freezes no screen."""
READY_S = 10.0
"""How long somebody who comes waits for the hub's first look at the log."""
LINGER_S = 30.0
"""How long the connection outlives its last follower: people go from page to page."""
EACH_S, REST_S = 0.0006, 0.15
"""After a round to all followers the feed rests so long for each of them, and at most so long: what happens meanwhile is
told in one round. The first event after a quiet moment waits for nothing."""

P = ParamSpec("P")
R = TypeVar("R")
log = structlog.get_logger()


class Hub:
    """The listener, the ring, and who follows. One for each event loop, which is one for each web process."""

    _of_loop: "WeakKeyDictionary[asyncio.AbstractEventLoop, Hub]" = WeakKeyDictionary()

    def __init__(self) -> None:
        self.head = 0
        self.listening = False
        self.followers: set[Follower] = set()
        self.desk = Desk(self.call)
        self.presence = Presence(self.call)
        self._ring: deque[FeedEvent] = deque(maxlen=RING)
        self._more = asyncio.Event()
        self._ready = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._reader: ThreadPoolExecutor | None = None
        self._coming = 0
        self._idle: asyncio.TimerHandle | None = None

    @classmethod
    def current(cls) -> "Hub":
        """Return the hub of the running event loop."""
        return cls._of_loop.setdefault(asyncio.get_running_loop(), cls())

    async def follow(self, cursor: int | None = None) -> Follower:
        """Register a follower from `cursor` on (from now on without one), starting the hub with the first.

        Registration comes before the first read, so that nothing falls between backlog and live. Raises TimeoutError
        when the log cannot be read in time.
        """
        self._coming += 1
        try:
            self._start()
            async with asyncio.timeout(READY_S):
                await self._ready.wait()
            follower = Follower(self, cursor)
            self.followers.add(follower)
        finally:
            self._coming -= 1
            self._linger()
        return follower

    def drop(self, follower: Follower) -> None:
        """Forget a follower; the hub stops when nobody comes for a while."""
        self.followers.discard(follower)
        self._linger()

    async def call(self, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run a function that reads the database in the hub's own thread, whose connection stays open."""
        if self._reader is None:
            self._reader = ThreadPoolExecutor(1, thread_name_prefix="live")
        return await asyncio.get_running_loop().run_in_executor(self._reader, lambda: _reading(function, *args, **kwargs))

    async def after(self, cursor: int) -> list[FeedEvent] | None:
        """Return the events after a cursor, from the ring where it reaches; None when the cursor is out of reach."""
        if cursor == self.head:
            return []
        if not self.head - BACKLOG <= cursor < self.head:
            return None
        if self._ring and self._ring[0].n <= cursor + 1:
            return list(islice(self._ring, cursor + 1 - self._ring[0].n, None))
        return await self.call(feed.read, cursor, self.head - cursor)

    async def close(self) -> None:
        """Stop listening and close both connections.

        What it stops is put aside before the first wait, so that a follower who comes meanwhile starts the hub anew
        instead of joining one that is ending.
        """
        tasks, self._tasks = self._tasks, []
        reader, self._reader = self._reader, None
        self._ready = asyncio.Event()
        self.listening = False
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if reader is not None:
            await asyncio.get_running_loop().run_in_executor(reader, connections.close_all)
            reader.shutdown(wait=False)

    def _start(self) -> None:
        if not self._tasks:
            parts = (self._listen, self._pump, self._tick, self.presence.run)
            self._tasks = [asyncio.create_task(_lasting(part)) for part in parts]

    def _linger(self) -> None:
        """Stop when nobody comes from now on; what an earlier follower who left had set off is over."""
        if self._idle is not None:
            self._idle.cancel()
        self._idle = None if self.followers else asyncio.get_running_loop().call_later(LINGER_S, self._stop_if_idle)

    def _stop_if_idle(self) -> None:
        # Who is coming waits for the parts that would be stopped.
        if not self.followers and not self._coming and self._tasks:
            self._closing = asyncio.create_task(self.close())

    async def _listen(self) -> None:
        """Hold the LISTEN connection; after each loss back off, connect again, and look at what was missed."""
        delay = 0.25
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(**_parameters(), autocommit=True) as listener:
                    for channel in (CHANNEL, DELTAS, presence.CHANNEL):
                        await listener.execute(f"LISTEN {channel}")
                    self.listening, delay = True, 0.25
                    self._more.set()
                    async for notice in listener.notifies():
                        self._hear(notice.channel, notice.payload)
            except psycopg.Error as error:
                log.warning("live.listener_lost", error=type(error).__name__, retry_s=delay)
            self.listening = False
            await asyncio.sleep(delay)
            delay = min(delay * 2, 5.0)

    def _hear(self, channel: str, payload: str) -> None:
        if channel == CHANNEL:
            self._more.set()
            return
        if channel == presence.CHANNEL:
            self.presence.hear(payload)
            return
        try:
            delta = json.loads(payload)
            session, text, at = str(delta["s"]), str(delta["t"]), int(delta["at"])
        except (ValueError, TypeError, KeyError):
            log.warning("live.delta_unreadable", size=len(payload))
            return
        for follower in self.followers:
            follower.offer(session, text, at)

    async def _pump(self) -> None:
        """Read what is new and wake the followers; wake-ups that come while reading are merged into one more round."""
        while True:
            try:
                await self._find_head()
                self._ready.set()
                while True:
                    await self._more.wait()
                    self._more.clear()
                    if await self._read_new():
                        await asyncio.sleep(min(len(self.followers) * EACH_S, REST_S))
            except (DatabaseError, psycopg.Error) as error:
                log.warning("live.read_failed", error=type(error).__name__)
                await asyncio.sleep(TICK_S)

    async def _find_head(self) -> None:
        """Start, or start again, at the log's head: a ring with a hole would skip events silently."""
        head = await self.call(feed.head)
        if not self._ready.is_set() or not self.head <= head <= self.head + RING:
            self._ring.clear()
            self.head = head
        self._more.set()

    async def _read_new(self) -> bool:
        """Read what is new and wake the followers; False if there was nothing."""
        before = self.head
        while events := await self.call(feed.read, self.head, BACKLOG):
            self._ring.extend(events)
            self.head = events[-1].n
            if len(events) < BACKLOG:
                break
        if self.head == before:
            return False
        self.wake()
        return True

    def wake(self) -> None:
        """Wake every follower."""
        for follower in self.followers:
            follower.wake()

    async def _tick(self) -> None:
        """Give committed entries their place in the log and look for them, whatever became of the others who do."""
        while True:
            await asyncio.sleep(TICK_S)
            try:
                await self.call(index.index_log)
            except (DatabaseError, psycopg.Error) as error:
                log.warning("live.index_failed", error=type(error).__name__)
            self._more.set()


async def _lasting(part: Callable[[], Awaitable[None]]) -> None:
    """Run a part of the hub for good: an error that nobody thought of is told, and costs a second, not the feed."""
    while True:
        try:
            await part()
        except Exception:
            log.exception("live.part_failed", part=part.__name__)
        await asyncio.sleep(TICK_S)


def _reading(function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
    """Call it; a broken connection is closed, so that the next call opens a new one."""
    try:
        return function(*args, **kwargs)
    except (DatabaseError, psycopg.Error):
        connection.close()
        raise


def _parameters() -> dict[str, Any]:
    """Return how to connect as the application does, without what belongs to Django's own connections."""
    given = connections["default"].get_connection_params()
    return {name: value for name, value in given.items() if name not in {"cursor_factory", "context", "prepare_threshold"}}
