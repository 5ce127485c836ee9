"""The queue over the API: its list, how many requests each filter would show, and the views that people save."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Literal, Self

from django.http import QueryDict
from ninja import Path, Query, Router, Schema
from pydantic import AfterValidator, Field, StringConstraints, model_validator

from approvals import inbox, queries
from approvals.facts import Tier
from approvals.lifecycle import OPEN
from approvals.queries import WAITING
from console import saved_views
from console.api.approvals import ApprovalOut, Kind, Status, shape
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged
from console.api.reading import Body, Word, storable
from console.covering import BARE, covers_of
from console.errors import InvalidView
from console.models import SavedView
from console.readings import note_reading
from console.revealing import reveals_request
from console.rights import Right
from console.standing import person_of
from console.views.approval_queue import ALLOWED, Asked, filters_of, read, waiting_of

router = Router(tags=["approvals"])
REACH = 20_000
"""How many requests one page of a narrowed list looks through; the next page goes on from there."""
Due = Literal["soon", "escalated"]
Hand = Literal["mine", "free", "theirs"]
ViewKey = Annotated[int, Path(ge=1, le=2**63 - 1)]


class Narrowed(Schema):
    """Filters, all of which must hold."""

    kind: Kind | None = None
    tier: Tier | None = None
    agent: Word = ""
    tool: Word = ""
    q: Word = ""
    risk: Annotated[int, Field(ge=1, le=4)] | None = None
    due: Due | None = None
    hand: Hand | None = Field(None, description="in whose hand it is, seen by you")
    taint: bool = Field(False, description="only what came after untrusted content")
    can: bool = Field(False, description="only what you may decide now")

    def wanted(self) -> dict[str, str]:
        """Return the filters that are given, as the queue's address writes them."""
        given = {name: getattr(self, name) for name in Narrowed.model_fields}
        return {name: "1" if value is True else str(value) for name, value in given.items() if value}


class ApprovalQuery(Paged, Narrowed):
    """Filters of the list, and its order."""

    status: Status | None = None
    order: Annotated[Literal["newest", "expiry"], Field(description="by expiry, soonest first, only what waits")] = "newest"

    @model_validator(mode="after")
    def _expires(self) -> Self:
        if self.order == "expiry" and self.status not in (None, *WAITING):
            raise ValueError("what is decided is not ordered by expiry")
        return self

    @property
    def statuses(self) -> Sequence[str]:
        """The statuses that are asked for, none for all."""
        return (self.status,) if self.status else WAITING if self.order == "expiry" else ()

    @property
    def reach(self) -> int:
        """How many requests one page looks through: what is open is little, whatever was decided before."""
        return REACH if self.status not in OPEN and (self.wanted() or self.status) else 0


class ApprovalPage(Schema):
    """A page of requests."""

    items: list[ApprovalOut]
    next_cursor: str | None


class Choice(Schema):
    """One value of a facet, and how many waiting requests it would show."""

    value: str
    count: int


class Counts(Schema):
    """How many requests wait: all that pass the filters, those in your hand, and by the values of each facet."""

    waiting: int
    mine: int
    more: bool
    facets: dict[str, list[Choice]]


class NewView(Body):
    """Filters to keep under a name: `query` is that of the queue's address, such as `risk=3&hand=free`."""

    name: Annotated[str, StringConstraints(min_length=1, max_length=saved_views.LONGEST_NAME), AfterValidator(storable)]
    query: Annotated[str, StringConstraints(min_length=1, max_length=2000), AfterValidator(storable)]


class ViewOut(Schema):
    """A view of the queue that you saved."""

    id: int
    name: str
    query: str
    created_at: datetime


class Views(Schema):
    """All of yours, by name."""

    items: list[ViewOut]


@endpoint(router, "GET", "/approvals", right=Right.SEE, scope="approvals:read", answer=ApprovalPage, refuses=(422,))
def list_approvals(request: ApiRequest, page: Query[ApprovalQuery]) -> ApprovalPage:
    """List approval requests, newest first. A page of few or none with a cursor goes on: so much was looked through."""
    caller, person = request.auth, person_of(request.auth, reauthenticated=False)
    where = filters_of(page.wanted(), page.statuses, caller, person)
    found = queries.page(where, limit=page.limit, cursor=page.cursor, order=page.order, reach=page.reach)
    if found.items and reveals_request(caller):
        note_reading(caller, ["approvals"])
    covers = covers_of(found.items, caller)
    items = [shape(caller, row, covers.get(row.id, BARE), person) for row in found.items]
    return ApprovalPage(items=items, next_cursor=found.next_cursor or None)


@endpoint(router, "GET", "/approvals/counts", right=Right.SEE, scope="approvals:read", answer=Counts, refuses=(422,))
def count_approvals(request: ApiRequest, asked: Query[Narrowed]) -> Counts:
    """Count what waits, as you see it; `more` says that there is more than is counted."""
    wanted = asked.wanted()
    waiting = waiting_of(request.auth, person_of(request.auth), asked.q)
    facets = {name: waiting.facet(name, wanted) for name in inbox.FACETS}
    facets |= {
        name: [(one, waiting.count({**wanted, name: one})) for one in ALLOWED[name]] for name in ("due", "hand", "taint", "can")
    }
    return Counts(
        waiting=waiting.count(wanted),
        mine=waiting.count({**wanted, "hand": "mine"}),
        more=waiting.more,
        facets={name: [Choice(value=value, count=count) for value, count in pairs] for name, pairs in facets.items()},
    )


@endpoint(router, "GET", "/approvals/views", right=Right.SEE, scope="approvals:read", answer=Views)
def list_views(request: ApiRequest) -> Views:
    """List the views that you saved."""
    return _mine(request)


@endpoint(
    router, "POST", "/approvals/views", right=Right.SEE, scope="approvals:write", answer=ViewOut, status=201,
    refuses=(409, 413, 415, 422), creates=True,
)  # fmt: skip
def save_view(request: ApiRequest, body: NewView) -> ViewOut:
    """Keep filters under a name; the same name again replaces it."""
    asked = _known(body.query)
    return _shape(saved_views.save_view(request.auth, name=body.name, query=asked.carried))


@endpoint(
    router, "DELETE", "/approvals/views/{key}", right=Right.SEE, scope="approvals:write", answer=Views, refuses=(404, 422)
)
def remove_view(request: ApiRequest, key: ViewKey) -> Views:
    """Forget one of your views, and return the others."""
    saved_views.remove_view(request.auth, key)
    return _mine(request)


def _mine(request: ApiRequest) -> Views:
    return Views(items=[_shape(view) for view in saved_views.saved_of(request.auth)])


def _known(query: str) -> Asked:
    """Return what a query asks for; raises InvalidView for one that holds what the queue has no filter for."""
    values: Mapping[str, str] = QueryDict(query)
    asked = read(values)
    if asked.wrong or set(values) - {"state", *asked.filters}:
        raise InvalidView
    return asked


def _shape(view: SavedView) -> ViewOut:
    return ViewOut(id=view.pk, name=view.name, query=view.query, created_at=view.created_at)
