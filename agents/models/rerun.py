"""Re-runs of sessions: what was played once more, against which version and model, and what came of it."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.lifecycle import RERUN
from agents.models.agent import AgentRevision
from agents.models.prompt import PromptVersion
from agents.models.session import Session


class Rerun(models.Model):
    """One session played again from one of its turns on, in memory, with what its tools answered. It has no effect."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.BigIntegerField(unique=True)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="reruns", db_index=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    revision = models.ForeignKey(AgentRevision, on_delete=models.PROTECT, related_name="+", db_index=False)
    model = models.TextField()
    from_turn = models.IntegerField()
    most_turns = models.IntegerField()
    cap_microusd = models.BigIntegerField()
    most_seconds = models.IntegerField()
    transcript = models.JSONField(null=True)  # of the turns so far; a worker that takes it over goes on behind them
    turns = models.IntegerField(default=0, db_default=0)
    cost_microusd = models.BigIntegerField(default=0, db_default=0)
    status = models.TextField(default=RERUN.start)
    error = models.TextField(default="", db_default="")
    ready_at = models.DateTimeField(db_default=Now())  # what was interrupted is not tried again before
    lease_token = models.IntegerField(default=0, db_default=0)  # grows with every claim: a late worker's write finds another
    lease_expires = models.DateTimeField(null=True)
    started_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["session", "-number"], name="rerun_of_session"),
            models.Index(fields=["ready_at"], name="rerun_open", condition=Q(status__in=["queued", "running"])),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(RERUN.states)), name="rerun_status_known"),
            models.CheckConstraint(condition=Q(status="running") ^ Q(lease_expires__isnull=True), name="rerun_lease"),
            # Without what came of it a re-run that is done would say nothing.
            models.CheckConstraint(condition=~Q(status="done") | Q(transcript__isnull=False), name="rerun_done_has_transcript"),
            models.CheckConstraint(
                condition=Q(from_turn__gte=1, most_turns__gte=1, cap_microusd__gte=1, most_seconds__gte=1), name="rerun_bounds"
            ),
        ]
