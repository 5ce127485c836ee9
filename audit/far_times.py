"""Times that no calendar of Python's holds, which PostgreSQL's does: only a forger writes them, and they must hide no page.

psycopg raises where it reads one (`infinity`, a year before 1 or after 9999). On every connection of this process such a time
is read as the nearest that every page can show, in any zone. Verification compares in SQL and names the entry.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from psycopg import DataError
from psycopg.abc import Buffer, Loader
from psycopg.postgres import types
from psycopg.pq import Format

FIRST, LAST = datetime(2, 1, 1, tzinfo=UTC), datetime(9998, 12, 31, tzinfo=UTC)
_TIME = types["timestamptz"].oid


def listen() -> None:
    """Have every connection that this process makes from now on read such times."""
    connection_created.connect(_reads_far_times, dispatch_uid="countersign.far_times")


def _reads_far_times(connection: BaseDatabaseWrapper, **_: Any) -> None:
    adapters = connection.connection.adapters
    loader = adapters.get_loader(_TIME, Format.TEXT)
    if loader is not None and not hasattr(loader, "nearest"):
        adapters.register_loader(_TIME, _clamped(loader))


@cache
def _clamped(loader: type[Any]) -> type[Loader]:
    class Clamped(loader):  # type: ignore[misc]  # Django's own, which knows the connection's zone
        """Reads what the loader beneath reads, and the nearest time where that has none."""

        def nearest(self, data: Buffer) -> datetime:
            """Return the first or the last time that is shown."""
            said = bytes(data)
            return FIRST if said.startswith(b"-") or said.endswith(b"BC") else LAST

        def load(self, data: Buffer) -> datetime:
            """Return a time that can be shown."""
            try:
                time: datetime = super().load(data)
            except (DataError, OverflowError):
                return self.nearest(data)
            return min(max(time, FIRST), LAST)

    return Clamped
