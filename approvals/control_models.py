"""Control requests as rows: which requests are such, what is wrong with them, and at what rate they are planted.

They stand beside the requests and not in them, so that no ordinary request carries anything of it.
"""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from approvals.lifecycle import CONTROL


class ControlRequest(models.Model):
    """The mark that a request was planted, and what came of it. Nothing can ever run by its request."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.OneToOneField("approvals.ApprovalRequest", on_delete=models.PROTECT, related_name="control")
    status = models.TextField(default=CONTROL.start)
    template = models.TextField()  # which of the catalogue
    wrong = models.TextField()  # the argument that should be seen
    because = models.TextField()  # what is wrong with it
    salt = models.TextField()  # opens the commitment inside the request's own bytes, see `approvals.controls`
    decided_by = models.BigIntegerField(null=True)
    decided_name = models.TextField(default="", db_default="")
    planted_at = models.DateTimeField(db_default=Now())
    resolved_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["resolved_at"], name="control_by_time")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(CONTROL.states)), name="control_status_known"),
            # Who caught or missed it is the whole point; a lapsed one was before nobody.
            models.CheckConstraint(
                condition=Q(status="planted", decided_by__isnull=True, resolved_at__isnull=True)
                | Q(status="lapsed", decided_by__isnull=True, resolved_at__isnull=False)
                | Q(status__in=["caught", "missed"], decided_by__isnull=False, resolved_at__isnull=False),
                name="control_resolved_says_by_whom",
            ),
        ]


class ControlSetting(models.Model):
    """How often control requests are planted; one row, made when somebody first sets it."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    on = models.BooleanField(default=False, db_default=False)
    one_in = models.IntegerField(default=50, db_default=50)  # about one for so many real requests
    per_day = models.SmallIntegerField(default=2, db_default=2)  # at most so many before one reviewer in a day
    next_number = models.BigIntegerField(default=0, db_default=0)  # the request after which the next one is planted
    reason = models.TextField(default="", db_default="")
    changed_by = models.TextField(default="", db_default="")
    revision = models.IntegerField(default=1, db_default=1)
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            # A second row would say something else.
            models.CheckConstraint(condition=Q(id=1), name="one_control_setting"),
            models.CheckConstraint(
                condition=Q(one_in__range=(5, 10_000)) & Q(per_day__range=(1, 20)),
                name="control_rate_bounded",
            ),
        ]
