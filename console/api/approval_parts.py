"""Small shapes that an approval request is told with over the API: why policy asks, and who has it in hand."""

from datetime import datetime

from django.utils import timezone

from approvals.claims import holder_of
from approvals.models import ApprovalRequest
from console.api.answers import Answer


class ReasonOut(Answer):
    """Why policy asks."""

    code: str
    text: str


class ClaimOut(Answer):
    """Who has the request in hand, which binds nobody; `until` is null where it was assigned."""

    by: str
    until: datetime | None
    assigned_by: str | None


def claim_of(row: ApprovalRequest) -> ClaimOut | None:
    """Return who has a request in hand; nobody once it is decided."""
    holder = holder_of(row, timezone.now()) if row.status == "pending" else None
    return ClaimOut(by=holder.name, until=holder.until, assigned_by=holder.assigned_by or None) if holder else None
