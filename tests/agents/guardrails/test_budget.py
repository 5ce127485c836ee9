"""Limits as a table: what is spent against what is allowed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.config import Limits
from agents.guardrails.budget import LABELS, Spent, check

NOTHING = Spent(turns=0, tool_calls=0, tokens=0, cost_microusd=0, active_s=0, consecutive_errors=0)


def spent(**more: float) -> Spent:
    """What was spent: nothing, but for what is named."""
    return Spent(**{**{name: getattr(NOTHING, name) for name in LABELS}, **more})


@pytest.mark.parametrize("name", list(LABELS))
def test_each_hard_limit_halts_when_it_is_met(name: str) -> None:
    """GUARD-1: at the limit, not past it."""
    limits = Limits()
    allowed = getattr(limits, name)
    assert check(limits, spent(**{name: allowed - 1}), {}, frozenset()) == ()
    (stop,) = check(limits, spent(**{name: allowed}), {}, frozenset())
    assert (stop.action, stop.limit) == ("halt", name)
    assert f"{allowed:,}" in stop.text or "$" in stop.text


def test_a_soft_limit_warns_until_it_was_said() -> None:
    """GUARD-1: once."""
    limits = Limits(soft_turns=3)
    assert [stop.action for stop in check(limits, spent(turns=3), {}, frozenset())] == ["warn"]
    assert check(limits, spent(turns=4), {}, frozenset({"turns"})) == ()


def test_an_allowance_of_a_person_moves_the_limit_that_asks_and_the_hard_one() -> None:
    """GUARD-1: `extend` adds to both."""
    limits = Limits(cost_microusd=1_000, ask_above_cost_microusd=500)
    assert check(limits, spent(cost_microusd=500), {}, frozenset())[0].action == "ask"
    assert check(limits, spent(cost_microusd=900), {"cost_microusd": 500}, frozenset()) == ()
    assert check(limits, spent(cost_microusd=1_500), {"cost_microusd": 500}, frozenset())[0].action == "halt"


@given(st.integers(0, 60), st.integers(0, 60))
def test_spending_more_never_lets_a_halted_session_go_on(turns: int, more: int) -> None:
    """Monotonic: what halts at some spend halts at any larger one."""
    limits = Limits(turns=20)
    halted = any(stop.action == "halt" for stop in check(limits, spent(turns=turns), {}, frozenset()))
    still = any(stop.action == "halt" for stop in check(limits, spent(turns=turns + more), {}, frozenset()))
    assert not halted or still
