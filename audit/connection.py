"""Statements of the writer on Django's connection, and the database's refusals as errors of this floor.

They go through a cursor with parameters on the server's side instead of Django's: no value is quoted into the text,
and where the connection allows prepared statements (`prepare_threshold`) the plan of a shape is made once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import DatabaseError, connections

from audit.errors import CountersignError, InvalidEntry, StreamClosed

STREAM_CLOSED = "CS001"
INVALID_ENTRY = "CS002"
NUL_CHARACTER = "22P05"


class Writer:
    """A cursor inside the caller's transaction."""

    __slots__ = ("_connection", "_cursor")

    def __init__(self, using: str) -> None:
        self._connection = connections[using]
        self._connection.validate_no_broken_transaction()
        self._cursor: psycopg.Cursor[Any] = psycopg.Cursor(self._connection.connection)

    def run(self, statement: str, parameters: Sequence[Any]) -> None:
        """Run one statement; refusals of the log become InvalidEntry and StreamClosed, the rest Django's errors."""
        try:
            with self._connection.wrap_database_errors:
                self._cursor.execute(statement, parameters)
        except UnicodeEncodeError:
            raise InvalidEntry(reason="it holds half a surrogate pair") from None
        except DatabaseError as error:
            raise _refusal(error) or error from None

    def rows(self, statement: str, parameters: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Run one statement and return its rows."""
        self.run(statement, parameters)
        return self._cursor.fetchall()


def read(statement: str, parameters: Sequence[Any] = (), *, using: str = "default") -> list[dict[str, Any]]:
    """Run one reading statement outside of Django's cursor and return its rows by column.

    For statements that a process runs all day on one connection: where that prepares statements, they are planned once.
    """
    connection = connections[using]
    connection.ensure_connection()
    with connection.wrap_database_errors, psycopg.Cursor(connection.connection) as cursor:
        cursor.execute(statement, parameters)
        names = [column.name for column in cursor.description or ()]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]


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
