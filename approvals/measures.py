"""How people decide: waiting, time to decide, approvals and rejections by tool, tier, rule and reviewer. Reads alone.

Each table is one query over the requests or decisions of the last days, found by their time. Signals that somebody
approves without looking are told as what they are: numbers and a sentence, never a verdict on a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection

QUICK_S = 5
"""An approval that took less than this cannot have been read."""
ENOUGH = 10
"""From so many decisions on, not a single rejection is worth a look."""

RULE_NAME = (
    "CASE WHEN reason ->> 'code' = 'rule' THEN substring(reason ->> 'text' FROM '^Policy rule ''(.*)''\\.$') ELSE '' END"
)
"""SQL for the name of the rule that a stored reason is about; `Rule.reason` writes it."""

_COUNTS = """
    count(*) AS asked,
    count(*) FILTER (WHERE r.status IN ('pending', 'held')) AS waiting,
    count(*) FILTER (WHERE r.decided_at IS NOT NULL AND r.status <> 'rejected') AS approved,
    count(*) FILTER (WHERE r.decided_at IS NOT NULL AND r.status <> 'rejected' AND r.revision > 1) AS edited,
    count(*) FILTER (WHERE r.status = 'rejected') AS rejected,
    count(*) FILTER (WHERE r.status = 'expired' AND r.decided_at IS NULL) AS expired,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY extract(epoch FROM r.decided_at - r.created_at)) AS p50_s,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY extract(epoch FROM r.decided_at - r.created_at)) AS p95_s
"""
_SINCE = "r.kind = 'tool_call' AND r.created_at >= now() - make_interval(days => %s)"
_TOOLS = f"""
    SELECT CASE WHEN grouping(r.tool) = 0 THEN 'tool' WHEN grouping(r.tier) = 0 THEN 'tier' ELSE 'all' END AS kind,
        coalesce(r.tool, r.tier, '') AS name, {_COUNTS}
    FROM approvals_approvalrequest r WHERE {_SINCE}
    GROUP BY GROUPING SETS ((r.tool), (r.tier), ()) ORDER BY asked DESC, name
"""  # noqa: S608  constants of this module
_REASONS = f"""
    SELECT reason ->> 'code' AS kind, {RULE_NAME} AS name, {_COUNTS}
    FROM approvals_approvalrequest r CROSS JOIN LATERAL jsonb_array_elements(r.reasons) reason
    WHERE {_SINCE} GROUP BY 1, 2 ORDER BY asked DESC, 1, 2
"""  # noqa: S608  as above
# On screen a request can have been no longer than since it was put up, nor than since the same person's last decision.
_REVIEWERS = """
    SELECT d.decided_by AS user_id, max(d.decided_name) AS name, count(*) AS decided,
        count(*) FILTER (WHERE d.verdict = 'approve') AS approved,
        count(*) FILTER (WHERE d.verdict = 'edit') AS edited,
        count(*) FILTER (WHERE d.verdict = 'reject') AS rejected,
        count(*) FILTER (WHERE d.verdict = 'approve' AND least(d.asked_s, d.last_s) < %s) AS quick,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY d.asked_s) AS p50_s,
        percentile_cont(0.95) WITHIN GROUP (ORDER BY d.asked_s) AS p95_s,
        percentile_cont(0.5) WITHIN GROUP (ORDER BY least(d.asked_s, d.last_s)) AS screen_s
    FROM (
        SELECT v.decided_by, v.decided_name, v.verdict, extract(epoch FROM v.created_at - r.created_at) AS asked_s,
            extract(epoch FROM v.created_at - lag(v.created_at) OVER (PARTITION BY v.decided_by ORDER BY v.created_at)) AS last_s
        FROM approvals_decision v JOIN approvals_approvalrequest r ON r.id = v.request_id
        WHERE r.kind = 'tool_call' AND v.voided <> 'undo' AND v.created_at >= now() - make_interval(days => %s)
            AND (%s::bigint IS NULL OR v.decided_by = %s::bigint)
    ) d GROUP BY d.decided_by ORDER BY decided DESC, name
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What came of the requests of one tool, tier or reason. Times run from when a request was put up."""

    kind: str  # tool, tier, all; of reasons: the code
    name: str  # of a reason: the rule's, else nothing
    asked: int
    waiting: int
    approved: int
    edited: int  # of those approved
    rejected: int
    expired: int
    p50_s: float | None
    p95_s: float | None

    @property
    def decided(self) -> int:
        """How many people decided."""
        return self.approved + self.rejected

    @property
    def rate(self) -> int | None:
        """How many of a hundred decided ones were approved."""
        return round(100 * self.approved / self.decided) if self.decided else None

    @property
    def untouched(self) -> int:
        """How many were approved as they were asked."""
        return self.approved - self.edited

    @property
    def unquestioned(self) -> bool:
        """True where enough were decided and none was rejected or changed: ask no more, or look closer."""
        return self.decided >= ENOUGH and not self.rejected and not self.edited


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """How one person decided. `screen_s` is the most that half of the requests can have been looked at."""

    user_id: int
    name: str
    decided: int
    approved: int
    edited: int
    rejected: int
    quick: int  # approvals that took less than QUICK_S
    p50_s: float | None
    p95_s: float | None
    screen_s: float | None

    @property
    def rate(self) -> int | None:
        """How many of a hundred decisions let the call run as it was asked."""
        return round(100 * self.approved / self.decided) if self.decided else None

    @property
    def signals(self) -> tuple[str, ...]:
        """Return in words what makes one doubt that requests were read; none where there is nothing to say."""
        found = []
        if self.decided >= ENOUGH and not self.rejected and not self.edited:
            found.append(f"Never rejected or changed anything in {self.decided} decisions.")
        if self.quick >= 3 and 4 * self.quick >= self.approved:
            share = round(100 * self.quick / self.approved)
            found.append(
                f"{self.quick} of {self.approved} approvals ({share} %) came within {QUICK_S} s of the request or of their"
                " last decision. Decisions given together count too."
            )
        return tuple(found)


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything that is measured over some days. `reviewers` holds those alone whom the reader may see."""

    days: int
    overall: Figures
    tools: tuple[Figures, ...]
    tiers: tuple[Figures, ...]
    reasons: tuple[Figures, ...]
    reviewers: tuple[Reviewer, ...]

    @property
    def rules(self) -> tuple[Figures, ...]:
        """What came of requests that a rule of the policy asked for."""
        return tuple(figures for figures in self.reasons if figures.kind == "rule")


def measures(days: int, *, of: int | None = None) -> Measures:
    """Measure the last days; with `of` the decisions of that person alone among the reviewers."""
    grouped, reasons = by_tool(days), by_reason(days)
    nothing = Figures(
        kind="all", name="", asked=0, waiting=0, approved=0, edited=0, rejected=0, expired=0, p50_s=None, p95_s=None
    )
    return Measures(
        days=days,
        overall=next((row for row in grouped if row.kind == "all"), nothing),
        tools=tuple(row for row in grouped if row.kind == "tool"),
        tiers=tuple(row for row in grouped if row.kind == "tier"),
        reasons=tuple(reasons),
        reviewers=tuple(Reviewer(**row) for row in _rows(_REVIEWERS, [QUICK_S, days, of, of])),
    )


def by_tool(days: int) -> list[Figures]:
    """Return what came of the requests of the last days, by tool, by tier and in all."""
    return [Figures(**row) for row in _rows(_TOOLS, [days])]


def by_reason(days: int) -> list[Figures]:
    """Return what came of the requests of the last days, by every reason that policy had to ask."""
    return [Figures(**row) for row in _rows(_REASONS, [days])]


def _rows(query: str, values: Sequence[Any]) -> list[Mapping[str, Any]]:
    with connection.cursor() as cursor:
        cursor.execute(query, values)
        names = [column.name for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]
