"""The line before the pages: so many are made at once in this process, in the order in which they were asked for.

Many open pages fetch what changed in the same moment. Made all at once they would take every database connection, and each
other's time; and the socket that tells of the next change would wait behind all of them. What writes, the API and the
probes never stand in the line. Who waits too long is told to come again, which a page's script does by itself.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

PATIENCE_S = 10.0
AGAIN_S = 2
APART = ("/api/", "/static/", "/healthz", "/readyz", "/metrics")
BUSY = b"This server has more pages to make than it can at the moment. Load the page again in a few seconds."


class Line:
    """An ASGI application before which reads of pages stand in line."""

    def __init__(self, app: App, *, places: int, patience_s: float = PATIENCE_S) -> None:
        """Take the application, how many pages it makes at once, and how long somebody waits for a place."""
        self._app = app
        self._places = asyncio.Semaphore(places)
        self._patience_s = patience_s

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer at once what does not stand in line, the rest when its turn has come; 503 where it does not come in time."""
        if scope.get("method") not in ("GET", "HEAD") or str(scope.get("path", "")).startswith(APART):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._patience_s):
                await self._places.acquire()
        except TimeoutError:
            await _busy(send)
            return
        try:
            await self._app(scope, receive, send)
        finally:
            self._places.release()


async def _busy(send: Send) -> None:
    headers = {"content-type": "text/plain; charset=utf-8", "retry-after": str(AGAIN_S), "cache-control": "no-store"}
    told = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": 503, "headers": told})
    await send({"type": "http.response.body", "body": BUSY})
