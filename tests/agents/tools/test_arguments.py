"""From raw text to canonical arguments (LOOP-7, TOOL-1; THREATS 7)."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ConfigDict, Field

from agents.tools import ToolContext, registry
from agents.tools.arguments import Malformed, Parsed, parse, restore
from agents.tools.definition import Tool
from tests.agents.tools.conftest import Declare, built_in


class Payment(BaseModel):
    model_config = ConfigDict(extra="forbid")
    payment: str = Field(max_length=40)
    cents: int = Field(ge=1)
    rate: float = 1.0
    urgent: bool = False
    tags: list[str] = []


def pay(args: Payment, context: ToolContext) -> dict[str, str]:
    """Pay."""
    return {}


@pytest.fixture
def payment(declare: Declare) -> Tool:
    return declare(pay, summary="Pay {cents}")


def canonical(tool: Tool, raw: str) -> bytes:
    parsed = parse(tool, raw)
    assert isinstance(parsed, Parsed), parsed
    return parsed.canonical


def test_arguments_get_one_canonical_form_whatever_their_order(payment: Tool) -> None:
    """APPR-4: what is shown, hashed and run are the same bytes."""
    one = canonical(payment, '{"payment":"P-1","cents":5,"urgent":true}')
    other = canonical(payment, ' {"urgent" : true, "cents":5,\n"payment":"P-1"} ')
    assert one == other == b'{"cents":5,"payment":"P-1","rate":1,"tags":[],"urgent":true}'


@pytest.mark.parametrize(
    "raw",
    [
        '{"payment":"P-1","cents":"10"}',
        '{"payment":"P-1","cents":1e2}',
        '{"payment":"P-1","cents":10.0}',
        '{"payment":"P-1","cents":true}',
        '{"payment":5,"cents":10}',
        '{"payment":"P-1","cents":10,"urgent":"yes"}',
        '{"payment":"P-1","cents":10,"urgent":1}',
        '{"payment":"P-1","cents":10,"cents":11}',
        '{"payment":"P-1","cents":10,"extra":1}',
        '{"payment":"P-1","cents":10} and more',
        '{"payment":"P-1","cents":10}{"payment":"P-2","cents":10}',
        '{"payment":"P-1","cents":NaN}',
        '{"payment":"P-1","cents":10,"rate":Infinity}',
        '{"payment":"P-1","cents":10,"rate":-Infinity}',
        '{"payment":"P-1\\u0000","cents":10}',
        '{"payment":"P-1\\ud800","cents":10}',
        '{"payment":"P-1","cents":9007199254740993}',
        '{"payment":"P-1","cents":' + "9" * 5000 + "}",
        '{"payment":"P-1","cents":10,"rate":1e16}',
        '[{"payment":"P-1","cents":10}]',
        '"P-1"',
        "null",
        "pay five cents",
        '{"payment":"P-1","cents":1',
        '{"payment":"P-1"',
        "{'payment':'P-1','cents':1}",
        "{" * 100_000,
        "[" * 100_000,
        "",
    ],
)
def test_what_is_not_exactly_right_is_refused_and_told(payment: Tool, raw: str) -> None:
    """LOOP-7, THREATS 7: never an exception, never a guess."""
    malformed = parse(payment, raw)
    assert isinstance(malformed, Malformed)
    assert malformed.error_type == "invalid_input"
    assert malformed.hint


def test_no_text_at_all_is_an_empty_object(declare: Declare) -> None:
    """Some servers send nothing for a call without arguments."""
    recall = built_in("recall")
    assert canonical(recall, "") == canonical(recall, "{}")


def test_the_model_is_told_which_argument_is_wrong(payment: Tool) -> None:
    malformed = parse(payment, '{"cents":0,"colour":"red"}')
    assert isinstance(malformed, Malformed)
    assert [error["loc"] for error in malformed.errors] == ["payment", "cents", "colour"]
    assert "payment" in malformed.hint


def test_what_validation_changed_is_listed_for_the_reviewer(declare: Declare) -> None:
    """APPR-2: the exact validated arguments, with what validation changed."""
    parsed = parse(built_in("send_email"), json.dumps({"to": [" Ann@EXAMPLE.com "], "subject": " Hi ", "body": "Text"}))
    assert isinstance(parsed, Parsed)
    assert parsed.changed == [
        {"path": "cc", "before": None, "after": [], "added": True},
        {"path": "subject", "before": " Hi ", "after": "Hi"},
        {"path": "to.0", "before": " Ann@EXAMPLE.com ", "after": "Ann@example.com"},
    ]


def test_one_and_one_point_zero_are_no_change(payment: Tool) -> None:
    parsed = parse(payment, '{"payment":"P-1","cents":5,"rate":2,"urgent":false,"tags":[]}')
    assert isinstance(parsed, Parsed)
    assert parsed.changed == []


def test_canonical_bytes_come_back_as_the_same_value(payment: Tool) -> None:
    parsed = parse(payment, '{"payment":"é","cents":5,"rate":0.1}')
    assert isinstance(parsed, Parsed)
    assert restore(payment, parsed.canonical) == parsed.value


@pytest.mark.parametrize("changed", [b'{"cents":5,"payment":"P-1"}', b'{"cents": 5}', b"{}", b"\xff"])
def test_bytes_that_are_not_canonical_any_more_are_refused(payment: Tool, changed: bytes) -> None:
    """APPR-4: bytes that validation would change again are not what was shown."""
    with pytest.raises(ValueError, match=r"."):
        restore(payment, changed)


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)


@given(
    st.fixed_dictionaries(
        {"payment": _TEXT, "cents": st.integers(1, 2**53 - 1)},
        optional={"rate": st.floats(-(2.0**53) + 1, 2.0**53 - 1), "tags": st.lists(_TEXT, max_size=3)},
    )
)
def test_parsing_twice_changes_nothing_more(given_arguments: dict[str, Any]) -> None:
    """The canonical form is a fixed point: nothing is coerced after review (THREATS 7)."""
    registry.tool(tier="read_only", summary="Pay {cents}")(pay)
    tool = registry._tools["pay"]
    try:
        first = parse(tool, json.dumps(given_arguments))
        assert isinstance(first, Parsed)
        second = parse(tool, first.canonical.decode())
        assert isinstance(second, Parsed)
        assert second.canonical == first.canonical
        assert second.changed == []
    finally:
        registry._tools.pop("pay", None)
