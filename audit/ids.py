"""Identifiers that sort by time: UUID version 7 (RFC 9562). Pure."""

from __future__ import annotations

import threading
import time
from uuid import UUID

from audit.randomness import random_bytes

_VERSION = 0x7 << 76
_VARIANT = 0b10 << 62


class _Ticks:
    """Milliseconds with twelve bits of fraction, each greater than the one before."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._last = 0

    def next(self) -> int:
        milliseconds, rest = divmod(time.time_ns(), 1_000_000)
        tick = milliseconds << 12 | (rest << 12) // 1_000_000
        with self._lock:
            self._last = max(tick, self._last + 1)
            return self._last


_ticks = _Ticks()


def uuid7() -> UUID:
    """Return a new UUIDv7; within one process each is greater than the one before, also when the clock steps back."""
    tick = _ticks.next()
    return UUID(int=(tick >> 12) << 80 | _VERSION | (tick & 0xFFF) << 64 | _VARIANT | int.from_bytes(random_bytes(8)) >> 2)
