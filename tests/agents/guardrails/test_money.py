"""What a budget's numbers mean (GUARD-3, 4)."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.guardrails.money import Forecast, Reading, charged_for, crossed, forecast, level, share, state
from agents.llm.pricing import cost_microusd, worst_case_microusd
from agents.llm.provider import Question, Usage
from agents.llm.tokens import estimate_request

AMOUNTS = st.integers(0, 10**12)
TEXTS = st.text(max_size=400)
DAY = datetime(2026, 11, 22, tzinfo=UTC)


@given(AMOUNTS.map(lambda cap: cap + 1), AMOUNTS, AMOUNTS, st.sampled_from([0, 50, 80, 100]))
def test_each_level_is_told_once_and_in_order(cap: int, spent: int, more: int, told: int) -> None:
    first = crossed(Reading(cap, spent), told)
    second = crossed(Reading(cap, spent + more), max([told, *first]))
    assert list(first + second) == sorted(set(first + second))
    assert all(spent * 100 >= cap * step for step in first)
    assert crossed(Reading(cap, spent), level(Reading(cap, spent))) == ()


@pytest.mark.parametrize(
    ("spent", "refused", "said"),
    [
        (0, False, "open"), (49, False, "open"), (50, False, "half"), (80, False, "low_waits"), (90, False, "normal_waits"),
        (100, False, "spent"), (130, False, "spent"), (99, True, "spent"),
    ],
)  # fmt: skip
def test_a_budget_says_what_it_does_to_sessions(spent: int, refused: bool, said: str) -> None:
    assert state(Reading(100, spent, 0, refused)) == said


def test_nothing_is_left_of_a_cap_that_was_lowered_below_what_is_spent() -> None:
    assert Reading(100, 130).left == 0


@pytest.mark.parametrize(
    ("priority", "begun", "part"),
    [
        ("low", False, 80),
        (None, False, 90),
        ("normal", False, 90),
        ("high", False, 100),
        ("else", False, 80),
        ("low", True, 100),
    ],
)
def test_sessions_that_have_not_begun_wait_by_priority(priority: str | None, begun: bool, part: int) -> None:
    assert share(priority, begun=begun) == part


@given(
    st.sampled_from(["scripted-1", "scripted-mini", "gpt-4o", "gemini-2.5-pro", "claude-sonnet-4-5", "nobody-knows-this"]),
    TEXTS, st.integers(16, 8_192), st.data(),
)  # fmt: skip
def test_no_answer_within_its_bound_costs_more_than_its_worst_case(
    model: str, text: str, bound: int, data: st.DataObject
) -> None:
    """Whatever part of the input was cached, and however few tokens its bytes turned out to be."""
    question = Question(model, [{"role": "user", "content": text}], max_output_tokens=bound)
    given_ = estimate_request(question.messages)
    usage = Usage(given_, data.draw(st.integers(0, bound)), cached_tokens=data.draw(st.integers(0, given_)))
    assert cost_microusd(model, usage) <= worst_case_microusd(question)


def test_a_question_without_a_bound_counts_with_the_installations(settings: object) -> None:
    settings.MODEL_OUTPUT_TOKENS = 1_000_000  # type: ignore[attr-defined]  # pytest-django's fixture
    assert worst_case_microusd(Question("scripted-1", [])) >= 4_000_000


@pytest.mark.parametrize(
    ("status", "unsent", "charged"),
    [
        (None, True, False), (None, False, True), (400, False, False), (429, False, False), (500, False, False),
        (503, False, False), (408, False, True), (502, False, True), (504, False, True),
    ],
)  # fmt: skip
def test_what_nobody_can_know_counts_as_spent(status: int | None, unsent: bool, charged: bool) -> None:
    assert charged_for(status, unsent=unsent) is charged


def test_a_forecast_goes_on_at_the_rate_of_the_last_periods_length() -> None:
    noon = DAY + timedelta(hours=12)
    ends = DAY + timedelta(days=1)
    assert forecast(100, None, starts=DAY, ends=ends, now=noon) == Forecast(200, small=False)
    # Half of yesterday still counts: 100 today and 100 of yesterday's 200 in the last 24 hours.
    assert forecast(100, 200, starts=DAY, ends=ends, now=noon) == Forecast(200, small=False)
    assert forecast(0, 200, starts=DAY, ends=ends, now=DAY).microusd == pytest.approx(200, abs=1)


def test_a_forecast_from_little_says_so() -> None:
    ends = DAY + timedelta(days=1)
    assert forecast(5, None, starts=DAY, ends=ends, now=DAY + timedelta(hours=1)).small
    assert not forecast(5, 100, starts=DAY, ends=ends, now=DAY + timedelta(hours=1)).small


@given(AMOUNTS, st.none() | AMOUNTS, st.floats(0, 86_400))
def test_a_forecast_is_never_less_than_what_is_spent(spent: int, before: int | None, gone: float) -> None:
    now = DAY + timedelta(seconds=gone)
    assert forecast(spent, before, starts=DAY, ends=DAY + timedelta(days=1), now=now).microusd >= spent
