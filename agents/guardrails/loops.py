"""Is the session going in circles? Calls are compared with their arguments and results (GUARD-2). Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

IDENTICAL = 4  # the same call with the same outcome, in a row
CYCLES = 3  # a window of two to four calls, over and over
LONGEST_WINDOW = 4


@dataclass(frozen=True, slots=True)
class Loop:
    """Evidence: a window of `period` calls was seen `times` times without a new outcome."""

    period: int
    times: int
    window: tuple[str, ...]

    @property
    def text(self) -> str:
        """One sentence for people."""
        if self.period == 1:
            return f"The agent made the same call {self.times} times in a row with the same outcome."
        return f"The agent repeated the same {self.period} calls {self.times} times with the same outcomes."


def detect(marks: Sequence[str]) -> Loop | None:
    """Find a loop at the end of `marks`, one per finished call in order.

    Args:
        marks: a string per call that is equal only for the same tool, arguments and outcome.
    """
    for period in range(1, LONGEST_WINDOW + 1):
        times = IDENTICAL if period == 1 else CYCLES
        tail = tuple(marks[-period * times :])
        if len(tail) == period * times and tail == tail[:period] * times:
            return Loop(period, times, tail[:period])
    return None
