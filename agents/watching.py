"""Parts of an answer on their way to whoever watches: lossy, merged, never in the log before the answer itself is.

Deltas leave the worker as NOTIFY payloads of less than 7 KB, at most ten a second for each session (LOOP-10).
"""

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from django.db import OperationalError, connection

from agents.guardrails.outputs import settled
from agents.ledger import Ledger

log = structlog.get_logger(__name__)
CHANNEL = "countersign_delta"
EVERY_S = 0.1
MOST_BYTES = 6_000  # of text in one payload; PostgreSQL takes less than 8,000 in all
HOLD_BACK = 12  # characters kept back until more text follows; of a filtered answer `settled` says how many


@dataclass(slots=True)
class _Answer:
    """One answer as it is written: all of it so far, and what of it was sent along."""

    clean: Callable[[str], str] | None
    text: str = ""
    sent: str = ""
    fresh: bool = False

    def ready(self) -> str:
        """Return what can be sent now; nothing more once what was sent would read otherwise by what came after it."""
        self.fresh = False
        text = self.clean(self.text) if self.clean else self.text
        upto = settled(text) if self.clean else max(0, len(text) - HOLD_BACK)
        return text[len(self.sent) : upto] if text.startswith(self.sent) else ""


class Watchers:
    """Collects deltas and sends them along, merged, and filtered where the agent's answers are."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._answers: dict[str, _Answer] = {}
        self._task: asyncio.Task[None] | None = None

    def delta(self, ref: str, clean: Callable[[str], str] | None = None) -> Callable[[str], None]:
        """A function that takes the parts of one session's answer, from its beginning.

        `clean` makes of an unfinished answer what people may read of it.
        """
        answer = self._answers[ref] = _Answer(clean)

        def take(text: str) -> None:
            answer.text += text
            answer.fresh = True
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._flush())

        return take

    def forget(self, ref: str) -> None:
        """The answer is whole and stored: what was kept back of it is not needed any more."""
        self._answers.pop(ref, None)

    async def _flush(self) -> None:
        await asyncio.sleep(EVERY_S)
        self._task = None
        payloads: list[str] = []
        for ref, answer in self._answers.items():
            if answer.fresh:
                ready = answer.ready()
                payloads += _payloads(ref, ready, len(answer.sent))
                answer.sent += ready
        if payloads:
            try:
                await self._ledger.read(lambda: _notify(payloads))
            except OperationalError:
                log.info("deltas.lost", count=len(payloads))


def _payloads(ref: str, text: str, sent: int) -> list[str]:
    """Each says where in the answer it begins, so that who came late or missed some of it can tell."""
    size = MOST_BYTES // 4  # a character is at most four bytes
    return [
        json.dumps({"s": ref, "t": text[at : at + size], "at": sent + at}, ensure_ascii=False)
        for at in range(0, len(text), size)
    ]


def _notify(payloads: list[str]) -> None:
    with connection.cursor() as cursor:
        cursor.executemany("SELECT pg_notify(%s, %s)", [(CHANNEL, payload) for payload in payloads])
