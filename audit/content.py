"""Raw content, apart from the entries that commit to it (AUDIT-6): reading it, and deleting it for good.

Who may read or delete is the console's to decide; a person's reading is an entry, which the caller writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.db import transaction

from audit.actors import Actor
from audit.batch import Appended
from audit.canonical import Json
from audit.connection import read
from audit.entry import Entry
from audit.events import EventKind
from audit.models import Content
from audit.services import record


@dataclass(frozen=True, slots=True)
class StoredText:
    """One raw text with what its commitment was made of."""

    id: UUID
    name: str
    cls: str
    salt: bytes
    body: str


def read_text(id: UUID, *, using: str = "default") -> str | None:  # noqa: A002 the table's word for it
    """Return a raw text; None when it was deleted or never was."""
    return Content.objects.using(using).filter(id=id).values_list("body", flat=True).first()


def read_texts(ids: Iterable[UUID], *, using: str = "default") -> dict[UUID, str]:
    """Return the raw texts that are still there, by id."""
    wanted = list(ids)
    rows = read("SELECT id, body FROM audit_content WHERE id = ANY(%s)", [wanted], using=using) if wanted else ()
    return {row["id"]: row["body"] for row in rows}


def text_in(column: str) -> str:
    """Return the SQL of the raw text that a column of another table names, to be read with the row; NULL as `read_text`."""
    return f"(SELECT body FROM audit_content WHERE id = {column})"  # noqa: S608 the column's name comes from the code


def texts_of(entry_id: int, *, using: str = "default") -> tuple[StoredText, ...]:
    """Return the raw texts of one entry that are still there, by name."""
    rows = Content.objects.using(using).filter(entry_id=entry_id).order_by("name")
    return tuple(
        StoredText(id_, name, cls, bytes(salt), body)
        for id_, name, cls, salt, body in rows.values_list("id", "name", "cls", "salt", "body")
    )


def forget(ids: Sequence[UUID], *, actor: Actor, reason: str, using: str = "default") -> list[Appended]:
    """Delete raw texts for good; the log still verifies, and says in the stream "content" whose they were and why.

    Their own streams may have ended, so the record has a stream of its own.
    """
    with transaction.atomic(using=using):
        rows = Content.objects.using(using).filter(id__in=list(ids))
        gone = list(rows.order_by("entry_id").values_list("entry__stream", "entry__seq", "name"))
        rows.delete()
        if not gone:
            return []
        texts: list[Json] = [{"stream": stream, "seq": seq, "name": name} for stream, seq, name in gone]
        entry = Entry("content", EventKind.CONTENT_DELETED, actor, {"reason": reason, "texts": texts})
        return record([entry], using=using)
