"""Telling workers that a session has something new. With the commit; a lost call costs a poll, nothing else."""

from uuid import UUID

from django.db import connection

CHANNEL = "countersign_wake"


def wake(session: UUID) -> None:
    """Notify the workers, when the surrounding transaction commits."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, %s)", [CHANNEL, str(session)])
