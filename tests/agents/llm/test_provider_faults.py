"""What the provider makes of a server that fails, over real sockets."""

import asyncio

import pytest

from agents.llm.openai import OpenAIProvider
from agents.llm.provider import (
    BadRequest,
    BrokenAnswer,
    Completion,
    ContextOverflow,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    Question,
    RateLimited,
    Unauthorized,
)
from tests.agents.llm.conftest import CALCULATE, ScriptedServer, ask, free_port, say

TRANSPORTS = pytest.mark.parametrize("aiohttp", [True, False], ids=["aiohttp", "default"])
WATCHED = pytest.mark.parametrize("watched", [False, True], ids=["plain", "streamed"])


@TRANSPORTS
@WATCHED
@pytest.mark.parametrize(
    ("fault", "error", "retryable"),
    [
        ({"kind": "rate_limit"}, RateLimited, True),
        ({"kind": "server_error", "status": 500}, ModelUnavailable, True),
        ({"kind": "server_error", "status": 503}, ModelUnavailable, True),
        ({"kind": "server_error", "status": 504}, ModelTimeout, True),
        ({"kind": "unauthorized"}, Unauthorized, False),
        ({"kind": "bad_request"}, BadRequest, False),
        ({"kind": "context_overflow"}, ContextOverflow, False),
        ({"kind": "not_json", "after": 1}, BrokenAnswer, True),
        ({"kind": "empty"}, BrokenAnswer, True),
        ({"kind": "no_finish_reason"}, BrokenAnswer, True),
    ],
    ids=lambda value: value["kind"] + str(value.get("status", "")) if isinstance(value, dict) else None,
)
def test_each_failure_becomes_its_error(
    scripted: ScriptedServer, fault: dict[str, object], error: type[ModelError], retryable: bool, watched: bool, aiohttp: bool
) -> None:
    """GUARD-6: what can succeed is told apart from what never will; THREATS section 2 (LLM faults)."""
    scripted.fault(**fault)  # type: ignore[arg-type]  # a table of keyword arguments
    with pytest.raises(error) as caught:
        scripted.ask(say("Hello"), watched=watched, aiohttp=aiohttp)
    assert type(caught.value) is error
    assert caught.value.retryable is retryable


@TRANSPORTS
def test_an_answer_without_choices_is_broken_and_an_error_body_is_unavailable(scripted: ScriptedServer, aiohttp: bool) -> None:
    """A gateway that answers 200 with an error is not believed."""
    scripted.fault("no_choices")
    with pytest.raises(BrokenAnswer):
        scripted.ask(say("Hello"), aiohttp=aiohttp)
    scripted.fault("error_body")
    with pytest.raises(ModelUnavailable, match="upstream failed"):
        scripted.ask(say("Hello"), aiohttp=aiohttp)


@TRANSPORTS
def test_a_stream_that_ends_early_is_a_failure(scripted: ScriptedServer, aiohttp: bool) -> None:
    """The SDK raises nothing here: the finish reason stays empty (DESIGN section 9)."""
    scripted.fault("cut", after=2)
    with pytest.raises(BrokenAnswer, match="without a finish reason"):
        scripted.ask(say("Hello"), watched=True, aiohttp=aiohttp)


@TRANSPORTS
def test_a_body_that_is_cut_is_a_failure_worth_another_try(scripted: ScriptedServer, aiohttp: bool) -> None:
    scripted.fault("cut")
    with pytest.raises(ModelError) as caught:
        scripted.ask(say("Hello"), aiohttp=aiohttp)
    assert caught.value.retryable


@TRANSPORTS
def test_a_corrupt_chunk_is_a_broken_answer(scripted: ScriptedServer, aiohttp: bool) -> None:
    """The SDK lets a bare JSONDecodeError through here (DESIGN section 9)."""
    scripted.fault("corrupt_chunk", after=1)
    with pytest.raises(BrokenAnswer, match="not readable"):
        scripted.ask(say("Hello"), watched=True, aiohttp=aiohttp)


@TRANSPORTS
def test_a_dropped_connection_and_a_closed_port_are_unavailable_or_timeouts(scripted: ScriptedServer, aiohttp: bool) -> None:
    scripted.fault("drop")
    with pytest.raises((ModelUnavailable, ModelTimeout)):
        scripted.ask(say("Hello"), aiohttp=aiohttp)
    with pytest.raises((ModelUnavailable, ModelTimeout)):
        ask(f"http://127.0.0.1:{free_port()}/v1", say("Hello"), aiohttp=aiohttp)


@TRANSPORTS
@WATCHED
def test_a_hanging_server_meets_the_deadline(scripted: ScriptedServer, watched: bool, aiohttp: bool) -> None:
    """THREATS section 2: LLM hang."""
    scripted.fault("hang", seconds=60)
    with pytest.raises(ModelTimeout):
        scripted.ask(say("Hello", timeout_s=0.4), watched=watched, aiohttp=aiohttp)


@TRANSPORTS
@WATCHED
def test_a_slow_drip_meets_the_total_deadline(scripted: ScriptedServer, watched: bool, aiohttp: bool) -> None:
    """The deadline is for the whole answer, not per read: each piece comes well in time, the whole does not."""
    scripted.fault("slow_drip", seconds=0.15)
    with pytest.raises(ModelTimeout):
        scripted.ask(say("Hello", timeout_s=0.6), watched=watched, aiohttp=aiohttp)


@WATCHED
def test_the_wait_that_a_server_asks_for_is_handed_on(scripted: ScriptedServer, watched: bool) -> None:
    """GUARD-6: Retry-After."""
    scripted.fault("rate_limit", seconds=7)
    with pytest.raises(RateLimited) as caught:
        scripted.ask(say("Hello"), watched=watched)
    assert caught.value.retry_after_s == 7
    assert caught.value.status == 429


@WATCHED
def test_missing_usage_is_estimated(scripted: ScriptedServer, watched: bool) -> None:
    scripted.fault("no_usage")
    completion = scripted.ask(say("Hello"), watched=watched)
    assert completion.usage.estimated
    assert completion.usage.input_tokens > 0
    assert completion.usage.output_tokens > 0


@WATCHED
@pytest.mark.parametrize("scenario", ["empty-ids", "duplicate-ids"])
def test_every_call_gets_an_id_of_its_own(scripted: ScriptedServer, scenario: str, watched: bool) -> None:
    """LOOP-8: every call id gets exactly one tool message, so ids must differ; a repeated answer has the same ids."""
    first = scripted.ask(say(f"scenario: {scenario}", tools=[CALCULATE]), watched=watched)
    again = scripted.ask(say(f"scenario: {scenario}", tools=[CALCULATE]), watched=watched)
    ids = [call.id for call in first.calls]
    assert len(ids) == 2
    assert all(ids)
    assert len(set(ids)) == 2
    assert ids == [call.id for call in again.calls]


@WATCHED
def test_a_truncated_answer_is_handed_on_with_its_raw_arguments(scripted: ScriptedServer, watched: bool) -> None:
    """LOOP-7: the gate refuses the calls of a truncated answer; the raw text is kept."""
    completion = scripted.ask(say("scenario: truncated"), watched=watched)
    assert completion.truncated
    assert completion.finish_reason == "length"
    assert completion.calls[0].arguments == '{"to": ["kim@customer.example"], "subject": "Cut", "body": "This sentence is not'


@WATCHED
def test_malformed_arguments_arrive_as_the_model_wrote_them(scripted: ScriptedServer, watched: bool) -> None:
    """LOOP-7: raw output is kept; nothing is repaired."""
    completion = scripted.ask(say("scenario: malformed-many"), watched=watched)
    raw = [call.arguments for call in completion.calls]
    assert raw[:3] == ["", "not json", "[1, 2]"]
    assert raw[5] == '{"expression": "1"} trailing'
    assert completion.calls[-1].name == "launch_rocket"


@WATCHED
def test_fifty_parallel_calls_arrive_in_order(scripted: ScriptedServer, watched: bool) -> None:
    completion = scripted.ask(say("scenario: fifty-calls"), watched=watched)
    assert [call.arguments for call in completion.calls] == [f'{{"expression": "{number} + 1"}}' for number in range(50)]
    assert len({call.id for call in completion.calls}) == 50


def test_a_filtered_answer_is_handed_on_even_when_it_is_empty(scripted: ScriptedServer) -> None:
    scripted.fault("content_filter")
    assert scripted.ask(say("Hello")).finish_reason == "content_filter"


def test_streamed_and_plain_answers_are_the_same(scripted: ScriptedServer) -> None:
    """LOOP-10: watching changes nothing but what is shown meanwhile."""
    question = say("What does the travel policy say?", tools=[CALCULATE])
    seen: list[str] = []
    plain = scripted.ask(question)
    streamed = ask(f"{scripted.url}/v1", question, watched=True, seen=seen)
    assert (plain.text, plain.calls, plain.finish_reason, plain.usage) == (
        streamed.text,
        streamed.calls,
        streamed.finish_reason,
        streamed.usage,
    )
    assert "".join(seen) == streamed.text
    assert len(seen) > 3
    assert streamed.first_token_ms is not None
    assert plain.first_token_ms is None


def test_a_provider_lives_on_after_failures_and_an_abandoned_call(scripted: ScriptedServer) -> None:
    """A call that is abandoned from outside leaves no connection that would hand its answer to the next one."""

    async def scene() -> list[Completion]:
        provider = OpenAIProvider(f"{scripted.url}/v1")
        try:
            heard = asyncio.Event()
            slow = asyncio.create_task(provider.complete(say("scenario: slow"), on_delta=lambda _: heard.set()))
            await heard.wait()
            slow.cancel()
            with pytest.raises(asyncio.CancelledError):
                await slow
            return list(await asyncio.gather(*(provider.complete(question) for question in questions)))
        finally:
            await provider.aclose()

    questions: list[Question] = [say(f"scenario: mail-once token=T{number}") for number in range(60)]
    answers = asyncio.run(scene())
    assert [f"Token T{number}" in answers[number].calls[0].arguments for number in range(60)] == [True] * 60


def test_a_connection_that_waits_for_the_model_does_not_block_others(scripted: ScriptedServer) -> None:
    """One loop carries many sessions: twenty are answered while one still waits."""
    scripted.fault("slow", seconds=600, match="the slow one")

    async def scene() -> bool:
        provider = OpenAIProvider(f"{scripted.url}/v1")
        try:
            slow = asyncio.create_task(provider.complete(say("Hello, the slow one", timeout_s=600)))
            await asyncio.sleep(0.05)
            await asyncio.gather(*(provider.complete(say("Hello")) for _ in range(20)))
            waits = not slow.done()
            slow.cancel()
            return waits
        finally:
            await provider.aclose()

    assert asyncio.run(scene())
