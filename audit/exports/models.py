"""The tables of exports: what was asked for and how far it is, the parts of its file, and the streams that it touches."""

import uuid
from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from audit.exports.lifecycle import EXPORT, OPEN

KINDS = ("bundle", "csv")


class Export(models.Model):
    """One export. The row stays as a record when its file is deleted."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    number = models.BigIntegerField(unique=True)  # EX-12
    kind = models.TextField()
    filter = models.JSONField()
    texts = models.BooleanField()
    status = models.TextField(default=EXPORT.start)
    wanted = models.BigIntegerField(null=True)  # the head of the log when it was begun: the checkpoint has to cover it
    size = models.BigIntegerField(null=True)  # of the checkpoint that it is made under
    older = models.BigIntegerField(null=True)  # of the one that the same person's bundle before it was made under
    done = models.BigIntegerField(default=0, db_default=0)  # the last log index that was written
    head = models.TextField(default="", db_default="", db_collation="C")  # the last stream whose head was written
    complete = models.BooleanField(default=False, db_default=False)  # all of the file is there
    entries = models.BigIntegerField(default=0, db_default=0)
    parts = models.IntegerField(default=0, db_default=0)
    bytes = models.BigIntegerField(default=0, db_default=0)
    sha256 = models.TextField(default="", db_default="")
    error = models.TextField(default="", db_default="")
    ready_at = models.DateTimeField(db_default=Now())  # it is not tried again before
    lease_token = models.IntegerField(default=0, db_default=0)  # grows with every claim: a late worker's write finds another
    lease_expires = models.DateTimeField(null=True)
    asked_kind = models.TextField()
    asked_id = models.TextField()
    asked_by = models.TextField()
    created_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "audit_export"
        indexes: ClassVar = [
            models.Index(fields=["asked_kind", "asked_id", "-number"], name="audit_export_asked_by"),
            models.Index(fields=["ready_at"], name="audit_export_open", condition=Q(status__in=OPEN)),
            models.Index(fields=["expires_at"], name="audit_export_kept", condition=Q(status="ready")),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(status__in=sorted(EXPORT.states)), name="audit_export_status_known"),
            models.CheckConstraint(condition=Q(kind__in=KINDS), name="audit_export_kind_known"),
            # Without a lease nobody would take over what a dead worker left.
            models.CheckConstraint(condition=Q(status="running") ^ Q(lease_expires__isnull=True), name="audit_export_lease"),
            # A file that is handed out is whole, its hash is known, and it is deleted one day.
            models.CheckConstraint(
                condition=~Q(status="ready") | (Q(complete=True, expires_at__isnull=False) & ~Q(sha256="")),
                name="audit_export_ready_is_whole",
            ),
        ]


class ExportPart(models.Model):
    """A part of an export's file: about a megabyte. Parts are written in their order, and never changed."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="written", db_index=False)
    start = models.BigIntegerField()  # where in the file it begins
    data = models.BinaryField()

    class Meta:
        db_table = "audit_export_part"
        constraints: ClassVar = [
            # Two workers can never write one place of the file.
            models.UniqueConstraint(fields=["export", "start"], name="audit_export_part_place"),
        ]


class ExportStream(models.Model):
    """A stream of which a bundle that is being made holds an entry; its head comes at the end."""

    export = models.ForeignKey(Export, on_delete=models.CASCADE, related_name="+", db_index=False)
    name = models.TextField(db_collation="C")

    class Meta:
        db_table = "audit_export_stream"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["export", "name"], name="audit_export_stream_once"),
        ]
