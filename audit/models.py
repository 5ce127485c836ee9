"""The tables of the log. They are read through these models; only the SQL functions of the migrations write them.

`Content` alone may be deleted from, by retention: its commitments stay in the entries. Names collate by bytes ("C"), so
that the order of streams is the same in the database, in Python and in a verifier elsewhere. References are not foreign
keys to the database: checking one would lock and so rewrite the entry that was just written, `verify` finds what is lost.
"""

from __future__ import annotations

from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, Func, Q
from django.db.models.functions import Now

from audit.exports.models import Export, ExportPart, ExportStream  # noqa: F401  Django looks for models here
from audit.push.models import PushTarget  # noqa: F401  Django looks for models here
from audit.retention.models import DeletedStream, Deletion, Hold, KeptBack, RetentionRule  # noqa: F401

# The words of an entry that people search for. Long runs of hex digits (hashes, keys) would only swell the index; one that
# follows a backslash is left alone, as it may be a part of an escape.
WORDS = Func(
    F("body_json"),
    template="jsonb_to_tsvector('simple', regexp_replace(%(expressions)s::text, '(?<![\\\\\\w])[0-9a-f-]{18,}', '', 'g')::jsonb,"
    " '[\"string\"]')",
)


class Log(models.Model):
    """The one row that names this installation's log; every entry carries its id."""

    single = models.BooleanField(primary_key=True, default=True)
    id = models.UUIDField(unique=True)

    class Meta:
        db_table = "audit_log"
        constraints: ClassVar = [
            # A second row would make it unclear which log an entry belongs to.
            models.CheckConstraint(condition=Q(single=True), name="audit_log_is_one"),
        ]


class AuditStream(models.Model):
    """The registry of streams, and the head of each chain, which appending locks."""

    name = models.TextField(primary_key=True, db_collation="C")
    head_seq = models.BigIntegerField()
    head_hash = models.BinaryField()
    closed = models.BooleanField()

    class Meta:
        db_table = "audit_stream"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(head_seq__gte=0), name="audit_stream_head_is_a_number"),
        ]


class AuditEntry(models.Model):
    """One entry: its exact bytes and its place in the chain.

    Columns repeat what the bytes say, to find it by; `body_json` is a copy of those members that have no column and that
    people search in: facts, ids, principal, rev, closes.
    """

    id = models.BigIntegerField(primary_key=True)
    stream = models.TextField(db_collation="C")
    seq = models.BigIntegerField()
    kind = models.TextField(db_collation="C")
    at = models.DateTimeField()
    actor_kind = models.TextField(db_collation="C")
    actor_id = models.TextField(db_collation="C")
    tool = models.TextField(db_collation="C")
    body = models.BinaryField()
    body_json = models.JSONField()
    prev_hash = models.BinaryField()
    entry_hash = models.BinaryField()

    class Meta:
        db_table = "audit_entry"
        constraints: ClassVar = [
            # Two writers of one stream can never take the same place, nor the same predecessor: no forks. A hash
            # covers its stream, so that predecessors of two streams never are the same.
            models.UniqueConstraint(fields=["stream", "seq"], name="audit_entry_place"),
            models.UniqueConstraint(fields=["prev_hash"], name="audit_entry_predecessor"),
            models.CheckConstraint(condition=Q(seq__gte=1), name="audit_entry_seq_from_one"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["actor_kind", "actor_id", "id"], name="audit_entry_by_actor"),
            models.Index(fields=["kind", "id"], name="audit_entry_by_kind"),
            models.Index(fields=["tool", "id"], name="audit_entry_by_tool", condition=~Q(tool="")),
            models.Index(fields=["at"], name="audit_entry_by_time"),
            GinIndex(WORDS, name="audit_entry_by_text"),
        ]


class AuditPending(models.Model):
    """Entries that have no log index yet; `audit_index` empties it."""

    entry_id = models.BigIntegerField(primary_key=True)

    class Meta:
        db_table = "audit_pending"


class LogIndex(models.Model):
    """The order of the whole log: dense numbers from 1, given to committed entries in the order of their commits."""

    log_index = models.BigIntegerField(primary_key=True)
    entry = models.OneToOneField(AuditEntry, on_delete=models.DO_NOTHING, related_name="place", db_constraint=False)

    class Meta:
        db_table = "audit_log_index"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(log_index__gte=1), name="audit_log_index_from_one"),
        ]


class Subtree(models.Model):
    """The root of a complete subtree of 2^level leaves (see `audit.merkle`), kept so that no proof reads the whole log."""

    pk = models.CompositePrimaryKey("level", "number")
    level = models.IntegerField()
    number = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        db_table = "audit_subtree"


class Checkpoint(models.Model):
    """How large the log was, and its root then, as a note that the sealer signed. One for each size, for good."""

    size = models.BigIntegerField(primary_key=True)
    root = models.BinaryField()
    note = models.TextField()
    at = models.DateTimeField()
    follows = models.BigIntegerField()  # the size of the one before it; 0 of the first
    chain = models.BinaryField()  # over this note and all before it, so that none can be taken out from between

    class Meta:
        db_table = "audit_checkpoint"
        constraints: ClassVar = [
            # Of an empty log there is nothing to sign.
            models.CheckConstraint(condition=Q(size__gte=1), name="audit_checkpoint_of_something"),
        ]


class Cosignature(models.Model):
    """What a witness signed under a checkpoint: the line of a note, the newest of each witness."""

    pk = models.CompositePrimaryKey("size", "name", "key_id")
    size = models.BigIntegerField()
    name = models.TextField(db_collation="C")
    key_id = models.TextField(db_collation="C")
    line = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "audit_cosignature"
        constraints: ClassVar = [
            # As of a checkpoint.
            models.CheckConstraint(condition=Q(size__gte=1), name="audit_cosignature_of_something"),
        ]


class Content(models.Model):
    """Raw content of an entry, apart from it, with the salt of its commitment. Deleting a row leaves the log whole."""

    id = models.UUIDField(primary_key=True)
    entry = models.ForeignKey(
        AuditEntry, on_delete=models.DO_NOTHING, related_name="texts", db_index=False, db_constraint=False
    )
    name = models.TextField(db_collation="C")
    cls = models.TextField(db_collation="C")
    salt = models.BinaryField()
    body = models.TextField()

    class Meta:
        db_table = "audit_content"
        constraints: ClassVar = [
            # A commitment of an entry has one text, so that none can be shown in another's place.
            models.UniqueConstraint(fields=["entry", "name"], name="audit_content_one_text_per_name"),
        ]


class VerificationRun(models.Model):
    """One verification of the log from inside: of what, how far it has come, what it found, and who answered for that.

    One is open at a time. It is taken up where it was left: `place` is how far the log is checked, `peaks` are the roots of
    the tree's complete subtrees there.
    """

    id = models.BigAutoField(primary_key=True)
    what = models.TextField(db_collation="C")
    stream = models.TextField(default="", db_default="")
    since = models.BigIntegerField(default=0, db_default=0)  # what comes up to here is held against the tree alone
    since_root = models.TextField(default="", db_default="")  # what a trusted checkpoint says the root was there
    upto = models.BigIntegerField(default=0, db_default=0)
    place = models.BigIntegerField(default=0, db_default=0)
    peaks = models.JSONField(default=list)
    checked = models.BigIntegerField(default=0, db_default=0)
    actor_kind = models.TextField()
    actor_id = models.TextField()
    actor_name = models.TextField()
    remark = models.TextField(default="", db_default="")  # what it could not check
    began_at = models.DateTimeField(db_default=Now())
    ended_at = models.DateTimeField(null=True)
    seconds = models.FloatField(default=0, db_default=0)  # of work
    ok = models.BooleanField(null=True)
    first_bad = models.JSONField(null=True)
    evidence = models.JSONField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_by = models.TextField(default="", db_default="")
    note = models.TextField(default="", db_default="")

    class Meta:
        db_table = "audit_verification"
        indexes: ClassVar = [
            models.Index(fields=["id"], name="audit_verification_finding", condition=Q(ok=False, acknowledged_at=None)),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(what__in=["whole", "stream", "since", "incremental"]), name="audit_verification_of_something"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, ok=None) | Q(ended_at__isnull=False, ok__isnull=False),
                name="audit_verification_ends_so",
            ),
            # Two at once would each read the whole log.
            models.UniqueConstraint(models.Value(True), condition=Q(ended_at=None), name="audit_verification_one_open"),
        ]
