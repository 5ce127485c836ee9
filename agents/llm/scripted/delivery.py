"""Sends an answer over HTTP, whole or streamed, or breaks it in the way its fault says."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace

from aiohttp import web

from agents.llm.scripted.answer import Answer, AnswerCall, Fault
from agents.llm.scripted.conversation import Conversation
from agents.llm.scripted.replies import DONE, Reply, chunks, make_reply, whole

_NO_FAULT = Fault("")
_ERRORS = {
    "rate_limit": (429, "Rate limit reached, please slow down.", "rate_limit_exceeded"),
    "server_error": (500, "The server had an error.", "server_error"),
    "unauthorized": (401, "Incorrect API key provided.", "invalid_api_key"),
    "unknown_model": (404, "The model does not exist or you do not have access to it.", "model_not_found"),
    "unsupported": (400, "Unsupported parameter: 'tools' is not supported with this model.", "unsupported_parameter"),
    "bad_request": (400, "The request was refused.", "invalid_request_error"),
    "context_overflow": (400, "This model's maximum context length is 8192 tokens.", "context_length_exceeded"),
}


async def send(request: web.Request, conversation: Conversation, answer: Answer, counts: Counter[str]) -> web.StreamResponse:
    """Deliver an answer with its fault, and count what it would have cost."""
    fault = answer.fault or _NO_FAULT
    if fault.kind:
        counts[f"fault:{fault.kind}"] += 1
    refused = await _refuse(request, fault)
    if refused is not None:
        return refused
    reply = make_reply(conversation, _spoilt(answer, fault))
    if reply.usage:
        counts["input_tokens"] += reply.usage["prompt_tokens"]
        counts["output_tokens"] += reply.usage["completion_tokens"]
    if conversation.stream:
        return await _stream(request, conversation, reply, fault)
    return await _whole(request, reply, fault)


def error(status: int, message: str, code: str, headers: dict[str, str] | None = None) -> web.Response:
    """Return an error in the protocol's shape."""
    body = {"error": {"message": message, "type": code, "param": None, "code": code}}
    return web.json_response(body, status=status, headers=headers)


async def _refuse(request: web.Request, fault: Fault) -> web.StreamResponse | None:
    """Answer with an error, or not at all, where the fault says so; wait where it says that."""
    if fault.kind in _ERRORS:
        status, message, code = _ERRORS[fault.kind]
        headers = {"Retry-After": f"{fault.seconds:g}"} if fault.kind == "rate_limit" and fault.seconds else None
        return error(fault.status if fault.kind == "server_error" else status, message, code, headers)
    if fault.kind == "error_body":
        return web.json_response({"error": {"message": "upstream failed", "code": 502}})
    if fault.kind == "no_choices":
        return web.json_response({"id": "chatcmpl-none", "object": "chat.completion", "choices": []})
    if fault.kind in ("hang", "slow"):
        await asyncio.sleep(fault.seconds or 3600)
    if fault.kind in ("drop", "hang"):
        return _dropped(request)
    return None


def _dropped(request: web.Request) -> web.Response:
    """Close the connection under the answer's feet."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response(status=500)


def _spoilt(answer: Answer, fault: Fault) -> Answer:
    """Change what the answer says where the fault is in its content."""
    if fault.kind == "empty":
        return replace(answer, text="", calls=())
    if fault.kind == "length" and answer.calls:
        *rest, last = answer.calls
        return replace(answer, calls=(*rest, AnswerCall(last.name, last.arguments[: len(last.arguments) // 2], last.id)))
    return answer


async def _whole(request: web.Request, reply: Reply, fault: Fault) -> web.StreamResponse:
    body = whole(reply)
    if fault.kind in ("not_json", "corrupt_chunk"):
        return web.Response(body=b'{"choices": [{"message": ', content_type="application/json")
    if fault.kind == "cut":
        response = web.StreamResponse(headers={"Content-Type": "application/json", "Content-Length": str(len(body))})
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        return _abort(request, response)
    if fault.kind == "slow_drip":
        return await _drip(request, body, fault)
    return web.Response(body=body, content_type="application/json")


async def _drip(request: web.Request, body: bytes, fault: Fault) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    for start in range(0, len(body), 16):
        await response.write(body[start : start + 16])
        await asyncio.sleep(fault.seconds)
    await response.write_eof()
    return response


async def _stream(request: web.Request, conversation: Conversation, reply: Reply, fault: Fault) -> web.StreamResponse:
    """Send the chunks; a `cut` ends them early as if all were well, which is the worst way to be cut."""
    headers = {"Content-Type": "text/event-stream", "Cache-Control": "no-cache", "x-request-id": reply.id}
    response = web.StreamResponse(headers=headers)
    await response.prepare(request)
    for number, chunk in enumerate(chunks(reply, include_usage=conversation.include_usage)):
        if fault.kind == "cut" and number >= fault.after:
            await response.write_eof()
            return response
        if fault.kind in ("corrupt_chunk", "not_json") and number >= fault.after:
            chunk = b'data: {"choices": [{"delta": {"content": \n\n'  # noqa: PLW2901
        await response.write(chunk)
        if fault.kind == "slow_drip":
            await asyncio.sleep(fault.seconds)
    await response.write(DONE)
    await response.write_eof()
    return response


def _abort(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    if request.transport is not None:
        request.transport.abort()
    return response
