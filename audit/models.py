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
