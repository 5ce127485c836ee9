"""The kill switch over the API: what is stopped, pressing, lifting. The same service as the page's."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Query, Router, Schema
from pydantic import AfterValidator, StringConstraints

from agents import queries, stops
from agents.models import Stop
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, storable
from console.rights import Right

router = Router(tags=["stop"])
Scope = Annotated[str, StringConstraints(min_length=3, max_length=100), AfterValidator(storable)]
Reason = Annotated[
    str, StringConstraints(min_length=3, max_length=stops.LONGEST_REASON, strip_whitespace=True), AfterValidator(storable)
]
_COPIED = ("scope", "status", "reason", "pressed_at", "lifted_at")


class StopOut(Schema):
    """One press of the kill switch; `lifted_by` and `lifted_at` are null as long as it holds."""

    id: str
    scope: str
    status: Literal["active", "lifted"]
    reason: str
    pressed_by: str
    pressed_at: datetime
    lifted_by: str | None
    lifted_at: datetime | None


class StopsOut(Schema):
    """Presses of the kill switch, newest first."""

    items: list[StopOut]
    next_cursor: str | None


class Lifted(Schema):
    """What still holds after a stop was lifted, the widest first."""

    items: list[StopOut]
    next_cursor: None = None


class Which(Paged):
    """Which presses to list."""

    status: Literal["active", "any"] = "active"


class NewStop(Body):
    """What to stop: `all`, `agent:SLUG`, `tool:NAME` or `session:S-88123`; everybody reads the reason."""

    scope: Scope
    reason: Reason


class LiftedScope(Body):
    """The scope to go on with."""

    scope: Scope


@endpoint(router, "GET", "/stop", right=Right.SEE, scope="stop:read", answer=StopsOut, refuses=(422,))
def list_stops(request: ApiRequest, which: Query[Which]) -> StopsOut:
    """List what is stopped now, or with `status=any` every press of the kill switch, newest first."""
    key = decode("stops", which.cursor)
    before = UUID(key[0]) if key else None
    rows = queries.stops(which.limit + 1, before=before, active=which.status == "active")
    following = [str(rows[which.limit - 1].pk)] if len(rows) > which.limit else None
    return StopsOut(items=[_shape(row) for row in rows[: which.limit]], next_cursor=encode("stops", following))


@endpoint(
    router, "POST", "/stop", right=Right.RESTRAIN, scope="stop:write", answer=StopOut, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def press_stop(request: ApiRequest, body: NewStop) -> StopOut:
    """Stop a session, an agent, a tool or everything, on every worker at once. What is stopped already stays as it is."""
    return _shape(stops.press(scope=body.scope, reason=body.reason, actor=request.auth.actor()))


@endpoint(
    router, "DELETE", "/stop", right=Right.RESTRAIN, scope="stop:write", answer=Lifted, refuses=(404, 413, 415, 422)
)  # fmt: skip
def lift_stop(request: ApiRequest, body: LiftedScope) -> Lifted:
    """Lift the stop of a scope; what it held goes on by itself. Lifting what is there and not stopped changes nothing."""
    stops.lift(scope=body.scope, actor=request.auth.actor())
    return Lifted(items=[_shape(row) for row in queries.stops(200, active=True)])


def _shape(row: Stop) -> StopOut:
    return StopOut(
        id=str(row.pk), pressed_by=row.pressed_name, lifted_by=row.lifted_name or None,
        **{name: getattr(row, name) for name in _COPIED},
    )  # fmt: skip
