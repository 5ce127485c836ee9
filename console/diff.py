"""Differences between two texts, by line and inside a changed line by word. Pure, and bounded: difflib is
quadratic on repetitive text, so equal ends are cut off first and above the limits only counts are given.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

MAX_LINES = 2000
MAX_BYTES = 200_000
MAX_WORDS = 2000
CONTEXT = 3
WORD = re.compile(r"\s+|\w+|[^\w\s]")

Kind = Literal["same", "del", "add", "fold"]


@dataclass(frozen=True, slots=True)
class Segment:
    """A run of text that is the same on both sides, only before (`del`) or only after (`add`)."""

    kind: Kind
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a difference, or a fold that stands for `count` unchanged lines."""

    kind: Kind
    before: int | None = None
    after: int | None = None
    segments: tuple[Segment, ...] = ()
    count: int = 0


@dataclass(frozen=True, slots=True)
class Diff:
    """A whole difference. `too_big` means that no rows were made, only the counts of lines on each side."""

    rows: tuple[Row, ...]
    added: int
    removed: int
    too_big: bool = False


def word_diff(before: str, after: str) -> tuple[Segment, ...]:
    """Compare two short texts by words; texts of more than 2,000 words are given as wholly replaced."""
    if before == after:
        return (Segment("same", before),) if before else ()
    old, new = WORD.findall(before), WORD.findall(after)
    if max(len(old), len(new)) > MAX_WORDS:
        return tuple(s for s in (Segment("del", before), Segment("add", after)) if s.text)
    return tuple(_word_segments(old, new))


def _word_segments(old: list[str], new: list[str]) -> Iterator[Segment]:
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if tag == "equal":
            yield Segment("same", "".join(old[i1:i2]))
            continue
        if i1 < i2:
            yield Segment("del", "".join(old[i1:i2]))
        if j1 < j2:
            yield Segment("add", "".join(new[j1:j2]))


def line_diff(before: str, after: str, context: int = CONTEXT) -> Diff:
    """Compare two texts by lines, words inside replaced lines, unchanged stretches folded.

    Lines end at a line feed only, so that a carriage return or another line separator stays visible as a change.
    """
    old, new = before.split("\n"), after.split("\n")
    if before == after:
        return Diff((), 0, 0)
    if max(len(old), len(new)) > MAX_LINES or max(len(before.encode()), len(after.encode())) > MAX_BYTES:
        return Diff((), len(new), len(old), too_big=True)
    rows = tuple(_rows(old, new))
    return Diff(tuple(_folded(rows, context)), _count(rows, "add"), _count(rows, "del"))


def _count(rows: tuple[Row, ...], kind: Kind) -> int:
    return sum(row.kind == kind for row in rows)


def _equal_ends(old: list[str], new: list[str]) -> tuple[int, int]:
    shorter = min(len(old), len(new))
    head = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    tail = next((i for i in range(shorter - head) if old[-1 - i] != new[-1 - i]), shorter - head)
    return head, tail


def _rows(old: list[str], new: list[str]) -> Iterator[Row]:
    head, tail = _equal_ends(old, new)
    yield from _same(old, 0, head, 0)
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, middle_old, middle_new).get_opcodes():
        if tag == "equal":
            yield from _same(old, head + i1, head + i2, j1 - i1)
        else:
            yield from _changed(old, new, (head + i1, head + i2), (head + j1, head + j2))
    yield from _same(old, len(old) - tail, len(old), len(new) - len(old))


def _same(old: list[str], start: int, end: int, shift: int) -> Iterator[Row]:
    for i in range(start, end):
        yield Row("same", i + 1, i + 1 + shift, (Segment("same", old[i]),))


def _changed(old: list[str], new: list[str], left: tuple[int, int], right: tuple[int, int]) -> Iterator[Row]:
    paired = min(left[1] - left[0], right[1] - right[0])
    words = [word_diff(old[left[0] + k], new[right[0] + k]) for k in range(paired)]
    for i in range(*left):
        k = i - left[0]
        segments = tuple(s for s in words[k] if s.kind != "add") if k < paired else (Segment("del", old[i]),)
        yield Row("del", before=i + 1, segments=segments)
    for j in range(*right):
        k = j - right[0]
        segments = tuple(s for s in words[k] if s.kind != "del") if k < paired else (Segment("add", new[j]),)
        yield Row("add", after=j + 1, segments=segments)


def _folded(rows: tuple[Row, ...], context: int) -> Iterator[Row]:
    changed = [i for i, row in enumerate(rows) if row.kind != "same"]
    near = {k for i in changed for k in range(i - context, i + context + 1)}
    hidden = 0
    for i, row in enumerate(rows):
        if i not in near:
            hidden += 1
            continue
        if hidden:
            yield Row("fold", count=hidden)
            hidden = 0
        yield row
    if hidden:
        yield Row("fold", count=hidden)
