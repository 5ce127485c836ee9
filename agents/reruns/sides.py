"""What was done then beside what is done now, turn by turn. Pure.

Turns are paired in order: stretches in which the same tools are called anchor the two sides, and what lies between two
anchors is put side by side as it comes. Within a pair calls are matched by tool and arguments, then by tool alone. Each turn
and each call stands in the comparison exactly once.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from itertools import zip_longest


@dataclass(frozen=True, slots=True)
class Step:
    """One turn of a side: what was said, and the calls, each a tool with its arguments as JSON or as they were written."""

    text: str
    calls: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Matched:
    """A call then and a call now, by their places in their turns; None where the other side has none."""

    then: int | None
    now: int | None
    same: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A turn then and a turn now, by their places; None where the other side has none."""

    then: int | None
    now: int | None
    calls: tuple[Matched, ...]
    same_text: bool

    @property
    def differs(self) -> bool:
        """True where something else is done: other calls, another answer, or a turn that the other side has not."""
        lone = self.then is None or self.now is None
        return lone or not all(call.same for call in self.calls) or not (self.calls or self.same_text)


def sides(then: Sequence[Step], now: Sequence[Step]) -> tuple[Row, ...]:
    """Return the turns of both sides, paired, in order."""
    return tuple(
        _row(then, now, left, right) for left, right in _pairs([_tools(one) for one in then], [_tools(one) for one in now])
    )


def first_difference(rows: Sequence[Row]) -> int | None:
    """Return the place of the first row that differs; None where none does."""
    return next((place for place, row in enumerate(rows) if row.differs), None)


def key(arguments: str) -> str:
    """Return arguments as they are compared: as JSON whose names are in order, or as they were written where they are none."""
    try:
        return json.dumps(json.loads(arguments or "{}"), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return arguments


def _tools(step: Step) -> tuple[str, ...]:
    return tuple(tool for tool, _ in step.calls)


def _pairs(then: Sequence[tuple[str, ...]], now: Sequence[tuple[str, ...]]) -> Iterator[tuple[int | None, int | None]]:
    for _, i1, i2, j1, j2 in SequenceMatcher(None, then, now, autojunk=False).get_opcodes():
        yield from zip_longest(range(i1, i2), range(j1, j2))


def _row(then: Sequence[Step], now: Sequence[Step], left: int | None, right: int | None) -> Row:
    before = then[left] if left is not None else Step("")
    after = now[right] if right is not None else Step("")
    return Row(left, right, tuple(_matched(before.calls, after.calls)), before.text == after.text)


def _matched(then: Sequence[tuple[str, str]], now: Sequence[tuple[str, str]]) -> Iterator[Matched]:
    old, new = [(tool, key(arguments)) for tool, arguments in then], [(tool, key(arguments)) for tool, arguments in now]
    partner: dict[int, int] = {}
    for whole in (True, False):
        for left, one in enumerate(old):
            taken = set(partner.values())
            free = (at for at, other in enumerate(new) if at not in taken and (one == other if whole else one[0] == other[0]))
            if left not in partner and (right := next(free, None)) is not None:
                partner[left] = right
    for left, one in enumerate(old):
        found = partner.get(left)
        yield Matched(left, found, found is not None and new[found] == one)
    yield from (Matched(None, right, same=False) for right in range(len(new)) if right not in partner.values())
