"""Searches of the audit trail that people keep, over the API: the filters of the trail's address under a name of one's own."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from django.http import QueryDict
from ninja import Path, Router, Schema
from pydantic import AfterValidator, Field, StringConstraints

from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import Body, storable
from console.errors import InvalidInput
from console.models import SavedView
from console.rights import Right
from console.saved_views import AUDIT, LONGEST_NAME, remove_view, save_view, saved_of
from console.views.audit_asked import NAMES, WRITE, read

router = Router(tags=["audit"])
SearchKey = Annotated[int, Path(ge=1, le=2**63 - 1)]
NO_FILTER = "is no filter of the trail. There are {known}."
NOT_READ = "cannot be read."
NOTHING = "The query holds no filter. Write one as in the trail's address, such as kind=decision.made."


class NewSearch(Body):
    """Filters to keep under a name; the same name again replaces it."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME), AfterValidator(storable)]
    query: Annotated[
        str,
        StringConstraints(min_length=1, max_length=2000),
        AfterValidator(storable),
        Field(description="that of the trail's address, such as `kind=decision.made&principal=user:7`"),
    ]


class SearchOut(Schema):
    """A search of the trail that you keep; `query` is that of the trail's address."""

    id: int
    name: str
    query: str
    created_at: datetime


class Searches(Schema):
    """All of yours, by name."""

    items: list[SearchOut]


@endpoint(router, "GET", "/audit/searches", right=Right.READ_OWN_AUDIT, scope="audit:read", answer=Searches)
def list_searches(request: ApiRequest) -> Searches:
    """List the searches of the trail that you keep."""
    return _mine(request)


@endpoint(
    router, "POST", "/audit/searches", right=Right.READ_OWN_AUDIT, scope="audit:write", answer=SearchOut, status=201,
    refuses=(409, 413, 415, 422), creates=True,
)  # fmt: skip
def save_search(request: ApiRequest, body: NewSearch) -> SearchOut:
    """Keep filters of the trail under a name; the same name again replaces it. Nobody else sees it."""
    return _shape(save_view(request.auth, name=body.name, query=_known(body.query), of=AUDIT))


@endpoint(
    router, "DELETE", "/audit/searches/{key}", right=Right.READ_OWN_AUDIT, scope="audit:write", answer=Searches,
    refuses=(404, 422),
)  # fmt: skip
def remove_search(request: ApiRequest, key: SearchKey) -> Searches:
    """Forget one of your searches, and return the others."""
    remove_view(request.auth, key, of=AUDIT)
    return _mine(request)


def _mine(request: ApiRequest) -> Searches:
    return Searches(items=[_shape(view) for view in saved_of(request.auth, AUDIT)])


def _known(query: str) -> str:
    """Return the query as the trail's address keeps it. Raises InvalidInput that names what the trail has no filter for."""
    values: Mapping[str, str] = QueryDict(query)
    asked = read(values)
    wrong = {name[:40]: NO_FILTER.format(known=", ".join(NAMES)) for name in values if name not in NAMES}
    wrong |= {name: WRITE.get(name, NOT_READ) for name in asked.wrong}
    if wrong or not asked.carried:
        told = [{"loc": ["body", "query"], "msg": f"{name}: {text}"} for name, text in wrong.items()]
        raise InvalidInput(
            told="a query that the trail cannot read", errors=told or [{"loc": ["body", "query"], "msg": NOTHING}]
        )
    return asked.carried


def _shape(view: SavedView) -> SearchOut:
    return SearchOut(id=view.pk, name=view.name, query=view.query, created_at=view.created_at)
