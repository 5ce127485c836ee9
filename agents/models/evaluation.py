"""Evaluations: suites, their cases as immutable revisions, runs of them, and one result for each case and repeat."""

import uuid
from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.lifecycle import CASE, EVAL_RUN, SUITE
from agents.models.agent import Agent, AgentRevision
from agents.models.prompt import Prompt, PromptVersion


class Suite(models.Model):
    """Cases that a prompt's versions are held against, as one agent uses it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.TextField(unique=True)
    title = models.TextField()
    prompt = models.ForeignKey(Prompt, on_delete=models.PROTECT, related_name="suites")
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    threshold = models.SmallIntegerField()  # hundredths of the results that have to pass
    repeats = models.SmallIntegerField()
    gate = models.BooleanField()  # a version that does not reach the threshold has no traffic without an override
    cap_microusd = models.BigIntegerField()  # what one run may cost
    judge = models.TextField(default="", db_default="")  # the model that grades; empty for the agent's cheap one
    status = models.TextField(default=SUITE.start)
    revision = models.IntegerField(default=1, db_default=1)
    created_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(slug__regex=r"^[a-z0-9][a-z0-9-]{0,62}$"), name="suite_slug_form"),
            models.CheckConstraint(condition=Q(status__in=sorted(SUITE.states)), name="suite_status_known"),
            # Of nothing everything passes: a threshold of none would be no gate.
            models.CheckConstraint(condition=Q(threshold__gte=1, threshold__lte=100), name="suite_threshold_range"),
            models.CheckConstraint(condition=Q(repeats__gte=1, repeats__lte=20), name="suite_repeats_range"),
            models.CheckConstraint(condition=Q(cap_microusd__gte=1), name="suite_cap_positive"),
        ]


class Case(models.Model):
    """One revision of a case. It never changes: a run says for good what it was held against."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    suite = models.ForeignKey(Suite, on_delete=models.PROTECT, related_name="cases", db_index=False)
    name = models.TextField()
    revision = models.IntegerField(default=1)
    title = models.TextField()
    document = models.JSONField()
    checksum = models.TextField()  # SHA-256 over title and document
    origin = models.TextField()  # hand | session | request | file
    origin_ref = models.TextField(default="", db_default="")  # the session or the request
    origin_tool = models.TextField(default="", db_default="")  # of a request: the tool that people rejected or changed
    author = models.TextField()
    status = models.TextField(default=CASE.start)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["suite", "name", "revision"], name="one_case_revision"),
            # Two current revisions would count one case twice.
            models.UniqueConstraint(fields=["suite", "name"], condition=Q(status="current"), name="one_current_case"),
            models.CheckConstraint(condition=Q(name__regex=r"^[a-z0-9][a-z0-9-]{0,62}$"), name="case_name_form"),
            models.CheckConstraint(condition=Q(status__in=sorted(CASE.states)), name="case_status_known"),
            models.CheckConstraint(condition=Q(origin__in=["hand", "session", "request", "file"]), name="case_origin_known"),
        ]


class EvalRun(models.Model):
    """One run of a suite against a version. `plan` names the revisions of its cases as they were when it was started."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.BigIntegerField(unique=True)
    suite = models.ForeignKey(Suite, on_delete=models.PROTECT, related_name="runs", db_index=False)
    version = models.ForeignKey(PromptVersion, on_delete=models.PROTECT, related_name="runs", db_index=False)
    revision = models.ForeignKey(AgentRevision, on_delete=models.PROTECT, related_name="+", db_index=False)
    model = models.TextField()
    judge = models.TextField()
    seed = models.BigIntegerField()
    repeats = models.SmallIntegerField()
    threshold = models.SmallIntegerField()
    plan = ArrayField(models.UUIDField())
    cap_microusd = models.BigIntegerField()
    done = models.IntegerField(default=0, db_default=0)
    passed = models.IntegerField(default=0, db_default=0)
    cost_microusd = models.BigIntegerField(default=0, db_default=0)
    reached = models.BooleanField(null=True)  # the threshold, once it is done
    fingerprint = models.TextField(default="", db_default="")  # over all results: equal for runs in which the same happened
    status = models.TextField(default=EVAL_RUN.start)
    error = models.TextField(default="", db_default="")
    ready_at = models.DateTimeField(db_default=Now())  # what was interrupted is not tried again before
    lease_token = models.IntegerField(default=0, db_default=0)  # grows with every claim: a late worker's write finds another
    lease_expires = models.DateTimeField(null=True)
    started_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["suite", "version", "-number"], name="eval_run_of_version"),
            models.Index(fields=["ready_at"], name="eval_run_open", condition=Q(status__in=["queued", "running"])),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(EVAL_RUN.states)), name="eval_run_status_known"),
            # A run of nothing would reach any threshold.
            models.CheckConstraint(condition=~Q(plan=[]), name="eval_run_has_cases"),
            models.CheckConstraint(condition=Q(status="running") ^ Q(lease_expires__isnull=True), name="eval_run_lease"),
            models.CheckConstraint(
                condition=Q(status="done", reached__isnull=False) | (~Q(status="done") & Q(reached__isnull=True)),
                name="eval_run_done_says_whether_it_reached",
            ),
            models.CheckConstraint(condition=Q(passed__gte=0, done__gte=models.F("passed")), name="eval_run_counts"),
        ]


class EvalResult(models.Model):
    """What came of one case in one repeat: its checks, and the transcript of the rehearsal."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    run = models.ForeignKey(EvalRun, on_delete=models.PROTECT, related_name="results", db_index=False)
    case = models.ForeignKey(Case, on_delete=models.PROTECT, related_name="results")
    repeat = models.SmallIntegerField()
    passed = models.BooleanField()
    checks = models.JSONField()
    transcript = models.JSONField()
    fingerprint = models.TextField()
    turns = models.IntegerField()
    tokens = models.IntegerField()
    cost_microusd = models.BigIntegerField()
    uses = models.JSONField(
        null=True
    )  # [{purpose, model, calls, input_tokens, output_tokens, cost_microusd}]; NULL: not told apart
    ms = models.IntegerField()
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            BrinIndex(fields=["created_at"], name="result_by_time", pages_per_range=32, autosummarize=True),
        ]
        constraints: ClassVar = [
            # Whatever dies, and however many workers play it: a case has one result in each repeat.
            models.UniqueConstraint(fields=["run", "case", "repeat"], name="one_result_per_case_and_repeat"),
        ]
