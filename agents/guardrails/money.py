"""What a budget says of a question, of a new session, and of the rest of its period. Pure.

Amounts are whole micro-dollars. The database moves the meters; here is what its numbers mean.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Priority = Literal["low", "normal", "high"]
Because = Literal["spent", "throttled", "crowded"]
State = Literal["open", "half", "low_waits", "normal_waits", "spent"]

LEVELS = (50, 80, 100)
"""Hundredths of a cap at which people are told, once for each period."""
SHARES: Mapping[Priority, int] = {"low": 80, "normal": 90, "high": 100}
"""Hundredths of a cap from which on a session that has not begun waits, once so much is spent; one that has begun may take all."""
SMALL_SAMPLE = 0.25
"""A forecast from less than this part of a period, with none before it, says so."""
LEAST_WINDOW = 1 / 24
"""The least part of a period that a rate is taken over."""
_FREE_STATUS = frozenset(range(400, 600)) - {408, 502, 504}


@dataclass(frozen=True, slots=True)
class Reading:
    """A meter's numbers."""

    cap: int
    spent: int = 0
    reserved: int = 0
    refused: bool = False

    @property
    def left(self) -> int:
        """What can still be reserved; nothing where a cap was lowered below what is spent."""
        return max(0, self.cap - self.spent - self.reserved)


def level(meter: Reading) -> int:
    """Return the highest level that is reached: 100 where it is spent or a call was refused for it, 80, 50, else 0."""
    if meter.refused or meter.spent >= meter.cap:
        return 100
    return max((step for step in LEVELS[:-1] if meter.spent * 100 >= meter.cap * step), default=0)


def crossed(meter: Reading, told: int) -> tuple[int, ...]:
    """Return the levels that are reached and that nobody was told of in this period, in order."""
    return tuple(step for step in LEVELS if told < step <= level(meter))


def state(meter: Reading) -> State:
    """Return what the budget does to sessions now."""
    if level(meter) == 100:
        return "spent"
    for name, priority in (("normal_waits", "normal"), ("low_waits", "low")):
        if meter.spent * 100 >= meter.cap * SHARES[priority]:  # type: ignore[index]  # two of its keys
            return name  # type: ignore[return-value]  # two of its values
    return "half" if meter.spent * 100 >= meter.cap * 50 else "open"


def share(priority: str | None, *, begun: bool) -> int:
    """Return the hundredths of a cap from which on a session's next question waits; unknown priorities wait first."""
    if begun:
        return 100
    return SHARES.get(priority or "normal", SHARES["low"])  # type: ignore[call-overload,no-any-return]


def charged_for(status: int | None, *, unsent: bool) -> bool:
    """Say whether a question that failed may have cost something.

    A server that answers with an error gave no completion. A gateway that lost the server behind it, a time-out and a
    broken connection leave it open: unknown counts as spent.
    """
    return not unsent and status not in _FREE_STATUS


@dataclass(frozen=True, slots=True)
class Forecast:
    """What will be spent by the end of a period if it goes on as it did; `small` says that little is known yet."""

    microusd: int
    small: bool


def forecast(
    spent: int, before: int | None, *, starts: datetime, ends: datetime, now: datetime, since: datetime | None = None
) -> Forecast:
    """Say where a period ends at the rate of the last period's length.

    Args:
        spent: in this period.
        before: in the period before it; None where there was none. Of it counts the part that the window still covers.
        starts, ends, now: of this period; `now` within it.
        since: when the budget was made, where that was within it. A rate is taken over a 24th of a period at least.
    """
    whole = (ends - starts).total_seconds()
    gone = min(max((now - starts).total_seconds(), 0.0), whole)
    if before is not None:
        rate = (spent + before * (1 - gone / whole)) / whole
        return Forecast(spent + round(rate * (whole - gone)), small=False)
    window = min(max((now - max(starts, since or starts)).total_seconds(), whole * LEAST_WINDOW), whole)
    return Forecast(spent + round(spent / window * (whole - gone)), window < whole * SMALL_SAMPLE)
