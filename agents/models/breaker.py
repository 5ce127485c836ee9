"""Breakers of providers, models and tools: one row for each that a call ever failed at, or that a person held."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.guardrails.breaker import KINDS
from agents.lifecycle import BREAKER

FORCED = ("forced_open", "forced_closed")


class Breaker(models.Model):
    """One breaker; what has no row is closed. Counters are shared by all workers."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.TextField(unique=True)  # provider:HOST | model:NAME | tool:NAME
    kind = models.TextField()
    status = models.TextField(default=BREAKER.start)
    failures = models.IntegerField(default=0, db_default=0)  # in a row
    window_at = models.DateTimeField(db_default=Now())  # when the window of the two below began
    window_calls = models.IntegerField(default=0, db_default=0)
    window_errors = models.IntegerField(default=0, db_default=0)
    failed_at = models.DateTimeField(null=True)  # the last failure that was counted
    detail = models.TextField(default="", db_default="")  # what that was, in few words
    retry_at = models.DateTimeField(null=True)  # open: when a probe may be made; half open: when its prober is given up
    probes = models.IntegerField(default=0, db_default=0)  # ever made; the fence of the one under way
    failed_probes = models.IntegerField(default=0, db_default=0)  # since it opened
    reason = models.TextField(default="", db_default="")  # why it opened, or why a person holds it
    forced_name = models.TextField(default="", db_default="")
    changed_at = models.DateTimeField(db_default=Now())  # since when it is as it is

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(BREAKER.states)), name="breaker_status_known"),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="breaker_kind_known"),
            # One that is open without a time would never be tried again.
            models.CheckConstraint(
                condition=~Q(status__in=["open", "half_open"]) | Q(retry_at__isnull=False), name="open_breaker_needs_retry"
            ),
            models.CheckConstraint(
                condition=~Q(status__in=FORCED) | (~Q(forced_name="") & ~Q(reason="")), name="forced_breaker_needs_who_and_why"
            ),
            models.CheckConstraint(
                condition=Q(failures__gte=0, window_calls__gte=0, window_errors__gte=0, probes__gte=0, failed_probes__gte=0),
                name="breaker_counts_not_negative",
            ),
        ]

    @property
    def name(self) -> str:
        """What it is the breaker of."""
        return self.key.partition(":")[2]
