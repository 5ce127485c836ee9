"""A value that is read from the database again after a second at most, so that a judgement costs no query."""

import time
from collections.abc import Callable
from typing import Generic, TypeVar

from django.db import connection

T = TypeVar("T")

MAX_AGE_S = 1.0


class Recent(Generic[T]):
    """What `read` returned within the last second, per database.

    Inside a transaction it is read anew and not kept: the transaction may have changed it, and may yet be undone.
    """

    def __init__(self, read: Callable[[], T]) -> None:
        self._read = read
        self._kept: tuple[str, float, T] | None = None

    def get(self, *, fresh: bool = False) -> T:
        """Return the value; with `fresh` as it stands in the database now."""
        if connection.in_atomic_block:
            return self._read()
        database = f"{connection.settings_dict['HOST']}/{connection.settings_dict['NAME']}"
        kept = self._kept
        if not fresh and kept is not None and kept[0] == database and time.monotonic() - kept[1] < MAX_AGE_S:
            return kept[2]
        asked = time.monotonic()
        value = self._read()
        self._kept = (database, asked, value)
        return value

    def forget(self) -> None:
        """Read again next time: something was changed."""
        self._kept = None
