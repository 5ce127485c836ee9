"""Agents: a name, and immutable revisions of its configuration document."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Agent(models.Model):
    """A named configuration. What it is stands in its current revision."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.TextField(unique=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(slug__regex=r"^[a-z0-9][a-z0-9-]{0,62}$"), name="agent_slug_form"),
        ]


class AgentRevision(models.Model):
    """One immutable configuration document (`agents.config.AgentConfig`)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="revisions")
    number = models.IntegerField()
    document = models.JSONField()
    checksum = models.TextField()
    created_by = models.TextField(default="", db_default="")
    note = models.TextField(default="", db_default="")  # why, where it was said
    current = models.BooleanField(default=False, db_default=False)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agent", "number"], name="agent_revision_number"),
            # A session is pinned to a revision; with two current ones a start would pick either.
            models.UniqueConstraint(fields=["agent"], condition=Q(current=True), name="one_current_revision_per_agent"),
        ]
