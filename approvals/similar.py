"""How requests like one were decided: ranked in SQL by tool, recipient, band of amounts and shape, the newest first.

The newest few of each likeness are read from an index of their own and ranked together, so a million decided requests
cost no more than a hundred.
"""

from dataclasses import dataclass
from uuid import UUID

from django.db import connection
from django.db.models import Prefetch

from approvals.models import ApprovalRequest, Decision

NEAREST, LOOKED_AT = 3, 50

_RANKED = """
WITH alike AS (
    (SELECT id, number, target, shape, band FROM approvals_approvalrequest
     WHERE kind = %(kind)s AND tool = %(tool)s AND target = %(target)s AND target <> ''
       AND number < %(number)s AND status IN ('consumed', 'rejected', 'answered') ORDER BY number DESC LIMIT %(limit)s)
    UNION
    (SELECT id, number, target, shape, band FROM approvals_approvalrequest
     WHERE kind = %(kind)s AND tool = %(tool)s AND band = %(band)s AND shape = %(shape)s
       AND number < %(number)s AND status IN ('consumed', 'rejected', 'answered') ORDER BY number DESC LIMIT %(limit)s)
    UNION
    (SELECT id, number, target, shape, band FROM approvals_approvalrequest
     WHERE kind = %(kind)s AND tool = %(tool)s
       AND number < %(number)s AND status IN ('consumed', 'rejected', 'answered') ORDER BY number DESC LIMIT %(limit)s)
), ranked AS (
    SELECT id, row_number() OVER (ORDER BY
        (target = %(target)s AND target <> '')::int * 4 + (band = %(band)s)::int * 2 + (shape = %(shape)s)::int DESC,
        number DESC) AS place
    FROM alike ORDER BY place LIMIT %(limit)s
)
SELECT k.id, k.place, d.verdict FROM ranked k
LEFT JOIN LATERAL (
    SELECT verdict FROM approvals_decision WHERE request_id = k.id AND voided = '' ORDER BY created_at DESC, id DESC LIMIT 1
) d ON true ORDER BY k.place
"""


@dataclass(frozen=True, slots=True)
class Similar:
    """Counts of how the nearest fifty were decided, and the nearest themselves, with their decisions."""

    approved: int
    edited: int
    rejected: int
    nearest: list[ApprovalRequest]


def similar(request: ApprovalRequest, nearest: int = NEAREST) -> Similar | None:
    """Return how earlier requests like this one were decided, and the `nearest` of them; None where there is none."""
    asked = {name: getattr(request, name) for name in ("kind", "tool", "target", "shape", "band", "number")}
    with connection.cursor() as cursor:
        cursor.execute(_RANKED, {**asked, "limit": LOOKED_AT})
        rows = cursor.fetchall()
    if not rows:
        return None
    said = [verdict or "approve" for _, _, verdict in rows]
    rejected = sum(verdict in ("reject", "give_up") for verdict in said)
    edited = said.count("edit")
    return Similar(len(said) - rejected - edited, edited, rejected, _nearest([id_ for id_, _, _ in rows[:nearest]]))


def _nearest(ids: list[UUID]) -> list[ApprovalRequest]:
    decisions = Prefetch("decisions", Decision.objects.order_by("created_at", "id"))
    found = {row.id: row for row in ApprovalRequest.objects.filter(id__in=ids).defer("body").prefetch_related(decisions)}
    return [found[id_] for id_ in ids]
