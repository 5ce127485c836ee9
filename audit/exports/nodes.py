"""Hashes of the tree for the places of the log that a bundle leaves out: whole subtrees, read in one query for each kept level."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.db import connections

from audit import merkle
from audit.errors import NotInLog

_LEAVES = """
SELECT l.log_index - 1, e.entry_hash
  FROM unnest(%s::bigint[], %s::bigint[]) AS r (low, high)
  JOIN audit_log_index AS l ON l.log_index > r.low AND l.log_index <= r.high
  JOIN audit_entry AS e ON e.id = l.entry_id
"""
_SUBTREES = """
SELECT s.number, s.hash
  FROM unnest(%s::bigint[], %s::bigint[]) AS r (low, high)
  JOIN audit_subtree AS s ON s.level = %s AND s.number >= r.low AND s.number < r.high
"""
Gap = tuple[int, int]
"""Leaves from the first to before the second."""


def subtrees(gap: Gap) -> Iterator[tuple[int, int]]:
    """Yield the largest complete subtrees that begin at a multiple of their size and make up a gap: level and number, from the left."""
    start, end = gap
    while start < end:
        level = (end - start).bit_length() - 1
        if start:
            level = min(level, (start & -start).bit_length() - 1)
        yield level, start >> level
        start += 1 << level


def nodes(gaps: Sequence[Gap], *, using: str = "default") -> list[list[bytes]]:
    """Return the hashes for each gap. All of them lie under a checkpoint. Raises NotInLog where the log holds an entry no more."""
    found = _Found(using)
    trees = [list(subtrees(gap)) for gap in gaps]
    found.read([tree for gap in trees for tree in gap])
    return [[merkle.subtree(found.hashes, level, number) for level, number in gap] for gap in trees]


class _Found:
    """Hashes that were read, by kept level and number."""

    def __init__(self, using: str) -> None:
        self._using = using
        self._hashes: dict[tuple[int, int], bytes] = {}

    def read(self, trees: Sequence[tuple[int, int]]) -> None:
        """Read what these subtrees are computed from."""
        ranges: dict[int, list[Gap]] = defaultdict(list)
        for level, number in trees:
            kept = merkle.kept_below(level)
            ranges[kept].append((number << (level - kept), (number + 1) << (level - kept)))
        with connections[self._using].cursor() as cursor:
            for kept, found in ranges.items():
                low, high = [start for start, _ in found], [end for _, end in found]
                if kept:
                    cursor.execute(_SUBTREES, [low, high, kept])
                    self._hashes |= {(kept, number): bytes(hash_) for number, hash_ in cursor.fetchall()}
                else:
                    cursor.execute(_LEAVES, [low, high])
                    self._hashes |= {(0, leaf): merkle.leaf_hash(bytes(hash_)) for leaf, hash_ in cursor.fetchall()}

    def hashes(self, level: int, start: int, count: int) -> list[bytes]:
        """Return neighbours of a level, see `audit.merkle.Read`."""
        try:
            return [self._hashes[level, number] for number in range(start, start + count)]
        except KeyError as missing:
            raise NotInLog(place=(missing.args[0][1] << level) + 1) from None
