"""PURE: a chat-completions request, read the way the scripted model needs it.

Pairs every tool call with its result, and tells which user messages are still unanswered.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

_WRAPPER = re.compile(r"</?\s*(?:untrusted|trusted|tool_result)\b[^>]*>[ \t]*\n?", re.IGNORECASE)
_UNTRUSTED = re.compile(r"<\s*untrusted\b", re.IGNORECASE)
_EDITED = re.compile(r"^A reviewer changed the arguments[^\n]*\n?", re.IGNORECASE)
_NOTE = re.compile(r"^\s*\[[^\]\n]{1,200}\]")
_DECODER = json.JSONDecoder()


@dataclass(frozen=True)
class Exchange:
    """One tool call of the conversation and what came back; `result` is None while it is open."""

    name: str
    raw_arguments: str
    result: str | None
    turn: int

    @cached_property
    def arguments(self) -> Mapping[str, Any]:
        """The arguments as an object; empty where they are not one."""
        value = read_json(self.raw_arguments)
        return value if isinstance(value, dict) else {}

    @cached_property
    def edited(self) -> bool:
        """Whether a reviewer changed the arguments before the call ran."""
        return _EDITED.match(self.result or "") is not None

    @cached_property
    def untrusted(self) -> bool:
        """Whether the result is marked as coming from outside."""
        return _UNTRUSTED.search(self.result or "") is not None

    @cached_property
    def plain(self) -> str:
        """The result as text, without marks and notes around it."""
        return _WRAPPER.sub("", _EDITED.sub("", self.result or "")).strip()

    @cached_property
    def data(self) -> Any:
        """The result as JSON, out of its envelope where it was a success; None where it holds no JSON."""
        told = self.told
        return told["result"] if told.get("status") == "success" and "result" in told else (told or read_json(self.plain))

    @cached_property
    def told(self) -> Mapping[str, Any]:
        """The result as the JSON object it is; empty where it is none."""
        value = read_json(self.plain)
        return value if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Conversation:
    """One request to the model."""

    model: str
    messages: Sequence[Mapping[str, Any]]
    tools: Mapping[str, Mapping[str, Any]]
    stream: bool = False
    include_usage: bool = False

    @cached_property
    def turn(self) -> int:
        """How many times the model has answered so far."""
        return sum(1 for message in self.messages if message.get("role") == "assistant")

    @cached_property
    def system(self) -> str:
        """All system text."""
        return "\n".join(self._texts("system", "developer"))

    @cached_property
    def user_texts(self) -> list[str]:
        """All user messages, oldest first."""
        return self._texts("user")

    @cached_property
    def strangers_texts(self) -> list[str]:
        """User messages that are marked as coming from outside, oldest first."""
        return [text for text in self.user_texts if _UNTRUSTED.search(text)]

    @cached_property
    def open_from(self) -> int:
        """The index of the first message after the last final answer (one without calls)."""
        for index in range(len(self.messages) - 1, -1, -1):
            message = self.messages[index]
            if message.get("role") == "assistant" and not message.get("tool_calls"):
                return index + 1
        return 0

    @cached_property
    def open_requests(self) -> list[str]:
        """The messages of people that no final answer has followed yet; notes in brackets are no requests."""
        texts = [text_of(message) for message in self.messages[self.open_from :] if message.get("role") == "user"]
        return [_WRAPPER.sub("", text).strip() for text in texts if not _NOTE.match(text)]

    @cached_property
    def exchanges(self) -> list[Exchange]:
        """All tool calls with their results, in order."""
        return [
            exchange
            for index, message in enumerate(self.messages)
            if message.get("role") == "assistant" and message.get("tool_calls")
            for exchange in self._exchanges_of(index, message)
        ]

    @cached_property
    def open_exchanges(self) -> list[Exchange]:
        """The tool calls made since the last final answer."""
        return [exchange for exchange in self.exchanges if exchange.turn >= self.open_from]

    def _exchanges_of(self, index: int, message: Mapping[str, Any]) -> Iterator[Exchange]:
        """Pair the calls of one answer with the tool messages up to the next answer."""
        results: dict[str, str] = {}
        for later in self.messages[index + 1 :]:
            if later.get("role") == "assistant":
                break
            if later.get("role") == "tool":
                results[str(later.get("tool_call_id"))] = text_of(later)
        for call in message.get("tool_calls") or ():
            function = call.get("function") or {}
            yield Exchange(
                str(function.get("name", "")), str(function.get("arguments", "")), results.get(str(call.get("id"))), index
            )

    def _texts(self, *roles: str) -> list[str]:
        return [text_of(message) for message in self.messages if message.get("role") in roles]


def read_conversation(body: Mapping[str, Any]) -> Conversation:
    """Read a request body.

    Raises:
        ValueError: it holds no list of messages.
    """
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages or not all(isinstance(item, dict) for item in messages):
        raise ValueError("messages must be a list of objects")
    tools = {
        str(tool["function"].get("name", "")): tool["function"]
        for tool in body.get("tools") or ()
        if isinstance(tool, dict) and isinstance(tool.get("function"), dict)
    }
    options = body.get("stream_options")
    return Conversation(
        model=str(body.get("model") or "scripted-1"),
        messages=messages,
        tools=tools,
        stream=bool(body.get("stream")),
        include_usage=isinstance(options, dict) and bool(options.get("include_usage")),
    )


def text_of(message: Mapping[str, Any]) -> str:
    """Return the text of a message, whose content is a string or a list of parts."""
    content = message.get("content")
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


def read_json(text: str) -> Any:
    """Return the JSON object or list that a text begins with or holds on a line of its own; else None."""
    for match in re.finditer(r"^\s*(?=[{\[])", text, re.MULTILINE):
        try:
            return _DECODER.raw_decode(text, match.end())[0]
        except ValueError:
            continue
    return None


def strings(data: Any, *names: str) -> list[str]:
    """Return all texts that stand under one of these keys, anywhere in JSON data, outermost first."""
    found: list[str] = []
    level: list[Any] = [data]
    while level:
        below: list[Any] = []
        for item in level:
            if isinstance(item, dict):
                found += [value for name in names if isinstance(value := item.get(name), str) and value.strip()]
                below += item.values()
            elif isinstance(item, list):
                below += item
        level = below
    return found
