"""The one writer: every change of a status and every audit entry goes through `transition`.

It writes what many callers hand it in a few set-based statements, sent together: new rows, changes by compare-and-swap,
raw content and entries, in the caller's transaction or in one of its own. Nothing of it stays unless all of it does.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from django.db import DatabaseError, transaction

from audit.append import TELLING, append, told
from audit.batch import FUTURE, NOW, PAST, After, Appended, Batch, Birth, Change, Plus, settled
from audit.connection import Asked, Sent, Writer
from audit.entry import Entry, Text
from audit.errors import CountersignError, StaleState
from audit.statements import as_json, insert, mode, update

Move = tuple[Sent, list[str]]
"""A change that was sent, with the ids of the rows that it shall find."""

__all__ = [
    "FUTURE",
    "MOMENT",
    "NOW",
    "PAST",
    "After",
    "Appended",
    "Batch",
    "Birth",
    "Change",
    "Entry",
    "Moment",
    "Plus",
    "Text",
    "record",
    "transition",
]


MOMENT: Asked = ("SELECT id, clock_timestamp() AS at FROM audit_log", ())
"""What is asked for a `Moment`, by whoever reads other things of the same transaction with it."""


@dataclass(frozen=True, slots=True)
class Moment:
    """The installation's log, and the time that all of one call shares: the database's, in UTC."""

    log: str
    at: datetime

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Moment:
        """Return the moment that `MOMENT` was answered with."""
        (row,) = rows
        return cls.read(row["id"], row["at"])

    @classmethod
    def read(cls, log: UUID, at: datetime) -> Moment:
        """Return the moment that was read with rows that were locked."""
        return cls(str(log), at.astimezone(UTC))


def transition(batch: Batch | Sequence[Batch], *, moment: Moment | None = None, using: str = "default") -> list[Appended]:
    """Write `batch` (or several as one); return what the log says of each entry, in the order given.

    `moment` is given by whoever asked for it in this transaction, once all rows that are to be changed were locked.

    Order: births, changes, births marked `after_changes`, content, entries. Two changes of one row are done one after
    the other. Raises StaleState when a change finds its row in another state or a guard unmet, IllegalMove,
    InvalidEntry, StreamClosed; the surrounding transaction (or savepoint) can then only be rolled back.
    """
    batches = (batch,) if isinstance(batch, Batch) else tuple(batch)
    changes = [change for one in batches for change in one.changes]
    births = [birth for one in batches for birth in one.births]
    entries = [entry for one in batches for entry in one.entries]
    with transaction.atomic(using=using, savepoint=False):
        writer = Writer(using)
        notices = [notice for one in batches for notice in one.notices]
        now = moment or _log_and_clock(writer, notices)
        log, at = now.log, now.at
        moves: list[Move] = []
        try:
            with writer.sending():
                _give_birth(writer, [birth for birth in births if not birth.after_changes], at)
                _change(writer, changes, at, moves)
                _give_birth(writer, [birth for birth in births if birth.after_changes], at)
                appended = append(writer, entries, log=log, at=at, notices=notices if moment else ())
        except (CountersignError, DatabaseError):
            _none_stale(moves)  # what failed may only be a consequence of that
            raise
        _none_stale(moves)
        return appended()


def record(entries: Iterable[Entry], *, using: str = "default") -> list[Appended]:
    """Write entries that record no change of a row; as `transition`."""
    return transition(Batch(entries=tuple(entries)), using=using)


def _log_and_clock(writer: Writer, notices: Sequence[tuple[str, str]]) -> Moment:
    """Return the moment of this call. What is told with the commit goes with the same statement."""
    statement = f"SELECT id, clock_timestamp(){f', ({TELLING})' if notices else ''} FROM audit_log"  # noqa: S608 no value is in it
    ((log, at, *_),) = writer.rows(statement, told(notices))
    return Moment(str(log), at.astimezone(UTC))


def _give_birth(writer: Writer, births: list[Birth], at: datetime) -> None:
    groups: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = {}
    for birth in births:
        row = {f"v{number}": settled(value, at) for number, value in enumerate(birth.values.values())}
        keys = tuple(birth.values)
        if birth.lifecycle is not None:
            row[f"v{len(keys)}"] = birth.lifecycle.walk(birth.path)
            keys += ("status",)
        groups.setdefault((birth.model, keys), []).append(row)
    for (model, keys), rows in groups.items():
        writer.send(insert(model, keys), (as_json(rows),))


def _change(writer: Writer, changes: list[Change], at: datetime, moves: list[Move]) -> None:
    """Do the changes in rounds, so that one row is changed once in each: a statement updates a row at most once.

    What is sent is noted in `moves`.
    """
    round_of: dict[tuple[str, UUID], int] = {}
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for change in changes:
        model = change.lifecycle.model
        number = round_of[model, change.id] = round_of.get((model, change.id), -1) + 1
        values = tuple((key, mode(value)) for key, value in change.values.items())
        guards = tuple((key, mode(value)) for key, value in change.guard.items())
        shape = (number, change.lifecycle.rank, model, values, guards)
        groups.setdefault(shape, []).append(_changed_row(change, guards, at))
    for (_, _, model, values, guards), rows in sorted(groups.items(), key=lambda group: group[0][:2]):
        rows.sort(key=lambda row: row["i"])  # rows are locked in one order, so that two writers do not lock in a circle
        moves.append((writer.send(update(model, values, guards), (as_json(rows),)), [row["i"] for row in rows]))


def _none_stale(moves: list[Move]) -> None:
    """Raise StaleState for the first change that did not find its row as it says."""
    for sent, ids in moves:
        moved = sent.answered()
        if moved is not None and len(moved) != len(ids):
            raise StaleState(ids=sorted(set(ids) - {str(id_) for (id_,) in moved}))


def _changed_row(change: Change, guards: tuple[tuple[str, str], ...], at: datetime) -> dict[str, Any]:
    events = (change.event,) if isinstance(change.event, str) else change.event
    row: dict[str, Any] = {
        "i": str(change.id),
        "o": change.state,
        "n": change.lifecycle.follow(change.state, events),
    }
    for number, value in enumerate(change.values.values()):
        row[f"v{number}"] = settled(value, at)
    for number, (value, (_, how)) in enumerate(zip(change.guard.values(), guards, strict=True)):
        if how == "=":
            row[f"g{number}"] = settled(value, at)
    return row
