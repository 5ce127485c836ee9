"""What the built-in tools keep: the document library, a session's files, memory, drafts and notes.

Files are added version by version and never rewritten. Each write carries the key of the call that made it, so that
a repeat of the same call finds its own work instead of doing it twice.
"""

import uuid
from typing import ClassVar

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Now

from agents.models.session import Session

PATH_GRAMMAR = r"^[^/\\[:cntrl:]]+(/[^/\\[:cntrl:]]+)*$"
TRUST = ("trusted", "untrusted")


class LibraryDocument(models.Model):
    """One document that agents can search and read. Its trust is what taints a session that reads it."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.TextField(unique=True)
    title = models.TextField()
    kind = models.TextField(default="document", db_default="document")
    trust = models.TextField()
    source = models.TextField(default="", db_default="")  # who wrote it, or where it came from
    dated = models.DateField(null=True)
    body = models.TextField()
    sha256 = models.TextField()  # over title and body: the version that a deletion is approved for
    search = models.GeneratedField(
        expression=SearchVector("title", weight="A", config="english") + SearchVector("body", weight="B", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        indexes: ClassVar = [GinIndex(fields=["search"], name="document_search")]
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(slug__regex=r"^[a-z0-9][a-z0-9-]{0,119}$"), name="document_slug_form"),
            models.CheckConstraint(condition=Q(trust__in=TRUST), name="document_trust_known"),
        ]


class DeletedDocument(models.Model):
    """The stone of a deleted document: what it was, and the call that deleted it. A repeat of that call ends here."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    key = models.TextField(unique=True)
    slug = models.TextField()
    title = models.TextField()
    sha256 = models.TextField()
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="+")
    deleted_at = models.DateTimeField(db_default=Now())


class WorkspaceFile(models.Model):
    """One version of one file of a session. The highest version is the file."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="files")
    path = models.TextField()
    version = models.IntegerField()
    content = models.TextField()
    size = models.IntegerField()  # bytes of UTF-8
    sha256 = models.TextField()
    key = models.TextField(unique=True)  # of the call that wrote it
    trust = models.TextField(default="trusted", db_default="trusted")  # untrusted where the session was tainted
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["session", "path", "version"], name="file_version_once"),
            # A path that could leave the workspace must not exist even where a writer forgot to check.
            models.CheckConstraint(
                condition=Q(path__regex=PATH_GRAMMAR) & ~Q(path__regex=r"(^|/)\.{1,2}(/|$)"), name="file_path_stays_inside"
            ),
            models.CheckConstraint(condition=Q(trust__in=TRUST), name="file_trust_known"),
        ]


class Memory(models.Model):
    """One remembered fact of a session, an agent or a principal."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    scope = models.TextField()
    owner = models.TextField()  # S-88123, an agent's slug, or a principal's id
    name = models.TextField()
    value = models.TextField()
    trust = models.TextField(default="trusted", db_default="trusted")
    session = models.TextField()  # the session that wrote it, by short id
    updated_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["scope", "owner", "name"], name="memory_name_once"),
            models.CheckConstraint(condition=Q(scope__in=["session", "agent", "principal"]), name="memory_scope_known"),
            # A memory of nobody would be read by everybody.
            models.CheckConstraint(condition=~Q(owner=""), name="memory_has_an_owner"),
            models.CheckConstraint(condition=Q(trust__in=TRUST), name="memory_trust_known"),
        ]


class Draft(models.Model):
    """A message that was written and not sent."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="drafts")
    key = models.TextField(unique=True)
    recipients = models.JSONField(default=list)
    subject = models.TextField()
    body = models.TextField()
    created_at = models.DateTimeField(db_default=Now())


class Note(models.Model):
    """A published note."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    session = models.ForeignKey(Session, on_delete=models.PROTECT, related_name="notes_published")
    key = models.TextField(unique=True)
    title = models.TextField()
    body = models.TextField()
    author = models.TextField()
    published_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [models.CheckConstraint(condition=Q(title__regex=r"\S"), name="note_has_a_title")]
