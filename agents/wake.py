"""Telling workers that a session has something new. With the commit; a lost call costs a poll, nothing else."""

from uuid import UUID

from audit.connection import read

CHANNEL = "countersign_wake"


def wake(session: UUID) -> None:
    """Notify the workers, when the surrounding transaction commits."""
    read("SELECT pg_notify(%s, %s)", list(waking(session)))


def waking(session: UUID) -> tuple[str, str]:
    """The same as a notice of what is written."""
    return CHANNEL, str(session)
