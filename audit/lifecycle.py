"""What a lifecycle is: a table of moves, small enough for one screen. Pure.

The tables themselves stand beside the models that they rule (`approvals/lifecycle.py`, `agents/lifecycle.py`); a model
is named as text here, so that this floor imports none of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from audit.errors import IllegalMove


@dataclass(frozen=True)
class Lifecycle:
    """The states of one model: `moves` maps (state, event) to the next state, which may be the same ("progress")."""

    model: str
    start: str
    moves: Mapping[tuple[str, str], str]
    rank: int = 0  # rows of a lower rank are locked first, everywhere, so that nobody waits in a circle

    def __hash__(self) -> int:
        return hash(self.model)

    def next(self, state: str, event: str) -> str:
        """Return the state after `event`; raise IllegalMove where the table has no such move."""
        try:
            return self.moves[state, event]
        except KeyError:
            raise IllegalMove(model=self.model, state=state, event=event) from None

    def follow(self, state: str, events: Sequence[str]) -> str:
        """Return the state after all `events`, one after the other; raise IllegalMove at the first that is not one."""
        for event in events:
            state = self.next(state, event)
        return state

    def walk(self, events: Sequence[str]) -> str:
        """Return the state of a row that is born and then takes `events`."""
        return self.follow(self.start, events)

    @cached_property
    def states(self) -> frozenset[str]:
        """Every state that the table names."""
        return frozenset({self.start, *self.moves.values(), *(state for state, _ in self.moves)})

    @cached_property
    def events(self) -> frozenset[str]:
        """Every event that the table names."""
        return frozenset(event for _, event in self.moves)

    @cached_property
    def ends(self) -> frozenset[str]:
        """The states that nothing leads out of."""
        return self.states - {state for (state, _), after in self.moves.items() if after != state}

    def allows(self, state: str, event: str) -> bool:
        """Say whether `event` is legal in `state`."""
        return (state, event) in self.moves
