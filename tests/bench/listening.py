"""Many people's sockets in one process: `python -m tests.bench.listening ADDRESS FOLDER`, cookies on the standard input.

Makes the file FOLDER/listening when all are open, stops when FOLDER/over is there and nothing came for two seconds, and
prints for each event when it arrived at each socket, and how often a message did not name the one before it.
"""

import asyncio
import json
import sys
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from websockets.asyncio.client import connect

QUIET_S = 2.0


@dataclass(slots=True)
class Heard:
    """What all sockets heard."""

    arrivals: dict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    named: dict[int, str] = field(default_factory=dict)
    gaps: int = 0
    open: int = 0
    last: float = 0

    def take(self, message: dict[str, Any], at: int, now: int) -> None:
        """Note a message that came to a socket which stood at an event."""
        if message["type"] == "hello":
            self.open += 1
        elif message["type"] != "ping":
            self.gaps += message.get("prev") != at
            self.arrivals[message["n"]].append(now)
            self.named[message["n"]] = " ".join([message["type"], *message.get("ids", ())])
            self.last = time.monotonic()


async def listen(address: str, cookie: str, heard: Heard) -> None:
    """Follow one socket for good."""
    headers = {"Cookie": cookie}
    url, origin = f"ws://{address}/ws/live/", f"http://{address}"
    async with connect(url, additional_headers=headers, origin=origin) as socket:  # type: ignore[arg-type]  # a NewType of str
        at = 0
        async for text in socket:
            now, told = time.time_ns(), json.loads(text)
            for message in told if isinstance(told, list) else [told]:
                heard.take(message, at, now)
                at = message["n"]


async def main(address: str, folder: Path, cookies: list[str]) -> None:
    """Open all, listen until it is over, and print."""
    heard = Heard()
    tasks = [asyncio.create_task(listen(address, cookie, heard)) for cookie in cookies]
    while heard.open < len(cookies):  # noqa: ASYNC110  it ends once, and nobody waits for it to the moment
        await asyncio.sleep(0.1)
    (folder / "listening").touch()
    while not ((folder / "over").exists() and time.monotonic() - heard.last > QUIET_S):  # noqa: ASYNC110  a file says nothing
        await asyncio.sleep(0.1)
    closed = sum(task.done() for task in tasks)
    print(json.dumps({"arrivals": heard.arrivals, "named": heard.named, "gaps": heard.gaps, "closed": closed}))
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), sys.stdin.read().split()))
