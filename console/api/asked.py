"""What an operation takes behind the `?`: whatever else stands there is refused by name.

A filter that is not heard widens what is found, and who acts on all that was found would act on too much.
"""

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from django.http import HttpRequest
from ninja.params.models import Query
from pydantic import BaseModel

from console.errors import InvalidInput

MANY = (list, set, frozenset, tuple)
LONGEST = 60
"""Characters of a name that are said again."""


def taken_by(function: Callable[..., Any]) -> Mapping[str, bool]:
    """Return the query parameters that a function takes, by name, and whether each may stand more than once."""
    taken: dict[str, bool] = {}
    for name, hint in get_type_hints(function, include_extras=True).items():
        for kind, *marks in (get_args(one) for one in (hint, *get_args(hint)) if get_origin(one) is Annotated):
            if any(isinstance(mark, Query) for mark in marks):
                taken |= _members(name, kind)
    return taken


def _members(name: str, kind: Any) -> Mapping[str, bool]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {field.alias or key: _is_many(field.annotation) for key, field in kind.model_fields.items()}
    return {name: _is_many(kind)}


def check(request: HttpRequest, taken: Mapping[str, bool]) -> None:
    """Refuse a parameter that is not taken, or one that is given twice and can be only one thing. Raises InvalidInput."""
    errors = [{"loc": ["query", name[:LONGEST]], "msg": _unknown(name, taken)} for name in request.GET if name not in taken]
    twice = [name for name, many in taken.items() if not many and len(request.GET.getlist(name)) > 1]
    errors += [{"loc": ["query", name], "msg": "This parameter is given more than once; give it once."} for name in twice]
    if errors:
        raise InvalidInput(told="query parameters that cannot be taken", errors=errors)


def _unknown(name: str, taken: Mapping[str, bool]) -> str:
    if not taken:
        return "This operation takes no query parameters."
    near = get_close_matches(name[:LONGEST], taken, 1)
    return (
        f"There is no such parameter; {'is ' + near[0] + ' meant?' if near else 'there are: ' + ', '.join(sorted(taken)) + '.'}"
    )


def _is_many(kind: Any) -> bool:
    return get_origin(kind) in MANY or any(_is_many(one) for one in get_args(kind))
