"""What was spent on models, and by whom: turns and the calls that became none, added up by one dimension."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from django.db.models import Q
from django.db.models.functions import Now

from agents.guardrails.money import Forecast, Reading, State, forecast, state
from agents.models import Budget, Meter
from audit.connection import read

Dimension = Literal["agent", "tenant", "feature", "prompt_version", "model", "session"]
DIMENSIONS: tuple[Dimension, ...] = ("agent", "tenant", "feature", "prompt_version", "model", "session")
LONGEST_DAYS = 92
MOST = 200

_OF: Mapping[Dimension, str] = {
    "agent": "a.slug",
    "tenant": "s.tenant",
    "feature": "s.feature",
    "prompt_version": "u.prompt_version",
    "model": "u.model",
    "session": "'S-' || s.number",
}
# Both halves are found by their time: rows lie in the order of their making.
_SPEND = """
SELECT {of} AS name, count(*) AS calls, count(DISTINCT u.session_id) AS sessions, sum(u.input_tokens)::bigint AS input_tokens,
       sum(u.output_tokens)::bigint AS output_tokens, sum(u.cost_microusd)::bigint AS cost_microusd
FROM (
    SELECT session_id, prompt_version, model, input_tokens, output_tokens, cost_microusd FROM agents_turn
    WHERE created_at >= %s AND created_at < %s
    UNION ALL
    SELECT session_id, prompt_version, model, input_tokens, output_tokens, cost_microusd FROM agents_modeluse
    WHERE created_at >= %s AND created_at < %s
) u JOIN agents_session s ON s.id = u.session_id JOIN agents_agent a ON a.id = s.agent_id
GROUP BY 1 ORDER BY cost_microusd DESC, name LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Spend:
    """What one agent, tenant, feature, prompt version, model or session spent; `name` is empty where it has none."""

    name: str
    calls: int
    sessions: int
    input_tokens: int
    output_tokens: int
    cost_microusd: int


def statement(by: Dimension) -> str:
    """Return the statement that adds up by a dimension."""
    return _SPEND.format(of=_OF[by])


def spend(by: Dimension, *, since: datetime, until: datetime, limit: int = MOST) -> list[Spend]:
    """Return what was spent between two times, the most expensive first; `limit` is bounded by MOST."""
    return [Spend(**row) for row in read(statement(by), [since, until, since, until, min(limit, MOST)])]


@dataclass(frozen=True, slots=True)
class Standing:
    """A budget as it stands in the period that runs."""

    budget: Budget
    meter: Reading
    starts: datetime
    ends: datetime
    forecast: Forecast

    @property
    def state(self) -> State:
        """What it does to sessions now."""
        return state(self.meter)

    @property
    def over(self) -> bool:
        """True if it will be spent before its period is over, as far as enough is known to say so."""
        return self.forecast.microusd > self.budget.cap_microusd and not self.forecast.small


def standing(*, active: bool = True, limit: int = MOST, before: UUID | None = None) -> list[Standing]:
    """Return budgets with what is spent and reserved of each in its period, newest first; `before` is an id."""
    rows = Budget.objects.filter(*([Q(status="active")] if active else []), *([Q(pk__lt=before)] if before else []))
    budgets = list(rows.order_by("-pk")[:limit])
    periods = _periods()
    meters = {
        (meter.budget_id, meter.starts_at): meter
        for meter in Meter.objects.filter(budget__in=budgets, starts_at__in=[at for one in periods.values() for at in one[:2]])
    }
    return [_standing(budget, periods, meters) for budget in budgets]


def standing_of(budget: Budget) -> Standing:
    """Return one budget with what is spent and reserved of it."""
    periods = _periods()
    found = Meter.objects.filter(budget=budget, starts_at__in=periods[budget.period][:2], budget__made_at__lte=Now())
    return _standing(budget, periods, {(meter.budget_id, meter.starts_at): meter for meter in found})


Period = tuple[datetime, datetime, datetime, datetime]
"""Where the period before began, where this one began, where it ends, and now; by the database's clock."""


def _periods() -> dict[str, Period]:
    rows = read(
        "SELECT p AS period, (t - ('1 ' || p)::interval) AT TIME ZONE 'UTC' AS before, t AT TIME ZONE 'UTC' AS starts,"
        " (t + ('1 ' || p)::interval) AT TIME ZONE 'UTC' AS ends, now() AS now"
        " FROM unnest(ARRAY['day', 'month']) p CROSS JOIN LATERAL (SELECT date_trunc(p, now() AT TIME ZONE 'UTC') AS t) x"
    )
    return {row["period"]: (row["before"], row["starts"], row["ends"], row["now"]) for row in rows}


def _standing(budget: Budget, periods: Mapping[str, Period], meters: Mapping[tuple[UUID, datetime], Meter]) -> Standing:
    before, starts, ends, now = periods[budget.period]
    meter, last = meters.get((budget.id, starts)), meters.get((budget.id, before))
    reading = Reading(budget.cap_microusd)
    if meter is not None:
        reading = Reading(budget.cap_microusd, meter.spent_microusd, meter.reserved_microusd, meter.refused_at is not None)
    expected = forecast(
        reading.spent, last.spent_microusd if last else None, starts=starts, ends=ends, now=now, since=budget.made_at
    )
    return Standing(budget, reading, starts, ends, expected)
