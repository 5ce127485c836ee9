"""The kill switch: who stopped what, when and why, and who lifted it."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.lifecycle import STOP
from agents.models.agent import Agent
from agents.models.session import Session

KINDS = ("all", "agent", "tool", "session")


class Stop(models.Model):
    """One press of the kill switch. It holds what it names until it is lifted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.TextField()  # all | agent:SLUG | tool:NAME | session:S-88123
    kind = models.TextField()
    agent = models.ForeignKey(Agent, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    session = models.ForeignKey(Session, null=True, on_delete=models.PROTECT, related_name="+", db_index=False)
    tool = models.TextField(default="", db_default="")
    status = models.TextField(default=STOP.start)
    reason = models.TextField()
    pressed_by = models.TextField()  # the principal, as the audit trail names it
    pressed_name = models.TextField()
    pressed_at = models.DateTimeField(db_default=Now())
    lifted_name = models.TextField(default="", db_default="")
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(STOP.states)), name="stop_status_known"),
            # Two stops of one scope would make one Resume look as if it did nothing.
            models.UniqueConstraint(fields=["scope"], condition=Q(status="active"), name="one_active_stop_per_scope"),
            # A stop that names nothing would hold nothing, and look as if it did.
            models.CheckConstraint(
                condition=Q(kind="all", scope="all", agent__isnull=True, session__isnull=True, tool="")
                | Q(kind="agent", agent__isnull=False, session__isnull=True, tool="")
                | Q(kind="session", session__isnull=False, agent__isnull=True, tool="")
                | (Q(kind="tool", agent__isnull=True, session__isnull=True) & ~Q(tool="")),
                name="stop_names_its_kind",
            ),
            models.CheckConstraint(
                condition=Q(status="active", lifted_at__isnull=True)
                | (Q(status="lifted", lifted_at__isnull=False) & ~Q(lifted_name="")),
                name="lifted_needs_who_and_when",
            ),
        ]
