"""Budgets: what may be spent on models in a day or a month, what is spent and reserved, and each open reservation.

Meters and reservations are moved by one function of the database alone (`agents_meter_round`), for all questions that
a worker has waiting at once; nobody reads a meter to write it.
"""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.lifecycle import BUDGET
from agents.models.session import Session

MOST_MICROUSD = 10**15


class Budget(models.Model):
    """What may be spent in each day or month (UTC): by all agents, by one agent, or for one tenant."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.TextField()  # all | agent | tenant
    key = models.TextField(default="", db_default="")  # the agent's slug or the tenant's label
    period = models.TextField()  # day | month
    cap_microusd = models.BigIntegerField()
    at_cap = models.TextField(default="halt", db_default="halt")  # what a session does: halt, or queue until the period is over
    status = models.TextField(default=BUDGET.start)
    revision = models.IntegerField(default=1, db_default=1)
    made_by = models.TextField()
    made_at = models.DateTimeField(db_default=Now())
    changed_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(BUDGET.states)), name="budget_status_known"),
            models.CheckConstraint(condition=Q(period__in=["day", "month"]), name="budget_period_known"),
            models.CheckConstraint(condition=Q(at_cap__in=["halt", "queue"]), name="budget_at_cap_known"),
            # A budget of nothing would be a stop that nobody reads as one.
            models.CheckConstraint(
                condition=Q(cap_microusd__gte=1, cap_microusd__lte=MOST_MICROUSD), name="budget_cap_is_an_amount"
            ),
            # A budget that names nothing would cap nothing, and look as if it did.
            models.CheckConstraint(
                condition=Q(kind="all", key="") | (Q(kind__in=["agent", "tenant"]) & ~Q(key="")), name="budget_names_its_kind"
            ),
            # Two budgets of one scope and period would be two truths about one cap.
            models.UniqueConstraint(
                fields=["kind", "key", "period"], condition=Q(status="active"), name="one_active_budget_per_scope_and_period"
            ),
            models.CheckConstraint(
                condition=Q(status="active", ended_at__isnull=True) | Q(status="ended", ended_at__isnull=False),
                name="ended_budget_needs_time",
            ),
        ]

    @property
    def scope(self) -> str:
        """What it caps, in the one way to write it: `all`, `agent:SLUG` or `tenant:LABEL`."""
        return f"{self.kind}:{self.key}" if self.key else self.kind


class Meter(models.Model):
    """What is spent and reserved of one budget in one period."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    budget = models.ForeignKey(Budget, on_delete=models.PROTECT, related_name="meters", db_index=False)
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    cap_microusd = models.BigIntegerField()  # the budget's; here so that one row decides
    spent_microusd = models.BigIntegerField(default=0, db_default=0)
    reserved_microusd = models.BigIntegerField(default=0, db_default=0)
    alerted = models.SmallIntegerField(default=0, db_default=0)  # the highest level people were told of: 50, 80, 100
    refused_at = models.DateTimeField(null=True)  # when a call first found too little left

    class Meta:
        constraints: ClassVar = [
            # A question and its answer meet the same row, whatever other workers do.
            models.UniqueConstraint(fields=["budget", "starts_at"], name="one_meter_per_budget_and_period"),
            models.CheckConstraint(condition=Q(spent_microusd__gte=0), name="spent_money_not_negative"),
            # Below zero something would have been given back that nobody reserved.
            models.CheckConstraint(condition=Q(reserved_microusd__gte=0), name="reserved_money_not_negative"),
            models.CheckConstraint(condition=Q(alerted__in=[0, 50, 80, 100]), name="meter_level_known"),
        ]


class Reservation(models.Model):
    """The worst case of one question to a model, held on every meter that applies until the answer's cost is known."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    meters = ArrayField(models.UUIDField())
    worst_microusd = models.BigIntegerField()
    owner = models.TextField()  # the worker; once it is gone, the sweep takes the worst case as spent
    session_id = models.UUIDField()
    model = models.TextField()
    purpose = models.TextField()
    made_at = models.DateTimeField(db_default=Now())
    expires_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(worst_microusd__gte=0), name="worst_case_not_negative"),
            # A reservation of nothing would never be given back.
            models.CheckConstraint(condition=~Q(meters=[]), name="reservation_is_on_a_meter"),
        ]


class ModelUse(models.Model):
    """A question to a model that became no turn: a tool asked it, or its answer never came whole. Turns hold their own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="uses", db_index=False)
    purpose = models.TextField()  # the tool, or `plan` where the answer did not come
    model = models.TextField()
    prompt_version = models.TextField()
    input_tokens = models.IntegerField(default=0, db_default=0)
    output_tokens = models.IntegerField(default=0, db_default=0)
    cost_microusd = models.BigIntegerField(default=0, db_default=0)
    estimated = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["session"], name="use_of_session"),
            BrinIndex(fields=["created_at"], name="use_by_time", pages_per_range=32, autosummarize=True),
        ]
