"""Prompts: immutable versions of a system prompt, and the releases that send traffic to them."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now


class Prompt(models.Model):
    """A named system prompt."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.TextField(unique=True)
    created_at = models.DateTimeField(db_default=Now())


class PromptVersion(models.Model):
    """One immutable text with its variables and model parameters. The database refuses an update."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="versions")
    version = models.TextField()  # semver
    text = models.TextField()
    variables = models.JSONField(default=dict)
    parameters = models.JSONField(default=dict)
    checksum = models.TextField()  # SHA-256 over text, variables and parameters
    parent = models.ForeignKey("self", on_delete=models.PROTECT, null=True, related_name="+")
    note = models.TextField(default="", db_default="")
    author = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["prompt", "version"], name="prompt_version_once"),
            models.CheckConstraint(
                condition=Q(version__regex=r"^\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$"), name="prompt_version_semver"
            ),
        ]


class Release(models.Model):
    """Traffic that goes to a version, from a time on."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="releases")
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="+")
    share = models.SmallIntegerField(default=100, db_default=100)
    reason = models.TextField(default="", db_default="")
    released_by = models.TextField(default="", db_default="")
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(share__gte=1, share__lte=100), name="release_share_range"),
            # One whole release at a time; canaries bring a share rule of their own.
            models.UniqueConstraint(fields=["prompt"], condition=Q(ended_at__isnull=True, share=100), name="one_live_release"),
        ]
