"""Sealing: what the log is at a moment, signed. One step at a time, safe to be cut off anywhere and done by many at once.

A checkpoint is kept before anybody is shown it, and signed in the same bytes whoever signs it; so a sealer that was
killed between the two shows the kept one, and never another of that size.
"""

from __future__ import annotations

import structlog
from django.db import DatabaseError, connections

from audit import feed, note
from audit.errors import LogForked, NotInLog, WrongKey
from audit.index import PATIENCE_MS, index_log
from audit.models import Checkpoint, Log
from audit.note import Note, Signer
from audit.rotation import key_in_force
from audit.tree import Tree

_KEEP = "SELECT audit_seal(%s, %s, %s, %s::integer[], %s::bigint[], %s::bytea[])"
CHANGED = "CS003"
log = structlog.get_logger(__name__)


def origin(using: str = "default") -> str:
    """Return the name that the log goes by in its checkpoints."""
    return f"countersign/{Log.objects.using(using).get().id}"


def newest(using: str = "default") -> Checkpoint | None:
    """Return the checkpoint of the largest size; None before the first."""
    return Checkpoint.objects.using(using).order_by("-size").first()


def kept(size: int, using: str = "default") -> Checkpoint | None:
    """Return the checkpoint of a size; None where none was signed."""
    return Checkpoint.objects.using(using).filter(size=size).first()


def seal(signer: Signer, *, patience_ms: int = PATIENCE_MS, using: str = "default") -> Checkpoint | None:
    """Sign what is committed, where it is more than was signed before, and return the newest checkpoint there is.

    Where another process indexes the log for longer than `patience_ms`, what is indexed is signed.
    What was signed before has to be the beginning of what is signed now: it is computed anew from the entries. Raises
    LogForked where it is not, WrongKey where another key took the place of this one, and signs nothing.
    """
    head = index_log(using, patience_ms=patience_ms) or feed.head(using)
    last = newest(using)
    if head <= (last.size if last else 0):
        return last
    if (key := key_in_force(head, using)) not in (None, signer.verifier()):
        raise WrongKey(reason=f"the log of {head} entries is signed by {key}")
    tree = Tree(using)
    if last is not None:
        _still_begins_with(tree, last)
    tree.grow(last.size if last else 0, head)
    root = tree.root(head)
    text = str(note.Checkpoint(origin(using), head, root))
    _keep(head, root, Note(text, (signer.sign(text),)), tree, using)
    return newest(using)


def _still_begins_with(tree: Tree, last: Checkpoint) -> None:
    """Raise LogForked where the log does not begin with what was signed, or holds an entry of that no more."""
    try:
        root = tree.root(last.size)
    except NotInLog as missing:
        raise LogForked(size=last.size) from missing
    if root != bytes(last.root):
        raise LogForked(size=last.size)


def _keep(size: int, root: bytes, signed: Note, tree: Tree, using: str) -> None:
    levels, numbers = [level for level, _ in tree.grown], [number for _, number in tree.grown]
    try:
        with connections[using].cursor() as cursor:
            cursor.execute(_KEEP, [size, root, str(signed), levels, numbers, list(tree.grown.values())])
    except DatabaseError as error:
        if getattr(error.__cause__, "sqlstate", "") == CHANGED:
            raise LogForked(size=size) from error
        raise
