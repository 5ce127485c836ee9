"""Changing the key that signs the log: a new one is made beside the old, an entry says so, and it takes the old one's place.

Cut off anywhere, the next call goes on where it stopped. Between the entry and the move of the file the sealer signs with the key
that lies beside: the log says which key is in force, the files only hold them.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

from django.db import connections, transaction

from audit import keys
from audit.actors import SYSTEM
from audit.entry import Entry
from audit.errors import NoKey, WrongKey
from audit.events import EventKind
from audit.key_chain import KeyChain, Rotation, rotation_facts
from audit.models import Checkpoint
from audit.note import BadNote, Note, Signer, Verifier
from audit.services import record

STREAM = "seal"
NOT_YET = 2**63 - 1
"""The place of an entry that is committed and not in the log's order yet."""
_ROTATIONS = """
SELECT l.log_index, e.body FROM audit_entry AS e LEFT JOIN audit_log_index AS l ON l.entry_id = e.id
 WHERE e.stream = %s AND e.kind = %s ORDER BY e.seq
"""
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(hashtextextended('countersign.seal_key', 0))"


def rotations(using: str = "default") -> list[Rotation]:
    """Return the entries that changed the log's key, in order."""
    with connections[using].cursor() as cursor:
        cursor.execute(_ROTATIONS, [STREAM, EventKind.SEAL_KEY_ROTATED.value])
        return [(index or NOT_YET, json.loads(bytes(body)).get("facts", {})) for index, body in cursor.fetchall()]


def key_in_force(size: int, using: str = "default") -> Verifier | None:
    """Return the key that signs the log of a size; None where none was ever replaced. Raises WrongKey."""
    try:
        return KeyChain(rotations(using)).in_force(size)
    except BadNote as error:
        raise WrongKey(reason=str(error)) from error


def current(path: Path, *, using: str = "default") -> Signer:
    """Return the key that signs now: the one in the file, or beside it where the log says so already. Raises NoKey, WrongKey."""
    in_force = key_in_force(NOT_YET, using)
    for file in (path, beside(path)):
        if file == path or file.exists():
            signer = keys.read(file)
            if in_force in (None, signer.verifier()):
                return signer
    raise WrongKey(reason=f"the log is signed by {in_force}, which is not in {path}")


def rotate(path: Path, *, using: str = "default") -> Signer:
    """Put a new key in the place of the one in a file, for good. Raises NoKey, WrongKey."""
    old, made = keys.read(path), beside(path)
    new = keys.read(made) if made.exists() else keys.make(made, old.name)
    with transaction.atomic(using=using):
        with connections[using].cursor() as cursor:
            cursor.execute(_ONE_AT_A_TIME)
        in_force = key_in_force(NOT_YET, using) or _signed_with(old, using)
        if in_force == old.verifier():
            record([Entry(STREAM, EventKind.SEAL_KEY_ROTATED, SYSTEM, rotation_facts(old, new))], using=using)
        elif in_force != new.verifier():
            raise WrongKey(reason=f"the log is signed by {in_force}, which is not in {path}")
    _move(made, path)
    return new


def beside(path: Path) -> Path:
    """Return where a key lies until it takes the place of the one in a file."""
    return path.with_name(f"{path.name}.next")


def _signed_with(key: Signer, using: str) -> Verifier:
    """Return this key, where the newest checkpoint is signed by it or none was signed. Raises WrongKey."""
    newest = Checkpoint.objects.using(using).order_by("-size").first()
    if newest is not None and not any(Note.of(newest.note).signed_by([key.verifier()])):
        raise WrongKey(reason="the newest checkpoint is not signed by the key in the file")
    return key.verifier()


def _move(new: Path, path: Path) -> None:
    try:
        new.replace(path)
    except FileNotFoundError:
        return  # another call was faster
    except OSError as error:
        raise NoKey(path=str(path), reason=f"it cannot be replaced ({type(error).__name__})") from error
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
