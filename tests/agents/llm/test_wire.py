"""Reading answers: merging chunks, cleaning text, giving ids. Pure."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.llm import wire
from agents.llm.provider import BrokenAnswer

TEXT = st.text(max_size=40)
CALL = st.fixed_dictionaries({"id": st.text(max_size=8), "name": st.text(max_size=8), "arguments": TEXT})


def chunked(text: str, size: int) -> list[str]:
    return [text[start : start + size] for start in range(0, len(text), size)] or [""]


def events(text: str, calls: list[dict[str, str]], size: int) -> list[dict[str, Any]]:
    """Return the chunks a server would send for this answer, the pieces of all calls mixed."""
    deltas: list[dict[str, Any]] = [{"content": piece} for piece in chunked(text, size)]
    for index, call in enumerate(calls):
        deltas.append({"tool_calls": [{"index": index, "id": call["id"], "function": {"name": call["name"]}}]})
    rest = [(index, chunked(call["arguments"], size)) for index, call in enumerate(calls)]
    while any(pieces for _, pieces in rest):
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": pieces.pop(0)}}]} for index, pieces in rest if pieces
        ]
    return [{"choices": [{"delta": part, "finish_reason": None}]} for part in deltas] + [
        {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    ]


@given(TEXT, st.lists(CALL, max_size=4), st.integers(1, 7))
def test_a_streamed_answer_reads_like_the_whole_one(text: str, calls: list[dict[str, str]], size: int) -> None:
    """However the pieces are cut and mixed."""
    reader = wire.StreamReader()
    shown = "".join(reader.feed(chunk) for chunk in events(text, calls, size))
    functions = [{"id": call["id"], "function": {"name": call["name"], "arguments": call["arguments"]}} for call in calls]
    whole = wire.read_whole({"choices": [{"message": {"content": text, "tool_calls": functions}, "finish_reason": "stop"}]})
    streamed = reader.finish()
    assert streamed == whole
    assert shown == text


@given(st.text(alphabet=st.characters(), max_size=30))
def test_cleaned_text_can_be_stored(text: str) -> None:
    """Any text of code points, surrogates included, becomes valid UTF-8 without NUL."""
    cleaned, replaced = wire.clean(text)
    assert "\x00" not in cleaned
    cleaned.encode("utf-8")
    assert replaced == 0 or cleaned != text


@given(st.text(alphabet=st.characters(min_codepoint=1, exclude_categories=["Cs"]), max_size=30))
def test_good_text_is_left_alone(text: str) -> None:
    assert wire.clean(text) == (text, 0)


@given(st.lists(st.sampled_from(["", "a", "b", "call_3_0", "call_3_1", "x" * 200, "nul\x00"]), max_size=8))
def test_ids_are_always_there_and_differ(ids: list[str]) -> None:
    """LOOP-8: whatever ids a model gives, also those that look like made ones."""
    calls = wire.finished_calls([wire.RawCall(call_id, "tool", "{}") for call_id in ids], position=3)
    made = [call.id for call in calls]
    assert len(set(made)) == len(ids)
    assert all(call_id and len(call_id) <= 140 and "\x00" not in call_id for call_id in made)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["choices", "message", "delta", "content", "tool_calls", "function", "index", "id", "usage", "name"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_no_shape_of_json_is_an_exception(value: Any) -> None:
    """LOOP-7: what a server sends is untrusted; only BrokenAnswer may come of it."""
    reader = wire.StreamReader()
    reader.feed(value)
    reader.finish()
    try:
        draft = wire.read_whole(value)
    except BrokenAnswer:
        return
    wire.read_usage(draft.usage)
    assert json.dumps([draft.text, draft.finish_reason])
