"""Differences between two texts, by line and inside a changed line by word. Pure, and bounded: difflib is
quadratic on repetitive text and worse where little is alike, so equal ends are cut off first, above the limits only counts
are given, of lines that the other side has not anywhere, and words are compared as long as that costs little.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from typing import Literal

MAX_LINES = 2000
MAX_BYTES = 200_000
MAX_WORDS = 2000
MAX_WORK = 10_000_000  # comparisons of words in the worst case, of all lines of a difference together
CONTEXT = 3
ROWS, LETTERS = 600, 60_000  # of a difference that are shown at first
WORD = re.compile(r"\s+|\w+|[^\w\s]")

Compare = Callable[[str, str], "tuple[Segment, ...]"]
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
    """A whole difference. `too_big` means that no rows were made, and that lines which only moved are not counted.

    `more` rows were left out.
    """

    rows: tuple[Row, ...]
    added: int
    removed: int
    too_big: bool = False
    more: int = 0


class _Words:
    """Compares lines by words, until all of that together could cost too much; what comes then is wholly replaced."""

    def __init__(self) -> None:
        self._left = MAX_WORK

    def compare(self, before: str, after: str) -> tuple[Segment, ...]:
        """Compare two short texts."""
        if before == after:
            return (Segment("same", before),) if before else ()
        old, new = WORD.findall(before), WORD.findall(after)
        head, tail = _equal_ends(old, new)
        mine, theirs = old[head : len(old) - tail], new[head : len(new) - tail]
        if max(len(mine), len(theirs)) > MAX_WORDS or (work := _work(mine, theirs)) > self._left:
            return tuple(s for s in (Segment("del", before), Segment("add", after)) if s.text)
        self._left -= work
        ends = Segment("same", "".join(old[:head])), Segment("same", "".join(old[len(old) - tail :]))
        return tuple(part for part in (ends[0], *_word_segments(mine, theirs), ends[1]) if part.text)


def word_diff(before: str, after: str) -> tuple[Segment, ...]:
    """Compare two short texts by words; where more than 2,000 of them differ at a stretch, all of it is given as replaced."""
    return _Words().compare(before, after)


def begun(found: Diff) -> Diff:
    """Return the beginning of a difference, which says how many rows it leaves out."""
    letters, count = 0, 0
    for row in found.rows[:ROWS]:
        letters += sum(len(part.text) for part in row.segments)
        if count and letters > LETTERS:
            break
        count += 1
    return replace(found, rows=found.rows[:count], more=len(found.rows) - count)


def _work(old: list[str], new: list[str]) -> int:
    """How many pairs of equal words are looked at in the worst case: all of them, once for each match that is found."""
    counts, others = (Counter(word for word in words if not word.isspace()) for words in (old, new))
    pairs = sum(count * others[word] for word, count in counts.items())
    return pairs * min(counts.total(), others.total()) // 3


def _word_segments(old: list[str], new: list[str]) -> Iterator[Segment]:
    # Spaces are alike everywhere: they may stand in what is the same, and never make it.
    for tag, i1, i2, j1, j2 in SequenceMatcher(str.isspace, old, new, autojunk=False).get_opcodes():
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
        lines, others = Counter(old), Counter(new)
        return Diff((), (others - lines).total(), (lines - others).total(), too_big=True)
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
    compare = _Words().compare
    middle_old, middle_new = old[head : len(old) - tail], new[head : len(new) - tail]
    for tag, i1, i2, j1, j2 in SequenceMatcher(None, middle_old, middle_new).get_opcodes():
        if tag == "equal":
            yield from _same(old, head + i1, head + i2, j1 - i1)
        else:
            yield from _changed(old, new, (head + i1, head + i2), (head + j1, head + j2), compare)
    yield from _same(old, len(old) - tail, len(old), len(new) - len(old))


def _same(old: list[str], start: int, end: int, shift: int) -> Iterator[Row]:
    for i in range(start, end):
        yield Row("same", i + 1, i + 1 + shift, (Segment("same", old[i]),))


def _changed(old: list[str], new: list[str], left: tuple[int, int], right: tuple[int, int], compare: Compare) -> Iterator[Row]:
    paired = min(left[1] - left[0], right[1] - right[0])
    words = [compare(old[left[0] + k], new[right[0] + k]) for k in range(paired)]
    for i in range(*left):
        k = i - left[0]
        segments = tuple(s for s in words[k] if s.kind != "add") if k < paired else (Segment("del", old[i]),)
        yield Row("del", before=i + 1, segments=segments)
    for j in range(*right):
        k = j - right[0]
        segments = tuple(s for s in words[k] if s.kind != "del") if k < paired else (Segment("add", new[j]),)
        yield Row("add", after=j + 1, segments=segments)


def _beyond(place: int, near: set[int], rows: tuple[Row, ...]) -> bool:
    return place in near or not 0 <= place < len(rows)


def _folded(rows: tuple[Row, ...], context: int) -> Iterator[Row]:
    changed = [i for i, row in enumerate(rows) if row.kind != "same"]
    near = {k for i in changed for k in range(i - context, i + context + 1)}
    if context:  # one line alone is shown: its fold would take as much room, and say less
        near |= {k for k in range(len(rows)) if _beyond(k - 1, near, rows) and _beyond(k + 1, near, rows)}
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
