"""Whether every checkpoint is there that something else still tells of: a log that was signed does not become one that never was.

Who deletes checkpoints leaves what was written under them: lines of witnesses, entries of exports and verifications that name the
size, of alarms, of a change of the key, and the subtrees that are kept with each checkpoint. A sealer that signs the log anew
makes a new checkpoint, and none of those sizes.

Each checkpoint names the one before it, and goes on a chain over their notes, so none can be taken out from between two. Who makes the
chain anew is told by the entries of verifications, which state its link at the newest checkpoint of then.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.db import connections

from audit.verify_entry import Found

MOST = 100
"""Missing checkpoints that are named; whoever deletes more of them is found by the first."""
_NAMED = """(
    SELECT size, 'a witness signed it' AS told FROM audit_cosignature
    UNION ALL
    SELECT follows, 'the next one follows it' FROM audit_checkpoint
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
# Where the one before is missing, that is said of it alone.
_BROKEN = f"""
SELECT c.size FROM (SELECT size, follows, chain, note, lag(size, 1, 0::bigint) OVER (ORDER BY size) AS before FROM audit_checkpoint) AS c
  LEFT JOIN audit_checkpoint AS b ON b.size = c.follows
 WHERE (c.follows = 0 OR b.size IS NOT NULL)
   AND (c.follows <> c.before
        OR c.chain <> sha256(coalesce(b.chain, decode(repeat('00', 32), 'hex')) || sha256(convert_to(c.note, 'UTF8'))))
 ORDER BY c.size LIMIT {MOST}
"""  # noqa: S608 ours
_ANOTHER = """
SELECT min(c.size) FROM audit_entry AS e
  JOIN audit_checkpoint AS c ON to_jsonb(c.size) = e.body_json #> '{facts,signed}'
 WHERE e.kind = 'audit.verified' COLLATE "C" AND e.body_json -> 'facts' ? 'chain'
   AND e.body_json #>> '{facts,chain}' <> encode(c.chain, 'hex') HAVING count(*) > 0
"""
_LAST = """
SELECT (SELECT coalesce(max(size), 0) FROM audit_checkpoint),
       (SELECT coalesce(max((last + 1) << level), 0) FROM (SELECT level, max(number) AS last FROM audit_subtree GROUP BY level) AS s),
       EXISTS (SELECT FROM audit_entry WHERE stream = 'seal' AND kind = 'seal.key_rotated')
"""


def missing(using: str = "default") -> Iterator[Found]:
    """Yield each checkpoint that is not there and must be, by size, and whether the newest ones or all of them are gone.

    And each that does not follow the one before it, as it does where one was put between two or the chain was made anew.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(_MISSING)
        for size, told in cursor.fetchall():
            yield Found("", None, None, f"the checkpoint of {size} entries is missing: {told}", size)
        yield from _broken(cursor)
        cursor.execute(_LAST)
        newest, kept, rotated = cursor.fetchone()
    if kept > newest:
        yield Found(
            "", None, None, f"the checkpoint of {kept} or more entries is missing: subtrees are kept that it signed", kept
        )
    elif rotated and not newest:
        yield Found("", None, None, "all checkpoints are missing: the key that signs them was changed", 0)


def _broken(cursor: Any) -> Iterator[Found]:
    """Yield where the chain of checkpoints breaks, and the first link that is not the one of an earlier verification."""
    cursor.execute(_BROKEN)
    for (size,) in cursor.fetchall():
        yield Found("", None, None, f"the checkpoint of {size} entries does not follow the one before it", size)
    cursor.execute(_ANOTHER)
    for (size,) in cursor.fetchall():
        told = f"the checkpoints up to that of {size} entries are not those under which the log was verified"
        yield Found("", None, None, told, size)
