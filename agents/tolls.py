"""Which tolls a worker's questions pass on their way to a model, in order, and what of them is kept in the process.

A toll keeps a copy of its operators' settings (limits, forced states), so that a question costs nothing where none are
set. The copy is read again twice a second and whenever somebody says that they changed; it says what to look at, the
rows alone say what may be had.
"""

from collections.abc import Sequence
from typing import Protocol

from agents.door import Toll
from agents.ledger import Ledger
from agents.money import Money
from agents.permits import Permits
from agents.purses import PurseToll
from agents.rates.toll import RateToll


class Kept(Toll, Protocol):
    """A toll with a copy of its settings."""

    def refresh(self) -> None:
        """Read the settings again; called in the ledger's thread."""
        ...


class Tolls:
    """One worker's tolls, outermost first."""

    def __init__(self, permits: Permits, money: Money, last: Sequence[Kept] = ()) -> None:
        """Take permits, money, and what is good for a moment only and so asked last; sessions' own limits come first."""
        self.permits = permits
        self.money = money
        self.passed: tuple[Kept, ...] = (PurseToll(), permits, money, *last)
        self._ready = False

    def refresh(self) -> None:
        """Read every toll's settings again; in the ledger's thread."""
        for toll in self.passed:
            toll.refresh()
        self._ready = True

    def make_ready(self) -> None:
        """Read them where nobody did yet: before the first session is taken."""
        if not self._ready:
            self.refresh()


def tolls(ledger: Ledger, owner: str) -> Tolls:
    """Return the tolls of a worker: the session's own limits, a breaker's permit, money, and last a place in the rate."""
    return Tolls(Permits(ledger, owner), Money(ledger, owner), [RateToll(ledger)])
