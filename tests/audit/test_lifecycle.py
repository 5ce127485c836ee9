"""Lifecycles as tables: every pair of state and event is either a move or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.errors import IllegalMove
from audit.lifecycle import Lifecycle
from tests.audit.conftest import LAMP

names = st.sampled_from("abcdef")
tables = st.dictionaries(st.tuples(names, names), names, max_size=20)


@given(tables, names, names, names)
def test_every_pair_is_a_move_of_the_table_or_refused(
    moves: dict[tuple[str, str], str], start: str, state: str, event: str
) -> None:
    table = Lifecycle("test.Thing", start, moves)
    assert table.allows(state, event) == ((state, event) in moves)
    if (state, event) in moves:
        assert table.next(state, event) == moves[state, event]
    else:
        with pytest.raises(IllegalMove) as refused:
            table.next(state, event)
        assert (refused.value.state, refused.value.event) == (state, event)


@given(tables, names, st.lists(names, max_size=6))
def test_a_walk_stays_inside_the_states(moves: dict[tuple[str, str], str], start: str, events: list[str]) -> None:
    table = Lifecycle("test.Thing", start, moves)
    state = start
    for event in events:
        if not table.allows(state, event):
            with pytest.raises(IllegalMove):
                table.walk(events)
            return
        state = moves[state, event]
    assert table.walk(events) == state
    assert state in table.states


@given(tables, names)
def test_nothing_leads_out_of_an_end(moves: dict[tuple[str, str], str], start: str) -> None:
    table = Lifecycle("test.Thing", start, moves)
    for state in table.states:
        leads_on = any(before == state and after != state for (before, _), after in moves.items())
        assert (state in table.ends) != leads_on


def test_a_table_can_be_read() -> None:
    assert LAMP.states == {"dark", "lit", "broken"}
    assert LAMP.ends == {"broken"}
    assert LAMP.events == {"light", "dim", "quench", "break"}
    assert LAMP.walk(()) == "dark"
    assert LAMP.walk(("light", "dim", "break")) == "broken"
