"""The tables of the agents floor: every pair of state and event is either the move it says, or an error."""

import itertools

import pytest

from agents.lifecycle import (
    BREAKER,
    CALL_OUTCOMES,
    CASE,
    EVAL_RUN,
    GRADING_ITEM,
    GRADING_RUBRIC,
    INLET,
    JUDGING,
    PROMPT_VERSION,
    RECALL,
    RELEASE,
    RERUN,
    SCHEDULE,
    SESSION,
    SESSION_ENDS,
    SUITE,
    TOOL_CALL,
)
from approvals.lifecycle import REQUEST
from audit.errors import IllegalMove
from audit.lifecycle import Lifecycle

TABLES = [SESSION, TOOL_CALL, REQUEST, BREAKER, SCHEDULE, INLET, PROMPT_VERSION, RELEASE, RECALL, SUITE, CASE, EVAL_RUN, RERUN,
          GRADING_RUBRIC, GRADING_ITEM, JUDGING]  # fmt: skip
PAIRS = [
    (table, state, event) for table in TABLES for state, event in itertools.product(sorted(table.states), sorted(table.events))
]


@pytest.mark.parametrize(("table", "state", "event"), PAIRS, ids=lambda value: value if isinstance(value, str) else value.model)
def test_every_pair_is_the_move_of_the_table_or_an_error(table: Lifecycle, state: str, event: str) -> None:
    """LOOP-1: nothing moves in a way that is not on the screen."""
    if (state, event) in table.moves:
        assert table.next(state, event) == table.moves[state, event]
    else:
        with pytest.raises(IllegalMove):
            table.next(state, event)


def test_a_session_ends_in_exactly_one_of_six_ends() -> None:
    """LOOP-1."""
    assert {"completed", "halted", "failed", "cancelled", "expired", "dead_letter"} == SESSION_ENDS
    assert SESSION.ends == SESSION_ENDS - {"dead_letter"}


def test_only_a_person_moves_a_dead_letter() -> None:
    """LOOP-14: it is replayed, or closed with a note; nothing else leads out of it."""
    moves = {event: SESSION.moves[state, event] for state, event in SESSION.moves if state == "dead_letter"}
    assert moves == {"replay": "queued", "close": "failed"}


def test_every_state_of_a_session_can_be_reached_and_left() -> None:
    """No state is a trap, none is dead text."""
    reached = {SESSION.start, *SESSION.moves.values()}
    assert SESSION.states == reached
    assert {state for state, _ in SESSION.moves} == SESSION.states - SESSION.ends


def test_an_outcome_of_a_call_is_final() -> None:
    """LOOP-8: a call id has one answer; what was answered is not answered again."""
    assert TOOL_CALL.ends == CALL_OUTCOMES


def test_nothing_runs_from_awaiting_without_an_approval() -> None:
    """APPR-4: the only way from awaiting to executing leads through approved."""
    assert {
        event for state, event in TOOL_CALL.moves if state == "awaiting" and TOOL_CALL.moves[state, event] == "executing"
    } == set()
    assert TOOL_CALL.moves["approved", "start"] == "executing"


def test_an_unknown_outcome_never_runs_again_by_itself() -> None:
    """TOOL-3: only a person's `run_again` leads back to where a call can start."""
    assert {event for state, event in TOOL_CALL.moves if state == "unknown"} == {"resolve", "run_again"}


def test_rows_are_locked_in_one_order_everywhere() -> None:
    """Requests before calls, calls before sessions: nobody waits in a circle."""
    assert REQUEST.rank < TOOL_CALL.rank < SESSION.rank
