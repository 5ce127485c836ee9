"""Prompts: immutable versions of a system prompt, releases and their guards, and what a rollback recalls."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.lifecycle import PROMPT_VERSION, RECALL, RELEASE, ROLLOUT_PLAN

_NUMBER, _WORD = "(0|[1-9][0-9]{0,8})", "(0|[1-9][0-9]*|[0-9]*[A-Za-z-][0-9A-Za-z-]*)"
SEMVER = rf"^(?=.{{1,80}}$){_NUMBER}\.{_NUMBER}\.{_NUMBER}(-{_WORD}(\.{_WORD})*)?$"
"""`agents.prompts.semver.FORM`, as PostgreSQL reads it."""


class Prompt(models.Model):
    """A named system prompt."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.TextField(unique=True)
    created_at = models.DateTimeField(db_default=Now())


class PromptVersion(models.Model):
    """One immutable text with its variables and model parameters. Only its status moves; the database refuses all else."""

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
    author_user = models.BigIntegerField(null=True)  # four eyes: who wrote it does not release it where policy asks for two
    status = models.TextField(default=PROMPT_VERSION.start, db_default=PROMPT_VERSION.start)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["prompt", "-created_at", "-id"], name="prompt_version_newest")]
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["prompt", "version"], name="prompt_version_once"),
            # Two spellings of one number would be two versions that people take for one.
            models.CheckConstraint(condition=Q(version__regex=SEMVER), name="prompt_version_one_spelling"),
            models.CheckConstraint(condition=Q(status__in=sorted(PROMPT_VERSION.states)), name="prompt_version_status_known"),
        ]


class Release(models.Model):
    """A share of a prompt's traffic that goes to a version, from a time on. Those that are live make up 100."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="releases")
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="+")
    share = models.SmallIntegerField(default=100, db_default=100)
    reason = models.TextField(default="", db_default="")
    released_by = models.TextField(default="", db_default="")
    status = models.TextField(default=RELEASE.start, db_default=RELEASE.start)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["prompt"], name="release_live", condition=Q(ended_at__isnull=True))]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(share__gte=1, share__lte=100), name="release_share_range"),
            # One whole release at a time; a canary takes its share from it, and a trigger adds them up.
            models.UniqueConstraint(fields=["prompt"], condition=Q(ended_at__isnull=True, share=100), name="one_live_release"),
            models.CheckConstraint(
                condition=Q(status="live", ended_at__isnull=True) | Q(status__in=sorted(RELEASE.ends), ended_at__isnull=False),
                name="release_ended_says_when",
            ),
        ]


class Recall(models.Model):
    """A version that was rolled back and whose running sessions move to another one, or stop. Nearly never one is open."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="recalls")
    to = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    running = models.TextField()  # move | stop
    reason = models.TextField()
    recalled_by = models.TextField()
    status = models.TextField(default=RECALL.start)
    started_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(running__in=["move", "stop"]), name="recall_running_known"),
            models.CheckConstraint(condition=Q(status__in=sorted(RECALL.states)), name="recall_status_known"),
            # With two of them a session would move to either.
            models.UniqueConstraint(fields=["version"], condition=Q(status="open"), name="one_open_recall_per_version"),
        ]


class RolloutPlan(models.Model):
    """Steps by which a canary grows by itself. Its rows are few: one for each rollout that somebody planned."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="plans", db_index=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="+", db_index=False)
    steps = models.JSONField()  # agents.prompts.steps.Steps
    at = models.SmallIntegerField(default=0, db_default=0)  # the step that was taken last
    since = models.DateTimeField(db_default=Now())  # when that was
    waits = models.TextField(default="", db_default="")  # why the next one was not taken at the last look
    had = models.IntegerField(default=0, db_default=0)  # sessions that had come to rest by then
    reason = models.TextField(default="", db_default="")
    planned_by = models.TextField()
    status = models.TextField(default=ROLLOUT_PLAN.start)
    why = models.TextField(default="", db_default="")  # it ended
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["prompt", "-created_at"], name="rollout_plan_newest")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(ROLLOUT_PLAN.states)), name="rollout_plan_status_known"),
            models.CheckConstraint(
                condition=Q(status__in=["active", "paused"]) ^ Q(ended_at__isnull=False), name="rollout_plan_ended_says_when"
            ),
            # Two of them would route the traffic in turn.
            models.UniqueConstraint(
                fields=["prompt"], condition=Q(status__in=["active", "paused"]), name="one_open_plan_per_prompt"
            ),
        ]


class GuardSet(models.Model):
    """The guards of a prompt's canaries where somebody set them; without a row the usual ones hold."""

    prompt = models.OneToOneField(Prompt, on_delete=models.PROTECT, primary_key=True, related_name="guard_set")
    document = models.JSONField()  # agents.prompts.guards.Guards
    revision = models.IntegerField(default=0, db_default=0)
    changed_by = models.TextField(default="", db_default="")
    changed_at = models.DateTimeField(db_default=Now())


class CanaryWatch(models.Model):
    """How the guards of a canary looked when they were last looked at. Its time is a lease: one worker looks at a time."""

    release = models.OneToOneField(Release, on_delete=models.PROTECT, primary_key=True, related_name="watch")
    looked_at = models.DateTimeField(db_default=Now())
    looks = models.IntegerField(default=1, db_default=1)
    found = models.JSONField(default=list)  # findings, see agents.prompts.guards
    tripped = models.TextField(null=True)  # the measure that rolled it back
