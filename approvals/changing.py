"""Those who write what was judged, and those who change what judges, do not overlap.

A worker that writes intents holds a shared lock while it compares the rules' stamp and commits; whoever changes policy,
a tool's setting or a stop takes the same lock alone, before anything else. So once such a change is committed, no intent
is written any more that the rules of before would have let through.
"""

import structlog
from django.db import OperationalError, connection, transaction

from audit.connection import read

log = structlog.get_logger(__name__)
LOCK = 0x5441_4D50  # "TAMP", in the space of advisory locks
PATIENCE_MS = 500


def judged() -> None:
    """Hold the rules as they are until the surrounding transaction ends; shared among all who write intents."""
    read("SELECT pg_advisory_xact_lock_shared(%s)", [LOCK])


def changing() -> None:
    """Wait until nobody writes an intent, and keep them waiting until the surrounding transaction ends.

    A writer that stands still does not hold up an operator: after half a second the change is made without waiting.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{PATIENCE_MS}ms"])
        try:
            with transaction.atomic():
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        except OperationalError:
            log.warning("rules.not_waited_for", waited_ms=PATIENCE_MS)
        cursor.execute("SET LOCAL lock_timeout TO DEFAULT")
