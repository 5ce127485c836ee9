"""Hashes and links of many entries in the order of the log, as a yes or no, and as fast as this language goes. Pure.

What is wrong of an entry is said by `audit.verify_entry`. Here no entry costs a call of our own: what all hashes of a stream
begin with is made once, and its end is changed in place.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from struct import Struct

from audit.chain import ENTRY

Row = tuple[str, int, bytes, bytes, bytes, int]
"""An entry's stream, its number there, the hash that it says is before it, its own hash, its bytes; its key, of which nothing is said."""
_CLOSES = b'{"closes":true,'  # canonical members come sorted, so it stands first where it is
_number = Struct(">q").pack
_NEVER = 0  # no entry has this number, so none follows one that closed its stream


class Links:
    """The ends of the streams of which entries were taken."""

    __slots__ = ("_ends", "count", "firsts")

    def __init__(self) -> None:
        self.count = 0
        self.firsts: list[tuple[str, int, bytes]] = []
        """Of each stream what was taken first: its number and what it says is before it. That is not checked here."""
        self._ends: dict[str, tuple[bytes, int, bytes]] = {}

    def take(self, rows: Iterable[Row]) -> bool:
        """Take entries; return whether the hash of each is its own, and each follows the one before it in its stream."""
        ends, number, closing, count = self._ends, _number, len(_CLOSES), 0
        for stream, seq, before, hash_, body, _ in rows:
            end = ends.get(stream)
            begins, expected, last = end if end is not None else self._first(stream, seq, before)
            if (
                seq != expected
                or before != last
                or sha256(begins + number(seq) + before + sha256(body).digest()).digest() != hash_
            ):
                return False
            ends[stream] = begins, _NEVER if body[:closing] == _CLOSES else seq + 1, hash_
            count += 1
        self.count += count
        return True

    def _first(self, stream: str, seq: int, before: bytes) -> tuple[bytes, int, bytes]:
        self.firsts.append((stream, seq, before))
        name = stream.encode()
        return ENTRY + len(name).to_bytes(4, "big") + name, seq, before
