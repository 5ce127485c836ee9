"""The websocket of the live feed: thin events out, two kinds of wishes in. It renders nothing and decides nothing.

Out: `hello`, events with `n` and `prev` (those of one moment as a list of them), `session.delta`, `presence`, `resync`,
`ping`. In: `{"watch": "S-88123"}`, `{"look": "AP-20418"}` ("" for none) and nothing else; decisions are made over HTTP alone.
Closing codes: 4401 sign in again, 4403 not for you, 1009 too large, 1008 not understood or too often, 1013 try again later.
"""

import asyncio
import json
import re
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

from django.conf import settings
from django.db import Error as DatabaseError

from audit.feed import FeedEvent
from console.follower import Follower
from console.live import Hub
from console.presence import Seat
from console.watchers import Watcher, may_see, stream_answer

Message = Mapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SIGN_IN, FORBIDDEN, TOO_LARGE, NOT_UNDERSTOOD, TRY_LATER = 4401, 4403, 1009, 1008, 1013
PING_S = 20.0
RECHECK_S, TOGETHER_S = 2.5, 0.5
"""A person who signed out or lost a role is cut off within both: sockets whose time has come are looked up together."""
WATCH_S = 10.0
"""How often the mark "somebody watches this session" is renewed."""
FRAME = 1024
WISHES, WISHES_S = 40, 10.0
"""More wishes than so many in so many seconds end the socket."""
WISH = {"watch": re.compile(r"[A-Za-z0-9-]*"), "look": re.compile(r"(AP-[0-9]{1,18})?")}


class Closed(Exception):
    """The socket is to be closed with a code."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


async def live(scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
    """Serve one socket until either side ends it."""
    if (await receive())["type"] != "websocket.connect":
        return
    if not same_origin(scope):
        await send({"type": "websocket.close", "code": FORBIDDEN})
        return
    await send({"type": "websocket.accept"})
    socket = Socket(scope, receive, send)
    try:
        await socket.serve()
    except Closed as closed:
        # The other side may have gone meanwhile, which is what was wanted.
        with suppress(RuntimeError, OSError):
            await send({"type": "websocket.close", "code": closed.code})


def same_origin(scope: Mapping[str, Any]) -> bool:
    """Say whether the page that opens the socket is one of ours, its port included, which cookies do not look at."""
    headers = dict(scope.get("headers", ()))
    origin = headers.get(b"origin", b"").decode("latin-1")
    host = headers.get(b"host", b"").decode("latin-1")
    return bool(origin) and (urlsplit(origin).netloc == host or origin == settings.COUNTERSIGN_PUBLIC_URL)


def since_of(scope: Mapping[str, Any]) -> int | None:
    """Return the cursor that the client asks to go on from; None means from now on."""
    text = parse_qs(scope.get("query_string", b"").decode("latin-1")).get("since", [""])[0]
    return int(text) if text.isascii() and text.isdigit() and len(text) < 18 else None


class Socket:
    """One open socket: who sits at it, where it stands in the feed, what it watches."""

    def __init__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self._key = str(scope["session"].session_key or "")
        self._since = since_of(scope)
        self._receive = receive
        self._send = send
        self._hub = Hub.current()
        self._watcher: Watcher | None = None
        self._seat: Seat | None = None
        self._wishes: deque[float] = deque(maxlen=WISHES)
        self._told = 0

    async def serve(self) -> None:
        """Follow the feed until the client leaves or may no longer stay; raises Closed with the code."""
        try:
            follower = await self._hub.follow(self._since)
        except TimeoutError:
            raise Closed(TRY_LATER) from None
        try:
            await self._recheck()
            self._told = follower.cursor
            await self._tell({"type": "hello", "n": follower.cursor, "build": settings.VERSION})
            await self._all(self._listen(follower), self._speak(follower), self._stay())
        finally:
            if self._seat is not None:
                self._seat.leave()
            follower.leave()

    async def _all(self, *parts: Any) -> None:
        """Run all that goes on at a socket; the first that ends, ends the others."""
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self, follower: Follower) -> None:
        while True:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                return
            self._count_wish()
            what, ref = _wish(message)
            if what == "look":
                self._look(follower, ref)
            else:
                follower.watched = ref
                await self._renew(follower)

    async def _speak(self, follower: Follower) -> None:
        now = time.monotonic()
        due = {"ping": now + PING_S, "watch": now + WATCH_S}
        while True:
            news = await follower.wait(max(0.0, min(due.values()) - time.monotonic()))
            now = time.monotonic()
            if now >= due["watch"]:
                due["watch"] = now + WATCH_S
                await self._renew(follower)
            if news:
                await self._pass_on(follower)
                await self._show_lookers()
            # While the listener is gone nothing is promised: without pings the page shows itself as stale.
            if now >= due["ping"]:
                due["ping"] = now + PING_S
                if self._hub.listening:
                    await self._mark("ping", follower.cursor)

    async def _stay(self) -> None:
        """Look again and again who this is, beside what is told meanwhile: events do not wait for it."""
        while True:
            await asyncio.sleep(RECHECK_S)
            await self._recheck(TOGETHER_S)

    async def _pass_on(self, follower: Follower) -> None:
        events = await follower.take()
        if events is None:
            self._told = follower.cursor
            await self._tell({"type": "resync", "reason": "behind", "n": follower.cursor})
            return
        watcher = self._watcher
        if watcher is not None and (seen := tuple(event for event in events if may_see(watcher, event))):
            prev, self._told = self._told, seen[-1].n
            await self._say(_words(prev, seen))
        for at, text in follower.take_pieces():
            await self._tell({"type": "session.delta", "ids": [follower.watched], "text": text, "at": at})

    async def _mark(self, kind: str, n: int) -> None:
        """Send what moves the client's cursor, with the cursor that it must have had before."""
        prev, self._told = self._told, n
        await self._tell({"n": n, "prev": prev, "type": kind})

    async def _tell(self, message: Mapping[str, Any]) -> None:
        await self._say(_json(message))

    async def _say(self, text: str) -> None:
        await self._send({"type": "websocket.send", "text": text})

    async def _recheck(self, patience_s: float = 0) -> None:
        """Look who this is; closed when signed out (4401) or without any right to look (4403)."""
        try:
            watcher = await self._hub.desk.watcher(self._key, patience_s)
        except DatabaseError:
            raise Closed(TRY_LATER) from None
        if watcher is None:
            raise Closed(SIGN_IN)
        if not watcher.sees:
            raise Closed(FORBIDDEN)
        self._watcher = watcher

    def _count_wish(self) -> None:
        now = time.monotonic()
        if len(self._wishes) == WISHES and now - self._wishes[0] < WISHES_S:
            raise Closed(NOT_UNDERSTOOD)
        self._wishes.append(now)

    def _look(self, follower: Follower, ref: str) -> None:
        """Let the others know which request this person has open, and tell this page of the others from now on."""
        if self._watcher is None:
            return
        if self._seat is None:
            self._seat = self._hub.presence.seat(follower.wake)
        self._seat.look(ref, self._watcher.user_id, self._watcher.name)

    async def _show_lookers(self) -> None:
        if self._seat is None or self._watcher is None:
            return
        if at := self._seat.take(self._watcher.user_id):
            await self._tell({"type": "presence", "at": at})

    async def _renew(self, follower: Follower) -> None:
        """Renew the mark that lets the worker stream the watched session's answer."""
        if follower.watched:
            await self._hub.call(stream_answer, follower.watched)


def _json(said: object) -> str:
    return json.dumps(said, separators=(",", ":"))


@lru_cache(maxsize=16)  # of one round: what was told is not told again
def _words(prev: int, events: tuple[FeedEvent, ...]) -> str:
    """Return events as a socket tells them whose client stands at `prev`, put into words once for all such sockets."""
    before = (prev, *(event.n for event in events))
    told = [
        {"n": event.n, "prev": last, "type": event.kind, "ids": list(event.ids), "rev": event.rev}
        for last, event in zip(before, events, strict=False)
    ]
    return _json(told[0] if len(told) == 1 else told)


def _wish(message: Message) -> tuple[str, str]:
    """Return what the client wants ("watch" or "look") and of what, "" for of nothing; raises Closed for anything else."""
    text = message.get("text") or ""
    if len(text) > FRAME or message.get("bytes"):
        raise Closed(TOO_LARGE)
    try:
        wish = json.loads(text)
    except ValueError:
        raise Closed(NOT_UNDERSTOOD) from None
    if not isinstance(wish, dict) or len(wish) != 1:
        raise Closed(NOT_UNDERSTOOD)
    ((what, ref),) = wish.items()
    if what not in WISH or not isinstance(ref, str) or not WISH[what].fullmatch(ref):
        raise Closed(NOT_UNDERSTOOD)
    return what, ref[:24]
