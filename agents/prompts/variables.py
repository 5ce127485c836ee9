"""What a prompt's text leaves open, and what a version fixes beside its text: declared variables, model parameters. Pure.

A text names a variable as `{{tenant}}`. Each is declared: where its value comes from in a session, what stands there where
the session has none, or both. A text of before, which declares nothing, is taken as it is written.
"""

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from approvals.wording import said

NAMED = re.compile(r"\{\{ *([a-z][a-z0-9_]{0,39}) *\}\}")
MEANT = re.compile(r"\{\{[ \t]{0,9}[A-Za-z_][\w .\t-]{0,59}\}\}")
MOST_VARIABLES = 50
LONGEST_VALUE = 200
NOT_GIVEN = "(not given)"

Source = Literal["agent", "environment", "task_type", "tenant", "feature"]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Variable(_Part):
    """One declared variable: `source` says which of a session's labels it is, `default` what stands where that is empty."""

    source: Source | None = None
    default: Annotated[str, Field(min_length=1, max_length=2000)] | None = None

    @model_validator(mode="after")
    def _has_a_value(self) -> Self:
        if self.source is None and self.default is None:
            raise ValueError("needs a source or a default; else it would have no value")
        return self


class Parameters(_Part):
    """What a version says of the model call; it wins over the agent's own."""

    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    max_output_tokens: Annotated[int, Field(ge=16, le=200_000)] | None = None


_VARIABLES = TypeAdapter(dict[Name, Variable])
_PARAMETERS = TypeAdapter(Parameters)
Errors = list[dict[str, str]]


def checked(text: str, variables: Any, parameters: Any) -> tuple[dict[str, Any], dict[str, Any], Errors]:
    """Return the declared variables and parameters as they are stored, and all that is wrong ([{loc, msg}])."""
    declared, errors = _read(_VARIABLES, "variables", variables)
    settings, wrong = _read(_PARAMETERS, "parameters", parameters)
    errors += wrong
    if declared is not None:
        errors += _unmatched(text, declared)
    return _stored(declared or {}), _stored_one(settings or Parameters()), errors


def names(text: str) -> list[str]:
    """Return the names that a text uses, each once, in the order of their first use."""
    return list(dict.fromkeys(NAMED.findall(text)))


def rendered(text: str, variables: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> str:
    """Return the text with the values of a session in the place of its declared variables."""
    if not variables:
        return text
    return NAMED.sub(lambda found: _value(found, variables, values), text)


def missing(variables: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
    """Return the labels that a session must have for these variables, and has not."""
    return sorted(
        {
            one["source"]
            for one in variables.values()
            if one.get("source") and "default" not in one and not values.get(one["source"])
        }
    )


def _value(found: re.Match[str], variables: Mapping[str, Mapping[str, Any]], values: Mapping[str, Any]) -> str:
    declared = variables.get(found[1])
    if declared is None:
        return found[0]
    given = str(values.get(declared.get("source") or "") or "")
    # A label is named by whoever starts a session: it stays one line, whatever is in it.
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in given).split())[:LONGEST_VALUE]
    return line or str(declared.get("default") or NOT_GIVEN)


def _read(kind: TypeAdapter[Any], field: str, value: Any) -> tuple[Any, Errors]:
    try:
        return kind.validate_python(value), []
    except ValidationError as error:
        found = [{"loc": ".".join([field, *map(str, item["loc"])]), "msg": said(item)} for item in error.errors()]
        return None, found


def _unmatched(text: str, declared: Mapping[str, Variable]) -> Errors:
    used = names(text)
    errors = [
        {"loc": "variables", "msg": f"the text uses {{{{{name}}}}}, which is not declared"}
        for name in used
        if name not in declared
    ]
    errors += [
        {"loc": f"variables.{name}", "msg": "it is declared, and the text does not use it"}
        for name in declared
        if name not in used
    ]
    errors += [
        {"loc": "text", "msg": f"{written} is no variable: a name has small letters, digits and _, at most 40"}
        for written in dict.fromkeys(found[0] for found in MEANT.finditer(text) if not NAMED.fullmatch(found[0]))
    ]
    if len(declared) > MOST_VARIABLES:
        errors.append({"loc": "variables", "msg": f"there are more than {MOST_VARIABLES}"})
    return errors


def _stored(declared: Mapping[str, Variable]) -> dict[str, Any]:
    return {name: _stored_one(one) for name, one in declared.items()}


def _stored_one(part: BaseModel) -> dict[str, Any]:
    return part.model_dump(mode="json", exclude_none=True)
