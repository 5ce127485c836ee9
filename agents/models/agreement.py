"""Checks of the rows against the log: when, by whom, what was found. The newest hundred are kept."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q


class AgreementRun(models.Model):
    """One check of the whole database against its log."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    by_name = models.TextField()  # who asked for it; the system does each day
    started_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)  # NULL: it goes on, a part at a time
    position = models.JSONField(default=list)  # where it goes on: agents.agreement.check.Position
    ms = models.IntegerField(default=0)
    counts = models.JSONField(default=dict)  # {sessions, calls, …: how many were looked at}
    wrong = models.IntegerField(default=0)  # rows that disagree
    findings = models.JSONField(default=list)  # the first of them: agents.agreement.found.Finding

    class Meta:
        indexes: ClassVar = [models.Index(fields=["-started_at"], name="agreement_newest")]
        constraints: ClassVar = [
            # Two that go on by themselves would look at everything twice.
            models.UniqueConstraint(fields=["by_name"], condition=Q(ended_at__isnull=True), name="one_open_agreement"),
            models.CheckConstraint(condition=Q(wrong__gte=0, ms__gte=0), name="agreement_counts"),
        ]

    @property
    def ok(self) -> bool:
        """True if nothing disagreed."""
        return self.wrong == 0
