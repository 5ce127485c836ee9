"""Whether and when a failed call is tried again, as a table. Pure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.llm.failures import from_status, retry_after
from agents.llm.provider import (
    BadRequest,
    BrokenAnswer,
    ContextOverflow,
    Misconfigured,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    RateLimited,
    Unauthorized,
    UnknownModel,
)
from agents.llm.retry import RetryPolicy, decide

FAILURES = [
    RateLimited,
    ModelUnavailable,
    ModelTimeout,
    BrokenAnswer,
    BadRequest,
    Misconfigured,
    UnknownModel,
    Unauthorized,
    ContextOverflow,
]


@pytest.mark.parametrize(
    ("error", "attempt", "action", "delay_s"),
    [
        (ModelUnavailable("x"), 1, "wait", 0.25),
        (ModelUnavailable("x"), 2, "wait", 0.5),
        (ModelUnavailable("x"), 4, "wait", 2.0),
        (ModelUnavailable("x"), 5, "give_up", 0.0),
        (ModelTimeout("x"), 1, "wait", 0.25),
        (BrokenAnswer("x"), 2, "wait", 0.5),
        (BrokenAnswer("x"), 3, "give_up", 0.0),
        (BadRequest("x"), 1, "give_up", 0.0),
        (Unauthorized("x"), 1, "give_up", 0.0),
        (ContextOverflow("x"), 1, "give_up", 0.0),
        (RateLimited("x", retry_after_s=3), 1, "wait", 3.0),
        (RateLimited("x", retry_after_s=0), 1, "wait", 0.25),
        (RateLimited("x", retry_after_s=10), 1, "wait", 10.0),
        (RateLimited("x", retry_after_s=11), 1, "park", 11.0),
        (RateLimited("x", retry_after_s=86_400), 1, "park", 300.0),
        (RateLimited("x", retry_after_s=11), 5, "give_up", 0.0),
    ],
)
def test_each_failure_is_decided(error: ModelError, attempt: int, action: str, delay_s: float) -> None:
    """GUARD-6: only what can succeed; Retry-After honoured and bounded; a 400 or 401 never."""
    decision = decide(error, attempt, random=0.0)
    assert (decision.action, decision.delay_s) == (action, delay_s)
    assert decision.reason


@given(
    st.sampled_from(FAILURES),
    st.integers(1, 10),
    st.floats(0, 1, exclude_max=True),
    st.none() | st.floats(0, 1e6),
)
def test_waits_are_bounded_and_never_earlier_than_asked(
    kind: type[ModelError], attempt: int, random: float, asked: float | None
) -> None:
    """GUARD-6, GUARD-5: waiting is bounded; jitter spreads but never comes too early."""
    policy = RetryPolicy()
    decision = decide(kind("x", retry_after_s=asked), attempt, random=random, policy=policy)
    assert 0 <= decision.delay_s <= policy.longest_s + 5
    assert (decision.action == "park") == (decision.delay_s > policy.park_above_s)
    if asked and decision.action != "give_up":
        assert decision.delay_s >= min(asked, policy.longest_s)
    if not kind.retryable or attempt >= policy.attempts:
        assert decision.action == "give_up"


def test_fewer_attempts_also_bind_broken_answers() -> None:
    assert decide(BrokenAnswer("x"), 1, random=0, policy=RetryPolicy(attempts=1)).action == "give_up"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequest), (401, Unauthorized), (402, Unauthorized), (403, Unauthorized), (404, UnknownModel),
        (408, ModelTimeout), (409, ModelUnavailable),
        (413, BadRequest), (422, BadRequest), (429, RateLimited), (500, ModelUnavailable), (502, ModelUnavailable),
        (503, ModelUnavailable), (504, ModelTimeout), (529, ModelUnavailable),
    ],
)  # fmt: skip
def test_each_status_has_its_error(status: int, kind: type[ModelError]) -> None:
    assert type(from_status(status, reason="x")) is kind


@pytest.mark.parametrize(
    ("reason", "code"),
    [("x", "context_length_exceeded"), ("This model's maximum context length is 8192 tokens", ""), ("prompt is too long", "")],
)
def test_a_conversation_that_is_too_long_is_told_apart(reason: str, code: str) -> None:
    assert type(from_status(400, reason=reason, code=code)) is ContextOverflow


@pytest.mark.parametrize(
    ("status", "reason", "code", "kind"),
    [
        (400, "The model `gpt-9` does not exist or you do not have access to it", "", UnknownModel),
        (400, "x", "model_not_found", UnknownModel),
        (400, "Invalid model: llama-9", "", UnknownModel),
        (400, "The model llama-2 has been deprecated", "", UnknownModel),
        (404, "Not Found", "", UnknownModel),
        (400, "x", "unsupported_parameter", Misconfigured),
        (400, "Unrecognized request argument supplied: tools", "", Misconfigured),
        (422, "Extra inputs are not permitted", "", Misconfigured),
        (400, "max_tokens is too large: 90000", "", Misconfigured),
        (400, '"auto" tool choice requires --enable-auto-tool-choice and --tool-call-parser to be set', "", Misconfigured),
        (400, "registry.example/llama does not support tools", "", Misconfigured),
        (429, "You exceeded your current quota", "insufficient_quota", Unauthorized),
        (400, "The response was filtered because of its content", "content_filter", BadRequest),
        (400, "messages[3] is wrong", "", BadRequest),
        (400, "Invalid image", "", BadRequest),
        (413, "Request too large", "", BadRequest),
    ],
)
def test_what_is_set_up_wrong_is_told_apart_from_what_this_question_says(
    status: int, reason: str, code: str, kind: type[ModelError]
) -> None:
    """The one is met by every question until somebody mends it, the other by this one alone."""
    assert type(from_status(status, reason=reason, code=code)) is kind


def test_the_servers_own_word_against_a_retry_counts() -> None:
    assert not from_status(503, reason="x", headers={"x-should-retry": "false"}).retryable


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "3"}, 3.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-4"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT", "date": "Sun, 22 Nov 2026 12:00:00 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:00 GMT", "date": "Sun, 22 Nov 2026 12:00:30 GMT"}, 0.0),
    ],
)
def test_every_form_of_retry_after_is_read(headers: dict[str, str], seconds: float | None) -> None:
    """GUARD-6."""
    assert retry_after(headers) == seconds


def test_an_error_explains_itself() -> None:
    error = from_status(429, reason="Slow down", headers={"retry-after": "2", "x-request-id": "req-1"})
    assert error.detail == "The model provider asked us to slow down: HTTP 429: Slow down."
    assert (error.code, error.category, error.request_id) == ("model_rate_limited", "model", "req-1")
    assert ModelTimeout("x").category == "timeout"
