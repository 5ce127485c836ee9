"""The Merkle tree over the whole log: roots, proofs, and how they are checked (RFC 6962, section 2.1). Pure.

    leaf = SHA-256(0x00 entry_hash)        node = SHA-256(0x01 left right)

Leaves count from 0, entries of the log from 1: the entry with log index n is leaf n - 1. Hashes of complete subtrees of
height 8, 16, 24, … are kept by whoever keeps the tree; with the leaves' they give every other one in few steps, however
large the log is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import reduce
from hashlib import sha256

HEIGHT = 8
"""Of every so many levels one is kept: the roots of complete subtrees of 2^8, 2^16, … leaves."""
EMPTY = sha256(b"").digest()
Read = Callable[[int, int, int], Sequence[bytes]]
"""Returns `count` hashes of complete subtrees from number `start` on: of level 0 the leaves', of 8, 16, … the kept ones."""
Run = tuple[int, int, int]
"""Neighbours of one level: the level, the number of the first, how many."""
Span = tuple[int, int]
"""Leaves from the first to before the second, which are one node of some tree: the first is a multiple of what covers them."""


def leaf_hash(entry_hash: bytes) -> bytes:
    """Return the leaf of an entry."""
    return sha256(b"\0" + entry_hash).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Return the hash of two subtrees beside each other."""
    return sha256(b"\1" + left + right).digest()


def root(read: Read, size: int) -> bytes:
    """Return the root of the first `size` leaves."""
    return span_root(read, (0, size)) if size else EMPTY


def kept_below(level: int) -> int:
    """Return the level whose kept hashes a subtree of this height is computed from."""
    return level - level % HEIGHT


def subtree(read: Read, level: int, number: int) -> bytes:
    """Return the root of one complete subtree of 2^level leaves."""
    return span_root(read, (number << level, (number + 1) << level))


def completed(read: Read, old: int, new: int) -> Iterator[tuple[int, int, bytes]]:
    """Yield what is to be kept when the tree grows from `old` to `new` leaves: level, number and hash of each subtree.

    Lower levels come first. What was yielded before has to be readable when the next level is asked for.
    """
    level = HEIGHT
    while new >> level:
        for number in range(old >> level, new >> level):
            yield level, number, _folded(read(level - HEIGHT, number << HEIGHT, 1 << HEIGHT))
        level += HEIGHT


def inclusion_proof(read: Read, leaf: int, size: int) -> list[bytes]:
    """Return the audit path of a leaf, counted from 0, in the tree of the first `size` (RFC 6962, section 2.1.1)."""
    return [span_root(read, span) for span in inclusion_spans(leaf, size)]


def inclusion_spans(leaf: int, size: int) -> list[Span]:
    """Return what the steps of a leaf's audit path are the roots of."""
    if not 0 <= leaf < size:
        raise ValueError(f"leaf {leaf} is not in a tree of {size}")
    path: list[Span] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if leaf < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_proof(read: Read, old: int, new: int) -> list[bytes]:
    """Return the proof that the tree of `old` leaves is the beginning of that of `new` (RFC 6962, section 2.1.2)."""
    return [span_root(read, span) for span in consistency_spans(old, new)]


def consistency_spans(old: int, new: int) -> list[Span]:
    """Return what the steps of that proof are the roots of."""
    if not 0 < old <= new:
        raise ValueError(f"a tree of {old} is not the beginning of one of {new}")
    path: list[Span] = []
    start, end, whole = 0, new, True
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start, whole = middle, False
    return ([] if whole else [(start, end)]) + path[::-1]


def runs(span: Span) -> Iterator[Run]:
    """Yield what the root of a span is computed from: what `span_root` reads, so that one can read it before.

    Each is a complete subtree, the largest first, as the neighbours of a kept level that it is folded from.
    """
    start, end = span
    while start < end:
        level = (end - start).bit_length() - 1
        kept = kept_below(level)
        yield kept, start >> kept, 1 << (level - kept)
        start += 1 << level


def joined(runs: Iterable[Run]) -> list[Run]:
    """Return the same nodes in as few runs as there can be, in the order of their levels and numbers."""
    found: list[Run] = []
    for level, start, count in sorted(runs):
        if found and found[-1][0] == level and start <= (end := found[-1][1] + found[-1][2]):
            found[-1] = level, found[-1][1], max(end, start + count) - found[-1][1]
        else:
            found.append((level, start, count))
    return found


def span_root(read: Read, span: Span) -> bytes:
    """Return the root of a span."""
    *left, root_ = [_folded(read(*run)) for run in runs(span)]
    return reduce(lambda right, peak: node_hash(peak, right), reversed(left), root_)


def proves_inclusion(proof: Sequence[bytes], leaf: int, leaf_: bytes, size: int, root_: bytes) -> bool:
    """Return whether `proof` shows that the hash `leaf_` is leaf number `leaf` under `root_` (RFC 9162, section 2.1.3.2)."""
    if not 0 <= leaf < size:
        return False
    number, last, found = leaf, size - 1, leaf_
    for step in proof:
        if last == 0:
            return False
        if number & 1 or number == last:
            found = node_hash(step, found)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            found = node_hash(found, step)
        number, last = number >> 1, last >> 1
    return last == 0 and found == root_


def proves_consistency(proof: Sequence[bytes], old: int, old_root: bytes, new: int, new_root: bytes) -> bool:
    """Return whether `proof` shows that the first tree is the beginning of the second (RFC 9162, section 2.1.4.2)."""
    if old == new:
        return not proof and old_root == new_root
    if not 0 < old < new or not proof:
        return False
    steps = list(proof) if old & (old - 1) else [old_root, *proof]
    number, last = old - 1, new - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            return False
        if number & 1 or number == last:
            before, after = node_hash(step, before), node_hash(step, after)
            while number and not number & 1:
                number, last = number >> 1, last >> 1
        else:
            after = node_hash(after, step)
        number, last = number >> 1, last >> 1
    return last == 0 and before == old_root and after == new_root


class Growing:
    """A tree that takes one leaf after the other, and holds no more than the roots of its complete subtrees.

    `peaks` are those roots, the largest subtree's first: with them and its size a tree goes on where it was left.
    """

    __slots__ = ("_peaks", "size")

    def __init__(self, size: int = 0, peaks: Sequence[bytes] = ()) -> None:
        if len(peaks) != size.bit_count():
            raise ValueError(f"a tree of {size} has {size.bit_count()} complete subtrees")
        self.size = size
        self._peaks = list(peaks)

    @property
    def peaks(self) -> tuple[bytes, ...]:
        """Return the roots of its complete subtrees."""
        return tuple(self._peaks)

    def add(self, leaf: bytes) -> None:
        """Add a leaf behind the others."""
        self._peaks.append(leaf)
        number, self.size = self.size, self.size + 1
        while number & 1:
            right, left = self._peaks.pop(), self._peaks.pop()
            self._peaks.append(node_hash(left, right))
            number >>= 1

    def root(self) -> bytes:
        """Return the root of what was added so far."""
        return reduce(lambda right, left: node_hash(left, right), reversed(self._peaks)) if self._peaks else EMPTY


def _split(size: int) -> int:
    """Return the largest power of two below `size`, which is at least 2."""
    return 1 << ((size - 1).bit_length() - 1)


def _folded(hashes: Sequence[bytes]) -> bytes:
    """Return the root above so many neighbours; they are a power of two."""
    row = list(hashes)
    while len(row) > 1:  # as `node_hash`, without a call for each: a proof in a large log folds hundreds
        row = [sha256(b"\1" + left + right).digest() for left, right in zip(row[::2], row[1::2], strict=True)]
    return row[0]
