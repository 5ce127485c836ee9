"""What bounds the load: the operators' limits, how far the rates are used up, who waits for a place, who runs in a tool."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now

KINDS = ("model", "provider", "tool", "queue")
LARGEST = 1_000_000_000


class Limit(models.Model):
    """What operators allow of one scope. What is null is not limited; the row itself stays, for its revision."""

    scope = models.TextField(primary_key=True)  # model: | model:NAME | provider:HOST | tool:NAME | queue: | queue:AGENT
    requests = models.BigIntegerField(null=True)  # a minute: questions to models, starts of a tool
    tokens = models.BigIntegerField(null=True)  # a minute, of models
    at_once = models.BigIntegerField(null=True)  # calls in a tool, sessions in the queue
    revision = models.IntegerField(default=0, db_default=0)
    reason = models.TextField(default="", db_default="")
    changed_by = models.TextField(default="", db_default="")
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(scope__startswith="model:", at_once__isnull=True)
                | Q(scope__startswith="provider:", at_once__isnull=True)
                | Q(scope__startswith="tool:", tokens__isnull=True)
                | Q(scope__startswith="queue:", requests__isnull=True, tokens__isnull=True),
                name="limit_fits_its_scope",
            ),
            # A limit of nothing would stop what it limits without saying so; that is what a stop is for.
            models.CheckConstraint(
                condition=(Q(requests__isnull=True) | Q(requests__gte=1))
                & (Q(tokens__isnull=True) | Q(tokens__gte=1))
                & (Q(at_once__isnull=True) | Q(at_once__gte=1)),
                name="limit_leaves_something",
            ),
        ]


class RateBook(models.Model):
    """One row: how far the rates are used up. Whoever gives out places holds its lock."""

    id = models.SmallIntegerField(primary_key=True)
    state = models.JSONField(default=dict, db_default={})

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(id=1), name="one_rate_book")]


class RateWait(models.Model):
    """A question that waits for a place in a rate. Its worker says every few seconds that it still does."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.UUIDField()  # the worker
    session_id = models.UUIDField()
    session_ref = models.TextField()
    agent = models.TextField()
    model = models.TextField()
    provider = models.TextField(default="", db_default="")  # the server that has the model
    tokens = models.BigIntegerField()
    asked_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    back_at = models.DateTimeField(null=True)  # parked: its session asks again then, and keeps its place in the order
    slot_at = models.DateTimeField(null=True)  # given: it may be sent then


class ToolRun(models.Model):
    """One start of a tool whose calls at once, or starts a minute, are limited."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    tool = models.TextField()
    started_at = models.DateTimeField(db_default=Now())
    until = models.DateTimeField()  # the place is free then in any case: no call outlasts its tool's time
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["tool", "started_at"], name="runs_of_a_tool")]
        constraints: ClassVar = [models.CheckConstraint(condition=Q(until__gte=F("started_at")), name="run_ends_after_start")]
