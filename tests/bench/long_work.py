"""A worker for sessions of hundreds of turns, which notes its own CPU each time the model is asked.

`python -m tests.bench.long_work stub|client FILE`: with `stub` an answer costs nothing, so that what is noted is the
product's own; with `client` a real model server is asked, so that its client's growing work is in it too. FILE gets
a line for each question: its number in its session, and the CPU of this process so far in milliseconds.
"""

import asyncio
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import django

django.setup()

from agents.llm.provider import Completion, PlannedCall, Provider, Question, Usage  # noqa: E402  settings first
from agents.tasks import provider  # noqa: E402
from agents.tools import registry  # noqa: E402
from agents.worker import Worker  # noqa: E402
from tests.bench.turns import TURNS  # noqa: E402


class Noting:
    """A provider that notes each question, and ends the session when it was asked often enough."""

    def __init__(self, behind: Provider | None, file: Path) -> None:
        self._behind = behind
        self._file = file.open("w", encoding="ascii")
        self._asked = 0

    async def complete(self, question: Question, *, on_delta: Callable[[str], None] | None = None) -> Completion:
        """Answer with the next call; a summary of earlier steps is not one of the questions."""
        if not question.tools:
            return _answer("What was looked up was found each time.")
        if not any(message["role"] == "assistant" for message in question.messages):
            self._asked = 0
        self._asked += 1
        self._file.write(f"{self._asked} {time.process_time() * 1000:.3f}\n")
        if self._asked > TURNS:
            return _answer("That was all.")
        if self._behind is not None:
            return await self._behind.complete(question, on_delta=on_delta)
        call = PlannedCall(f"call_{self._asked}", "bench_look_up", f'{{"query": "what {self._asked} is"}}')
        return _answer(f"Step {self._asked}.", call)

    async def aclose(self) -> None:
        """Write what was noted."""
        self._file.close()
        if self._behind is not None:
            await self._behind.aclose()


def _answer(text: str, *calls: PlannedCall) -> Completion:
    reason = "tool_calls" if calls else "stop"
    return Completion(text, calls, reason, Usage(100, 10), "scripted-1", "", 1, None)


def main(how: str, file: Path) -> None:
    """Work until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    registry.load()
    noting = Noting(provider() if how == "client" else None, file)
    asyncio.run(Worker(noting, capacity=4).run(lifetime_s=3600, told_to_stop=stop.is_set))


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
