"""Giving committed entries their place in the whole log, and telling who listens. The order is made in the database.

Any process may do it at any time: web requests after their commit, the worker after its batches, and a timer for what
a process that died left behind. Listeners hear the new head on `CHANNEL` and read the feed from where they are.
"""

from __future__ import annotations

from functools import partial

from django.db import connections, transaction

CHANNEL = "countersign_log"
INDEX = "SELECT audit_index(%s)"
PATIENCE_MS = 2000


def index_log(using: str = "default", *, patience_ms: int = 0) -> int | None:
    """Index what is committed and return the head of the log.

    Returns None when another process is at it, after waiting up to `patience_ms` for one's turn: with patience, what the
    caller committed before is indexed when a number comes back; without, whoever is at work may have missed it.
    """
    with connections[using].cursor() as cursor:
        cursor.execute(INDEX, [patience_ms])
        row = cursor.fetchone()
    return None if row is None else row[0]


def index_soon(using: str = "default") -> None:
    """Index after the commit of the transaction at hand, or now where there is none."""
    transaction.on_commit(partial(index_log, using, patience_ms=PATIENCE_MS), using=using, robust=True)
