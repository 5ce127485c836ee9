"""Is the session going in circles? Calls are compared with their arguments and results (GUARD-2). Pure.

A trail is fed with each finished call once, so looking at turn 200 costs what it costs at turn 2. It begins anew
when a person says something. What waits for something to change (a poll whose results differ) is no circle.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Literal

from agents.config import Loops

AGAIN = 2  # repeats of one call, or turns without anything new, that show that a hint did not help
Kind = Literal["same_call", "cycle", "nothing_new"]


@dataclass(frozen=True, slots=True)
class Finished:
    """What the guard sees of one finished call; each text is compared only for being equal.

    `done` says that something was changed by it, which is news whatever it returned.
    """

    key: str
    tool: str
    call: str  # tool and arguments
    outcome: str  # status and result
    done: bool = False

    @property
    def mark(self) -> str:
        """Equal only for the same tool, arguments and outcome."""
        return f"{self.call}:{self.outcome}"


@dataclass(frozen=True, slots=True)
class Loop:
    """Evidence: what repeats, how often, and the calls that show it, oldest first."""

    kind: Kind
    times: int
    window: tuple[Finished, ...]
    hinted: bool = False  # the model was told before

    @property
    def text(self) -> str:
        """One sentence for people."""
        told = " after it was told so" if self.hinted else ""
        if self.kind == "nothing_new":
            return f"The agent worked for {self.times} turns without learning or changing anything new{told}."
        if len(self.window) == 1:
            return f"The agent made the same call {self.often} in a row with the same outcome{told}."
        tools = sorted({one.tool for one in self.window})
        between = f" between {tools[0]} and {tools[1]}" if len(self.window) == len(tools) == 2 else ""
        return f"The agent repeated the same {len(self.window)} calls{between} {self.often} with the same outcomes{told}."

    @property
    def often(self) -> str:
        """How often, in words; after a hint that is how often again."""
        times = "once" if self.times == 1 else f"{self.times} times"
        return f"{times} more" if self.hinted else times


@dataclass(slots=True)
class Trail:
    """The newest calls of a session, and what came of all of them, since a person last said something."""

    longest: int  # calls that are kept
    calls: deque[Finished] = field(default_factory=deque)
    known_calls: set[str] = field(default_factory=set)
    known_outcomes: set[str] = field(default_factory=set)
    stale: int = 0  # turns in a row that brought nothing new
    hinted: frozenset[str] | None = None  # marks that the model was told of; empty where it was told that nothing is new

    def begin_anew(self) -> None:
        """A person said something: what was before does not count any more."""
        self.calls.clear()
        self.known_calls.clear()
        self.known_outcomes.clear()
        self.stale, self.hinted = 0, None

    def hint(self, marks: Sequence[str]) -> None:
        """The model was told of a loop of these marks; from here on a repeat counts at once."""
        self.calls.clear()
        self.stale, self.hinted = 0, frozenset(marks)

    def add(self, turn: Sequence[Finished]) -> None:
        """Take up the finished calls of one turn."""
        if not turn:
            return
        new = [one for one in turn if self._is_news(one)]
        self.stale = 0 if new else self.stale + 1
        for one in turn:
            self.known_calls.add(one.call)
            self.known_outcomes.add(one.outcome)
            self.calls.append(one)
        while len(self.calls) > self.longest:
            self.calls.popleft()

    def _is_news(self, one: Finished) -> bool:
        return one.outcome not in self.known_outcomes or (one.done and one.call not in self.known_calls)


def trail(limits: Loops) -> Trail:
    """Return an empty trail that is long enough for these limits."""
    return Trail(longest=max(limits.same_call, limits.cycles * limits.longest_cycle, limits.nothing_new))


def detect(found: Trail, limits: Loops) -> Loop | None:
    """Find a loop at the end of a trail, the shortest window first.

    Args:
        found: the session's calls.
        limits: how often something may repeat.
    """
    if found.hinted is not None and (loop := _goes_on(found, found.hinted)) is not None:
        return loop
    longest = max(limits.same_call, limits.cycles * limits.longest_cycle)
    marks = [one.mark for one in islice(reversed(found.calls), longest)][::-1]
    for period in range(1, limits.longest_cycle + 1):
        times = limits.same_call if period == 1 else limits.cycles
        tail = marks[-period * times :]
        if len(tail) == period * times and tail == tail[:period] * times:
            kind: Kind = "same_call" if period == 1 else "cycle"
            return Loop(kind, times, tuple(found.calls)[-period:], hinted=found.hinted is not None)
    if found.stale >= limits.nothing_new:
        return Loop("nothing_new", found.stale, tuple(found.calls)[-found.stale :], hinted=found.hinted is not None)
    return None


def _goes_on(found: Trail, marks: frozenset[str]) -> Loop | None:
    """The loop that the model was told of, where it goes on in any order: one repeat of it is enough."""
    if not marks:
        if found.stale < AGAIN:
            return None
        return Loop("nothing_new", found.stale, tuple(found.calls)[-found.stale :], hinted=True)
    size = AGAIN if len(marks) == 1 else len(marks)
    tail = tuple(found.calls)[-size:]
    if len(tail) < size or {one.mark for one in tail} != marks:
        return None
    window = tail[-1:] if len(marks) == 1 else tail
    return Loop("same_call" if len(marks) == 1 else "cycle", size // len(window), window, hinted=True)
