"""Canonical bytes: AUDIT-3, THREATS.md section 4 weakness 7 and abuse case 7."""

import json
import math
import random
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from audit.canonical import LARGEST, canonical, canonical_with_floats, parse, surely_canonical
from audit.errors import CountersignError, InvalidEntry, InvalidJson

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))
integers = st.integers(-LARGEST, LARGEST)
plain = st.recursive(
    st.none() | st.booleans() | integers | text,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(text, inner, max_size=5),
    max_leaves=25,
)
anything = st.recursive(
    st.none() | st.booleans() | integers | text | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(text, inner, max_size=5),
    max_leaves=25,
)


@given(plain)
def test_bytes_are_those_of_rfc_8785(value: Any) -> None:
    assert canonical(value) == rfc8785.dumps(value)


@given(anything)
def test_with_floats_too(value: Any) -> None:
    assert canonical_with_floats(value) == rfc8785.dumps(value)


@given(plain)
def test_reading_the_bytes_gives_the_value_again(value: Any) -> None:
    assert parse(canonical(value).decode()) == value
    assert canonical(json.loads(canonical(value))) == canonical(value)


@given(plain | anything, st.booleans())
def test_bytes_are_surely_canonical_only_where_they_are(value: Any, spaced: bool) -> None:
    body = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(", ", ": ") if spaced else (",", ":")).encode()
    if surely_canonical(body):
        assert canonical(parse(body.decode())) == body


@given(plain)
def test_plain_entries_are_known_to_be_canonical_at_once(value: Any) -> None:
    body = canonical(
        {"facts": {"n": 1, "ok": True}, "kind": "session.resumed", "text": str(value).encode("ascii", "ignore").decode()}
    )
    assert surely_canonical(body)


@pytest.mark.parametrize(
    "body",
    [b'{"a":1,"a":1}', b'{"b":1,"a":1}', b'{"a":1.5}', b'{"a":1e2}', b'{"a":-0}', b'{"a":9007199254740992}', b'{"a":NaN}', b"nonsense",
     b'{"a":"\\u0000"}', b'{"a":"\\ud800"}', b'{"a":"\\u0041"}', b"[" * 65 + b"]" * 65, '{"\ufb33":1,"\U0001f602":2}'.encode()],
)  # fmt: skip
def test_what_is_not_canonical_is_never_taken_for_it(body: bytes) -> None:
    assert not surely_canonical(body)


def reordered(value: Any, dice: random.Random) -> Any:
    """The same value with the members of its objects in another order."""
    if isinstance(value, dict):
        members = [(name, reordered(inner, dice)) for name, inner in value.items()]
        dice.shuffle(members)
        return dict(members)
    return [reordered(inner, dice) for inner in value] if isinstance(value, list) else value


@given(plain, st.randoms(use_true_random=False), st.booleans(), st.sampled_from([None, 0, 3, "\t"]))
def test_however_a_value_is_written_its_bytes_are_the_same(value: Any, dice: random.Random, ascii_: bool, indent: Any) -> None:
    """Another order of members, escapes instead of characters, blanks: hostile spellings of one value."""
    said = json.dumps(reordered(value, dice), ensure_ascii=ascii_, indent=indent)
    assert canonical(parse(said)) == canonical(value)


@given(st.text(st.sampled_from('{}[]":,\\u0019eE+-.tfnl \n\t\0\ud83d\ude02é'), max_size=60))
def test_hostile_text_is_refused_or_has_one_canonical_form(said: str) -> None:
    """Braces, quotes, escapes, halves of pairs, in any order: nothing else is raised, and what is read is read again."""
    try:
        made = canonical(parse(said))
    except (InvalidJson, InvalidEntry):
        return
    assert canonical(parse(made.decode())) == made


@given(st.dictionaries(text, plain, min_size=1, max_size=4), st.data())
def test_a_key_that_stands_twice_is_refused_wherever_it_stands(value: dict[str, Any], data: st.DataObject) -> None:
    name = json.dumps(data.draw(st.sampled_from(sorted(value))))
    said = json.dumps(value)
    with pytest.raises(InvalidJson):
        parse(f'{{"deep": [{said[:-1]}, {name}: 1}}]}}')


def test_every_control_character_is_escaped_as_the_standard_says() -> None:
    value = "".join(map(chr, range(1, 0x20))) + '\x7f\u0080\u2028\u2029"\\/€😂'
    assert canonical(value) == rfc8785.dumps(value)


def test_keys_beyond_ascii_are_sorted_by_utf_16() -> None:
    value = {"\ufb33": 1, "😂": 2, "ö": 3, "a": 4}
    assert canonical(value) == '{"a":4,"ö":3,"😂":2,"\ufb33":1}'.encode()


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        {"a": [1.0]},
        2**53,
        -(2**53),
        {"a": "\ud800"},
        {"\udfff": 1},
        {1: "a"},
        "a\0b",
        {"a\0": 1},
        b"bytes",
        {"a": {1, 2}},
        {"a": object()},
    ],
)
def test_what_has_no_canonical_form_is_refused(value: Any) -> None:
    with pytest.raises(InvalidEntry):
        canonical(value)


@pytest.mark.parametrize("value", [math.nan, math.inf, {"a": -math.inf}, [2**60, 1.5], {"\ud800": 1.5}])
def test_floats_that_are_no_numbers_are_refused(value: Any) -> None:
    with pytest.raises(InvalidEntry):
        canonical_with_floats(value)


def test_deep_nesting_is_refused_before_it_exhausts_the_stack() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(InvalidEntry, match="deeper"):
        canonical(deep)
    with pytest.raises(InvalidJson):
        parse("[" * 200_000)


@pytest.mark.parametrize(
    "said", ['{"a":1,"a":2}', '{"a":{"b":1,"b":1}}', "NaN", '{"a":Infinity}', "{", "", "[1,]", "'a'", "1" * 5000]
)
def test_text_that_can_be_read_in_two_ways_is_refused(said: str) -> None:
    with pytest.raises(InvalidJson) as refused:
        parse(said)
    assert isinstance(refused.value, CountersignError)
    assert isinstance(refused.value, ValueError)
