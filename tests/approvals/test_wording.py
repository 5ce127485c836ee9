"""What is wrong with a document is said in the words of people, each thing once."""

import re
from typing import Annotated, Any, Literal, get_args

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticKnownError
from pydantic_core.core_schema import ErrorType

from approvals.wording import real, said


class One(BaseModel):
    """A part with a tag."""

    kind: Literal["one"]
    count: Annotated[int, Field(ge=1, le=9)] = 1
    name: Annotated[str, Field(min_length=3, max_length=5)] = "name"
    way: Literal["up", "down"] = "up"
    note: Annotated[str, Field(min_length=1)] = "n"
    seconds: Annotated[float, Field(le=60.0)] = 1


class Two(BaseModel):
    """Another one."""

    kind: Literal["two"]


class Whole(BaseModel):
    """A document."""

    model_config = ConfigDict(extra="forbid")
    parts: Annotated[tuple[Annotated[One | Two, Field(discriminator="kind")], ...], Field(min_length=2)]


def told(*parts: dict[str, Any]) -> list[str]:
    """What is wrong with a document of these parts."""
    with pytest.raises(ValidationError) as refused:
        Whole.model_validate({"parts": parts})
    return [said(dict(one)) for one in real(refused.value.errors())]


@pytest.mark.parametrize(
    ("part", "words"),
    [
        ({"count": 0}, "must be at least 1"),
        ({"count": 10}, "must be at most 9"),
        ({"count": "x"}, "must be a whole number"),
        ({"note": ""}, "needs at least 1 character"),
        ({"seconds": 61}, "must be at most 60"),
        ({"name": "n"}, "needs at least 3 characters"),
        ({"name": "longer"}, "has at most 5 characters"),
        ({"way": "left"}, "must be 'up' or 'down'"),
        ({"kind": "bogus"}, "must be one of 'one', 'two'"),
    ],
)
def test_a_wrong_value_is_told_in_few_words(part: dict[str, Any], words: str) -> None:
    """And nothing is told besides: the list is not too short for a part that is wrong itself."""
    assert told({"kind": "two"}, {"kind": "one", **part}) == [words]


def test_a_list_that_is_too_short_is_called_so() -> None:
    """Where nothing of it is wrong."""
    assert told({"kind": "two"}) == ["needs at least 2"]


CONTEXT = {
    "attribute": "a", "method_name": "m", "error": "short", "class_name": "C", "class": "C", "gt": 1, "ge": 1, "lt": 1,
    "le": 1, "multiple_of": 2, "field_type": "List", "min_length": 2, "max_length": 2, "actual_length": 3, "pattern": "^a$",
    "expected": "'a' or 'b'", "encoding": "utf-8", "encoding_error": "e", "tz_expected": 1, "tz_actual": 2,
    "discriminator": "'kind'", "tag": "t", "expected_tags": "'one', 'two'", "expected_schemes": "'https'",
    "expected_version": 4, "max_digits": 2, "decimal_places": 2, "whole_digits": 2,
}  # fmt: skip


@pytest.mark.parametrize("kind", sorted({*get_args(ErrorType)} - {"value_error", "assertion_error"}))
def test_nobody_reads_the_words_of_the_library(kind: ErrorType) -> None:
    """Whatever it finds: its messages speak of inputs, instances and dictionaries."""
    theirs = PydanticKnownError(kind, CONTEXT).message()
    words = said({"type": kind, "loc": ("x",), "msg": theirs, "input": 1, "ctx": CONTEXT})
    assert words != theirs
    assert words[0].islower()
    assert not re.search(r"\b(Input|String|instance|dictionary|should|Unable|tuple)\b", words)


@pytest.mark.parametrize(
    ("kind", "ctx", "words"),
    [
        ("string_pattern_mismatch", {"pattern": r"^[a-z0-9][a-z0-9-]{0,62}$"}, "must be small letters, digits and hyphens"),
        ("string_pattern_mismatch", {"pattern": r"^AP-[1-9][0-9]{0,17}$"}, "must be the id of a request, such as AP-20418"),
        ("string_pattern_mismatch", {"pattern": "^EX-[1-9]$"}, "must match ^EX-[1-9]$"),
        ("date_from_datetime_parsing", {"error": "too short"}, "must be a date such as 2026-03-31"),
        ("datetime_parsing", {"error": "too short"}, "must be a time such as 2026-03-31T09:00:00Z"),
    ],
)
def test_the_form_that_is_asked_for_is_shown(kind: str, ctx: dict[str, str], words: str) -> None:
    """A pattern is for programs; what people meet often is said in words."""
    assert said({"type": kind, "ctx": ctx, "msg": "Input should be something"}).startswith(words)


def test_what_a_check_of_our_own_says_is_passed_on() -> None:
    """Without what the library puts before it."""
    assert said({"type": "value_error", "msg": "Value error, it has no end"}) == "it has no end"
    assert said({"type": "our_own", "msg": "needs an end"}) == "needs an end"
