"""What was spent on models, and by whom: turns, the calls that became none, evaluations and the judge, by one dimension."""

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

Dimension = Literal["agent", "tenant", "feature", "prompt_version", "model", "session", "suite"]
DIMENSIONS: tuple[Dimension, ...] = ("agent", "tenant", "feature", "prompt_version", "model", "session", "suite")
What = Literal["sessions", "evaluation", "grading"]
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
OF_SESSIONS = tuple(_OF)
"""By what the spending of sessions can be added up."""
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

# What evaluations and the judge of grading asked: none of it belongs to a session. Of a result from before what its models
# asked was told apart, all tokens stand as read ones.
_BESIDE_OF: Mapping[Dimension, str] = {
    "agent": "agent", "tenant": "''", "feature": "what", "prompt_version": "prompt_version", "model": "model", "suite": "suite",
}  # fmt: skip
_BESIDE = """
SELECT {of} AS name, what, sum(calls)::bigint AS calls, 0 AS sessions, sum(input_tokens)::bigint AS input_tokens,
       sum(output_tokens)::bigint AS output_tokens, sum(cost_microusd)::bigint AS cost_microusd
FROM (
    SELECT 'evaluation' AS what, a.slug AS agent, s.slug AS suite, p.slug || ' ' || v.version AS prompt_version, x.model, x.calls,
           x.input_tokens, x.output_tokens, x.cost_microusd
    FROM agents_evalresult r JOIN agents_evalrun e ON e.id = r.run_id JOIN agents_suite s ON s.id = e.suite_id
    JOIN agents_agent a ON a.id = s.agent_id JOIN agents_promptversion v ON v.id = e.version_id
    JOIN agents_prompt p ON p.id = v.prompt_id
    CROSS JOIN LATERAL jsonb_to_recordset(coalesce(r.uses, jsonb_build_array(jsonb_build_object('model', e.model, 'calls', r.turns,
        'input_tokens', r.tokens, 'output_tokens', 0, 'cost_microusd', r.cost_microusd))))
        AS x(model text, calls bigint, input_tokens bigint, output_tokens bigint, cost_microusd bigint)
    WHERE r.created_at >= %s AND r.created_at < %s
    UNION ALL
    SELECT 'grading', a.slug, CASE WHEN g.kind = 'suite' THEN g.key ELSE '' END, '', j.model, j.calls,
           j.input_tokens, j.output_tokens, j.cost_microusd
    FROM agents_judging j JOIN agents_gradingitem i ON i.id = j.item_id JOIN agents_gradingrule g ON g.id = i.rule_id
    JOIN agents_agent a ON a.id = g.agent_id
    WHERE j.ended_at >= %s AND j.ended_at < %s AND j.calls > 0
) u GROUP BY 1, 2 ORDER BY cost_microusd DESC, name, what LIMIT %s"""


@dataclass(frozen=True, slots=True)
class Spend:
    """What one agent, tenant, feature, prompt version, model, session or suite spent; `name` is empty where it has none.

    `what` says for what: sessions, evaluations of prompt versions, or the judge that grades beside people.
    """

    name: str
    calls: int
    sessions: int
    input_tokens: int
    output_tokens: int
    cost_microusd: int
    what: What = "sessions"


def statement(by: Dimension) -> str:
    """Return the statement that adds up what sessions spent by a dimension."""
    return _SPEND.format(of=_OF[by])


def spend(by: Dimension, *, since: datetime, until: datetime, limit: int = MOST) -> list[Spend]:
    """Return what was spent between two times, the most expensive first; `limit` is bounded by MOST."""
    most = min(limit, MOST)
    values = [since, until, since, until, most]
    found = [Spend(**row) for row in read(statement(by), values)] if by in _OF else []
    found += [Spend(**row) for row in read(_BESIDE.format(of=_BESIDE_OF[by]), values)] if by in _BESIDE_OF else []
    return sorted(found, key=lambda one: (-one.cost_microusd, one.name, one.what))[:most]


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
