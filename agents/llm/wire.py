"""PURE: from chat-completions JSON, whole or in stream chunks, to the parts of a `Completion`.

Reads plain dictionaries on purpose: servers differ in what they leave out, and building the
SDK's typed objects costs four times what the call itself does. Nothing here trusts a type.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.llm.provider import BrokenAnswer, PlannedCall, Usage

MOST_ANSWER_CHARACTERS = 2_000_000
"""No honest answer is longer; a stream that goes on for ever ends here."""

_LONGEST_CALL_ID = 128
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(slots=True)
class Draft:
    """An answer while it is being read."""

    text: str = ""
    refusal: str = ""
    calls: list[RawCall] = field(default_factory=list)
    finish_reason: str = ""
    usage: Mapping[str, Any] | None = None
    model: str = ""
    request_id: str = ""


@dataclass(slots=True)
class RawCall:
    """One tool call while its pieces arrive."""

    id: str = ""
    name: str = ""
    arguments: str = ""


def clean(text: str) -> tuple[str, int]:
    """Replace what no database text can hold (NUL, lone surrogates) by U+FFFD.

    Returns:
        The text, and how many characters were replaced.
    """
    if "\x00" not in text and (text.isascii() or not _UNSTORABLE.search(text)):
        return text, 0
    joined = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    replaced = joined.count("\ufffd") - text.count("\ufffd") + joined.count("\x00")
    return joined.replace("\x00", "\ufffd"), replaced


def read_whole(body: object) -> Draft:
    """Read a whole (not streamed) answer.

    Raises:
        BrokenAnswer: the body is not an answer with at least one choice.
    """
    if not isinstance(body, dict):
        raise BrokenAnswer("the answer is not a JSON object")
    choice = _first_choice(body)
    if choice is None:
        raise BrokenAnswer("the answer holds no choice")
    message = _mapping(choice.get("message"))
    draft = Draft(
        text=_text(message.get("content")),
        refusal=_text(message.get("refusal")),
        finish_reason=_text(choice.get("finish_reason")),
        usage=_mapping(body.get("usage")) or None,
        model=_text(body.get("model")),
        request_id=_text(body.get("id")),
    )
    for item in _sequence(message.get("tool_calls")):
        call = RawCall()
        _extend(call, _mapping(item))
        draft.calls.append(call)
    legacy = _mapping(message.get("function_call"))
    if legacy and not draft.calls:
        draft.calls.append(RawCall("", _text(legacy.get("name")), _raw(legacy.get("arguments"))))
    return draft


class StreamReader:
    """Merges the chunks of a streamed answer into one `Draft`."""

    def __init__(self) -> None:
        """Start with nothing read."""
        self.draft = Draft()
        self._texts: list[str] = []
        self._calls: dict[int, RawCall] = {}
        self._size = 0

    def feed(self, chunk: object) -> str:
        """Take one chunk.

        Returns:
            The text that this chunk added, for whoever watches.

        Raises:
            BrokenAnswer: the answer grows past every bound.
        """
        if not isinstance(chunk, dict):
            return ""
        draft = self.draft
        draft.model = draft.model or _text(chunk.get("model"))
        draft.request_id = draft.request_id or _text(chunk.get("id"))
        usage = _mapping(chunk.get("usage"))
        if usage:
            draft.usage = usage
        choice = _first_choice(chunk)
        if choice is None:
            return ""
        draft.finish_reason = _text(choice.get("finish_reason")) or draft.finish_reason
        return self._take(_mapping(choice.get("delta")))

    def finish(self) -> Draft:
        """Return the merged answer, its calls in the order of their index."""
        self.draft.text = "".join(self._texts)
        self.draft.calls = [self._calls[index] for index in sorted(self._calls)]
        return self.draft

    def _take(self, delta: Mapping[str, Any]) -> str:
        text = _text(delta.get("content"))
        self.draft.refusal += _text(delta.get("refusal"))
        if text:
            self._texts.append(text)
        self._size += len(text)
        for item in _sequence(delta.get("tool_calls")):
            self._take_call(_mapping(item))
        if self._size > MOST_ANSWER_CHARACTERS:
            raise BrokenAnswer("the answer never ended")
        return text

    def _take_call(self, item: Mapping[str, Any]) -> None:
        """Merge one delta by its index; without one, a new id begins a new call."""
        index = item.get("index")
        if not isinstance(index, int):
            index = self._index_without(_text(item.get("id")))
        call = self._calls.setdefault(index, RawCall())
        before = len(call.arguments)
        _extend(call, item)
        self._size += len(call.arguments) - before + 1

    def _index_without(self, call_id: str) -> int:
        last = max(self._calls, default=-1)
        if last < 0 or (call_id and self._calls[last].id != call_id):
            return last + 1
        return last


def finished_calls(calls: Sequence[RawCall], *, position: int) -> tuple[PlannedCall, ...]:
    """Give every call a usable id and storable text.

    A missing, repeated or absurdly long id is replaced by one made of the answer's position in
    the conversation and the call's position in the answer: stable, and unique in the session.
    """
    seen: set[str] = set()
    finished = []
    for index, call in enumerate(calls):
        call_id, replaced = clean(call.id)
        if not call_id or replaced or len(call_id) > _LONGEST_CALL_ID or call_id in seen:
            call_id = f"call_{position}_{index}"
        while call_id in seen:
            call_id += "_"
        seen.add(call_id)
        finished.append(PlannedCall(call_id, clean(call.name)[0], clean(call.arguments)[0]))
    return tuple(finished)


def read_usage(usage: Mapping[str, Any] | None) -> Usage | None:
    """Return what the server counted, or None where it did not count or counted nonsense."""
    if usage is None:
        return None
    given, made = _count(usage.get("prompt_tokens")), _count(usage.get("completion_tokens"))
    if given is None or made is None:
        return None
    read = _mapping(usage.get("prompt_tokens_details")).get("cached_tokens")
    thought = _mapping(usage.get("completion_tokens_details")).get("reasoning_tokens")
    return Usage(given, made, min(_count(read) or 0, given), min(_count(thought) or 0, made))


def _count(value: object) -> int | None:
    if isinstance(value, bool) or not isinstance(value, int) or value < 0:
        return None
    return value


def _first_choice(body: Mapping[str, Any]) -> Mapping[str, Any] | None:
    choices = _sequence(body.get("choices"))
    return _mapping(choices[0]) if choices else None


def _extend(call: RawCall, item: Mapping[str, Any]) -> None:
    """Add the pieces that one (delta of a) tool call brings."""
    function = _mapping(item.get("function")) or _mapping(item.get("custom"))
    call.id = call.id or _text(item.get("id"))
    call.name = call.name or _text(function.get("name"))
    call.arguments += _raw(function.get("arguments", function.get("input")))


def _raw(arguments: object) -> str:
    """Return arguments as text; some servers send the object itself."""
    if arguments is None or isinstance(arguments, str):
        return arguments or ""
    return json.dumps(arguments, ensure_ascii=False)


def _text(value: object) -> str:
    """Return text from a string or from a list of content parts; anything else is no text."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return "".join(_text(part.get("text")) for part in value if isinstance(part, dict))
    return ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else []
