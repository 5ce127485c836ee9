"""Models read references in place of private values, where an agent's settings say so (GUARD-12).

`⟦card:3f9a2c⟧` stands for one value in one session; its name is made of the session's own id and the value, so it is the
same in every turn and on every worker, and says nothing to anybody else. Only tools that the agent grants it are given
the values again, before their arguments are validated, judged, shown and run: what people see is what runs.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from agents.guardrails.private import Found, find, replaced
from agents.llm.provider import Completion, Provider, Question
from agents.state import Said, State

SCRUBBED = "scrubbed"
"""The note of a session that counts the values which models read as references, by kind."""
_MARK = "⟦"
_REFERENCE = re.compile(r"⟦[a-z_-]+:[0-9a-f]+⟧")


class Scrubbing:
    """A provider that is asked with references in place of private values."""

    def __init__(self, provider: Provider, state: State) -> None:
        self._provider = provider
        self._state = state

    async def complete(self, question: Question, *, on_delta: Callable[[str], None] | None = None) -> Completion:
        """Ask with references; see `agents.llm.provider.Provider`. The system's own words are left as they are."""
        messages = [as_read(self._state, message) for message in question.messages]
        return await self._provider.complete(replace(question, messages=messages), on_delta=on_delta)

    async def aclose(self) -> None:
        """Nothing: the provider belongs to the worker."""


def as_read(state: State, message: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a message of the context with references in place of private values, as the model reads it."""
    if message.get("role") == "system":
        return message
    told = {**message}
    if isinstance(message.get("content"), str):
        told["content"] = scrubbed(state, message["content"])
    if message.get("tool_calls"):
        told["tool_calls"] = [_call(state, call) for call in message["tool_calls"]]
    return told


def _call(state: State, call: Mapping[str, Any]) -> dict[str, Any]:
    function = {**call["function"], "arguments": scrubbed(state, call["function"]["arguments"])}
    return {**call, "function": function}


def scrubbed(state: State, text: str) -> str:
    """Return a text with references in place of what the agent's settings keep from models; the state learns them."""
    known = state.scrubbed.get(text)
    if known is None:
        found = find(text, state.config.scrub)
        known = state.scrubbed[text] = replaced(text, found, lambda one: _reference(state, text, one)) if found else text
    return known


def _reference(state: State, text: str, found: Found) -> str:
    value = text[found.start : found.end]
    name = hashlib.sha256(f"{state.id}:{found.kind}:{value}".encode()).hexdigest()
    length = 6
    while state.references.get(reference := f"{_MARK}{found.kind}:{name[:length]}⟧", value) != value:
        length += 2
    if reference not in state.references:
        state.references[reference] = value
        counts: dict[str, int] = {}
        for other in state.references:
            kind = other[1:].partition(":")[0]
            counts[kind] = counts.get(kind, 0) + 1
        state.notes = {**state.notes, SCRUBBED: counts}
    return reference


def resolved(state: State, tool: str, raw: str) -> str:
    """Return the arguments that a model wrote, with the values in place of references if the tool is given them."""
    if not _refers(raw):
        return raw
    if tool not in state.config.unscrub:
        return raw
    try:
        wanted = json.loads(raw)
        if not set(_REFERENCE.findall(json.dumps(wanted, ensure_ascii=False))) <= state.references.keys():
            _learn(state)
        return json.dumps(_resolved(state.references, wanted), ensure_ascii=False)
    except (ValueError, RecursionError):
        return raw  # it will be refused as it stands


def withheld(state: State, tool: str, raw: str) -> str:
    """Return the sentence that tells a model why references do not fit a tool that is not given their values; else nothing."""
    if not _refers(raw) or tool in state.config.unscrub:
        return ""
    return f" {tool} is not given what references in {_MARK}⟧ stand for; do without, or say that it needs them."


def _refers(raw: str) -> bool:
    return _MARK in raw or "\\u27e6" in raw.lower()


def _learn(state: State) -> None:
    """Take up what stands in the steps that a summary tells of: this worker may never have shown them to a model."""
    for item in state.items:
        texts = (
            [item.text] if isinstance(item, Said) else [part for call in item.calls for part in (call.result, call.arguments)]
        )
        for text in filter(None, texts):
            scrubbed(state, text)


def _resolved(references: Mapping[str, str], value: Any) -> Any:
    if isinstance(value, str):
        for reference, private in references.items():
            value = value.replace(reference, private)
        return value
    if isinstance(value, list):
        return [_resolved(references, part) for part in value]
    if isinstance(value, dict):
        return {name: _resolved(references, part) for name, part in value.items()}
    return value
