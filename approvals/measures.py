"""How people decide: waiting, time to decide and to look, approvals and rejections by tool, tier, rule and reviewer.

Each table is one query over the requests or decisions of the last days, found by their time. Signals that somebody
approves without looking are told as what they are: numbers and a sentence, never a verdict on a person.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from django.db import connection

from approvals.looked import QUICK_S

ENOUGH = 10
"""From so many decisions on, not a single rejection is worth a look, and a share is told in percent."""

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
# What nobody knows yet for a control request counts as what it looks like; once it is resolved it never was a real one.
# What a standing approval decided nobody was asked.
_REAL = (
    "NOT EXISTS (SELECT FROM approvals_controlrequest c WHERE c.request_id = r.id AND c.status <> 'planted') AND NOT EXISTS"
    " (SELECT FROM approvals_decision s WHERE s.request_id = r.id AND s.standing_id IS NOT NULL)"
)
_SINCE = f"r.kind = 'tool_call' AND r.created_at >= now() - make_interval(days => %s) AND {_REAL}"
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
# A request can have been looked at no longer than since it was put up, nor than since the same person's last decision, nor
# than its page was served and in view.
_LOOKED = f"""
    WITH looked AS MATERIALIZED (
        SELECT v.decided_by, v.decided_name, v.verdict, r.tool, extract(epoch FROM v.created_at - r.created_at) AS asked_s,
            least(extract(epoch FROM v.created_at - r.created_at), v.served_ms / 1000.0, v.screen_ms / 1000.0,
                extract(epoch FROM v.created_at - lag(v.created_at) OVER (PARTITION BY v.decided_by ORDER BY v.created_at))
            ) AS looked_s,
            ARRAY(SELECT {RULE_NAME} FROM jsonb_array_elements(r.reasons) reason WHERE reason ->> 'code' = 'rule') AS rules
        FROM approvals_decision v JOIN approvals_approvalrequest r ON r.id = v.request_id
        WHERE r.kind = 'tool_call' AND v.voided <> 'undo' AND v.created_at >= now() - make_interval(days => %s)
            AND {_REAL}
    )
"""  # noqa: S608  as above
_SAID = """
    count(*) AS decided,
    count(*) FILTER (WHERE verdict = 'approve') AS approved,
    count(*) FILTER (WHERE verdict = 'edit') AS edited,
    count(*) FILTER (WHERE verdict = 'reject') AS rejected,
    count(*) FILTER (WHERE verdict = 'approve' AND looked_s < %s) AS quick,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY asked_s) AS p50_s,
    percentile_cont(0.95) WITHIN GROUP (ORDER BY asked_s) AS p95_s,
    percentile_cont(0.5) WITHIN GROUP (ORDER BY looked_s) AS screen_s,
    percentile_cont(0.1) WITHIN GROUP (ORDER BY looked_s) AS screen_low_s
"""
_DECISIONS = f"""{_LOOKED}
    SELECT 'reviewer' AS kind, decided_by AS user_id, max(decided_name) AS name, {_SAID} FROM looked GROUP BY decided_by
    UNION ALL SELECT 'tool', NULL, tool, {_SAID} FROM looked GROUP BY tool
    UNION ALL SELECT 'rule', NULL, rule, {_SAID} FROM looked CROSS JOIN LATERAL unnest(rules) rule GROUP BY rule
    ORDER BY decided DESC, name
"""  # noqa: S608  as above


_CONTROLS = """
    SELECT decided_by AS user_id, max(decided_name) AS name, count(*) FILTER (WHERE status = 'caught') AS caught,
        count(*) FILTER (WHERE status = 'missed') AS missed, count(*) FILTER (WHERE status = 'lapsed') AS lapsed
    FROM approvals_controlrequest WHERE resolved_at >= now() - make_interval(days => %s)
    GROUP BY decided_by ORDER BY name
"""


def share(part: int, whole: int) -> str:
    """Return how many of how many; in percent too where there are enough for that to mean something."""
    return f"{part} of {whole}" + (f" ({round(100 * part / whole)} %)" if whole >= ENOUGH else "")


def hurried(quick: int, approved: int) -> str:
    """Return the sentence about quick approvals, where there are enough of them; else nothing."""
    if quick < 3 or 4 * quick < approved:
        return ""
    return (
        f"{share(quick, approved)} approvals came within {QUICK_S} s of being shown, of the request, or of the same person's last"
        " decision. Decisions given together count too."
    )


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
    quick: int = 0  # approvals that took less than QUICK_S
    screen_s: float | None = None  # the most that half of them can have been looked at
    screen_low_s: float | None = None  # and a tenth of them

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

    @property
    def signals(self) -> tuple[str, ...]:
        """Return in words what makes one doubt that requests were read; none where there is nothing to say."""
        return tuple(filter(None, (hurried(self.quick, self.untouched),)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewer:
    """How one person decided. `screen_s` is the most that half of the requests can have been looked at.

    It is measured where they decided on a page, and elsewhere bounded by when the request came and what they did before.
    """

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
    screen_low_s: float | None = None  # the most that a tenth of the requests can have been looked at

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
        return tuple(filter(None, (*found, hurried(self.quick, self.approved))))


@dataclass(frozen=True, slots=True, kw_only=True)
class Controlled:
    """What came of the control requests that one person decided."""

    user_id: int
    name: str
    caught: int
    missed: int

    @property
    def signals(self) -> tuple[str, ...]:
        """Return in words what was missed; none where nothing was."""
        if not self.missed:
            return ()
        return (f"Missed {share(self.missed, self.caught + self.missed)} control requests, which should have been rejected.",)


@dataclass(frozen=True, slots=True)
class Measures:
    """Everything that is measured over some days. `reviewers` holds those alone whom the reader may see."""

    days: int
    overall: Figures
    tools: tuple[Figures, ...]
    tiers: tuple[Figures, ...]
    reasons: tuple[Figures, ...]
    reviewers: tuple[Reviewer, ...]
    controlled: tuple[Controlled, ...] = ()
    lapsed: int = 0  # control requests that nobody decided

    @property
    def rules(self) -> tuple[Figures, ...]:
        """What came of requests that a rule of the policy asked for."""
        return tuple(figures for figures in self.reasons if figures.kind == "rule")


def measures(days: int, *, of: int | None = None) -> Measures:
    """Measure the last days; with `of` the decisions of that person alone among the reviewers."""
    grouped, reasons, said = by_tool(days), by_reason(days), _rows(_DECISIONS, [days, QUICK_S, QUICK_S, QUICK_S])
    controlled = _rows(_CONTROLS, [days])
    nothing = Figures(
        kind="all", name="", asked=0, waiting=0, approved=0, edited=0, rejected=0, expired=0, p50_s=None, p95_s=None
    )
    return Measures(
        days=days,
        overall=next((row for row in grouped if row.kind == "all"), nothing),
        tools=tuple(_looked(row, said) for row in grouped if row.kind == "tool"),
        tiers=tuple(row for row in grouped if row.kind == "tier"),
        reasons=tuple(_looked(row, said) for row in reasons),
        reviewers=tuple(_reviewer(row) for row in said if row["kind"] == "reviewer" and of in (None, row["user_id"])),
        controlled=tuple(_controlled(row) for row in controlled if row["user_id"] is not None and of in (None, row["user_id"])),
        lapsed=sum(row["lapsed"] for row in controlled),
    )


def _controlled(row: Mapping[str, Any]) -> Controlled:
    return Controlled(**{name: value for name, value in row.items() if name != "lapsed"})


def _reviewer(row: Mapping[str, Any]) -> Reviewer:
    return Reviewer(**{name: value for name, value in row.items() if name != "kind"})


def _looked(figures: Figures, said: Sequence[Mapping[str, Any]]) -> Figures:
    """Return the figures of a tool or rule with how long its requests were looked at."""
    found = next((row for row in said if (row["kind"], row["name"]) == (figures.kind, figures.name)), None)
    return replace(figures, **{name: found[name] for name in ("quick", "screen_s", "screen_low_s")}) if found else figures


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
