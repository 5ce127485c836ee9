"""The SQL that moves and makes rows: one set-based statement per shape of rows, its text made once and kept.

Rows travel as one JSON text that the database takes apart with the columns' own types, so a statement costs the same
text and plan whether it moves one row or fifty. Shapes come from the code that calls, never from outside.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import lru_cache
from typing import Any
from uuid import UUID

from django.apps import apps
from django.db import connections
from django.db.models import Field
from django.db.models.options import Options

from audit.batch import FUTURE, PAST, Plus

Shape = tuple[tuple[str, str], ...]


def mode(value: object) -> str:
    """Return how a value takes part in a statement: "=" as it is, "+" added to the column, ">" or "<" beside now."""
    if value is FUTURE:
        return ">"
    if value is PAST:
        return "<"
    return "+" if type(value) is Plus else "="


@dataclass(frozen=True, slots=True)
class Column:
    """A column as SQL: its quoted name and its type."""

    name: str
    type: str


@lru_cache(maxsize=1024)
def column(model: str, key: str) -> Column:
    """Return the column that `key` names, by the field's name or the column's; raises FieldDoesNotExist."""
    connection = connections["default"]
    field: Field[Any, Any] = _options(model).get_field(key)  # type: ignore[assignment]  # columns only
    kind = field.cast_db_type(connection)
    if kind is None or field.column is None:
        raise ValueError(f"{model}.{key} is not a column")
    return Column(connection.ops.quote_name(field.column), kind)


def _options(model: str) -> Options[Any]:
    options: Options[Any] = apps.get_model(model)._meta  # noqa: SLF001 Django's documented name
    return options


def table(model: str) -> str:
    """Return the quoted name of the model's table."""
    return connections["default"].ops.quote_name(_options(model).db_table)


@lru_cache(maxsize=1024)
def update(model: str, values: Shape, guards: Shape) -> str:
    """Return the compare-and-swap of rows of one shape: rows come as `i`, `o` (old status), `n` (next), `v0…`, `g0…`."""
    source, sets, tests = ["i uuid", "o text", "n text"], ["status = v.n"], ["t.id = v.i", "t.status = v.o"]
    for number, (key, how) in enumerate(values):
        to = column(model, key)
        source.append(f"v{number} {to.type}")
        sets.append(f"{to.name} = v.v{number}" if how == "=" else f"{to.name} = t.{to.name} + v.v{number}")
    for number, (key, how) in enumerate(guards):
        held = column(model, key)
        if how == "=":
            source.append(f"g{number} {held.type}")
            tests.append(f"t.{held.name} IS NOT DISTINCT FROM v.g{number}")
        else:
            tests.append(f"t.{held.name} {how} clock_timestamp()")
    return (
        f"UPDATE {table(model)} AS t SET {', '.join(sets)} "  # noqa: S608 names come from models, values are parameters
        f"FROM json_to_recordset(%s) AS v({', '.join(source)}) WHERE {' AND '.join(tests)} RETURNING t.id"
    )


@lru_cache(maxsize=1024)
def insert(model: str, keys: tuple[str, ...]) -> str:
    """Return the insertion of rows with these columns: rows come as `v0…`."""
    columns = [column(model, key) for key in keys]
    names = ", ".join(one.name for one in columns)
    source = ", ".join(f"v{number} {one.type}" for number, one in enumerate(columns))
    picked = ", ".join(f"v.v{number}" for number in range(len(columns)))
    return (
        f"INSERT INTO {table(model)} ({names}) "  # noqa: S608 names come from models, values are parameters
        f"SELECT {picked} FROM json_to_recordset(%s) AS v({source})"
    )


def as_json(rows: Iterable[dict[str, Any]]) -> str:
    """Return rows as the JSON text that the statements take apart."""
    return _encode(list(rows))


def _default(value: object) -> Any:
    if isinstance(value, UUID | Decimal):
        return str(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, bytes | memoryview):
        return "\\x" + bytes(value).hex()
    if isinstance(value, timedelta):
        return f"{value.total_seconds()} seconds"
    if isinstance(value, set | frozenset):
        return sorted(value)
    raise TypeError(f"a column cannot take {type(value).__name__}")


_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False, default=_default).encode
