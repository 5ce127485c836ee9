"""The table of standing approvals, which nearly no session has: what one person approved for the rest of it.

Part of `approvals.models`; what a constraint cannot say triggers of its migration say.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from approvals.document import MOST_REPEATS
from approvals.lifecycle import STANDING


class StandingApproval(models.Model):
    """What one person let a session do again without asking: calls like that of `request`, so many, until a time."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey("approvals.ApprovalRequest", on_delete=models.PROTECT, related_name="standing")
    # What it was given with.
    decision = models.OneToOneField("approvals.Decision", on_delete=models.PROTECT, related_name="standing")
    session_id = models.UUIDField()
    session_ref = models.TextField()
    tool = models.TextField()
    status = models.TextField(default=STANDING.start)
    count = models.SmallIntegerField()  # how many further calls it covers
    left = models.SmallIntegerField()
    minutes = models.SmallIntegerField()
    ends_at = models.DateTimeField()
    vary = models.JSONField(default=list)  # arguments that may be other texts
    up_to = models.JSONField(default=dict)  # arguments that may be other numbers, each from 0 up to one
    policy = models.IntegerField()  # number of the policy's revision; another one ends it
    given_by = models.BigIntegerField()
    given_name = models.TextField()
    ended_name = models.TextField(default="", db_default="")  # who revoked it
    ended_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["session_id", "-created_at"], name="standing_of_session")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(STANDING.states)), name="standing_status_known"),
            # One that covers more than was stated, or without an end, would be a policy that nobody saved.
            models.CheckConstraint(
                condition=Q(count__range=(1, MOST_REPEATS), left__gte=0, left__lte=F("count")), name="standing_is_bounded"
            ),
            models.CheckConstraint(
                condition=~Q(status="active", left=0) & ~Q(status="used_up", left__gt=0), name="standing_used_up_is_said"
            ),
            models.CheckConstraint(
                condition=~Q(status="revoked") | (Q(ended_at__isnull=False) & ~Q(ended_name="")),
                name="revoked_needs_who_and_when",
            ),
            # Undone with its approval, it makes room for that of whoever approves next.
            models.UniqueConstraint(
                fields=["request"], condition=~Q(status="undone"), name="one_standing_approval_per_request"
            ),
        ]
