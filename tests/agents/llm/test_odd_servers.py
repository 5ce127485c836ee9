"""Servers that speak the protocol in their own way: what they leave out, add and refuse."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest

from agents.llm.openai import OpenAIProvider
from agents.llm.provider import BadRequest, BrokenAnswer, Completion, ModelError, ModelUnavailable, Question
from tests.agents.llm.conftest import say

Handler = Callable[[dict[str, Any]], tuple[int, bytes]]


def talk_to(handler: Handler, *questions: Question, watched: bool = False) -> list[Completion]:
    """Ask a server that answers with what `handler` makes of the request's body."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        length = next(int(line.split(":")[1]) for line in head.splitlines() if line.lower().startswith("content-length"))
        status, body = handler(json.loads(await reader.readexactly(length)))
        kind = "text/event-stream" if body.startswith(b"data:") else "application/json"
        writer.write(f"HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n".encode())
        writer.write(b"Connection: close\r\nx-request-id: req-7\r\n\r\n" + body)
        await writer.drain()
        writer.close()

    async def scene() -> list[Completion]:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        provider = OpenAIProvider(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1")
        try:
            return [await provider.complete(question, on_delta=(lambda _: None) if watched else None) for question in questions]
        finally:
            await provider.aclose()
            server.close()
            await server.wait_closed()

    return asyncio.run(scene())


def message(**fields: Any) -> bytes:
    finish = fields.pop("finish_reason", "stop")
    return json.dumps({"choices": [{"message": fields, "finish_reason": finish}]}).encode()


def stream(*chunks: dict[str, Any]) -> bytes:
    return b"".join(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks) + b"data: [DONE]\n\n"


def delta(finish_reason: str | None = None, **fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": fields, "finish_reason": finish_reason}]}


def test_prose_from_a_server_that_ignores_tools_is_just_an_answer() -> None:
    """LOOP-7: prose instead of a call is not an error of the protocol."""
    [completion] = talk_to(
        lambda _: (200, message(content='I would call {"name": "x"}')), say("Hello", tools=[{"type": "function"}])
    )
    assert completion.calls == ()
    assert completion.text == 'I would call {"name": "x"}'


def test_content_in_parts_and_arguments_as_an_object_are_read() -> None:
    calls = [{"id": "a", "function": {"name": "calculate", "arguments": {"expression": "1"}}}]
    body = message(content=[{"type": "text", "text": "one "}, {"type": "text", "text": "two"}], tool_calls=calls)
    [completion] = talk_to(lambda _: (200, body), say("Hello"))
    assert completion.text == "one two"
    assert completion.calls[0].arguments == '{"expression": "1"}'
    assert completion.request_id == "req-7"


def test_the_old_single_function_call_is_read_as_a_call() -> None:
    body = message(content=None, function_call={"name": "calculate", "arguments": "{}"}, finish_reason="function_call")
    [completion] = talk_to(lambda _: (200, body), say("Hello"))
    assert [(call.name, call.arguments) for call in completion.calls] == [("calculate", "{}")]
    assert completion.calls[0].id


def test_a_refusal_is_an_answer_that_says_so() -> None:
    [completion] = talk_to(lambda _: (200, message(content=None, refusal="I will not.")), say("Hello"))
    assert (completion.text, completion.finish_reason) == ("I will not.", "refusal")


def test_characters_that_no_database_holds_are_replaced_and_counted() -> None:
    """NUL and lone surrogates, in text, names and arguments; a whole pair stays."""
    calls = [{"id": "a\x00b", "function": {"name": "cal\x00c", "arguments": '{"a": "\ud83d"}'}}]
    body = message(content="a\x00b\udc00c 😀", tool_calls=calls)
    [completion] = talk_to(lambda _: (200, body), say("Hello"))
    assert completion.text == "a\ufffdb\ufffdc 😀"
    assert completion.calls[0].name == "cal\ufffdc"
    assert completion.calls[0].arguments == '{"a": "\ufffd"}'
    assert completion.replaced_characters == 4
    assert "\x00" not in completion.calls[0].id


def test_a_surrogate_pair_split_over_two_chunks_is_joined() -> None:
    body = stream(delta(content="a\ud83d"), delta(content="\ude00b"), delta("stop"))
    [completion] = talk_to(lambda _: (200, body), say("Hello"), watched=True)
    assert completion.text == "a😀b"
    assert completion.replaced_characters == 0


def test_chunks_without_index_are_merged_by_their_ids() -> None:
    """Some servers send whole calls without an index."""
    body = stream(
        delta(tool_calls=[{"id": "a", "function": {"name": "one", "arguments": "{}"}}]),
        delta(tool_calls=[{"id": "b", "function": {"name": "two", "arguments": "{"}}]),
        delta(tool_calls=[{"function": {"arguments": "}"}}]),
        delta("tool_calls"),
    )
    [completion] = talk_to(lambda _: (200, body), say("Hello"), watched=True)
    assert [(call.id, call.name, call.arguments) for call in completion.calls] == [("a", "one", "{}"), ("b", "two", "{}")]


def test_several_calls_in_one_chunk_are_all_read() -> None:
    """LOOP-7: several calls at once, none lost."""
    calls = [{"index": index, "id": f"c{index}", "function": {"name": "tool", "arguments": str(index)}} for index in range(3)]
    [completion] = talk_to(lambda _: (200, stream(delta(tool_calls=calls), delta("tool_calls"))), say("Hello"), watched=True)
    assert [(call.id, call.arguments) for call in completion.calls] == [("c0", "0"), ("c1", "1"), ("c2", "2")]


def test_an_error_inside_a_stream_is_a_failure() -> None:
    body = stream(delta(content="a"), {"error": {"message": "overloaded", "code": 502}})
    with pytest.raises(ModelError, match="overloaded") as caught:
        talk_to(lambda _: (200, body), say("Hello"), watched=True)
    assert caught.value.retryable


@pytest.mark.parametrize(
    "usage", [{"prompt_tokens": -1, "completion_tokens": 3}, {"prompt_tokens": "12", "completion_tokens": 3}, [], None, 7]
)
def test_usage_of_nonsense_is_estimated_instead(usage: Any) -> None:
    body = json.dumps({**json.loads(message(content="Fine.")), "usage": usage}).encode()
    [completion] = talk_to(lambda _: (200, body), say("Hello"))
    assert completion.usage.estimated


def test_cached_and_reasoning_tokens_are_read_where_they_are_told() -> None:
    usage = {
        "prompt_tokens": 10,
        "completion_tokens": 5,
        "prompt_tokens_details": {"cached_tokens": 4},
        "completion_tokens_details": {"reasoning_tokens": 2},
    }
    body = json.dumps({**json.loads(message(content="Fine.")), "usage": usage}).encode()
    [completion] = talk_to(lambda _: (200, body), say("Hello"))
    assert (completion.usage.cached_tokens, completion.usage.reasoning_tokens) == (4, 2)
    assert not completion.usage.estimated


@pytest.mark.parametrize(
    ("parameter", "watched"), [("max_tokens", False), ("temperature", False), ("stream_options", True)], ids=str
)
def test_a_parameter_that_a_server_refuses_is_left_out_from_then_on(parameter: str, watched: bool) -> None:
    bodies: list[dict[str, Any]] = []

    def handler(body: dict[str, Any]) -> tuple[int, bytes]:
        bodies.append(body)
        if parameter in body:
            return 400, json.dumps({"error": {"message": f"Unsupported parameter: '{parameter}'."}}).encode()
        return 200, stream(delta(content="Fine."), delta("stop")) if watched else message(content="Fine.")

    question = say("Hello", temperature=0.5, max_output_tokens=50)
    answers = talk_to(handler, question, question, watched=watched)
    assert [answer.text for answer in answers] == ["Fine.", "Fine."]
    assert [parameter in body for body in bodies] == [True, False, False]
    assert parameter != "max_tokens" or bodies[-1]["max_completion_tokens"] == 50


def test_a_refusal_of_anything_else_stands() -> None:
    """GUARD-6: a 400 is never tried again."""
    asked: list[dict[str, Any]] = []

    def handler(body: dict[str, Any]) -> tuple[int, bytes]:
        asked.append(body)
        return 400, b'{"error": {"message": "messages[3] is wrong"}}'

    with pytest.raises(BadRequest, match="messages"):
        talk_to(handler, say("Hello", temperature=0.5))
    assert len(asked) == 1


def test_an_error_page_that_is_no_json_is_still_an_error_of_its_status() -> None:
    with pytest.raises(ModelUnavailable, match="502"):
        talk_to(lambda _: (502, b"<html>Bad gateway</html>"), say("Hello"))


def test_an_exhausted_account_is_not_a_rate_limit() -> None:
    body = b'{"error": {"message": "You exceeded your current quota", "code": "insufficient_quota"}}'
    with pytest.raises(BadRequest, match="quota"):
        talk_to(lambda _: (429, body), say("Hello"))


def test_an_answer_that_never_ends_is_given_up() -> None:
    """A stream may not fill the worker's memory."""
    body = stream(*(delta(content="x" * 300_000) for _ in range(8)))
    with pytest.raises(BrokenAnswer, match="never ended"):
        talk_to(lambda _: (200, body), say("Hello"), watched=True)


def test_what_the_request_holds_is_what_was_asked() -> None:
    bodies: list[dict[str, Any]] = []

    def handler(body: dict[str, Any]) -> tuple[int, bytes]:
        bodies.append(body)
        return 200, message(content="Fine.")

    tools = [{"type": "function", "function": {"name": "calculate", "parameters": {}}}]
    talk_to(handler, say("Grüße \ud800", tools=tools, temperature=0.0, tool_choice="auto", extra={"seed": 7}))
    assert bodies[0]["messages"] == [{"role": "user", "content": "Grüße ?"}]
    assert bodies[0]["tools"] == tools
    assert (bodies[0]["temperature"], bodies[0]["tool_choice"], bodies[0]["seed"]) == (0.0, "auto", 7)
    assert "stream" not in bodies[0]
