"""The tables of what is rare beside requests and decisions: covers, and uses of break-glass.

Each stands alone, so that ordinary work never reads it.
"""

import uuid
from datetime import timedelta
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

from approvals.lifecycle import COVER, GLASS

LONGEST_COVER = timedelta(days=90)


class Cover(models.Model):
    """One person, the deputy, decides in the place of another, the absent one, from one time to another.

    It lends the roles named here that the absent one still has; triggers refuse votes that it does not carry.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    absent = models.BigIntegerField()
    absent_name = models.TextField()
    deputy = models.BigIntegerField()
    deputy_name = models.TextField()
    roles = ArrayField(models.TextField())
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    reason = models.TextField(default="", db_default="")
    status = models.TextField(default=COVER.start)
    agreed_by = models.TextField()  # who named the deputy, by name: the absent one, or an admin
    created_at = models.DateTimeField(db_default=Now())
    ended_by = models.TextField(default="", db_default="")
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["deputy", "ends_at"], name="cover_by_deputy", condition=Q(status="agreed")),
            models.Index(fields=["absent", "-ends_at"], name="cover_of_absent"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(COVER.states)), name="cover_status_known"),
            # Nobody is his own second pair of eyes.
            models.CheckConstraint(condition=~Q(deputy=F("absent")), name="cover_is_by_another"),
            # A delegation without an end would outlive its reason.
            models.CheckConstraint(
                condition=Q(ends_at__gt=F("starts_at"), ends_at__lte=F("starts_at") + LONGEST_COVER), name="cover_has_an_end"
            ),
            models.CheckConstraint(condition=Q(roles__len__gt=0), name="cover_lends_something"),
            models.CheckConstraint(
                condition=Q(status="agreed", ended_at__isnull=True, ended_by="")
                | (Q(status="ended", ended_at__isnull=False) & ~Q(ended_by="")),
                name="ended_needs_who_and_when",
            ),
        ]


class GlassUse(models.Model):
    """One use of break-glass: what somebody approved alone, why, what was missing, and what somebody else found."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey("approvals.ApprovalRequest", on_delete=models.PROTECT, related_name="+", db_index=False)
    ref = models.TextField()  # AP-20418
    tool = models.TextField()
    agent = models.TextField()
    decision_id = models.UUIDField(unique=True)
    used_by = models.BigIntegerField()
    used_name = models.TextField()
    reason = models.TextField()
    lacked = ArrayField(models.TextField())  # what was missing of an ordinary approval
    status = models.TextField(default=GLASS.start)
    created_at = models.DateTimeField(db_default=Now())
    reviewed_by = models.BigIntegerField(null=True)
    reviewed_name = models.TextField(default="", db_default="")
    note = models.TextField(default="", db_default="")
    reviewed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["id"], name="glass_open", condition=Q(status="open"))]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(GLASS.states)), name="glass_status_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="glass_says_why"),
            # Whoever broke it does not say that it was right.
            models.CheckConstraint(
                condition=Q(status="open", reviewed_by__isnull=True, reviewed_at__isnull=True, note="")
                | (Q(status="reviewed", reviewed_at__isnull=False) & ~Q(note="") & ~Q(reviewed_by=F("used_by"))),
                name="glass_is_reviewed_by_another",
            ),
        ]
