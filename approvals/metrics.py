"""What monitoring is told of people's work: how many requests wait, for how long, and how many of them too long."""

from collections import Counter
from collections.abc import Sequence

from approvals.facts import TIERS
from approvals.models import KINDS
from audit.connection import read
from audit.metric import Metric, by, single

# Requests that wait are few, whatever the number of old ones: see the index `request_waiting`.
_WAITING = """
SELECT kind, CASE WHEN tier = '' THEN 'none' ELSE tier END AS tier, count(*) AS requests,
       count(*) FILTER (WHERE escalated_at IS NOT NULL) AS escalated,
       count(*) FILTER (WHERE expires_at <= now()) AS overdue,
       greatest(0, extract(epoch FROM now() - min(created_at)))::float8 AS seconds
FROM approvals_approvalrequest WHERE status = 'pending' GROUP BY 1, 2"""
_TIERS = (*TIERS, "none")


def metrics() -> Sequence[Metric]:
    """Read what waits for people, in one statement."""
    rows = read(_WAITING)
    tiers, kinds, ages = Counter[str](), Counter[str](), dict[str, float]()
    for row in rows:
        tiers[row["tier"]] += row["requests"]
        kinds[row["kind"]] += row["requests"]
        ages[row["tier"]] = max(row["seconds"], ages.get(row["tier"], 0.0))
    escalated, overdue = (sum(row[name] for row in rows) for name in ("escalated", "overdue"))
    return [
        by("approvals_waiting", "Approval requests that wait for people, by the tier of their call.", "tier", _TIERS, tiers),
        by("approvals_waiting_seconds", "For how long the oldest of them has waited, by tier.", "tier", _TIERS, ages),
        by("approvals_waiting_kind", "Approval requests that wait for people, by what they ask.", "kind", KINDS, kinds),
        single("approvals_escalated", "Of those that wait, how many have used four fifths of their time.", escalated),
        single(
            "approvals_overdue", "Of those that wait, how many whose time is over: the minute sweep lets them expire.", overdue
        ),
    ]
