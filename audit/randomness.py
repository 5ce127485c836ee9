"""Random bytes of the operating system, fetched in blocks: a call for each id and salt costs more than the rest of it.

A block is never used on both sides of a fork.
"""

from __future__ import annotations

import os
import threading

BLOCK = 4096


class _Pool:
    """Bytes that were fetched and not yet handed out."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._block = b""
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next `count` bytes; none is ever handed out twice."""
        with self._lock:
            if self._at + count > len(self._block):
                self._block, self._at = os.urandom(max(BLOCK, count)), 0
            taken = self._block[self._at : self._at + count]
            self._at += count
            return taken

    def forget(self) -> None:
        """Start anew in a child process, with a lock that nobody holds."""
        self._lock = threading.Lock()
        self._block, self._at = b"", 0


_pool = _Pool()
os.register_at_fork(after_in_child=_pool.forget)


def random_bytes(count: int) -> bytes:
    """Return `count` random bytes, fit for salts and identifiers."""
    return _pool.take(count)
