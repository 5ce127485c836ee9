"""What happened within the last hour, in parts of two minutes: questions to models, what they cost, calls of tools, requests.

A fixed number of statements over what lies in the order of its making, so that no more than the hour is read.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from audit.connection import read

HOUR_S = 3600
PART_S = 120
PARTS = HOUR_S // PART_S
_TURNS = """
SELECT floor(extract(epoch FROM now() - created_at) / %s)::int AS ago, count(*) AS answers,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY duration_ms) AS half,
       percentile_cont(0.95) WITHIN GROUP (ORDER BY duration_ms) AS slow,
       sum(cost_microusd)::bigint AS cost
FROM agents_turn WHERE created_at > now() - make_interval(secs => %s) GROUP BY GROUPING SETS ((1), ())"""
_USES = """
SELECT floor(extract(epoch FROM now() - created_at) / %s)::int AS ago, sum(cost_microusd)::bigint AS cost
FROM agents_modeluse WHERE created_at > now() - make_interval(secs => %s) GROUP BY 1"""
_CALLS = """
SELECT floor(extract(epoch FROM now() - created_at) / %s)::int AS ago, count(*) AS calls,
       count(*) FILTER (WHERE status IN ('failed', 'unknown')) AS failed
FROM agents_toolcall WHERE created_at > now() - make_interval(secs => %s) GROUP BY 1"""
_REQUESTS = """
SELECT floor(extract(epoch FROM now() - created_at) / %s)::int AS ago, count(*) AS requests
FROM approvals_approvalrequest WHERE created_at > now() - make_interval(secs => %s) GROUP BY 1"""

Row = dict[str, Any]


@dataclass(slots=True)
class Part:
    """Two minutes: answers of models and how long half and nineteen of twenty took at most, their cost, calls, requests."""

    answers: int = 0
    half_ms: int = 0
    slow_ms: int = 0
    cost_microusd: int = 0
    calls: int = 0
    failed: int = 0
    requests: int = 0


@dataclass(frozen=True, slots=True)
class Lately:
    """The hour as a whole, and its parts, the oldest first."""

    whole: Part
    parts: Sequence[Part] = field(default_factory=list)


def lately() -> Lately:
    """Read the last hour."""
    parts, whole = [Part() for _ in range(PARTS)], Part()
    for row in _rows(_TURNS):
        part = whole if row["ago"] is None else parts[_place(row)]
        part.answers, part.cost_microusd = row["answers"], int(row["cost"] or 0)
        part.half_ms, part.slow_ms = round(row["half"] or 0), round(row["slow"] or 0)
    for row in _rows(_USES):
        for part in (whole, parts[_place(row)]):
            part.cost_microusd += int(row["cost"])
    for row in _rows(_CALLS):
        for part in (whole, parts[_place(row)]):
            part.calls += row["calls"]
            part.failed += row["failed"]
    for row in _rows(_REQUESTS):
        for part in (whole, parts[_place(row)]):
            part.requests += row["requests"]
    return Lately(whole, parts)


def _rows(statement: str) -> Sequence[Row]:
    return read(statement, [PART_S, HOUR_S])


def _place(row: Row) -> int:
    """The place of a row's part; a clock that was a moment ahead counts as now."""
    return PARTS - 1 - min(max(int(row["ago"]), 0), PARTS - 1)
