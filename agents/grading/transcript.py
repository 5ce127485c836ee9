"""What an item's graders read, people and judge alike: its conversation as messages, from rows alone."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from agents.context import Chat, render
from agents.erasure import check_whole
from agents.grading.errors import UnknownItem
from agents.loading import load_before
from agents.models import Case, EvalResult, GradingItem
from agents.rehearsals.play import Said, transcript
from agents.scrubbing import as_read
from agents.state import State

WHO = {"user": "To the agent", "assistant": "The agent", "tool": "Result", "system": "System"}


def messages_of(item: GradingItem) -> list[Chat]:
    """Return an item's conversation, without the agent's own instructions. Raises UnknownItem where it is gone."""
    if item.session_id is None:
        return _of_result(item)
    return [message for one in state_of(item).items for message in render(one)]


def state_of(item: GradingItem) -> State:
    """Return the session of an item as it stood when it was taken. Raises UnknownItem."""
    found = load_before(item.session_id, item.upto) if item.session_id and item.upto is not None else None
    if found is None:
        raise UnknownItem(ref=item.ref)
    return found


def _of_result(item: GradingItem) -> list[Chat]:
    row = EvalResult.objects.only("transcript", "case_id").get(pk=item.result_id or UUID(int=0))
    document = Case.objects.values_list("document", flat=True).get(pk=row.case_id)
    told = transcript(row.transcript)
    messages = [message for place, line in enumerate(document["start"]) for message in _start(line, place)]
    for turn in told.turns:
        messages += _turn(turn)
    if told.ended != "answered":
        messages.append({"role": "system", "content": f"It ended without an answer: {told.error or told.ended}."})
    return messages


def _start(line: Mapping[str, Any], place: int) -> list[Chat]:
    """One line that a rehearsal began with; of the agent's own, with its calls."""
    if line.get("source", "user") != "agent":
        return [{"role": "user", "content": line.get("text", "")}]
    calls = line.get("calls", ())
    ids = [f"start_{place}_{number}" for number in range(len(calls))]
    planned = [_call(id_, one["tool"], one.get("arguments", "{}")) for id_, one in zip(ids, calls, strict=True)]
    results = [_result(id_, one.get("result", "")) for id_, one in zip(ids, calls, strict=True)]
    return [_said(line.get("text", ""), planned), *results]


def _turn(turn: Said) -> list[Chat]:
    ids = [f"call_{turn.number}_{number}" for number in range(len(turn.calls))]
    planned = [_call(id_, one.tool, one.arguments) for id_, one in zip(ids, turn.calls, strict=True)]
    results = [_result(id_, one.result) for id_, one in zip(ids, turn.calls, strict=True)]
    return [_said(turn.text, planned), *results]


def _said(text: str, planned: list[Chat]) -> Chat:
    return {"role": "assistant", "content": text or None, **({"tool_calls": planned} if planned else {})}


def _call(id_: str, tool: str, arguments: Any) -> Chat:
    return {"id": id_, "type": "function", "function": {"name": tool, "arguments": str(arguments)}}


def _result(id_: str, text: str) -> Chat:
    return {"role": "tool", "tool_call_id": id_, "content": text}


def as_judged(item: GradingItem) -> list[Mapping[str, Any]]:
    """Return an item's conversation as a model may read it: with references where its agent keeps values from models.

    Raises ContentGone where some of it was deleted.
    """
    if item.session is None:
        return list(messages_of(item))
    check_whole(item.session)
    state = state_of(item)
    messages = [message for one in state.items for message in render(one)]
    return [as_read(state, message) for message in messages] if state.config.scrub else list(messages)


def in_words(messages: Sequence[Mapping[str, Any]], longest: int) -> str:
    """Return a conversation as its judge reads it: how it began and how it ended, as much as there is room for."""
    lines = [_line(message) for message in messages]
    text = "\n".join(lines)
    if len(text) <= longest:
        return text
    half = longest // 2
    return f"{text[:half]}\n[… {len(text) - 2 * half:,} characters are left out for length]\n{text[-half:]}"


def _line(message: Mapping[str, Any]) -> str:
    calls = [one["function"] for one in message.get("tool_calls", ())]
    parts = [str(message.get("content") or "")[:4_000], *(f"called {one['name']}({one['arguments'][:1_000]})" for one in calls)]
    return f"{WHO.get(str(message['role']), 'System')}: " + "\n  ".join(part for part in parts if part)
