"""PURE: an `Answer` as the bytes of the OpenAI protocol: one JSON body, or server-sent chunks."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from agents.llm.scripted.answer import Answer
from agents.llm.scripted.conversation import Conversation
from agents.llm.tokens import estimate, estimate_request

CREATED = 1_700_000_000
"""One fixed time: the same request gets the same bytes."""

DONE = b"data: [DONE]\n\n"
_PIECE = re.compile(r"\S+\s*|\s+")
_ARGUMENT_PIECE = 24


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer with everything the protocol adds to it."""

    id: str
    model: str
    text: str
    calls: tuple[dict[str, Any], ...]
    finish_reason: str | None
    usage: dict[str, Any] | None


def make_reply(conversation: Conversation, answer: Answer) -> Reply:
    """Give an answer its id, call ids, finish reason and usage, the same for the same request."""
    fault = answer.fault.kind if answer.fault else ""
    seed = hashlib.sha256(f"{conversation.turn}{answer.text}{answer.calls}".encode()).hexdigest()[:12]
    calls = tuple(
        {
            "id": _call_id(item.id, fault, f"call_{seed}_{conversation.turn}_{index}"),
            "type": "function",
            "function": {"name": item.name, "arguments": item.arguments},
        }
        for index, item in enumerate(answer.calls)
    )
    finish: str | None = answer.finish_reason or ("tool_calls" if calls else "stop")
    finish = {"length": "length", "no_finish_reason": None, "content_filter": "content_filter"}.get(fault, finish)
    return Reply(f"chatcmpl-{seed}", conversation.model, answer.text, calls, finish, _usage(conversation, answer, fault))


def whole(reply: Reply) -> bytes:
    """Return the body of an answer that is not streamed."""
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None}
    if reply.calls:
        message["tool_calls"] = list(reply.calls)
    body: dict[str, Any] = {
        "id": reply.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": reply.model,
        "choices": [{"index": 0, "message": message, "finish_reason": reply.finish_reason}],
    }
    if reply.usage is not None:
        body["usage"] = reply.usage
    return json.dumps(body).encode()


def chunks(reply: Reply, *, include_usage: bool) -> Iterator[bytes]:
    """Yield the events of a streamed answer, without the closing mark."""
    yield _event(reply, {"role": "assistant", "content": ""})
    for piece in _PIECE.findall(reply.text):
        yield _event(reply, {"content": piece})
    for index, item in enumerate(reply.calls):
        yield from _call_events(reply, index, item)
    if reply.finish_reason is not None:
        yield _event(reply, {}, finish_reason=reply.finish_reason)
    if include_usage and reply.usage is not None:
        yield _line({**_frame(reply), "choices": [], "usage": reply.usage})


def _call_events(reply: Reply, index: int, item: dict[str, Any]) -> Iterator[bytes]:
    name, arguments = item["function"]["name"], item["function"]["arguments"]
    first = {"index": index, "id": item["id"], "type": "function", "function": {"name": name, "arguments": ""}}
    yield _event(reply, {"tool_calls": [first]})
    for start in range(0, len(arguments), _ARGUMENT_PIECE):
        piece = arguments[start : start + _ARGUMENT_PIECE]
        yield _event(reply, {"tool_calls": [{"index": index, "function": {"arguments": piece}}]})


def _event(reply: Reply, delta: dict[str, Any], finish_reason: str | None = None) -> bytes:
    return _line({**_frame(reply), "choices": [{"index": 0, "delta": delta, "finish_reason": finish_reason}]})


def _frame(reply: Reply) -> dict[str, Any]:
    return {"id": reply.id, "object": "chat.completion.chunk", "created": CREATED, "model": reply.model}


def _line(value: dict[str, Any]) -> bytes:
    return b"data: " + json.dumps(value).encode() + b"\n\n"


def _call_id(given: str | None, fault: str, made: str) -> str:
    if fault == "empty_ids":
        return ""
    if fault == "duplicate_ids":
        return "call_same"
    return made if given is None else given


def _usage(conversation: Conversation, answer: Answer, fault: str) -> dict[str, Any] | None:
    if fault == "no_usage":
        return None
    given = estimate_request(conversation.messages, list(conversation.tools.values()))
    made = max(1, estimate(answer.text + "".join(item.name + item.arguments for item in answer.calls)))
    return {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0},
    }
