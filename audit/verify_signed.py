"""Whether every checkpoint is there that something else still tells of: a log that was signed does not become one that never was.

Who deletes checkpoints leaves what was written under them: lines of witnesses, entries of exports and verifications that name the
size, of alarms, of a change of the key, and the subtrees that are kept with each checkpoint. A sealer that signs the log anew
makes a new checkpoint, and none of those sizes.
"""

from __future__ import annotations

from collections.abc import Iterator

from django.db import connections

from audit.verify_entry import Found

MOST = 100
"""Missing checkpoints that are named; whoever deletes more of them is found by the first."""
_NAMED = """(
    SELECT size, 'a witness signed it' AS told FROM audit_cosignature
    UNION ALL
    SELECT CASE WHEN jsonb_typeof(n.size) = 'number' AND length(n.size::text) < 19 THEN n.size::numeric::bigint END, n.told
      FROM (SELECT e.body_json #> ARRAY['facts', k.fact] AS size, k.told
              FROM (VALUES ('audit.exported', 'size', 'an export was made under it'),
                           ('audit.verified', 'signed', 'the log was verified under it'),
                           ('alarm.seal_late', 'size', 'an alarm named it')) AS k (kind, fact, told)
              JOIN audit_entry AS e ON e.kind = k.kind COLLATE "C") AS n)"""
_MISSING = f"""
SELECT t.size, min(t.told) FROM {_NAMED} AS t LEFT JOIN audit_checkpoint AS c ON c.size = t.size
 WHERE t.size > 0 AND c.size IS NULL GROUP BY t.size ORDER BY t.size LIMIT {MOST}
"""  # noqa: S608 ours
_LAST = """
SELECT (SELECT coalesce(max(size), 0) FROM audit_checkpoint),
       (SELECT coalesce(max((last + 1) << level), 0) FROM (SELECT level, max(number) AS last FROM audit_subtree GROUP BY level) AS s),
       EXISTS (SELECT FROM audit_entry WHERE stream = 'seal' AND kind = 'seal.key_rotated')
"""


def missing(using: str = "default") -> Iterator[Found]:
    """Yield each checkpoint that is not there and must be, by size, and whether the newest ones or all of them are gone."""
    with connections[using].cursor() as cursor:
        cursor.execute(_MISSING)
        for size, told in cursor.fetchall():
            yield Found("", None, None, f"the checkpoint of {size} entries is missing: {told}", size)
        cursor.execute(_LAST)
        newest, kept, rotated = cursor.fetchone()
    if kept > newest:
        yield Found(
            "", None, None, f"the checkpoint of {kept} or more entries is missing: subtrees are kept that it signed", kept
        )
    elif rotated and not newest:
        yield Found("", None, None, "all checkpoints are missing: the key that signs them was changed", 0)
