"""What is wrong with a document is said in the words of people, each thing once."""

from typing import Annotated, Any, Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from approvals.wording import real, said


class One(BaseModel):
    """A part with a tag."""

    kind: Literal["one"]
    count: Annotated[int, Field(ge=1, le=9)] = 1
    name: Annotated[str, Field(min_length=3, max_length=5)] = "name"
    way: Literal["up", "down"] = "up"


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
