"""Limits of the load over the API: what is set, what of it is used, who waits; and setting one. The page's own service."""

from datetime import datetime
from typing import Annotated

from ninja import Router, Schema
from pydantic import AfterValidator, Field, StringConstraints

from agents import limiting, loads
from agents.limiting import Bounds
from agents.models import Limit
from agents.models.load import LARGEST
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import Body, storable
from console.rights import Right

router = Router(tags=["limits"])
Scope = Annotated[str, StringConstraints(min_length=5, max_length=128), AfterValidator(storable)]
Reason = Annotated[
    str, StringConstraints(min_length=3, max_length=limiting.LONGEST_REASON, strip_whitespace=True), AfterValidator(storable)
]
Most = Annotated[int, Field(ge=1, le=LARGEST)]


class UseOut(Schema):
    """What is used: requests and tokens of the last minute, calls or sessions of this moment."""

    requests: int
    tokens: int
    at_once: int


class LimitOut(Schema):
    """What is allowed of a scope, and what of it is used; null is not limited, of a tool as the tool declares."""

    scope: str
    requests: int | None
    tokens: int | None
    at_once: int | None
    used: UseOut
    reason: str
    changed_by: str
    changed_at: datetime | None
    revision: int


class WaitingOut(Schema):
    """Questions of an agent that wait for a place in a rate; the sessions of `parked` ones were put back meanwhile."""

    agent: str
    model: str
    provider: str
    questions: int
    sessions: int
    parked: int
    since: datetime


class QueuedOut(Schema):
    """Sessions of an agent in the queue; `later` of them are not ready yet."""

    agent: str
    queued: int
    later: int
    since: datetime


class LimitsOut(Schema):
    """The limits that are set, by scope; who waits for a place in a rate; how long the queue is, by agent."""

    items: list[LimitOut]
    waiting: list[WaitingOut]
    queue: list[QueuedOut]
    next_cursor: None = None


class NewLimit(Body):
    """What shall be allowed of a scope, all of it: what is null or left out is not limited any more.

    `scope` is `model:` (all models), `model:NAME`, `provider:HOST` (all its models), `tool:NAME`, `queue:` (all sessions) or
    `queue:AGENT`. `requests` and `tokens` are a minute. `revision` is the one that you were shown, to be compared.
    """

    scope: Scope
    requests: Most | None = None
    tokens: Most | None = None
    at_once: Most | None = None
    reason: Reason
    revision: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


@endpoint(router, "GET", "/limits", right=Right.SEE, scope="limits:read", answer=LimitsOut)
def list_limits(request: ApiRequest) -> LimitsOut:
    """List what is limited and what of it is used, who waits, and how long the queue is."""
    used = loads.uses()
    return LimitsOut(
        items=[_shape(row, used) for row in loads.limits()],
        waiting=[WaitingOut(**{name: getattr(line, name) for name in WaitingOut.model_fields}) for line in loads.waiting()],
        queue=[QueuedOut(**{name: getattr(line, name) for name in QueuedOut.model_fields}) for line in loads.queued()],
    )


@endpoint(
    router, "PUT", "/limits", right=Right.RESTRAIN, scope="limits:write", answer=LimitOut, refuses=(404, 409, 413, 415, 422)
)
def set_limit(request: ApiRequest, body: NewLimit) -> LimitOut:
    """Set the limits of a scope; it holds on every worker within a second. More than a tool declares needs an admin."""
    caller = request.auth
    row = limiting.set_limit(
        scope=body.scope,
        bounds=Bounds(body.requests, body.tokens, body.at_once),
        reason=body.reason,
        person=caller.person(),
        actor=caller.actor(),
        revision=body.revision,
    )
    return _shape(row, loads.uses())


def _shape(row: Limit, used: dict[str, loads.Use]) -> LimitOut:
    use = used.get(row.scope, loads.Use())
    copied = ("scope", "requests", "tokens", "at_once", "reason", "changed_by", "changed_at", "revision")
    return LimitOut(
        **{name: getattr(row, name) for name in copied},
        used=UseOut(requests=use.requests, tokens=use.tokens, at_once=use.at_once),
    )
