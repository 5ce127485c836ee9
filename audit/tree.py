"""The tree over the log as the database keeps it: its leaves are the entries in the order of the log.

A root or a proof asks the database once: what it is computed from is known before, see `audit.merkle.runs`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from struct import Struct

from django.db import connections

from audit import merkle
from audit.connection import Writer
from audit.errors import NotInLog

AHEAD = 16_384
"""Leaves that are held at once while a tree grows."""
Node = tuple[int, int]
"""A kept level of the tree, 0 for the leaves, and a number in it."""
# One value for each run, so that a proof of hundreds of nodes is a handful of rows: number and hash of each node behind each other;
# what is missing is not in it. Entries are looked up by their key, in every plan: a join would be a scan of the whole log to a
# planner that guesses wrong.
_RUNS = """
SELECT coalesce(CASE r.level
       WHEN 0 THEN (SELECT string_agg(int8send(l.log_index - 1) || (SELECT e.entry_hash FROM audit_entry AS e WHERE e.id = l.entry_id), '')
                      FROM audit_log_index AS l WHERE l.log_index > r.start AND l.log_index <= r.start + r.count)
       ELSE (SELECT string_agg(int8send(s.number) || s.hash, '') FROM audit_subtree AS s
              WHERE s.level = r.level AND s.number >= r.start AND s.number < r.start + r.count) END, '')
  FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[]) WITH ORDINALITY AS r (level, start, count, place) ORDER BY r.place
"""
_NODE = Struct(">q32s")
_LEAVES = """
SELECT e.entry_hash FROM audit_log_index AS l JOIN audit_entry AS e ON e.id = l.entry_id
 WHERE l.log_index > %s AND l.log_index <= %s ORDER BY l.log_index
"""
_SUBTREES = "SELECT hash FROM audit_subtree WHERE level = %s AND number >= %s AND number < %s ORDER BY number"


@dataclass(slots=True)
class Tree:
    """Reads hashes; `grown` holds those that were made in this process and are not kept yet."""

    using: str = "default"
    grown: dict[Node, bytes] = field(default_factory=dict)

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` entries. Raises NotInLog."""
        return merkle.root(_read_of(self._stored([(0, size)])), size)

    def inclusion_proof(self, log_index: int, size: int) -> list[bytes]:
        """Return the audit path of an entry in the log of `size` entries. Raises NotInLog."""
        _, path = self.proved(log_index, size)
        return path

    def proved(self, log_index: int, size: int) -> tuple[bytes, list[bytes]]:
        """Return the hash of an entry, and its audit path in the log of `size` entries. Raises NotInLog."""
        if not 1 <= log_index <= size:
            raise NotInLog(place=log_index)
        leaf, spans = log_index - 1, merkle.inclusion_spans(log_index - 1, size)
        stored = self._stored([(leaf, log_index), *spans])
        return stored[0, leaf], [merkle.span_root(_read_of(stored), span) for span in spans]

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the log of `old` entries is the beginning of that of `new`. Raises NotInLog."""
        if not 1 <= old <= new:
            raise NotInLog(place=old)
        return merkle.consistency_proof(_read_of(self._stored(merkle.consistency_spans(old, new))), old, new)

    def grow(self, old: int, new: int) -> None:
        """Make what is to be kept when the tree grows from `old` to `new` entries."""
        for level, number, found in merkle.completed(self._ahead(old, new), old, new):
            self.grown[level, number] = found

    def _ahead(self, old: int, new: int) -> merkle.Read:
        """Return what reads, with the leaves read already that complete subtrees, where they are not too many."""
        low, high = (size >> merkle.HEIGHT << merkle.HEIGHT for size in (old, new))
        if not 0 < high - low <= AHEAD:
            return self.read
        leaves = self.read(0, low, high - low)

        def read(level: int, start: int, count: int) -> Sequence[bytes]:
            return self.read(level, start, count) if level else leaves[start - low : start - low + count]

        return read

    def read(self, level: int, start: int, count: int) -> list[bytes]:
        """Return `count` hashes of a level from `start` on, see `audit.merkle.Read`. Raises NotInLog where one is missing."""
        with connections[self.using].cursor() as cursor:
            if level:
                cursor.execute(_SUBTREES, [level, start, start + count])
                found = [bytes(hash_) for (hash_,) in cursor.fetchall()]
            else:
                cursor.execute(_LEAVES, [start, start + count])
                found = [merkle.leaf_hash(bytes(hash_)) for (hash_,) in cursor.fetchall()]
        for number in range(start + len(found), start + count):
            if (level, number) not in self.grown:
                raise NotInLog(place=(number << level) + 1)
            found.append(self.grown[level, number])
        return found

    def _stored(self, spans: Iterable[merkle.Span]) -> Mapping[Node, bytes]:
        """Return what the roots of these spans are computed from, for the leaves the hashes of their entries."""
        runs = merkle.joined(run for span in spans for run in merkle.runs(span))
        connections[self.using].ensure_connection()
        rows = Writer(self.using).rows(_RUNS, [[run[part] for run in runs] for part in range(3)], binary=True)
        stored: dict[Node, bytes] = {}
        for (level, _, _), (packed,) in zip(runs, rows, strict=True):
            stored.update(((level, number), hash_) for number, hash_ in _NODE.iter_unpack(packed))
        stored |= self.grown
        for level, start, count in runs:
            for number in range(start, start + count):
                if (level, number) not in stored:
                    raise NotInLog(place=(number << level) + 1)
        return stored


def _read_of(stored: Mapping[Node, bytes]) -> merkle.Read:
    def read(level: int, start: int, count: int) -> list[bytes]:
        row = [stored[level, number] for number in range(start, start + count)]
        return row if level else [merkle.leaf_hash(hash_) for hash_ in row]

    return read
