"""Holds: what is kept whatever its age and whoever asks, until somebody lifts it. Both are entries, with the reason."""

from collections.abc import Sequence
from typing import LiteralString
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.models import AuditStream
from audit.retention.errors import InvalidRetention, TooManyHolds, UnknownHold
from audit.retention.models import SCOPES, Hold
from audit.retention.rules import STREAM, one_at_a_time
from audit.services import Entry, record

MOST = 200
LONGEST_REASON = 500
HELD: LiteralString = """EXISTS (
    SELECT FROM audit_hold AS h LEFT JOIN audit_entry AS first ON first.stream = {stream} AND first.seq = 1
     WHERE h.lifted_at IS NULL
       AND CASE h.scope WHEN 'session' THEN {stream} = 'session:' || h.whose
           ELSE h.whose IN (first.actor_kind || ':' || first.actor_id, first.body_json #>> '{{principal,on_behalf_of}}') END)"""
"""Whether the texts of a stream are held: as that session, or as one that the principal started or that ran for it."""


@atomically
def place(*, scope: str, whose: str, reason: str, actor: Actor) -> Hold:
    """Keep the texts of a session or of a principal's sessions; one that is held already stays as it is held.

    Args:
        scope: "session" or "principal".
        whose: `S-88123`; `user:5` or `service:NAME` for sessions that it started, or a name that sessions ran on behalf of.
        reason: why, for the log.
        actor: who places it; the caller has checked the right to.

    Raises:
        InvalidRetention, TooManyHolds.
    """
    why, whom = reason.strip(), whose.strip()
    if scope not in SCOPES:
        raise InvalidRetention(field="scope", reason=f"is one of {', '.join(SCOPES)}")
    if not whom or len(whom) > 200:
        raise InvalidRetention(field="whose", reason="names a session or a principal")
    if not 3 <= len(why) <= LONGEST_REASON:
        raise InvalidRetention(field="reason", reason=f"says why, in 3 to {LONGEST_REASON} characters")
    if scope == "session" and not AuditStream.objects.filter(name=f"session:{whom}").exists():
        raise InvalidRetention(field="whose", reason=f"is no session: there is no {whom}")
    one_at_a_time()
    held = Hold.objects.filter(lifted_at=None)
    if (row := held.filter(scope=scope, whose=whom).first()) is not None:
        return row
    if held.count() >= MOST:
        raise TooManyHolds(most=MOST)
    made = Hold(id=uuid7(), scope=scope, whose=whom, reason=why, placed_name=actor.name)
    made.save(force_insert=True)
    record([Entry(STREAM, EventKind.CONTENT_HELD, actor, {"scope": scope, "whose": whom, "reason": why}, ids=_ids(made))])
    transaction.on_commit(index_soon)
    made.refresh_from_db()
    return made


@atomically
def lift(*, id_: UUID, actor: Actor) -> Hold:
    """Let a hold go; what was due meanwhile is deleted by the next sweeps. Raises UnknownHold."""
    one_at_a_time()
    row = Hold.objects.filter(pk=id_, lifted_at=None).first()
    if row is None:
        raise UnknownHold
    Hold.objects.filter(pk=row.pk).update(lifted_at=Now(), lifted_name=actor.name)
    record([Entry(STREAM, EventKind.CONTENT_HOLD_LIFTED, actor, {"scope": row.scope, "whose": row.whose}, ids=_ids(row))])
    transaction.on_commit(index_soon)
    row.refresh_from_db()
    return row


def _ids(row: Hold) -> tuple[str, ...]:
    return (row.whose,) if row.scope == "session" else ()


def holds(*, lifted: bool = False, limit: int = MOST) -> list[Hold]:
    """Return the holds that stand, newest first; or the newest of those that were lifted."""
    return list(Hold.objects.filter(lifted_at__isnull=not lifted).order_by("-placed_at")[:limit])


def held_streams(streams: Sequence[str]) -> list[str]:
    """Return which of these streams are held."""
    statement = "SELECT s.name FROM unnest(%s::text[]) AS s (name) WHERE " + HELD.format(stream="s.name")  # noqa: S608  no value is in it
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(streams)])
        return [name for (name,) in cursor.fetchall()]
