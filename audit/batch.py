"""What is handed to the one writer: changes of rows, new rows, and the entries that record them. Pure.

Values stand for columns. A few of them are not plain values but say what the database shall put there by its own
clock or from the row itself: `NOW`, `After`, `Plus`; `FUTURE` and `PAST` are guards on a time.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import Any
from uuid import UUID

from audit.entry import Entry
from audit.lifecycle import Lifecycle


class Clock(Enum):
    """What the database's clock says: as a value, or as a guard on a column that holds a time."""

    NOW = "now"
    FUTURE = "future"
    PAST = "past"


NOW = Clock.NOW
FUTURE = Clock.FUTURE
PAST = Clock.PAST


@dataclass(frozen=True, slots=True)
class After:
    """A time `seconds` from now by the database's clock; may be negative."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Plus:
    """The column's own value plus `amount`; only in a change."""

    amount: int


def settled(value: Any, at: datetime) -> Any:
    """Return what `value` puts into a column in a call that happens at `at`; of a `Plus` the amount."""
    if value is NOW:
        return at
    if type(value) is After:
        return at + timedelta(seconds=value.seconds)
    return value.amount if type(value) is Plus else value


@dataclass(frozen=True, slots=True)
class Change:
    """Compare-and-swap of one row: from `state` by `event` (or several, one after the other) to what the table says.

    `values` are further columns written by the same statement, `guard` further equalities that must hold (a guard may
    be None, `FUTURE` or `PAST`). Keys are names of fields or of their columns (`session` and `session_id` are one).
    """

    lifecycle: Lifecycle
    id: UUID
    state: str
    event: str | tuple[str, ...]
    values: Mapping[str, Any] = field(default_factory=dict)
    guard: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Birth:
    """A new row of `model` ("agents.Session"); with a lifecycle its status is where `path` leads from the start.

    Columns that are left out get the database's default. `after_changes` writes the row after the changes of the same
    call, for a unique rule that only a change makes room in.
    """

    model: str
    values: Mapping[str, Any]
    lifecycle: Lifecycle | None = None
    path: tuple[str, ...] = ()
    after_changes: bool = False


@dataclass(frozen=True, slots=True)
class Batch:
    """Changes, new rows and entries that stand or fall together.

    `notices` are channels and payloads: whoever listens is told with the commit.
    """

    changes: tuple[Change, ...] = ()
    births: tuple[Birth, ...] = ()
    entries: tuple[Entry, ...] = ()
    notices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Appended:
    """What the log says of an entry that was just written; `at` is the time that the whole call shares."""

    id: int
    stream: str
    seq: int
    entry_hash: bytes
    at: datetime
