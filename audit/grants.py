"""Rights of the application's role in the database: what the log must not allow is taken back from it here.

Run by a migration, and again after every `migrate` that an installation makes under an owner of its own. With one role
for both there is nothing to grant, and no wall either: triggers still refuse, and the system check says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, LiteralString, Protocol

from django.conf import settings
from django.db import connections
from psycopg import sql

READ_ONLY = (
    "audit_log",
    "audit_stream",
    "audit_entry",
    "audit_pending",
    "audit_log_index",
    "audit_subtree",
    "audit_checkpoint",
)
CONTENT = "audit_content"
FUNCTIONS = (
    "audit_append(bytea[], integer[], uuid[], text[], bytea[], text[])",
    "audit_index(integer)",
    "audit_seal(bigint, bytea, text, integer[], bigint[], bytea[])",
)


class _Cursor(Protocol):
    def execute(self, query: Any, parameters: Any = ...) -> object: ...
    def fetchone(self) -> Any: ...


def application_role(cursor: _Cursor) -> tuple[str, str]:
    """Return the schema and the application's role; the role is empty where it is the one that migrates."""
    cursor.execute("SELECT current_schema(), current_user")
    schema, owner = cursor.fetchone()
    role = settings.DATABASES["default"].get("USER") or owner
    return schema, "" if role == owner else role


def grant(using: str = "owner") -> None:
    """Grant and take back what the application's role needs, on every table that is there; may be run at any time."""
    with connections[using].cursor() as cursor:
        schema, role = application_role(cursor)
        if role:
            grant_present(cursor.cursor, schema=schema, role=role)


def grant_future(cursor: _Cursor, *, schema: str, role: str) -> None:
    """Let `role` use the tables and sequences that the current role makes from now on."""
    for rights, kind in (("SELECT, INSERT, UPDATE, DELETE", "TABLES"), ("USAGE, SELECT", "SEQUENCES")):
        statement = sql.SQL("ALTER DEFAULT PRIVILEGES IN SCHEMA {} GRANT {} ON {} TO {}")
        cursor.execute(statement.format(sql.Identifier(schema), sql.SQL(rights), sql.SQL(kind), sql.Identifier(role)))


def grant_present(cursor: _Cursor, *, schema: str, role: str) -> None:
    """Let `role` use every table that is there, and of the log only what it may: read, append, index, delete content."""
    names = {"schema": sql.Identifier(schema), "role": sql.Identifier(role)}
    tables, signatures = _there(cursor, schema, "to_regclass", READ_ONLY), _there(cursor, schema, "to_regprocedure", FUNCTIONS)
    log = sql.SQL(", ").join(sql.Identifier(schema, table) for table in tables)
    content = sql.Identifier(schema, CONTENT)
    functions = sql.SQL(", ").join(sql.SQL("{}.").format(sql.Identifier(schema)) + sql.SQL(name) for name in signatures)
    for statement in (
        "GRANT USAGE ON SCHEMA {schema} TO {role}",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
        "GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
        "REVOKE ALL ON {log}, {content} FROM {role}",
        "REVOKE ALL ON SEQUENCE {schema}.audit_entry_id FROM {role}",
        "GRANT SELECT ON {log}, {content} TO {role}",
        "GRANT DELETE ON {content} TO {role}",
        "GRANT EXECUTE ON FUNCTION {functions} TO {role}",
    ):
        cursor.execute(sql.SQL(statement).format(log=log, content=content, functions=functions, **names))


def _there(cursor: _Cursor, schema: str, look: LiteralString, names: Sequence[str]) -> list[str]:
    """Return those that are there: an early migration grants before a later one makes the rest."""
    found = f"SELECT array_agg(n) FROM unnest(%s::text[]) AS n WHERE {look}(format('%%I.', %s::text) || n) IS NOT NULL"  # noqa: S608 ours
    cursor.execute(found, [list(names), schema])
    return cursor.fetchone()[0] or []
