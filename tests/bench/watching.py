"""Another reviewer's screen: a signed-in websocket, and the page's fragments fetched anew as its script does.

`python -m tests.bench.watching HOST:PORT FILE --decisions N` opens each request's page when it is asked for, waits until so many
were decided, and prints when each decision's event arrived and when the changed fragments had.
"""

import argparse
import asyncio
import json
import random
import re
import time
from collections.abc import Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django

django.setup()

import httpx2  # noqa: E402  settings first
from asgiref.sync import sync_to_async  # noqa: E402
from websockets.asyncio.client import connect  # noqa: E402

from tests.bench.people import account  # noqa: E402
from tests.bench.signing import cookie  # noqa: E402

JITTER_S = 0.06  # live.js spreads the fetches of many screens over so long
_REGION = re.compile(r'data-live-url="([^"]+)"')
_REVISION = re.compile(r'data-rev="(\d+)"')


@dataclass(slots=True)
class Screen:
    """One reviewer's open page and what arrived when."""

    http: httpx2.AsyncClient
    regions: dict[str, list[str]] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)
    pages: dict[str, int] = field(default_factory=dict)
    fetched_ms: list[float] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def hear(self, message: dict[str, Any]) -> None:
        """Take one message of the socket."""
        now = time.time_ns()
        request = next((ref for ref in message.get("ids", ()) if ref.startswith("AP-")), "")
        if message["type"] == "approval.requested":
            self._do(self._open(request))
        elif message["type"] == "approval.approved":
            self.events[request] = now
            self._do(self._refresh(request, message["n"]))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        self.tasks = [task for task in self.tasks if not task.done() or task.result() is not None]  # a failed one raises here
        self.tasks.append(asyncio.create_task(work))

    async def _open(self, request: str) -> None:
        page = await self.http.get(f"/approvals/{request}/")
        page.raise_for_status()
        self.regions[request] = [url.replace("&amp;", "&") for url in _REGION.findall(page.text)]

    async def _refresh(self, request: str, n: int) -> None:
        await asyncio.sleep(random.uniform(0, JITTER_S))
        began = time.monotonic()
        answers = await asyncio.gather(*(self.http.get(url) for url in self.regions[request]))
        self.pages[request] = time.time_ns()
        self.fetched_ms.append((time.monotonic() - began) * 1000)
        for answer in answers:
            shown = _REVISION.search(answer.raise_for_status().text)
            if shown is None or int(shown.group(1)) < n:
                raise AssertionError(f"{answer.url} does not show event {n}")


async def main(wanted: argparse.Namespace) -> None:
    """Watch, and print."""
    headers = {"Cookie": await sync_to_async(lambda: cookie(account("rita", "reviewer")))()}
    url = f"ws://{wanted.address}/ws/live/"
    async with (
        httpx2.AsyncClient(base_url=f"http://{wanted.address}", headers=headers, timeout=20) as http,
        connect(url, additional_headers=headers, origin=f"http://{wanted.address}") as socket,  # type: ignore[arg-type]  # a NewType of str
    ):
        screen = Screen(http)
        await asyncio.to_thread(Path(wanted.ready).touch)
        async for message in socket:
            if wanted.decisions:
                told = json.loads(message)
                for one in told if isinstance(told, list) else [told]:
                    screen.hear(one)
                if len(screen.events) == wanted.decisions:
                    break
        await asyncio.gather(*screen.tasks)
    print(json.dumps({"events": screen.events, "pages": screen.pages, "fetched_ms": screen.fetched_ms}))


def _wanted() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("address")
    parser.add_argument("ready", help="the file to make when the socket is open")
    parser.add_argument("--decisions", type=int, default=0, help="how many to wait for; 0: only follow, until stopped")
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(main(_wanted()))
