"""Schedules: sessions that start by the clock, and what came of each due time."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.lifecycle import SCHEDULE
from agents.models.agent import Agent
from agents.models.session import Session


class Schedule(models.Model):
    """A goal that an agent is given whenever its time comes, under a principal of its own."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.TextField(unique=True)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+")
    goal = models.TextField()
    task_type = models.TextField(default="default", db_default="default")
    tenant = models.TextField(default="", db_default="")
    feature = models.TextField(default="", db_default="")
    webhook_url = models.TextField(default="", db_default="")  # the program that is told of its sessions
    cron = models.TextField()
    zone = models.TextField(default="UTC", db_default="UTC")  # of the clock that the cron expression is read by
    missed = models.TextField(default="once", db_default="once")  # what happens about times that nobody was there for
    overlap = models.TextField(default="skip", db_default="skip")  # what happens while the session before still works
    status = models.TextField(default=SCHEDULE.start)
    next_at = models.DateTimeField()
    created_by = models.BigIntegerField()  # the user: four eyes in each of its sessions
    created_name = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    changed_by = ArrayField(models.BigIntegerField(), default=list, db_default=[])  # users, four eyes likewise
    revision = models.IntegerField(default=1, db_default=1)  # grows with every change

    class Meta:
        indexes: ClassVar = [models.Index(fields=["next_at"], name="schedule_due", condition=Q(status="active"))]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(name__regex=r"^[a-z0-9][a-z0-9-]{0,62}$"), name="schedule_name_form"),
            models.CheckConstraint(condition=Q(status__in=sorted(SCHEDULE.states)), name="schedule_status_known"),
            models.CheckConstraint(condition=Q(overlap__in=["skip", "start"]), name="schedule_overlap_known"),
            models.CheckConstraint(condition=Q(missed__in=["once", "never"]), name="schedule_missed_known"),
        ]


class Firing(models.Model):
    """One due time of a schedule: the session that it started, or why it started none."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    schedule = models.ForeignKey(Schedule, on_delete=models.PROTECT, related_name="firings", db_index=False)
    due_at = models.DateTimeField()
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="+", null=True)
    why = models.TextField(default="", db_default="")  # no session: it was skipped, or refused
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            # Any number of workers look at the clock; a due time is one session.
            models.UniqueConstraint(fields=["schedule", "due_at"], name="one_firing_per_due_time"),
            models.CheckConstraint(condition=Q(session__isnull=True) ^ Q(why=""), name="firing_started_or_says_why"),
        ]
