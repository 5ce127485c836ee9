"""How bodies are read: a number is a number, a truth is a truth, and a text is neither."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from pydantic import ValidationError

from console.api.reading import Body
from console.api.root import api
from tests.console.api.calls import Program, refused


def bodies(kind: type[Body] = Body) -> Iterator[type[Body]]:
    """Every shape of a body that the API takes."""
    assert api.urls  # they are all imported with the API
    for one in kind.__subclasses__():
        yield one
        yield from bodies(one)


def kinds(told: dict[str, Any]) -> set[str]:
    """The kinds of values that a member's schema allows."""
    return {told.get("type", ""), *(one.get("type", "") for one in told.get("anyOf", ()))}


def mistaken() -> Iterator[tuple[type[Body], str, object]]:
    """Each member of each body that is a number or a truth, with values of other kinds."""
    for body in sorted(set(bodies()), key=lambda one: one.__qualname__):
        for name, told in body.model_json_schema()["properties"].items():
            found = kinds(told)
            texts = () if "string" in found else ("5", "true")
            if found & {"integer", "number"} and "boolean" not in found:
                yield from ((body, name, value) for value in (True, False, *texts))
            elif "boolean" in found:
                yield from ((body, name, value) for value in (1, 0.0, *texts))


def refuses(body: type[Body], name: str, value: object) -> bool:
    """Whether a body is refused for this member's value."""
    try:
        body.model_validate({name: value})
    except ValidationError as told:
        return name in {error["loc"][0] for error in told.errors()}
    return False


def test_a_member_takes_no_value_of_another_kind() -> None:
    asked = list(mistaken())
    assert len(asked) > 100
    assert [(body.__name__, name, value) for body, name, value in asked if not refuses(body, name, value)] == []


@pytest.mark.django_db
def test_how_long_texts_are_kept_is_no_truth(ada: User) -> None:
    """`true` was once taken for one day."""
    program = Program(ada)
    rule = program.get("/audit/content/rules").json()["items"][0]
    for days in (True, "30", 30.0):
        told = refused(
            program("PUT", f"/audit/content/rules/{rule['cls']}", {"days": days, "revision": rule["revision"]}),
            422,
            "invalid_request",
        )
        assert told["errors"][0]["loc"] == ["body", "days"]
    assert program.get("/audit/content/rules").json()["items"][0] == rule
