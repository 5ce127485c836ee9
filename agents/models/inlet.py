"""Inlets: sessions that signed messages from outside start, and which message started which."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.lifecycle import INLET
from agents.models.agent import Agent
from agents.models.session import Session

LARGEST_PER_HOUR = 10_000


class Inlet(models.Model):
    """A goal that an agent is given with each signed message that comes, under a principal of its own.

    Its secret is made anew from the installation's key whenever it is needed; only its generation is stored.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.TextField(unique=True)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    goal = models.TextField()
    task_type = models.TextField(default="default", db_default="default")
    tenant = models.TextField(default="", db_default="")
    feature = models.TextField(default="", db_default="")
    webhook_url = models.TextField(default="", db_default="")  # the program that is told of its sessions
    per_hour = models.IntegerField()  # sessions that it starts at most
    status = models.TextField(default=INLET.start)
    generation = models.IntegerField(default=1, db_default=1)  # of its secret
    rotated_at = models.DateTimeField(null=True)  # the generation before is taken for a while longer
    created_by = models.BigIntegerField()  # the user: four eyes in each of its sessions
    created_name = models.TextField()
    changed_by = ArrayField(models.BigIntegerField(), default=list, db_default=[])  # users, four eyes likewise
    revision = models.IntegerField(default=1, db_default=1)  # grows with every change
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(name__regex=r"^[a-z0-9][a-z0-9-]{0,62}$"), name="inlet_name_form"),
            models.CheckConstraint(condition=Q(status__in=sorted(INLET.states)), name="inlet_status_known"),
            models.CheckConstraint(condition=Q(per_hour__gte=1, per_hour__lte=LARGEST_PER_HOUR), name="inlet_is_bounded"),
        ]


class Arrival(models.Model):
    """One message that an inlet took, and the session that it started."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    inlet = models.ForeignKey(Inlet, on_delete=models.PROTECT, related_name="arrivals", db_index=False)
    message = models.TextField()  # the sender's id of it
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["inlet", "created_at"], name="arrivals_of_inlet")]
        constraints: ClassVar = [
            # However often and by however many at once a message is sent: one session.
            models.UniqueConstraint(fields=["inlet", "message"], name="one_session_per_message"),
        ]
