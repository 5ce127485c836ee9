"""The checkpoints that a bundle holds between its entries: they say from where on a log that was rewritten is not what it was.

A bundle of the whole log holds all of them, one of a selection those around each entry that was chosen. Of a very long log those
are left out that have another close behind them, so that no bundle holds more than its verifier takes.
"""

from __future__ import annotations

from typing import Any

from django.db import connections

from audit.exports.making import Asked
from audit.exports.rows import Stretch

MOST = 50_000
"""So many windows a log is cut into at most; of each the last checkpoint is taken."""
Signed = tuple[int, str]
"""How many entries were signed, and the note."""
_TAKEN = """c.size < %(total)s AND NOT EXISTS (
    SELECT FROM audit_checkpoint AS n
     WHERE n.size > c.size AND n.size <= least(((c.size - 1) / %(every)s + 1) * %(every)s, %(total)s - 1))"""
_ALL = f"""
SELECT c.size, c.note FROM audit_checkpoint AS c
 WHERE c.size > %(after)s AND c.size <= %(upto)s AND {_TAKEN} ORDER BY c.size
"""  # noqa: S608 ours
_AROUND = f"""
SELECT DISTINCT c.size, c.note
  FROM unnest(%(places)s::bigint[]) AS r (place)
 CROSS JOIN LATERAL (
    (SELECT c.size, c.note FROM audit_checkpoint AS c
      WHERE c.size > %(after)s AND c.size < r.place AND {_TAKEN} ORDER BY c.size DESC LIMIT 1)
     UNION ALL
    (SELECT c.size, c.note FROM audit_checkpoint AS c
      WHERE c.size >= r.place AND c.size <= %(upto)s AND {_TAKEN} ORDER BY c.size LIMIT 1)) AS c
 ORDER BY c.size
"""  # noqa: S608 ours


def between(asked: Asked, stretch: Stretch, *, using: str = "default") -> list[Signed]:
    """Return the checkpoints that stand in a stretch of a bundle, by size; the one that it is made under stands at its end."""
    places = [row.log_index for row in stretch.rows]
    values: dict[str, Any] = {
        "after": stretch.after,
        "upto": stretch.upto,
        "total": asked.size,
        "every": -(-asked.size // MOST),
        "places": places,
    }
    if not asked.whole and not places:
        return []
    with connections[using].cursor() as cursor:
        cursor.execute(_ALL if asked.whole else _AROUND, values)
        return [(size, note) for size, note in cursor.fetchall()]
