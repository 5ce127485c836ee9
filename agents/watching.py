"""Parts of an answer on their way to whoever watches: lossy, merged, never in the log before the answer itself is.

Deltas leave the worker as NOTIFY payloads of less than 7 KB, at most ten a second for each session (LOOP-10).
"""

import asyncio
import json
from collections.abc import Callable

import structlog
from django.db import OperationalError, connection

from agents.ledger import Ledger

log = structlog.get_logger(__name__)
CHANNEL = "countersign_delta"
EVERY_S = 0.1
MOST_BYTES = 6_000  # of text in one payload; PostgreSQL takes less than 8,000 in all
HOLD_BACK = 12  # characters kept back until more text follows, so that a filter sees whole words


class Watchers:
    """Collects deltas and sends them along, merged."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._texts: dict[str, str] = {}
        self._sent: dict[str, int] = {}  # characters of the present answer that were sent along
        self._task: asyncio.Task[None] | None = None

    def delta(self, ref: str) -> Callable[[str], None]:
        """A function that takes the parts of one session's answer, from its beginning."""
        self.forget(ref)

        def take(text: str) -> None:
            self._texts[ref] = self._texts.get(ref, "") + text
            if self._task is None:
                self._task = asyncio.get_running_loop().create_task(self._flush())

        return take

    def forget(self, ref: str) -> None:
        """The answer is whole and stored: what was kept back of it is not needed any more."""
        self._texts.pop(ref, None)
        self._sent.pop(ref, None)

    async def _flush(self) -> None:
        await asyncio.sleep(EVERY_S)
        texts, self._texts, self._task = self._texts, {}, None
        payloads: list[str] = []
        for ref, text in texts.items():
            at, ready = self._sent.get(ref, 0), text[:-HOLD_BACK]
            payloads += _payloads(ref, ready, at)
            self._sent[ref] = at + len(ready)
            self._texts[ref] = text[-HOLD_BACK:] + self._texts.get(ref, "")
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
