"""Budgets over the API: what is spent of each, making, changing and ending one, and who spent what. As the page's."""

from datetime import datetime, timedelta
from typing import Annotated, Literal
from uuid import UUID

from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from agents import budgets, spending
from agents.guardrails.money import State
from agents.models.budget import MOST_MICROUSD
from agents.spending import DIMENSIONS, LONGEST_DAYS, Standing
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, storable
from console.errors import InvalidInput
from console.rights import Right

router = Router(tags=["budgets"])
Cap = Annotated[int, Field(ge=1, le=MOST_MICROUSD, description="Micro-dollars in each period")]
Reason = Annotated[
    str, StringConstraints(min_length=3, max_length=budgets.LONGEST_REASON, strip_whitespace=True), AfterValidator(storable)
]
Revision = Annotated[int, Field(ge=1, le=2**31 - 1, description="The one that was shown")]
Scope = Annotated[
    str,
    StringConstraints(min_length=3, max_length=8 + budgets.LONGEST_LABEL, strip_whitespace=True),
    AfterValidator(storable),
    Field(description="`all`, `agent:SLUG` or `tenant:LABEL`"),
]
AtCap = Annotated[Literal["halt", "queue"], Field(description="What a session does that finds too little left")]
_DAYS = 30


class NewBudget(Body):
    """What may be spent on models in each day or month, by the clock of the database in UTC."""

    scope: Scope
    period: Literal["day", "month"]
    cap_microusd: Cap
    at_cap: AtCap = "halt"
    reason: Reason


class BudgetPatch(Body):
    """What to change; what is left out stays. Operators lower a cap, admins change everything."""

    revision: Revision
    cap_microusd: Cap | None = None
    at_cap: AtCap | None = None
    reason: Reason


class BudgetEnd(Body):
    """Which revision to end, and why."""

    revision: Revision
    reason: Reason


class BudgetOut(Schema):
    """A budget and where it stands in the period that runs.

    `left_microusd` is what can still be reserved. `forecast_microusd` is where the period ends at the rate of the last
    period's length; with `forecast_small` it rests on little.
    """

    id: str
    scope: str
    period: Literal["day", "month"]
    cap_microusd: int
    at_cap: Literal["halt", "queue"]
    status: Literal["active", "ended"]
    revision: int
    state: State
    spent_microusd: int
    reserved_microusd: int
    left_microusd: int
    forecast_microusd: int
    forecast_small: bool
    period_starts_at: datetime
    period_ends_at: datetime
    made_by: str
    made_at: datetime
    changed_at: datetime
    ended_at: datetime | None


class BudgetPage(Schema):
    """Budgets, newest first."""

    items: list[BudgetOut]
    next_cursor: str | None


class Which(Paged):
    """Which budgets to list."""

    status: Literal["active", "any"] = "active"


class SpendQuery(Schema):
    """By what to add up, and between which times; the last 30 days where none are given, 92 days at most."""

    by: Literal[DIMENSIONS] = "agent"  # type: ignore[valid-type]  # a tuple of literals
    since: Annotated[AwareDatetime | None, Field(alias="from")] = None
    until: Annotated[AwareDatetime | None, Field(alias="to")] = None
    limit: Annotated[int, Field(ge=1, le=spending.MOST)] = 50


class SpendOut(Schema):
    """What one agent, tenant, feature, prompt version, model, session or suite spent; `name` is empty where it has none.

    `what` says for what: sessions, evaluations of prompt versions, or the judge that grades beside people.
    """

    name: str
    what: Literal["sessions", "evaluation", "grading"]
    calls: int
    sessions: int
    input_tokens: int
    output_tokens: int
    cost_microusd: int


class SpendList(Schema):
    """Spend by one dimension, the most expensive first."""

    by: str
    since: datetime
    until: datetime
    items: list[SpendOut]


@endpoint(router, "GET", "/budgets", right=Right.SEE, scope="budgets:read", answer=BudgetPage, refuses=(422,))
def list_budgets(request: ApiRequest, which: Query[Which]) -> BudgetPage:
    """List the active budgets, or with `status=any` all there ever were, newest first."""
    key = decode("budgets", which.cursor)
    rows = spending.standing(
        active=which.status == "active", limit=which.limit + 1, before=UUID(key[0]) if key else None
    )  # fmt: skip
    following = [str(rows[which.limit - 1].budget.pk)] if len(rows) > which.limit else None
    return BudgetPage(items=[_shape(row) for row in rows[: which.limit]], next_cursor=encode("budgets", following))


@endpoint(router, "GET", "/budgets/spend", right=Right.SEE, scope="budgets:read", answer=SpendList, refuses=(422,))
def get_spend(request: ApiRequest, asked: Query[SpendQuery]) -> SpendList:
    """Add up what was spent on models by agent, tenant, feature, prompt version, model, session or suite."""
    until = asked.until or timezone.now()
    since = asked.since or until - timedelta(days=_DAYS)
    if not timedelta(0) < until - since <= timedelta(days=LONGEST_DAYS):
        wrong = {"loc": ["query", "from"], "msg": f"lies before `to`, by {LONGEST_DAYS} days at most"}
        raise InvalidInput(told="1 wrong or missing value", errors=[wrong])
    rows = spending.spend(asked.by, since=since, until=until, limit=asked.limit)
    items = [SpendOut(**{name: getattr(row, name) for name in SpendOut.model_fields}) for row in rows]
    return SpendList(by=asked.by, since=since, until=until, items=items)


@endpoint(
    router, "POST", "/budgets", right=Right.ADMINISTER, scope="budgets:write", answer=BudgetOut, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def create_budget(request: ApiRequest, body: NewBudget) -> BudgetOut:
    """Make a budget; it counts from now on, on every worker within a second."""
    made = budgets.create(**body.model_dump(), actor=request.auth.actor())
    return _shape(spending.standing_of(made))


@endpoint(router, "GET", "/budgets/{budget_id}", right=Right.SEE, scope="budgets:read", answer=BudgetOut, refuses=(404, 422))
def get_budget(request: ApiRequest, budget_id: UUID) -> BudgetOut:
    """Return one budget, also one that was ended."""
    return _shape(spending.standing_of(budgets.get(budget_id)))


@endpoint(
    router, "PATCH", "/budgets/{budget_id}", right=Right.RESTRAIN, scope="budgets:write", answer=BudgetOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def change_budget(request: ApiRequest, budget_id: UUID, body: BudgetPatch) -> BudgetOut:
    """Change a budget from this moment on: operators lower its cap, admins change everything."""
    caller = request.auth
    changed = budgets.change(
        budget_id, **body.model_dump(), actor=caller.actor(), may_raise=caller.has(Right.ADMINISTER)
    )  # fmt: skip
    return _shape(spending.standing_of(changed))


@endpoint(
    router, "DELETE", "/budgets/{budget_id}", right=Right.ADMINISTER, scope="budgets:write", answer=BudgetOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def end_budget(request: ApiRequest, budget_id: UUID, body: BudgetEnd) -> BudgetOut:
    """End a budget: it caps nothing any more. What it measured stays."""
    return _shape(spending.standing_of(budgets.end(budget_id, **body.model_dump(), actor=request.auth.actor())))


def _shape(one: Standing) -> BudgetOut:
    copied = ("scope", "period", "cap_microusd", "at_cap", "status", "revision", "made_by", "made_at", "changed_at", "ended_at")
    return BudgetOut(
        id=str(one.budget.pk), state=one.state, spent_microusd=one.meter.spent, reserved_microusd=one.meter.reserved,
        left_microusd=one.meter.left, forecast_microusd=one.forecast.microusd, forecast_small=one.forecast.small,
        period_starts_at=one.starts, period_ends_at=one.ends, **{name: getattr(one.budget, name) for name in copied},
    )  # fmt: skip
