"""The log checked in sets, part by part: whether anything is wrong, fast; what it is, `audit.verify` finds by walking.

A part is a range of the log. In it every hash is computed anew, every entry follows the one before it in its stream, columns
and copies say what the bytes say, and every text is the one committed to. `ends_hold` is what no part sees: heads, registry,
numbers that lead nowhere. Together they are the same as the walk: from a head that holds one comes back over all of its
stream, and as many entries as all heads count are all there are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from struct import unpack
from typing import cast

from django.db import DataError, OperationalError, connections, transaction

from audit.canonical import canonical, parse, surely_canonical
from audit.connection import Writer
from audit.errors import CountersignError
from audit.verify_links import Links, Row

PART = 20_000
"""Entries of a part."""
PIECE = 10_000
"""Entries whose bytes are in memory at once."""
_CLOSES = """substr(e.body, 1, 15) = '{"closes":true,'::bytea"""
_LOG = """(SELECT l.log_index, l.entry_id AS listed FROM audit_log_index AS l
            WHERE l.log_index > %(after)s AND l.log_index <= %(upto)s)"""
_PENDING = "(SELECT NULL::bigint AS log_index, p.entry_id AS listed FROM audit_pending AS p)"
_LISTED = "SELECT string_agg(int8send(l.listed), ''::bytea ORDER BY l.log_index) FROM PART_OF AS l"
# Read as they lie, in one range of keys: to look each of them up would cost as much again as to read it.
_ENTRIES = "SELECT e.stream, e.seq, e.prev_hash, e.entry_hash, e.body, e.id FROM audit_entry AS e WHERE e.id "
_LYING = _ENTRIES + "BETWEEN %s AND %s"
_PICKED = _ENTRIES + "= ANY(%s::bigint[])"
_TOO_DEEP = "54001"
_WIDE = 2
"""Keys that lie so much wider than they are many are looked up, so that what lies between them is not read."""
# What comes before a part: the first of a stream follows its name, every other the last of an earlier part.
_BEFORE = f"""
SELECT count(*)
  FROM unnest(%(streams)s::text[], %(seqs)s::bigint[], %(prevs)s::bytea[]) AS f (stream, seq, prev)
  LEFT JOIN audit_entry AS e ON e.stream = f.stream COLLATE "C" AND e.seq = f.seq - 1
  LEFT JOIN audit_log_index AS l ON l.entry_id = e.id
 WHERE NOT coalesce(
     CASE WHEN f.seq = 1 THEN f.prev = sha256('countersign.genesis.v1\\000'::bytea || convert_to(f.stream, 'UTF8'))
          ELSE e.entry_hash = f.prev AND l.log_index <= %(after)s AND NOT {_CLOSES} END, false)
"""  # noqa: S608 ours
_SAYS = """
SELECT e.body, e.copy - '{content,kind,log,span,stream,trace,ts,v}'::text[] = e.body_json
       AND e.copy -> 'stream' = to_jsonb(e.stream) AND e.copy -> 'kind' = to_jsonb(e.kind)
       AND e.copy #> '{principal,kind}' = to_jsonb(e.actor_kind) AND e.copy #> '{principal,id}' = to_jsonb(e.actor_id)
       AND coalesce(nullif(e.copy #> '{facts,tool}', 'null'), '""') = to_jsonb(e.tool)
       AND e.copy ->> 'ts' = to_char(e.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
  FROM (SELECT e.*, convert_from(e.body, 'UTF8')::jsonb AS copy
          FROM PART_OF AS l JOIN audit_entry AS e ON e.id = l.listed OFFSET 0) AS e
"""
_TEXTS = """
SELECT EXISTS (
    SELECT FROM PART_OF AS l
      JOIN audit_content AS c ON c.entry_id = l.listed
      JOIN audit_entry AS e ON e.id = c.entry_id
     WHERE convert_from(e.body, 'UTF8')::jsonb #> ARRAY['content', c.name] IS DISTINCT FROM jsonb_build_object(
         'class', c.cls, 'commitment',
         encode(sha256('countersign.content.v1\\000'::bytea || c.salt || convert_to(c.body, 'UTF8')), 'hex')))
"""
_HASHES = """
SELECT string_agg(e.entry_hash, ''::bytea ORDER BY l.log_index)
  FROM audit_log_index AS l JOIN audit_entry AS e ON e.id = l.entry_id
 WHERE l.log_index > %s AND l.log_index <= %s
"""
_COUNTS = """
SELECT (SELECT count(*) FROM audit_entry), (SELECT count(*) FROM audit_log_index),
       (SELECT coalesce(max(log_index), 0) FROM audit_log_index), (SELECT count(*) FROM audit_pending),
       (SELECT coalesce(sum(head_seq), 0) FROM audit_stream)
"""
_HEADS = f"""
SELECT s.name
  FROM audit_stream AS s
  LEFT JOIN audit_entry AS e ON e.stream = s.name AND e.seq = s.head_seq
  LEFT JOIN audit_log_index AS l ON l.entry_id = e.id
  LEFT JOIN audit_pending AS p ON p.entry_id = e.id
 WHERE NOT coalesce(
     CASE WHEN s.head_seq = 0
          THEN s.head_hash = sha256('countersign.genesis.v1\\000'::bytea || convert_to(s.name, 'UTF8')) AND NOT s.closed
          ELSE e.entry_hash = s.head_hash AND s.closed = ({_CLOSES}) AND (l.log_index IS NULL) = (p.entry_id IS NOT NULL) END,
     false)
 ORDER BY s.name LIMIT %s
"""  # noqa: S608 ours
_NOWHERE = """
SELECT EXISTS (SELECT FROM audit_pending AS p LEFT JOIN audit_entry AS e ON e.id = p.entry_id
                LEFT JOIN audit_log_index AS l ON l.entry_id = p.entry_id WHERE e.id IS NULL OR l.entry_id IS NOT NULL)
    OR EXISTS (SELECT FROM audit_content AS c LEFT JOIN audit_entry AS e ON e.id = c.entry_id WHERE e.id IS NULL)
"""


@dataclass(frozen=True, slots=True)
class Part:
    """Entries of the log after one number up to another; or those that wait for their number, after all numbers."""

    after: int
    upto: int | None

    def of(self, query: str) -> str:
        """Return a statement about this part; PART_OF stands for it."""
        return query.replace("PART_OF", _PENDING if self.upto is None else _LOG)

    @property
    def numbers(self) -> dict[str, int | None]:
        """The parameters of such a statement."""
        return {"after": self.after, "upto": self.upto}


def parts(after: int, upto: int, step: int | None = None) -> Iterator[Part]:
    """Cut a range of the log into parts, of `step` entries where they are to be other than a part is."""
    step = step or PART
    for start in range(after, upto, step):
        yield Part(start, min(upto, start + step))


def chain_holds(part: Part, using: str = "default") -> int | None:
    """Return how many entries a part has where every hash and every link of it holds; else None."""
    links = Links()
    for piece in [part] if part.upto is None else parts(part.after, part.upto, PIECE):
        rows = _in_order(piece, using)
        if rows is None or not links.take(rows):
            return None
    if links.firsts:
        streams, seqs, prevs = (list(column) for column in zip(*links.firsts, strict=True))
        with connections[using].cursor() as cursor:
            cursor.execute(_BEFORE, {"after": part.after, "streams": streams, "seqs": seqs, "prevs": prevs})
            if cursor.fetchone()[0]:
                return None
    return links.count


def _in_order(piece: Part, using: str) -> list[Row] | None:
    """Return the entries of a piece in the order of the log, or of their streams where they wait; None where one is missing."""
    connections[using].ensure_connection()
    writer = Writer(using)
    ((packed,),) = writer.rows(piece.of(_LISTED), piece.numbers, binary=True)
    listed = unpack(f">{len(packed or b'') // 8}q", packed or b"")
    if piece.upto is not None and len(listed) != piece.upto - piece.after:
        return None
    rows = _of_keys(listed, writer) if listed else []
    found = {row[-1]: row for row in rows}
    if len(found) != len(rows) or not found.keys() >= set(listed):
        return None
    ordered = [found[key] for key in listed]
    return ordered if piece.upto is not None else sorted(ordered)


def _of_keys(keys: Sequence[int], writer: Writer) -> list[Row]:
    """Return the entries with these keys, and maybe some that lie between them."""
    low, high = min(keys), max(keys)
    asked = (_LYING, [low, high]) if high - low < _WIDE * len(keys) else (_PICKED, [list(keys)])
    return cast(list[Row], writer.rows(*asked, binary=True))


def says_the_same(part: Part, using: str = "default") -> bool:
    """Return whether bytes are canonical, columns and copies say what they say, and texts are those committed to."""
    try:
        with transaction.atomic(using=using), connections[using].cursor() as cursor:
            cursor.execute(part.of(_TEXTS), part.numbers)
            if cursor.fetchone()[0]:
                return False
            cursor.execute(part.of(_SAYS), part.numbers)
            return all(agrees and _is_canonical(bytes(body)) for body, agrees in cursor.fetchall())
    except (DataError, OperationalError) as error:  # bytes that are no text, or no JSON, or nested too deeply to be read
        if isinstance(error, DataError) or getattr(error.__cause__, "sqlstate", "") == _TOO_DEEP:
            return False
        raise


def ends_hold(using: str = "default") -> bool:
    """Return whether every stream's head is its last entry, all entries are counted, and every number leads to one."""
    with connections[using].cursor() as cursor:
        cursor.execute(_COUNTS)
        entries, listed, last, waiting, heads = cursor.fetchone()
        if listed != last or entries != listed + waiting or entries != heads:
            return False
        cursor.execute(_NOWHERE)
        return not cursor.fetchone()[0] and not wrong_heads(1, using)


def wrong_heads(most: int, using: str = "default") -> list[str]:
    """Return the names of streams whose head is not their last entry, so many at most."""
    with connections[using].cursor() as cursor:
        cursor.execute(_HEADS, [most])
        return [name for (name,) in cursor.fetchall()]


def hashes(after: int, upto: int, using: str = "default") -> Sequence[bytes]:
    """Return the hashes of a range of the log, in its order."""
    with connections[using].cursor() as cursor:
        cursor.execute(_HASHES, [after, upto])
        joined = bytes(cursor.fetchone()[0] or b"")
    return [joined[place : place + 32] for place in range(0, len(joined), 32)]


@contextmanager
def one_moment(using: str = "default") -> Iterator[None]:
    """Read everything as it was at one moment; inside a transaction that is the caller's."""
    connection = connections[using]
    outermost = not connection.in_atomic_block
    with transaction.atomic(using=using):
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def _is_canonical(body: bytes) -> bool:
    if surely_canonical(body):
        return True
    try:
        return canonical(parse(body.decode())) == body
    except (CountersignError, UnicodeDecodeError, RecursionError):
        return False
