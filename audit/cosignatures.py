"""What witnesses signed of the log's checkpoints, kept beside them. Only lines of witnesses whom the settings name are taken.

A line is checked by whoever reads it, with the witness's key; so nothing here has to be believed, and no row is guarded.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from django.conf import settings
from django.db import connections

from audit.connection import read
from audit.errors import InvalidCosignature, NotSealed
from audit.models import Checkpoint, Cosignature
from audit.note import COSIGNATURE, BadNote, Note, Signature, Verifier
from audit.note import Checkpoint as Said

AHEAD_S = 300
"""How far a witness's clock may be ahead of ours."""
_KEEP = """
INSERT INTO audit_cosignature (size, name, key_id, line, at) VALUES (%s, %s, %s, %s, %s)
    ON CONFLICT (size, name, key_id) DO UPDATE SET line = excluded.line, at = excluded.at
    WHERE excluded.at > audit_cosignature.at
"""

_SIGNED = """
SELECT c.size, c.root, c.note, c.at,
       ARRAY(SELECT s.line FROM audit_cosignature AS s WHERE s.size = c.size ORDER BY s.name, s.key_id) AS lines
  FROM audit_checkpoint AS c
"""


@dataclass(frozen=True, slots=True)
class Witnessed:
    """The newest checkpoint that a witness saw: its size, who saw it, and when."""

    size: int
    name: str
    at: datetime


def witnesses() -> tuple[Verifier, ...]:
    """Return the keys of the witnesses whom the settings name. Raises BadNote where one is not a witness's key."""
    found = tuple(Verifier.of(text) for text in settings.SEAL_WITNESSES)
    if any(key.type != COSIGNATURE for key in found):
        raise BadNote("SEAL_WITNESSES holds a key that is not a witness's")
    return found


def accept(said: str, *, using: str = "default") -> Checkpoint:
    """Keep what trusted witnesses signed of a checkpoint, one line each, the newest; return the checkpoint.

    Raises InvalidCosignature where it is no note, none of them signed it, or a line is not that of its key; NotSealed where we
    signed nothing of that size.
    """
    try:
        note = Note.of(said)
        size = Said.of(note.text).size
        lines = list(note.signed_by(witnesses()))
    except BadNote as error:
        raise InvalidCosignature(reason=str(error)) from error
    checkpoint = Checkpoint.objects.using(using).filter(size=size).first() if size < 2**63 else None
    if checkpoint is None:
        raise NotSealed(size=size)
    if Note.of(checkpoint.note).text != note.text:
        raise InvalidCosignature(reason="it is of another log: we signed something else at that size")
    if not lines:
        raise InvalidCosignature(reason="no witness whom SEAL_WITNESSES names signed it")
    with connections[using].cursor() as cursor:
        for key, line in lines:
            cursor.execute(_KEEP, [size, key.name, key.id.hex(), str(line), _time(line)])
    return checkpoint


def lines_for(size: int, *, using: str = "default") -> list[str]:
    """Return the lines of a note that witnesses signed under the checkpoint of a size."""
    return list(Cosignature.objects.using(using).filter(size=size).order_by("name", "key_id").values_list("line", flat=True))


def signed(size: int | None = None, *, using: str = "default") -> tuple[Checkpoint, list[str]] | None:
    """Return the checkpoint of a size, or without one the newest, and the lines of its witnesses; None where there is none."""
    which, given = ("ORDER BY c.size DESC LIMIT 1", []) if size is None else ("WHERE c.size = %s", [size])
    for row in read(_SIGNED + which, given, using=using):
        lines = row.pop("lines")
        return Checkpoint(**row), lines
    return None


def last_witnessed(*, using: str = "default") -> Witnessed | None:
    """Return which checkpoint was last witnessed, by whom and when; None where none was."""
    row = Cosignature.objects.using(using).order_by("-size", "-at").first()
    return None if row is None else Witnessed(row.size, row.name, row.at)


def _time(line: Signature) -> datetime:
    at = int.from_bytes(line.signature[:8], "big")
    if at > time.time() + AHEAD_S:
        raise InvalidCosignature(reason="its time is yet to come; set the witness's clock")
    return datetime.fromtimestamp(at, UTC)
