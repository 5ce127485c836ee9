"""Every pair of state and event of a request, legal and illegal."""

import itertools

import pytest

from approvals.lifecycle import OPEN, REQUEST, STANDING
from audit.errors import IllegalMove

ENDS = {"consumed", "rejected", "answered", "expired", "withdrawn", "void"}
STATES = {"pending", "held", "approved", *ENDS}


@pytest.mark.parametrize(("state", "event"), list(itertools.product(sorted(REQUEST.states), sorted(REQUEST.events))))
def test_only_the_moves_of_the_table_are_legal(state: str, event: str) -> None:
    """APPR-7; THREATS 12, 17: an end is an end, and a vote counts only while it is asked for."""
    if REQUEST.allows(state, event):
        assert state in OPEN
        assert REQUEST.next(state, event) in REQUEST.states
    else:
        with pytest.raises(IllegalMove):
            REQUEST.next(state, event)


@pytest.mark.parametrize(("state", "event"), list(itertools.product(sorted(STANDING.states), sorted(STANDING.events))))
def test_a_standing_approval_only_gets_less(state: str, event: str) -> None:
    """APPR-3: used up, revoked or undone, none ever stands again."""
    if STANDING.allows(state, event):
        assert state in ("active", "used_up")
        assert STANDING.next(state, event) != "active" or state == "active"
    else:
        with pytest.raises(IllegalMove):
            STANDING.next(state, event)


def test_states_are_those_that_programs_are_told() -> None:
    """The API's list of an approval's states."""
    assert REQUEST.states == STATES
    assert REQUEST.ends == ENDS


@pytest.mark.parametrize("state", sorted(STATES - {"pending"}))
def test_only_a_pending_request_takes_votes_and_edits(state: str) -> None:
    """THREATS 12, 15: nothing is decided twice."""
    for event in ("vote", "revise", "hold", "reject", "answer"):
        assert not REQUEST.allows(state, event)


def test_consumed_is_reached_from_an_approval_alone() -> None:
    """GUARD: no path to execution leads around a decision."""
    assert {state for (state, event) in REQUEST.moves if event == "consume"} == {"approved"}
