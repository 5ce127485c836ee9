"""What the log says about one session: its own stream, and entries of other streams that name it or a request of it."""

from __future__ import annotations

from django.db import connections

from audit.searching import WORDS

MOST = 20_000
MOST_REQUESTS = 500
_REQUESTS = """
SELECT DISTINCT named FROM audit_entry AS e, jsonb_array_elements_text(e.body_json -> 'ids') AS named
 WHERE e.stream = %s AND e.kind LIKE 'approval.%%' AND named LIKE 'AP-%%' LIMIT %s
"""
_STREAM = "SELECT id FROM audit_entry WHERE stream = %s ORDER BY seq DESC LIMIT %s"
_NAMING = f"SELECT id FROM audit_entry WHERE {WORDS} @@ (QUERIES) AND body_json -> 'ids' ?| %s::text[] LIMIT %s"  # noqa: S608


def ids_about(ref: str, using: str = "default") -> list[int]:
    """Return the keys of the entries about a session, by its number as `S-88123`."""
    stream = f"session:{ref}"
    with connections[using].cursor() as cursor:
        cursor.execute(_REQUESTS, [stream, MOST_REQUESTS])
        refs = [ref, *(named for (named,) in cursor.fetchall())]
        queries = " || ".join(["phraseto_tsquery('simple', %s)"] * len(refs))
        cursor.execute(f"({_STREAM}) UNION ({_NAMING.replace('QUERIES', queries)})", [stream, MOST, *refs, refs, MOST])
        return [id_ for (id_,) in cursor.fetchall()]
