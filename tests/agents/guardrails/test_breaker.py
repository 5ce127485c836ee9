"""When breakers open, how long they stay so, and whom they let through: for any history."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.guardrails.breaker import (
    Bounds,
    Counted,
    Standing,
    Tally,
    cool_down,
    count,
    passage,
    refuses_all,
    split,
    to_blame,
    why_open,
)
from agents.llm.provider import (
    BadRequest,
    BreakerOpen,
    BrokenAnswer,
    ContextOverflow,
    Misconfigured,
    ModelTimeout,
    ModelUnavailable,
    NotReached,
    RateLimited,
    Unauthorized,
    UnknownModel,
)

BOUNDS = Bounds()


@given(st.lists(st.booleans(), max_size=60))
def test_one_worker_that_tells_each_failure_opens_at_five_in_a_row_or_at_half_of_twenty(calls: list[bool]) -> None:
    """GUARD-7: what went well between two failures is told with the second; the count is that of the true history."""
    counted, good, good_at, failed_at = Counted(), 0, None, None
    row, errors, total = 0, 0, 0
    for now, went_well in enumerate(calls):
        if went_well:
            good, good_at, row, total = good + 1, now, 0, total + 1
            continue
        tally = Tally("model:m", 1, good, None if good_at is None else now - good_at)
        counted = count(counted, tally, failed_ago_s=None if failed_at is None else now - failed_at, window_over=False)
        good, failed_at, row, errors, total = 0, now, row + 1, errors + 1, total + 1
        assert counted == Counted(row, total, errors)
        assert bool(why_open(counted, BOUNDS)) == (row >= 5 or (total >= 20 and errors * 2 >= total))


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 9), st.integers(0, 9))
def test_a_new_window_forgets_the_share_and_not_the_row(failures: int, calls: int, errors: int, good: int) -> None:
    """Five failures in a row are five, however slowly they come."""
    now = count(Counted(failures, calls, calls), Tally("k:m", errors, good), failed_ago_s=99, window_over=True)
    assert now == Counted(failures + errors, errors + good, errors)


def test_a_success_older_than_the_last_failure_of_any_worker_ends_no_row() -> None:
    """A worker that had luck an hour ago says nothing about now."""
    before = Counted(4, 4, 4)
    assert count(before, Tally("model:m", 1, 1, good_ago_s=3600), failed_ago_s=1, window_over=False).failures == 5
    assert count(before, Tally("model:m", 1, 1, good_ago_s=0.5), failed_ago_s=1, window_over=False).failures == 1


@given(st.integers(0, 10**6), st.floats(1, 3600))
def test_it_cools_down_for_longer_with_each_failed_probe_up_to_a_bound(probes: int, cool_s: float) -> None:
    """Sixty seconds by default, ten minutes at most."""
    bounds = Bounds(cool_s=cool_s, longest_s=10 * cool_s)
    assert cool_s <= cool_down(probes, bounds) <= cool_down(probes + 1, bounds) <= 10 * cool_s
    assert cool_down(0, BOUNDS) == 60
    assert cool_down(30, BOUNDS) == 600


@pytest.mark.parametrize(
    ("status", "due_s", "how"),
    [
        ("closed", 0, "free"),
        ("open", 5, "shut"),
        ("open", 0, "probe"),
        ("half_open", 5, "shut"),
        ("half_open", 0, "probe"),
        ("forced_open", 0, "shut"),
        ("forced_closed", 5, "free"),
    ],
)
def test_who_comes_past_a_breaker(status: str, due_s: float, how: str) -> None:
    """A probe is made where it is due; what a person holds is as he says."""
    assert passage(Standing("model:m", status), due_s) == how
    assert passage(None, 0) == "free"


@pytest.mark.parametrize(
    ("error", "whose"),
    [
        (NotReached("x"), "provider"),
        (ModelUnavailable("x", status=503), "model"),
        (ModelTimeout("x"), "model"),
        (BrokenAnswer("x"), "model"),
        (RateLimited("x", status=429), None),
        (BadRequest("x", status=400), None),
        (Misconfigured("x", status=400), None),
        (UnknownModel("x", status=404), "model"),
        (Unauthorized("x", status=401), "model"),
        (ContextOverflow("x", status=400), None),
        (BreakerOpen("x"), None),
    ],
)
def test_a_refusal_of_one_question_blames_nobody(error: Exception, whose: str | None) -> None:
    """One agent's wrong parameters open nothing for the others; a model that is not there is there for nobody."""
    assert to_blame(error) == whose


@pytest.mark.parametrize(
    ("error", "all_of_them"),
    [
        (Unauthorized("x", status=401), True),
        (Unauthorized("x", status=402), True),
        (Unauthorized("x", status=403), False),
        (UnknownModel("x", status=404), True),
        (Misconfigured("x", status=400), False),
        (ModelUnavailable("x", status=503), False),
    ],
)
def test_one_refusal_is_enough_where_every_call_would_meet_it(error: Exception, all_of_them: bool) -> None:
    """Asking four more times would tell nothing; a 403 may be about what one question says."""
    assert refuses_all(error) is all_of_them
    assert bool(why_open(Counted(1, 1, 1), BOUNDS, refused=all_of_them)) is all_of_them


@pytest.mark.parametrize(
    ("key", "kind"), [("tool:send_email", "tool"), ("provider:host:80", "provider"), ("tool:", None), ("x:y", None), ("", None)]
)
def test_a_key_names_its_kind(key: str, kind: str | None) -> None:
    """What is none is refused before anything is looked up."""
    assert split(key)[0] == kind
