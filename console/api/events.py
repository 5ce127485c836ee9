"""The live feed as server-sent events: the same events, rights and cursor as the websocket's.

One listener serves all streams of a process (`console.live`), and reads of the database happen in its one thread, so an
open stream holds no connection. Who listens is looked at again every few seconds.
"""

import json
import time
from collections import Counter
from collections.abc import AsyncIterator
from typing import Annotated

from asgiref.sync import sync_to_async
from django.db import DatabaseError
from django.http import HttpRequest, StreamingHttpResponse
from ninja import Query, Router

from audit.feed import FeedEvent
from console.api.endpoint import ApiRequest, endpoint
from console.api.waiting import let_go
from console.auth import Caller
from console.errors import InvalidCursor, TooMany
from console.follower import Follower
from console.live import Hub
from console.rights import Right
from console.tokens import caller_of_bearer
from console.watchers import Watcher, lookup, may_see

router = Router(tags=["events"])
PING_S = 20.0
RECHECK_S = 5.0
STREAMS_EACH = 20
SCOPES = {
    "approval": "approvals:read",
    "decision": "approvals:read",
    "agent": "agents:read",
    "prompt": "prompts:read",
    "policy": "policies:read",
    "tool": "tools:read",
    "stop": "stop:read",
    "breaker": "breakers:read",
    "glass": "approvals:read",
    "schedule": "agents:read",
    "inlet": "agents:read",
    "limit": "limits:read",
    **dict.fromkeys(("session", "turn", "message", "tool_call", "document", "note"), "sessions:read"),
}
"""The scope that a token needs to hear of a noun; of every other noun, audit:read."""
_open: Counter[str] = Counter()


@endpoint(
    router, "GET", "/events", right=Right.SEE, scope="", answer=None, refuses=(422, 429),
    extra={"responses": {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}},
)  # fmt: skip
async def follow_events(
    request: ApiRequest, since: Annotated[int | None, Query(ge=0, le=2**62)] = None
) -> StreamingHttpResponse:
    """Follow the live feed from event number `since`, or from now; a client that reconnects sends Last-Event-ID.

    Events are `{n, prev, type, ids, rev}`; `resync` says that too much was missed and everything must be read anew.
    """
    who = request.auth.token or f"user:{request.auth.user_id}"
    if _open[who] >= STREAMS_EACH:
        raise TooMany(retry_after_s=30)
    await sync_to_async(let_go)()
    parts = _counted(who, _stream(request, _cursor(request, since)))
    return StreamingHttpResponse(parts, content_type="text/event-stream", headers={"X-Accel-Buffering": "no"})


def _cursor(request: HttpRequest, since: int | None) -> int | None:
    last = request.headers.get("Last-Event-ID", "").strip()
    if not last:
        return since
    if not last.isascii() or not last.isdigit() or len(last) > 18:
        raise InvalidCursor
    return int(last)


async def _counted(who: str, parts: AsyncIterator[str]) -> AsyncIterator[str]:
    _open[who] += 1
    try:
        async for part in parts:
            yield part
    finally:
        _open[who] -= 1
        if not _open[who]:
            del _open[who]


async def _stream(request: ApiRequest, cursor: int | None) -> AsyncIterator[str]:
    hub = Hub.current()
    follower = await hub.follow(cursor)
    caller: Caller | None = request.auth
    told = follower.cursor
    checked = pinged = time.monotonic()
    try:
        yield _line("hello", follower.cursor, told)
        while caller is not None:
            news = await follower.wait(max(0.0, RECHECK_S - (time.monotonic() - checked)))
            if time.monotonic() - checked >= RECHECK_S:
                caller, checked = await _again(hub, request), time.monotonic()
            if news and caller is not None:
                lines, told = await _news(follower, caller, told)
                for line in lines:
                    yield line
            if time.monotonic() - pinged >= PING_S:
                pinged, told = time.monotonic(), follower.cursor
                yield _line("ping", follower.cursor, told)
    finally:
        follower.leave()


async def _news(follower: Follower, caller: Caller, told: int) -> tuple[list[str], int]:
    """Return the lines of what is new and may be known, and the number that was told last."""
    events = await follower.take()
    if events is None:
        return [_line("resync", follower.cursor, told)], follower.cursor
    lines = []
    for event in events:
        if hears(caller, event):
            lines.append(_line(event.kind, event.n, told, event))
            told = event.n
    return lines, told


def hears(caller: Caller, event: FeedEvent) -> bool:
    """Return whether the caller may know of the event, by roles and by the token's scopes."""
    scope = SCOPES.get(event.kind.partition(".")[0], "audit:read")
    within = caller.scopes is None or scope in caller.scopes
    return within and may_see(Watcher(caller.user_id, caller.roles), event)


def _line(kind: str, n: int, prev: int, event: FeedEvent | None = None) -> str:
    rest = {} if event is None else {"ids": list(event.ids), "rev": event.rev}
    data = json.dumps({"n": n, "prev": prev, "type": kind, **rest}, separators=(",", ":"))
    return f"id: {n}\nevent: {kind}\ndata: {data}\n\n"


async def _again(hub: Hub, request: ApiRequest) -> Caller | None:
    """Look again who this is; None once the token, the session or the right is gone, or nobody can say."""
    try:
        caller = await hub.call(_look, request)
    except DatabaseError:
        return None
    return caller if caller is not None and caller.has(Right.SEE) else None


def _look(request: ApiRequest) -> Caller | None:
    caller = request.auth
    if caller.token:
        return caller_of_bearer(request.headers["Authorization"].partition(" ")[2].strip())
    key = request.session.session_key or ""
    watcher = lookup([key]).get(key)
    if watcher is None:
        return None
    return Caller("user", watcher.user_id, caller.name, caller.email, watcher.roles)
