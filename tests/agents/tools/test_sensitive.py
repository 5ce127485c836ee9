"""Marking a field as sensitive: where its values stand in a call, and what a wrong mark does (TOOL-1, GUARD-12)."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, ConfigDict, Field

from agents.tools import Sensitive, ToolContext
from agents.tools.errors import ToolDefinitionError
from agents.tools.execute import summary
from agents.tools.sensitive import same_where_sensitive, sensitive_places
from tests.agents.tools.conftest import Declare


class Account(BaseModel):
    model_config = ConfigDict(extra="forbid")
    iban: Annotated[str, Field(json_schema_extra={"sensitive": "IBAN"})]


class Pay(BaseModel):
    model_config = ConfigDict(extra="forbid")
    to: str
    tax_number: Sensitive[str] = Field(default="", max_length=20)
    accounts: list[Account] = []
    other: Account | None = None
    birth: Sensitive[str | None] = Field(default=None, alias="dateOfBirth")


class Badly(BaseModel):
    model_config = ConfigDict(extra="forbid")
    iban: Annotated[str, Field(json_schema_extra={"sensitive": 3})]


class Named(BaseModel):
    model_config = ConfigDict(extra="forbid")
    sensitive: str = ""


def pay(args: Pay, context: ToolContext) -> dict[str, Any]:
    """Pay."""
    return {}


def badly(args: Badly, context: ToolContext) -> dict[str, Any]:
    """Pay."""
    return {}


def named(args: Named, context: ToolContext) -> dict[str, Any]:
    """Pay."""
    return {}


def test_sensitive_values_are_found_in_lists_in_objects_and_behind_other_names(declare: Declare) -> None:
    """By the names that the model writes; what holds nothing has no place."""
    tool = declare(pay)
    assert tool.sensitive
    found = sensitive_places(
        tool,
        '{"to": "K", "tax_number": "12", "accounts": [{"iban": "A"}, {"iban": "B"}], "other": {"iban": "C"}, "dateOfBirth": "x"}',
    )
    assert {place.path: place.kind for place in found} == {
        "tax_number": "Tax number", "accounts.0.iban": "IBAN", "accounts.1.iban": "IBAN", "other.iban": "IBAN",
        "dateOfBirth": "Dateofbirth",
    }  # fmt: skip
    assert sensitive_places(tool, '{"to": "K", "tax_number": ""}', "not json") == ()


def test_the_sentence_of_a_call_tells_no_sensitive_value(declare: Declare) -> None:
    """The template is filled with marks."""
    tool = declare(pay, summary="Pay {to} by {accounts}, tax {tax_number}, born {birth}")
    value = Pay(to="Kim", tax_number="12345", accounts=[Account(iban="DE89")], dateOfBirth="1.1.1970")
    said = summary(tool, value)
    assert said.startswith("Pay Kim by ")
    assert "tax [Tax number, 5 characters, hidden]" in said
    assert not any(hidden in said for hidden in ("12345", "DE89", "1.1.1970"))


def test_calls_are_the_same_only_where_their_sensitive_values_are(declare: Declare) -> None:
    """What a person saw once stands for equal values alone, wherever a standing approval lets texts vary."""
    tool = declare(pay)
    one = {"to": "K", "tax_number": "12", "accounts": [{"iban": "A"}]}
    assert same_where_sensitive(tool, one, {**one, "to": "L"})
    assert not same_where_sensitive(tool, one, {**one, "tax_number": "13"})
    assert not same_where_sensitive(tool, one, {"to": "K", "tax_number": "12", "accounts": [{"iban": "A"}, {"iban": "B"}]})


def test_a_mark_that_says_nothing_stops_the_start(declare: Declare) -> None:
    """True, or the word that people use."""
    with pytest.raises(ToolDefinitionError, match="sensitive"):
        declare(badly)


def test_a_field_may_be_called_sensitive(declare: Declare) -> None:
    """Its name is no mark."""
    assert not declare(named).sensitive
