"""The form made from a tool's schema gives back the arguments that it was made from."""

from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from console import schema_form


class Address(BaseModel):
    """An inner object."""

    street: str
    zip: int | None = None


class Mail(BaseModel):
    """A tool's arguments, with a field of every shape that the form knows."""

    to: list[str]
    subject: str
    copies: int = 1
    weight: float = 0.5
    urgency: Literal["low", "high"] = "low"
    receipt: bool = False
    maybe: bool | None = None
    address: Address
    extra: dict[str, int] = {}


SCHEMA = Mail.model_json_schema()
TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1, max_size=20).filter(
    str.strip
)
MAILS = st.builds(
    Mail, to=st.lists(TEXT, max_size=3), subject=TEXT, weight=st.floats(0, 9),
    address=st.builds(Address, street=TEXT, zip=st.none() | st.integers(0, 99_999)), extra=st.dictionaries(TEXT, st.integers(), max_size=2),
)  # fmt: skip


def sent(fields: list[schema_form.Field] | tuple[schema_form.Field, ...]) -> dict[str, str]:
    """Give what a browser would send if nothing was changed."""
    values: dict[str, str] = {}
    for field in fields:
        if field.kind == "group":
            values |= sent(field.fields)
        elif field.kind != "boolean" or field.checked:
            values[field.name] = field.value
    return values


@given(MAILS)
def test_an_unchanged_form_gives_the_same_arguments(mail: Mail) -> None:
    """Opening and sending the form changes nothing of what will be executed (APPR-3)."""
    form = schema_form.fields(SCHEMA, mail.model_dump())
    value, problems = schema_form.read(SCHEMA, sent(form))
    assert not problems
    assert Mail.model_validate(value) == mail


def test_kinds_of_inputs() -> None:
    """Each shape of a schema has its input; the rest is JSON."""
    form = {field.path: field.kind for field in schema_form.fields(SCHEMA, {"subject": "a\nb"})}
    assert form == {
        "to": "list", "subject": "textarea", "copies": "integer", "weight": "number", "urgency": "choice",
        "receipt": "boolean", "maybe": "choice", "address": "group", "extra": "json",
    }  # fmt: skip


@pytest.mark.parametrize("text", ["1e", "one", "{", "1,5", ""])
def test_what_is_not_a_number_is_told_and_not_guessed(text: str) -> None:
    """The form never invents a value (THREATS 7)."""
    schema: dict[str, Any] = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}
    value, problems = schema_form.read(schema, {"arg.n": text})
    assert problems["n"]
    assert value == {"n": text}


def test_errors_stand_at_their_field() -> None:
    """A message of the judge is shown where it belongs."""
    form = schema_form.fields(SCHEMA, {}, {"address.zip": ["too large"]})
    group = next(field for field in form if field.path == "address")
    assert [field.errors for field in group.fields] == [(), ("too large",)]
