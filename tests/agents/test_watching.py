"""Parts of an answer on their way to whoever watches: merged, held back a little, none lost at the beginning."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

from agents import watching
from agents.watching import HOLD_BACK, Watchers


class Wire:
    """Stands for the ledger's connection: keeps what would be notified."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []

    async def read(self, function: Callable[[], Any]) -> Any:
        """Run it, with the notifications caught."""
        return function()


def test_short_pieces_are_sent_in_order_and_whole(monkeypatch: Any) -> None:
    """LOOP-10: a slow model's first words reach the watcher; only the hold-back window stays behind."""
    wire = Wire()
    monkeypatch.setattr(watching, "_notify", lambda payloads: wire.sent.extend(map(json.loads, payloads)))
    text = "This answer comes slowly, one word after the other."

    async def answer() -> None:
        watchers = Watchers(wire)  # type: ignore[arg-type]  # only `read` is used
        take = watchers.delta("S-1")
        for word in text.split(" "):
            take(word + " ")
            await asyncio.sleep(watching.EVERY_S * 1.2)
        watchers.forget("S-1")

    asyncio.run(answer())
    shown = "".join(part["t"] for part in wire.sent)
    assert (text + " ").startswith(shown)
    assert len(shown) >= len(text) - 2 * HOLD_BACK
    assert all(part["s"] == "S-1" for part in wire.sent)


def test_each_piece_says_where_in_the_answer_it_begins(monkeypatch: Any) -> None:
    """LOOP-10: who opens the page in the middle of an answer is not shown its end as if it were the whole."""
    wire = Wire()
    monkeypatch.setattr(watching, "_notify", lambda payloads: wire.sent.extend(map(json.loads, payloads)))

    async def answer(watchers: Watchers, text: str) -> None:
        take = watchers.delta("S-1")
        for at in range(0, len(text), 40):
            take(text[at : at + 40])
            await asyncio.sleep(watching.EVERY_S * 1.2)

    async def both() -> None:
        watchers = Watchers(wire)  # type: ignore[arg-type]  # only `read` is used
        await answer(watchers, "ä" * 120)
        await answer(watchers, "tried again" * 11)

    asyncio.run(both())
    begun = [index for index, part in enumerate(wire.sent) if part["at"] == 0]
    assert len(begun) == 2, "the second try begins anew"
    for first, last in zip(begun, [*begun[1:], len(wire.sent)], strict=True):
        at = 0
        for part in wire.sent[first:last]:
            assert part["at"] == at
            at += len(part["t"])
