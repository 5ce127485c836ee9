"""Entries that are missing from a chain, and the places of the log that they left: one finding each, not one for each trace. Pure.

What follows a missing entry says its hash. So its place in the log can be filled, and the rest of the log is held against what was
signed as before.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Gap:
    """Entries that are missing between two of a stream: between which keys they were, how many, and the hash of the last."""

    after: int
    before: int | None
    count: int
    hash: bytes

    def had(self, key: int) -> bool:
        """Return whether an entry of this key can have been one of them: keys rise within a stream."""
        return self.after < key and (self.before is None or key < self.before)


@dataclass(slots=True)
class Gaps:
    """All gaps that a walk came by."""

    gaps: list[Gap] = field(default_factory=list)

    def note(self, *, after: int, before: int | None, count: int, last_hash: bytes) -> None:
        """Take one."""
        self.gaps.append(Gap(after, before, count, last_hash))

    def explain(self, lost: int) -> bool:
        """Return whether so many places without an entry are those of entries that are missing from their streams."""
        return lost <= sum(gap.count for gap in self.gaps)

    def hashes(self, keys: Iterable[int]) -> Mapping[int, bytes]:
        """Return the hashes of missing entries by their keys, of those of which it is sure which one of a gap they are."""
        left, gaps, found = sorted(keys), [gap for gap in self.gaps if gap.count == 1], dict[int, bytes]()
        while True:
            sure = {key: ones[0] for key in left if len(ones := [gap for gap in gaps if gap.had(key)]) == 1}
            # Two keys that fit one gap alone: one of them is not of it.
            once = {key: gap for key, gap in sure.items() if sum(other == gap for other in sure.values()) == 1}
            if not once:
                return found
            found |= {key: gap.hash for key, gap in once.items()}
            left = [key for key in left if key not in once]
            gaps = [gap for gap in gaps if gap not in once.values()]
