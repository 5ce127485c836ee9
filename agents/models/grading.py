"""Grading: rubrics as immutable revisions, which sessions and results are graded, the grades of people, and those of the judge."""

import uuid
from typing import ClassVar

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.lifecycle import GRADING_ITEM, GRADING_RUBRIC, JUDGING
from agents.models.agent import Agent
from agents.models.evaluation import EvalResult
from agents.models.session import Session


class GradingRubric(models.Model):
    """One revision of a rubric. It never changes: a grade says for good what it was given for."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.TextField()
    revision = models.IntegerField()
    document = models.JSONField()  # agents.grading.document.RubricDocument
    checksum = models.TextField()  # SHA-256 over the document
    author = models.TextField()
    status = models.TextField(default=GRADING_RUBRIC.start)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["slug", "revision"], name="one_grading_rubric_revision"),
            models.UniqueConstraint(fields=["slug"], condition=Q(status="current"), name="one_current_grading_rubric"),
            models.CheckConstraint(condition=Q(slug__regex=r"^[a-z0-9][a-z0-9-]{0,62}$"), name="grading_rubric_slug_form"),
            models.CheckConstraint(condition=Q(status__in=sorted(GRADING_RUBRIC.states)), name="grading_rubric_status_known"),
        ]


class GradingRule(models.Model):
    """What of an agent's sessions or a suite's results people grade, against which rubric, and which model grades beside them."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.TextField()  # agent: its finished sessions; suite: the results of its runs
    key = models.TextField()  # the agent's or the suite's name
    agent = models.ForeignKey(Agent, on_delete=models.PROTECT, related_name="+", db_index=False)
    rubric = models.TextField()  # the newest revision of this name
    share = models.SmallIntegerField(default=0, db_default=0)  # hundredths; 0 is off
    judge = models.TextField(default="", db_default="")  # the model that grades too; empty for none
    cap_microusd = models.BigIntegerField()  # what the judge may cost in a day
    seen_session = models.BigIntegerField(default=0, db_default=0)  # sessions up to this number were looked at
    seen_run = models.DateTimeField(db_default=Now())  # runs that ended until then were looked at
    revision = models.IntegerField(default=1, db_default=1)
    changed_by = models.TextField()
    changed_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["kind", "key"], name="one_grading_rule"),
            models.CheckConstraint(condition=Q(kind__in=["agent", "suite"]), name="grading_rule_kind_known"),
            models.CheckConstraint(condition=Q(share__gte=0, share__lte=100), name="grading_rule_share_range"),
            models.CheckConstraint(condition=Q(cap_microusd__gte=1), name="grading_rule_cap_positive"),
        ]


class GradingItem(models.Model):
    """One session or result that people grade. Taken while its session still works, it is `coming` until that rests."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.BigIntegerField(unique=True)
    rule = models.ForeignKey(GradingRule, on_delete=models.PROTECT, related_name="items", db_index=False)
    rubric = models.ForeignKey(GradingRubric, on_delete=models.PROTECT, related_name="+", db_index=False)
    session = models.OneToOneField(Session, on_delete=models.PROTECT, null=True, related_name="+")
    result = models.OneToOneField(EvalResult, on_delete=models.PROTECT, null=True, related_name="+")
    subject = models.TextField()  # S-88123, or E-3, the case and the repeat
    upto = models.IntegerField(null=True)  # of a session: what came from this index on is not graded
    status = models.TextField(default=GRADING_ITEM.start)
    grades = models.IntegerField(default=0, db_default=0)  # of people, corrections included
    claimed_by = models.BigIntegerField(null=True)
    claimed_name = models.TextField(default="", db_default="")
    claimed_until = models.DateTimeField(null=True)
    skipped_reason = models.TextField(default="", db_default="")
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["number"], name="grading_waits", condition=Q(status="waiting")),
            models.Index(fields=["number"], name="grading_coming", condition=Q(status="coming")),
            models.Index(fields=["rule", "-number"], name="grading_of_rule"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(GRADING_ITEM.states)), name="grading_item_status_known"),
            # What is graded is one thing, and one that is there.
            models.CheckConstraint(
                condition=Q(session__isnull=True, result__isnull=False) | Q(session__isnull=False, result__isnull=True),
                name="grading_item_of_one_thing",
            ),
            models.CheckConstraint(
                condition=Q(claimed_by__isnull=True, claimed_until__isnull=True)
                | Q(claimed_by__isnull=False, claimed_until__isnull=False),
                name="grading_claim_all_or_none",
            ),
            models.CheckConstraint(condition=~Q(status="graded") | Q(grades__gte=1), name="graded_has_a_grade"),
        ]

    @property
    def ref(self) -> str:
        """The short id that people use."""
        return f"G-{self.number}"


class Grade(models.Model):
    """What one person or model gave an item, criterion by criterion. It never changes: whoever thinks again gives another."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item = models.ForeignKey(GradingItem, on_delete=models.PROTECT, related_name="given", db_index=False)
    by_kind = models.TextField()  # person | judge
    by = models.TextField()  # the id of the account, or the name of the model
    name = models.TextField()
    scores = models.JSONField()  # {criterion: from 1 to the length of its scale}
    notes = models.JSONField(default=dict)  # {criterion: why}
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [models.Index(fields=["item", "by_kind", "by", "-created_at"], name="grades_of_item")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(by_kind__in=["person", "judge"]), name="grade_by_kind_known"),
            # A second answer of the same judge would count one item twice.
            models.UniqueConstraint(fields=["item", "by"], condition=Q(by_kind="judge"), name="one_grade_of_a_judge"),
        ]


class Judging(models.Model):
    """An item before the judge: waiting for it, or what came of it and what that cost."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    item = models.OneToOneField(GradingItem, on_delete=models.PROTECT, related_name="judging")
    model = models.TextField()
    status = models.TextField(default=JUDGING.start)
    ready_at = models.DateTimeField(db_default=Now())  # what was interrupted is not tried again before
    lease_token = models.IntegerField(default=0, db_default=0)
    lease_expires = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0, db_default=0)
    error = models.TextField(default="", db_default="")
    calls = models.IntegerField(default=0, db_default=0)
    input_tokens = models.BigIntegerField(default=0, db_default=0)
    output_tokens = models.BigIntegerField(default=0, db_default=0)
    cost_microusd = models.BigIntegerField(default=0, db_default=0)
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["ready_at"], name="judging_open", condition=Q(status__in=["queued", "running"])),
            BrinIndex(fields=["ended_at"], name="judging_by_time", pages_per_range=32, autosummarize=True),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(JUDGING.states)), name="judging_status_known"),
            models.CheckConstraint(condition=Q(status="running") ^ Q(lease_expires__isnull=True), name="judging_lease"),
            models.CheckConstraint(
                condition=Q(calls__gte=0, input_tokens__gte=0, output_tokens__gte=0, cost_microusd__gte=0),
                name="judging_spent_not_negative",
            ),
        ]
