"""What tools declared of themselves: one immutable row for each definition that came into use, so that a change can be seen."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class ToolDefinition(models.Model):
    """One definition of a tool, from when workers first ran it. The newest row of a name is the one that runs."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.TextField()
    definition = models.TextField()  # SHA-256 over the declaration and the source of what carries it out
    document = models.JSONField()
    changed = models.JSONField(default=list)  # names of what differs from the definition before
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["name", "-id"], name="tool_definition_newest")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(definition__regex=r"^[0-9a-f]{64}$"), name="tool_definition_is_sha256"),
        ]
