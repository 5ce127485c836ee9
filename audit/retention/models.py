"""Rules of retention, holds, deletions that people asked for: few rows, none for a text or an ordinary session."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.retention.classes import LONGEST_DAYS

SCOPES = ("session", "principal")


class RetentionRule(models.Model):
    """How many days texts of one class are kept; null for ever. Up to the entry `swept` all that was due is deleted."""

    cls = models.TextField(primary_key=True, db_collation="C")
    days = models.IntegerField(null=True)
    swept = models.BigIntegerField(default=0, db_default=0)
    deleted = models.BigIntegerField(default=0, db_default=0)  # texts so far
    revision = models.IntegerField(default=1, db_default=1)
    set_name = models.TextField()
    set_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audit_retention_rule"
        constraints: ClassVar = [
            # A rule of no days would delete what is written at this moment.
            models.CheckConstraint(condition=Q(days=None) | Q(days__gte=1, days__lte=LONGEST_DAYS), name="retention_of_days"),
        ]


class Hold(models.Model):
    """Nothing of a session, or of what a principal started or said, is deleted until somebody lifts it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.TextField()
    whose = models.TextField(db_collation="C")  # S-88123, user:5, or the name of whom sessions ran for
    reason = models.TextField()
    placed_name = models.TextField()
    placed_at = models.DateTimeField(db_default=Now())
    lifted_name = models.TextField(default="", db_default="")
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "audit_hold"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(scope__in=SCOPES), name="hold_scope_known"),
            models.CheckConstraint(condition=~Q(reason=""), name="hold_says_why"),
            # Lifting one of two would seem to free what the other still holds.
            models.UniqueConstraint(fields=["scope", "whose"], condition=Q(lifted_at=None), name="hold_once"),
        ]


class KeptBack(models.Model):
    """A stream whose texts were due while it was open or held; looked at again until they are gone."""

    stream = models.TextField(primary_key=True, db_collation="C")
    looked_at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audit_kept_back"


class Deletion(models.Model):
    """Texts of whole streams that were deleted because somebody asked for it; `number` is what pages call it by."""

    number = models.BigAutoField(primary_key=True)
    reason = models.TextField()
    asked = models.JSONField()  # what was looked for: {"on_behalf_of": …}
    texts = models.BigIntegerField()
    classes = models.JSONField()  # class -> how many
    beside = models.JSONField()  # what else was deleted with them, and what of them is left elsewhere: name -> how many
    by_name = models.TextField()
    at = models.DateTimeField(db_default=Now())

    class Meta:
        db_table = "audit_deletion"


class DeletedStream(models.Model):
    """One stream whose texts a deletion took."""

    stream = models.TextField(primary_key=True, db_collation="C")
    deletion = models.ForeignKey(Deletion, on_delete=models.PROTECT, related_name="streams")

    class Meta:
        db_table = "audit_deleted_stream"
