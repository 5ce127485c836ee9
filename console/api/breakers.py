"""Breakers over the API: how they stand, holding one open or closed, letting it go. The same service as the page's."""

from datetime import datetime
from typing import Annotated, Literal, cast

from ninja import Query, Router, Schema
from pydantic import AfterValidator, Field, StringConstraints, ValidationInfo, field_validator

from agents.breaker_lines import Line, line, lines
from agents.breakers import LONGEST_REASON
from agents.guardrails.breaker import KINDS
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, storable
from console.holding import hold
from console.rights import Right

router = Router(tags=["breakers"])
Key = Annotated[str, StringConstraints(min_length=3, max_length=200), AfterValidator(storable)]
Reason = Annotated[str, StringConstraints(max_length=LONGEST_REASON, strip_whitespace=True), AfterValidator(storable)]
LEAST_REASON = 3  # characters
State = Literal["closed", "open", "half_open", "forced_open", "forced_closed"]
_COPIED = ("key", "kind", "name", "agents", "failures", "calls", "errors", "detail", "reason", "since", "retry_at",
           "failed_at", "failed_probes")  # fmt: skip


class BreakerOut(Schema):
    """One breaker. `failures` are those in a row, `errors` of `calls` those of the last window; `retry_at` is the next probe."""

    key: str
    kind: Literal["provider", "model", "tool"]
    name: str
    state: State
    agents: int
    failures: int
    calls: int
    errors: int
    detail: str
    reason: str
    forced_by: str | None
    since: datetime | None
    retry_at: datetime | None
    failed_at: datetime | None
    failed_probes: int


class BreakersOut(Schema):
    """Breakers by kind and name."""

    items: list[BreakerOut]
    next_cursor: str | None


class BreakerQuery(Paged):
    """Which breakers to list."""

    kind: Literal["", "provider", "model", "tool"] = ""


class BreakerPatch(Body):
    """What to do with a breaker: hold it `open` or `closed`, which needs a reason, or `release` it."""

    key: Key
    act: Literal["open", "closed", "release"]
    reason: Annotated[Reason, Field(validate_default=True)] = ""

    @field_validator("reason")
    @classmethod
    def _says_why(cls, reason: str, info: ValidationInfo) -> str:
        if info.data.get("act") in ("open", "closed") and len(reason) < LEAST_REASON:
            raise ValueError(f"say why, in at least {LEAST_REASON} characters")
        return reason


@endpoint(router, "GET", "/breakers", right=Right.SEE, scope="breakers:read", answer=BreakersOut, refuses=(422,))
def list_breakers(request: ApiRequest, which: Query[BreakerQuery]) -> BreakersOut:
    """List the breakers of providers, models and tools; what never failed is closed."""
    key = decode("breakers", which.cursor)
    found = sorted((one for one in lines() if which.kind in ("", one.kind)), key=_place)
    if key:
        found = [one for one in found if _place(one) > (int(key[0]), str(key[1]))]
    rows = found[: which.limit]
    following = list(_place(rows[-1])) if len(found) > which.limit else None
    return BreakersOut(items=[_shape(one) for one in rows], next_cursor=encode("breakers", following))


@endpoint(
    router, "PATCH", "/breakers", right=Right.RESTRAIN, scope="breakers:write", answer=BreakerOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def hold_breaker(request: ApiRequest, body: BreakerPatch) -> BreakerOut:
    """Hold a breaker open or closed on every worker, or release it; holding one closed needs an admin."""
    hold(request.auth, body.key, body.act, body.reason)
    return _shape(line(body.key))


def _place(one: Line) -> tuple[int, str]:
    return KINDS.index(one.kind), one.name


def _shape(one: Line) -> BreakerOut:
    return BreakerOut(
        state=cast(State, one.status), forced_by=one.forced_by or None, **{name: getattr(one, name) for name in _COPIED}
    )
