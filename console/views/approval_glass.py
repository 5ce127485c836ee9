"""Whether the page of a request offers to break the glass, and in the place of what."""

import uuid
from typing import Any

from django.urls import reverse

from approvals.breaking import votes_of_others
from approvals.emergency import may_break, missing
from approvals.facts import Person
from approvals.models import ApprovalRequest
from approvals.policies import current
from console.auth import Caller
from console.rights import Right


def offered(row: ApprovalRequest, caller: Caller, person: Person) -> dict[str, Any] | None:
    """Return what is missing of an ordinary approval, where this person may do without it; None where not, or nothing is."""
    if row.status != "pending" or not caller.has(Right.BREAK_GLASS):
        return None
    if may_break(person, row.rights, enabled=current().policy.break_glass.enabled) is not None:
        return None
    lacks = missing(person, row.rights, votes=votes_of_others(row, person), required=row.required)
    return {"lacks": lacks, "url": reverse("approval-glass", args=[row.ref]), "key": uuid.uuid4().hex} if lacks else None
