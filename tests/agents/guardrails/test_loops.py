"""Circles are found by what was called, with what, and what came of it."""

from hypothesis import given
from hypothesis import strategies as st

from agents.guardrails.loops import CYCLES, IDENTICAL, LONGEST_WINDOW, detect


def test_the_same_call_with_the_same_outcome_is_a_loop() -> None:
    """GUARD-2: the fourth time in a row."""
    assert detect(["a"] * (IDENTICAL - 1)) is None
    found = detect(["x", *["a"] * IDENTICAL])
    assert found is not None
    assert (found.period, found.times, found.window) == (1, IDENTICAL, ("a",))


def test_a_window_of_calls_over_and_over_is_a_loop() -> None:
    """GUARD-2: ping-pong between calls with their arguments."""
    found = detect(["a", "b"] * CYCLES)
    assert found is not None
    assert found.period == 2
    assert "2 calls" in found.text


def test_another_outcome_is_no_loop() -> None:
    """Polling that sees something new goes on."""
    assert detect([f"poll:{number}" for number in range(20)]) is None


@given(st.lists(st.integers(), unique=True, max_size=40))
def test_calls_that_all_differ_are_never_a_loop(marks: list[int]) -> None:
    """No false alarm."""
    assert detect([str(mark) for mark in marks]) is None


@given(st.lists(st.text(max_size=2), min_size=1, max_size=LONGEST_WINDOW), st.lists(st.text(max_size=2), max_size=6))
def test_a_repeated_window_is_always_found(window: list[str], before: list[str]) -> None:
    """Whatever went before it."""
    assert detect([*before, *window * max(CYCLES, IDENTICAL)]) is not None
