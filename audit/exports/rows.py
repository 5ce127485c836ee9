"""What exports read: chosen entries stretch by stretch in the order of the log, their texts, and the heads of streams."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from django.db import connections

from audit.content import StoredText
from audit.exports.making import Pace
from audit.models import AuditStream, Content
from audit.queries import EntryFilter, conditions
from audit.searching import WORDS, Part, together

ROTATED = "seal.key_rotated"
"""Entries by which the log's key was changed: every bundle holds them, so that its reader can follow."""
_CHOSEN = """
SELECT l.log_index, e.id, e.stream, e.seq, e.kind, e.at, e.actor_kind, e.actor_id, e.tool, e.body, e.prev_hash, e.entry_hash
  FROM audit_log_index AS l JOIN audit_entry AS e ON e.id = l.entry_id
 WHERE l.log_index > %s AND l.log_index <= %s AND {conditions}
 ORDER BY l.log_index LIMIT %s
"""
_REQUESTS = """
SELECT DISTINCT named
  FROM audit_entry AS e JOIN audit_log_index AS l ON l.entry_id = e.id,
       jsonb_array_elements_text(e.body_json -> 'ids') AS named
 WHERE e.stream = %s AND l.log_index <= %s AND e.kind LIKE 'approval.%%' AND named LIKE 'AP-%%'
"""
_HEADS = """
SELECT n.name, h.seq, h.entry_hash, h.closes
  FROM unnest(%s::text[]) AS n (name)
 CROSS JOIN LATERAL (
     SELECT e.seq, e.entry_hash, coalesce((e.body_json ->> 'closes')::boolean, false) AS closes
       FROM audit_entry AS e JOIN audit_log_index AS l ON l.entry_id = e.id
      WHERE e.stream = n.name COLLATE "C" AND l.log_index <= %s
      ORDER BY e.seq DESC LIMIT 1) AS h
 ORDER BY n.name COLLATE "C"
"""


class Row(NamedTuple):
    """An entry as the tables hold it."""

    log_index: int
    id: int
    stream: str
    seq: int
    kind: str
    at: datetime
    actor_kind: str
    actor_id: str
    tool: str
    body: bytes
    prev_hash: bytes
    entry_hash: bytes


class Head(NamedTuple):
    """How far a stream had come."""

    stream: str
    seq: int
    hash: bytes
    closed: bool


@dataclass(frozen=True, slots=True)
class Stretch:
    """The places of the log behind `after` up to `upto`, and the entries in them that were chosen, in order."""

    after: int
    upto: int
    rows: Sequence[Row]


class Chosen:
    """The entries that a filter chooses among the first `size`, with those that change the key where `rotations` says so."""

    def __init__(self, where: EntryFilter, size: int, *, rotations: bool, using: str = "default") -> None:
        self._using = using
        self._size = size
        self._words = bool(where.text)
        self._found = [together([*conditions(where).values(), *self._others(where)])]
        if rotations and where != EntryFilter():
            self._found.append(Part("e.kind = %s", (ROTATED,)))

    def stretches(self, after: int, pace: Pace, batch: int) -> Iterator[Stretch]:
        """Yield stretches behind a place, up to `pace.windows` windows of the log; one where words are looked for.

        To take the words of a window's entries apart takes seconds: a step has to end well within its lease, and to show how far it is.

        Windows begin at multiples of their size, so that stretches are the same from wherever one goes on, and an empty one is
        one subtree of the tree.
        """
        windows = 1 if self._words else pace.windows
        last = min(self._size, (after // pace.window + windows) * pace.window)
        while after < last:
            end = min(last, (after // pace.window + 1) * pace.window)
            rows = self._read(after, end, batch)
            upto = rows[-1].log_index if len(rows) == batch else end
            yield Stretch(after, upto, rows)
            after = upto

    def _read(self, after: int, end: int, limit: int) -> list[Row]:
        found = {row.log_index: row for one in self._found for row in self._within(one, after, end, limit)}
        return [found[place] for place in sorted(found)[:limit]]

    def _within(self, asked: Part, after: int, end: int, limit: int) -> Iterator[Row]:
        with connections[self._using].cursor() as cursor:
            cursor.execute(_CHOSEN.format(conditions=asked.sql), [after, end, *asked.values, limit])
            for *columns, body, previous, hash_ in cursor.fetchall():
                yield Row._make([*columns, bytes(body), bytes(previous), bytes(hash_)])

    def _others(self, where: EntryFilter) -> Iterator[Part]:
        """Yield the conditions on a session and on words; here they leave nothing out, however much there is."""
        if where.session:
            stream = f"session:{where.session}"
            with connections[self._using].cursor() as cursor:
                cursor.execute(_REQUESTS, [stream, self._size])
                refs = [where.session, *sorted(named for (named,) in cursor.fetchall())]
            yield Part("(e.stream = %s OR e.body_json -> 'ids' ?| %s::text[])", (stream, refs))
        if where.text:
            yield Part(f"{WORDS} @@ websearch_to_tsquery('simple', %s)", (where.text,))


def texts_of(rows: Sequence[Row], *, using: str = "default") -> dict[int, list[StoredText]]:
    """Return the raw texts of entries that are still there, by the entry's id, each entry's by name."""
    found: dict[int, list[StoredText]] = defaultdict(list)
    texts = Content.objects.using(using).filter(entry_id__in=[row.id for row in rows]).order_by("entry_id", "name")
    for entry_id, id_, name, cls, salt, body in texts.values_list("entry_id", "id", "name", "cls", "salt", "body"):
        found[entry_id].append(StoredText(id_, name, cls, bytes(salt), body))
    return found


def heads(names: Sequence[str], size: int, *, using: str = "default") -> list[Head]:
    """Return how far streams had come in the log of `size` entries; none for a stream that began later."""
    with connections[using].cursor() as cursor:
        cursor.execute(_HEADS, [list(names), size])
        return [Head(name, seq, bytes(hash_), closed) for name, seq, hash_, closed in cursor.fetchall()]


def streams_after(name: str, limit: int, *, using: str = "default") -> list[str]:
    """Return up to `limit` names of all streams, behind one, in the order of bytes."""
    rows = AuditStream.objects.using(using).filter(name__gt=name).order_by("name")
    return list(rows.values_list("name", flat=True)[:limit])
