"""Which value of a body names what there is not: a 404 that the address did not cause says where to look. Pure."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from audit.errors import CountersignError
from console.api.errors import status_of
from console.api.reading import Body

NOT_FOUND = 404


@contextmanager
def placed(values: Mapping[str, Any]) -> Iterator[None]:
    """Give an error that says what there is not the place in the body that named it.

    Args:
        values: what the operation was called with: parts of the address, and models of query and body.

    Raises:
        CountersignError: the error itself, with `errors` among its facts where the body named it.
    """
    try:
        yield
    except CountersignError as error:
        if status_of(error) == NOT_FOUND and not {"errors", "field"} & error.facts.keys() and (name := _named(error, values)):
            error.facts["errors"] = [{"loc": ["body", name], "msg": error.detail}]
        raise


def _named(error: CountersignError, values: Mapping[str, Any]) -> str:
    """Return the field of the body whose value the error repeats; one of the error's own name for it goes before others."""
    address = {_plain(value) for value in values.values() if isinstance(value, str)}
    facts = {name: _plain(fact) for name, fact in error.facts.items() if isinstance(fact, str) and fact.strip()}
    facts = {name: fact for name, fact in facts.items() if fact not in address}
    said = {name: value for body in values.values() if isinstance(body, Body) for name, value in _said(body)}
    same = [name for name, value in said.items() if facts.get(name) == value]
    other = [name for name, value in said.items() if {value, value.partition(":")[2]} & set(facts.values())]
    return next(iter((*same, *other)), "")


def _said(body: Body) -> Iterator[tuple[str, str]]:
    for key, field in type(body).model_fields.items():
        if isinstance(value := getattr(body, key), str) and value.strip():
            yield field.alias or key, _plain(value)


def _plain(value: str) -> str:
    return value.strip().casefold()
