"""The tree over the log as the database keeps it: its leaves are the entries in the order of the log."""

from __future__ import annotations

from dataclasses import dataclass, field

from django.db import connections

from audit import merkle
from audit.errors import NotInLog

_LEAVES = """
SELECT e.entry_hash FROM audit_log_index AS l JOIN audit_entry AS e ON e.id = l.entry_id
 WHERE l.log_index > %s AND l.log_index <= %s ORDER BY l.log_index
"""
_SUBTREES = "SELECT hash FROM audit_subtree WHERE level = %s AND number >= %s AND number < %s ORDER BY number"


@dataclass(slots=True)
class Tree:
    """Reads hashes; `grown` holds those that were made in this process and are not kept yet."""

    using: str = "default"
    grown: dict[tuple[int, int], bytes] = field(default_factory=dict)

    def root(self, size: int) -> bytes:
        """Return the root of the first `size` entries. Raises NotInLog."""
        return merkle.root(self.read, size)

    def inclusion_proof(self, log_index: int, size: int) -> list[bytes]:
        """Return the audit path of an entry in the log of `size` entries. Raises NotInLog."""
        if not 1 <= log_index <= size:
            raise NotInLog(place=log_index)
        return merkle.inclusion_proof(self.read, log_index - 1, size)

    def consistency_proof(self, old: int, new: int) -> list[bytes]:
        """Return the proof that the log of `old` entries is the beginning of that of `new`. Raises NotInLog."""
        if not 1 <= old <= new:
            raise NotInLog(place=old)
        return merkle.consistency_proof(self.read, old, new)

    def grow(self, old: int, new: int) -> None:
        """Make what is to be kept when the tree grows from `old` to `new` entries."""
        for level, number, found in merkle.completed(self.read, old, new):
            self.grown[level, number] = found

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
