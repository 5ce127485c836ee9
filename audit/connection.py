"""Statements of the writer on Django's connection, and the database's refusals as errors of this floor.

They go through a cursor with parameters on the server's side instead of Django's: no value is quoted into the text,
and where the connection allows prepared statements (`prepare_threshold`) the plan of a shape is made once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from datetime import datetime
from functools import cache
from typing import Any, Generic, NamedTuple, TypeVar
from uuid import UUID

import psycopg
from django.db import DatabaseError, connections
from django.db.models import Field, Model

from audit.errors import CountersignError, InvalidEntry, StreamClosed

M = TypeVar("M", bound=Model)
N = TypeVar("N", bound=Model)
Parameters = Sequence[Any] | Mapping[str, Any]
STREAM_CLOSED = "CS001"
INVALID_ENTRY = "CS002"
NUL_CHARACTER = "22P05"
PIPED: ContextVar[bool] = ContextVar("piped", default=True)
"""Whether this thread sends the statements of one write together (libpq's pipeline mode), or waits for each."""


class Sent:
    """A statement that was sent; its answer is there once the sending is over."""

    __slots__ = ("_cursor",)

    def __init__(self, cursor: psycopg.Cursor[Any]) -> None:
        self._cursor = cursor

    def rows(self) -> list[tuple[Any, ...]]:
        """Return the rows that it answered."""
        return self._cursor.fetchall()

    def records(self) -> list[dict[str, Any]]:
        """Return the rows that it answered, by column."""
        result = self._cursor.pgresult  # its names are asked for here: `description` makes an object for each column
        names = [(result.fname(at) or b"").decode() for at in range(result.nfields)] if result else []
        return [dict(zip(names, row, strict=True)) for row in self._cursor.fetchall()]

    def answered(self) -> list[tuple[Any, ...]] | None:
        """Return the rows; None where it never came to be run because one before it failed, or failed itself."""
        result = self._cursor.pgresult
        return self._cursor.fetchall() if result is not None and result.status == psycopg.pq.ExecStatus.TUPLES_OK else None


class Writer:
    """Statements inside the caller's transaction."""

    __slots__ = ("_connection",)

    def __init__(self, using: str) -> None:
        self._connection = connections[using]
        self._connection.validate_no_broken_transaction()

    @contextmanager
    def sending(self) -> Iterator[None]:
        """Send the statements of this block one behind the other, with one wait for all of their answers where `PIPED`.

        On the way out: refusals of the log become InvalidEntry and StreamClosed, the rest Django's errors. After the first
        statement that fails none is run.
        """
        try:
            with (
                self._connection.wrap_database_errors,
                self._connection.connection.pipeline() if PIPED.get() else nullcontext(),
            ):
                yield
        except UnicodeEncodeError:
            raise InvalidEntry(reason="it holds half a surrogate pair") from None
        except DatabaseError as error:
            if refusal := _refusal(error):
                raise refusal from None
            raise  # with its cause, which names the database's own code

    def send(self, statement: str, parameters: Parameters, *, binary: bool = False) -> Sent:
        """Send one statement; `binary` has it answered in the database's own form, which is less work where much are bytes."""
        cursor: psycopg.Cursor[Any] = psycopg.Cursor(self._connection.connection)
        cursor.execute(statement, parameters, binary=binary)
        return Sent(cursor)

    def rows(self, statement: str, parameters: Parameters, *, binary: bool = False) -> list[tuple[Any, ...]]:
        """Run one statement by itself and return its rows."""
        with self._connection.wrap_database_errors:
            return self.send(statement, parameters, binary=binary).rows()


Asked = tuple[str, Sequence[Any]]
"""A reading statement and its parameters."""


def read(statement: str, parameters: Sequence[Any] = (), *, using: str = "default") -> list[dict[str, Any]]:
    """Run one reading statement outside of Django's cursor and return its rows by column.

    For statements that a process runs all day on one connection: where that prepares statements, they are planned once.
    """
    connections[using].ensure_connection()
    with connections[using].wrap_database_errors:
        return Writer(using).send(statement, parameters).records()


def _rows(statement: str, parameters: Sequence[Any], using: str) -> list[tuple[Any, ...]]:
    """As `read`, without the names of the columns."""
    connections[using].ensure_connection()
    return Writer(using).rows(statement, parameters)


def read_together(*asked: Asked, using: str = "default") -> list[list[dict[str, Any]]]:
    """As `read`, of several statements that do not depend on each other's answers: sent together, with one wait for all."""
    connections[using].ensure_connection()
    writer = Writer(using)
    with writer.sending():
        sent = [writer.send(statement, parameters) for statement, parameters in asked]
    return [one.records() for one in sent]


def locked(model: type[M], key: UUID, *, using: str = "default") -> M | None:
    """Read one row whole, by its primary key, and lock it until the transaction ends (`FOR NO KEY UPDATE`).

    As the model's own `select_for_update`, in a statement that is planned once; see `read`.
    """
    for values in _rows(_locking(model, ""), [key], using):
        return _instance(model, values, using)
    return None


def locked_now(model: type[M], key: UUID | int, *, by: str = "", using: str = "default") -> tuple[M, datetime] | None:
    """As `locked`, by any unique column, with the database's time after the lock was got: waiting for it takes time too."""
    for *values, now in _rows(_LOCKED_NOW.format(locking=_locking(model, by)), [key], using):
        return _instance(model, values, using), now
    return None


class Pair(NamedTuple, Generic[M, N]):
    """Two rows that are locked, the second one where there is one, and the installation's log and the time after that."""

    row: M
    other: N | None
    log: UUID
    now: datetime


def locked_with(
    model: type[M],
    key: UUID | int,
    other: type[N],
    link: str,
    *,
    by: str = "",
    behind: Asked | None = None,
    using: str = "default",
) -> tuple[Pair[M, N], list[dict[str, Any]]] | None:
    """As `locked_now`, and behind it the row of `other` that the column `link` points to, which never changes.

    One statement locks both. What is asked `behind` it sees all that was committed until both were locked.
    """
    connection = connections[using]
    connection.ensure_connection()
    writer = Writer(using)
    with writer.sending() if behind else connection.wrap_database_errors:
        locking = writer.send(_locking_pair(model, by, other, link), [key])
        told = writer.send(*behind) if behind else None
    for values in locking.rows():
        *found, log, now = values
        end = len(_names(model))
        linked = _instance(other, found[end:], using) if found[end] is not None else None  # its key, a model's first column
        return Pair(_instance(model, found[:end], using), linked, log, now), told.records() if told else []
    return None


# Common table expressions: the second row is looked for by what the first one says, so it is locked after it, as everywhere;
# the time is asked once the rows are locked.
_LOCKED_NOW = 'WITH one AS MATERIALIZED ({locking}) SELECT one.*, clock_timestamp() AS "_now" FROM one'
_LOCKED_PAIR = (
    "WITH one AS MATERIALIZED ({locking}),"
    " other AS MATERIALIZED ({selecting} WHERE id = (SELECT {link} FROM one) FOR NO KEY UPDATE)"
    " SELECT one.*, other.*, (SELECT id FROM audit_log), clock_timestamp() FROM one LEFT JOIN other ON true"
)


def _instance(model: type[M], values: Sequence[Any], using: str) -> M:
    """Return a row that was read whole as the model's own manager would."""
    values = list(values)
    for place, load in _loads(model):
        values[place] = load(values[place])
    return model.from_db(using, _names(model), values)


@cache
def _locking_pair(model: type[Model], by: str, other: type[Model], link: str) -> str:
    return _LOCKED_PAIR.format(locking=_locking(model, by), selecting=_selecting(other), link=link)


@cache
def _names(model: type[Model]) -> list[str]:
    return [field.attname for field in model._meta.concrete_fields]  # noqa: SLF001 Django's documented name


@cache
def _locking(model: type[Model], by: str) -> str:
    columns, _, _ = _selecting(model).partition(" FROM ")
    return f"{columns} {_finding(model, by)} FOR NO KEY UPDATE"


@cache
def _finding(model: type[Model], by: str) -> str:
    options = model._meta  # noqa: SLF001 as above
    quote = connections["default"].ops.quote_name
    key = quote(str(options.get_field(by).column if by else options.pk.column))  # type: ignore[union-attr]  # columns only
    return f"FROM {quote(options.db_table)} WHERE {key} = %s"


@cache
def _selecting(model: type[Model]) -> str:
    quote = connections["default"].ops.quote_name
    options = model._meta  # noqa: SLF001 as above
    columns = ", ".join(quote(str(field.column)) for field in options.concrete_fields)
    return f"SELECT {columns} FROM {quote(options.db_table)}"  # noqa: S608 names of models


@cache
def _loads(model: type[Model]) -> list[tuple[int, Callable[[Any], Any]]]:
    """What makes of some columns' values what the model holds, by place: JSON comes as text."""
    fields: Sequence[Field[Any, Any]] = model._meta.concrete_fields  # noqa: SLF001 as above
    return [(place, _load(field)) for place, field in enumerate(fields) if hasattr(field, "from_db_value")]


def _load(field: Any) -> Callable[[Any], Any]:
    return lambda value: field.from_db_value(value, None, connections["default"])


def _refusal(error: DatabaseError) -> CountersignError | None:
    cause = error.__cause__
    if not isinstance(cause, psycopg.Error):
        return None
    if cause.sqlstate == STREAM_CLOSED:
        return StreamClosed(stream=cause.diag.message_detail or "")
    if cause.sqlstate == INVALID_ENTRY:
        return InvalidEntry(reason=cause.diag.message_primary or "")
    if cause.sqlstate == NUL_CHARACTER:
        return InvalidEntry(reason="it holds a NUL character")
    return None
