"""Who looks at which request now: told by the sockets of this process, shared with the other web processes, kept in memory.

Lossy on purpose. A look holds while its socket is open; the other processes hear of it every few seconds, and what they
no longer hear of is over. Nothing of it is stored or written to the log, and it gives nobody a right.
"""

import asyncio
import json
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any
from uuid import uuid4

import psycopg
import structlog
from django.db import Error as DatabaseError
from django.db import connection

from console.looks import initials, tint

CHANNEL = "countersign_presence"
GATHER_S = 0.25
"""What changes within this is told in one message."""
GRACE_S = 1.5
"""Who reloads a page, or goes on to it from the queue, has not been away."""
BEAT_S = 4.0
LEASE_S = 10.0
"""Looks of a process that died are over after this."""
MOST = 2000
"""How many looks of other processes are kept; more are not taken in."""
TOLD = 200
"""Of how many requests one message tells; the others follow in the next."""
SHOWN = 8
IN_ONE = 20  # looks in one notification, of which PostgreSQL takes less than 8,000 bytes
LONGEST = 60  # letters of a name

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, order=True)
class Looker:
    """A person who has a request's detail open."""

    ref: str
    name: str
    user_id: int


Here = Mapping[str, tuple[Looker, ...]]


class Seat:
    """One socket's part in it: what its person looks at, and what the page was told of the others."""

    def __init__(self, presence: "Presence", wake: Callable[[], None]) -> None:
        self._presence = presence
        self._wake = wake
        self._looker: Looker | None = None
        self._told: dict[str, tuple[Looker, ...]] = {}
        self._news = set(presence.here)

    def look(self, ref: str, user_id: int, name: str) -> None:
        """Say that the person looks at this request now, and no longer at another one; "" for at none."""
        before, self._looker = self._looker, Looker(ref, name[:LONGEST], user_id) if ref else None
        if self._looker == before:
            return
        if self._looker is not None:
            self._presence.enter(self._looker)
        if before is not None:
            self._presence.leave(before)

    def hear(self, refs: Collection[str]) -> None:
        """Note that something changed about these requests."""
        self._news.update(refs)
        self._wake()

    def take(self, user_id: int) -> dict[str, list[dict[str, str]]]:
        """Return who else looks at the requests of which this page was told something else before."""
        changed = {}
        for ref in list(islice(self._news, TOLD)):
            self._news.discard(ref)
            others = tuple(one for one in self._presence.here.get(ref, ()) if one.user_id != user_id)
            if others != self._told.pop(ref, ()):
                changed[ref] = [_shape(one) for one in others[:SHOWN]]
            if others:
                self._told[ref] = others
        if self._news:
            self._wake()
        return changed

    def leave(self) -> None:
        """Get up: the page is closed."""
        self.look("", 0, "")
        self._presence.seats.discard(self)


class Presence:
    """Everybody who looks, in this process and in the others. One for each hub of the live feed."""

    def __init__(self, call: Callable[..., Awaitable[Any]]) -> None:
        self.here: Here = {}
        self.seats: set[Seat] = set()
        self._call = call
        self._process = uuid4().hex[:12]
        self._open: Counter[Looker] = Counter()
        self._until: dict[tuple[str, Looker], float] = {}  # looks of other processes, and of those who have just left
        self._said: set[Looker] = set()
        self._beat_at = 0.0
        self._news = asyncio.Event()

    def seat(self, wake: Callable[[], None]) -> Seat:
        """Return a seat for a socket, which is woken when there is something to tell it."""
        seat = Seat(self, wake)
        self.seats.add(seat)
        wake()
        return seat

    def enter(self, looker: Looker) -> None:
        """Take in that somebody of this process looks at a request."""
        self._open[looker] += 1
        self._until.pop((self._process, looker), None)
        self._news.set()

    def leave(self, looker: Looker) -> None:
        """Take in that somebody no longer does; after a moment, should they be back by then."""
        self._open[looker] -= 1
        if self._open[looker] <= 0:
            del self._open[looker]
            self._until[self._process, looker] = time.monotonic() + GRACE_S
        self._news.set()

    def hear(self, payload: str) -> None:
        """Take in what another process says of its people."""
        try:
            told = json.loads(payload)
            process, here, gone = str(told["p"]), list(_lookers(told["here"])), list(_lookers(told["gone"]))
        except (ValueError, TypeError, KeyError):
            log.warning("live.presence_unreadable", size=len(payload))
            return
        if process == self._process:
            return
        for looker in gone:
            self._until.pop((process, looker), None)
        for looker in here:
            if len(self._until) < MOST or (process, looker) in self._until:
                self._until[process, looker] = time.monotonic() + LEASE_S
        self._news.set()

    async def run(self) -> None:
        """Tell the pages and the other processes what changed; rests while nobody comes or goes."""
        while True:
            await self._wait()
            self.look_around(time.monotonic())
            await self._announce(time.monotonic())

    async def _wait(self) -> None:
        due = [*self._until.values(), *([self._beat_at] if self._open else [])]
        try:
            async with asyncio.timeout(max(0.0, min(due) - time.monotonic()) if due else None):
                await self._news.wait()
        except TimeoutError:
            return
        await asyncio.sleep(GATHER_S)
        self._news.clear()

    def look_around(self, now: float) -> None:
        """Forget what is over at `now`, and let every seat know what changed."""
        self._until = {key: until for key, until in self._until.items() if until > now}
        before, here = self.here, dict[str, tuple[Looker, ...]]()
        for looker in sorted({*self._open, *(looker for _, looker in self._until)}):
            here[looker.ref] = (*here.get(looker.ref, ()), looker)
        self.here = here
        if changed := {ref for ref in {*before, *here} if before.get(ref) != here.get(ref)}:
            for seat in self.seats:
                seat.hear(changed)

    async def _announce(self, now: float) -> None:
        """Tell the other processes who came and who left and, now and then, who is here still."""
        mine = {*self._open, *(looker for process, looker in self._until if process == self._process)}
        gone, fresh = self._said - mine, mine - self._said
        if mine and now >= self._beat_at:
            self._beat_at, fresh = now + BEAT_S, mine
        self._said = mine
        if not gone and not fresh:
            return
        said = [("gone", looker) for looker in sorted(gone)] + [("here", looker) for looker in sorted(fresh)]
        try:
            await self._call(_notify, [self._payload(said[at : at + IN_ONE]) for at in range(0, len(said), IN_ONE)])
        except (DatabaseError, psycopg.Error) as error:
            log.info("live.presence_lost", error=type(error).__name__)

    def _payload(self, said: Sequence[tuple[str, Looker]]) -> str:
        told: dict[str, Any] = {"p": self._process, "here": [], "gone": []}
        for what, looker in said:
            told[what].append([looker.ref, looker.name, looker.user_id])
        return json.dumps(told, ensure_ascii=False, separators=(",", ":"))


def _lookers(told: Sequence[tuple[str, str, int]]) -> Iterator[Looker]:
    for ref, name, user_id in told:
        yield Looker(str(ref)[:24], str(name)[:LONGEST], int(user_id))


def _shape(looker: Looker) -> dict[str, str]:
    return {"name": looker.name, "initials": initials(looker.name), "tint": tint(looker.name)}


def _notify(payloads: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("SELECT pg_notify(%s, %s)", [(CHANNEL, payload) for payload in payloads])
