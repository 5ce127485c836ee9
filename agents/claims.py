"""Leases: taking sessions, keeping them, and hearing what others want of them. Runs on the ledger's connection.

A lease lasts ten seconds (LEASE_S) by the database's clock and carries a fencing token that grows with every claim.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction

from agents.lifecycle import SESSION
from agents.loading import from_json, load
from agents.state import State
from agents.versions import VERSION
from audit.actors import Actor
from audit.connection import read
from audit.events import EventKind
from audit.services import After, Batch, Change, Entry, Plus
from audit.services import transition as write


def lease_s() -> float:
    """How long a lease lasts, in seconds; the setting LEASE_S."""
    return float(settings.LEASE_S)


# What the kill switch holds stays in the queue. Where it holds everything, no row is looked at.
_READY = """
SELECT s.id, s.number, s.status, s.lease_token, s.step + s.nudges AS rev FROM agents_session s
WHERE s.status = 'queued' AND s.ready_at <= now() AND s.schema_version <= %s
  AND NOT EXISTS (SELECT 1 FROM agents_stop t WHERE t.status = 'active' AND t.kind = 'all')
  AND NOT EXISTS (SELECT 1 FROM agents_stop t WHERE t.status = 'active'
                  AND (t.agent_id = s.agent_id OR t.session_id = s.id OR t.id = s.held_by))
ORDER BY s.ready_at LIMIT %s FOR UPDATE OF s SKIP LOCKED"""

_ORPHANED = """
SELECT id, number, status, lease_token, step + nudges AS rev FROM agents_session
WHERE status = 'running' AND lease_expires < now() AND schema_version <= %s ORDER BY lease_expires LIMIT %s FOR UPDATE SKIP LOCKED"""

_RENEW = """
UPDATE agents_session SET lease_expires = now() + make_interval(secs => %s)
WHERE id = ANY(%s) AND status = 'running' AND lease_owner = %s
RETURNING id, nudges, stop, stop_note, coalesce(watched_until > now(), false) AS watched"""

_LOOK = """
SELECT id, nudges, stop, stop_note, coalesce(watched_until > now(), false) AS watched FROM agents_session
WHERE id = ANY(%s) AND status = 'running' AND lease_owner = %s"""


@dataclass(frozen=True, slots=True)
class News:
    """What a session's row says to whoever runs it."""

    nudges: int
    stop: str
    stop_note: dict[str, Any]
    watched: bool


def claim(owner: str, limit: int, *, orphans: bool = True) -> list[State]:
    """Take up to `limit` sessions that are ready, or (with `orphans`) whose worker is gone, and read them whole.

    Those that an older version of the product stored are stored in the shapes of this one; those of a newer version are
    left to its workers.

    The commit does not wait for the disk. Whatever the claim leads to is written by later commits, which take it to the
    disk with them; if the database falls before that, the session was never taken (ADR 26).
    """
    with transaction.atomic():
        rows = _rows(_ORPHANED, [VERSION, limit]) if orphans else []
        rows += _rows(_READY, [VERSION, limit - len(rows)]) if len(rows) < limit else []
        if not rows:
            return []
        _do_not_wait_for_the_disk()
        write([_taken(owner, *row) for row in rows])
    states = load([row[0] for row in rows], owner)
    for state in states:
        if state.schema_version < VERSION:
            _store_upgraded(state)
    return states


def _do_not_wait_for_the_disk() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL synchronous_commit TO off")


def _taken(owner: str, id_: UUID, number: int, status: str, token: int, rev: int) -> Batch:
    values = {"lease_owner": owner, "lease_expires": After(lease_s()), "lease_token": Plus(1), "attempts": Plus(1),
              "held_by": None}  # fmt: skip
    change = Change(SESSION, id_, status, "claim", values, {"lease_token": token})
    kind = EventKind.SESSION_RECLAIMED if status == "running" else EventKind.SESSION_CLAIMED
    actor = Actor("system", owner, "worker")
    told: dict[str, Any] = {"lease_token": token + 1}
    return Batch((change,), (), (Entry(f"session:S-{number}", kind, actor, told, ids=(f"S-{number}",), rev=rev),))


@transaction.atomic
def _store_upgraded(state: State) -> None:
    """Store what was brought up while loading, so that it is done once; the lease says that nobody else writes."""
    with connection.cursor() as cursor:
        for call in state.calls():
            cursor.execute(
                "UPDATE agents_toolcall SET judgement = %s::jsonb WHERE id = %s", [json.dumps(call.judgement), call.id]
            )
    values = {"schema_version": VERSION, "notes": state.notes, "taint": state.taint}
    guard = {"lease_owner": state.owner, "lease_token": state.lease_token, "step": state.step}
    change = Change(SESSION, state.id, "running", "progress", values, guard)
    told = {"from": state.schema_version, "to": VERSION}
    worker = Actor("system", state.owner, "worker")
    entry = Entry(state.stream, EventKind.SESSION_UPGRADED, worker, told, ids=(state.ref,), rev=state.step + state.nudges)
    write(Batch((change,), (), (entry,)))
    state.schema_version = VERSION


def renew(owner: str, ids: list[UUID]) -> dict[UUID, News]:
    """Keep the leases of `ids`; those that are missing from the answer are lost."""
    return _news(_RENEW, [lease_s(), ids, owner])


def look(owner: str, ids: list[UUID]) -> dict[UUID, News]:
    """Read what is new of sessions without renewing."""
    return _news(_LOOK, [ids, owner])


def beat(owner: str, cluster: str, sessions: int) -> None:
    """Leave a sign of life for the watchdog and the health probe; forget workers that are long gone."""
    with transaction.atomic(), connection.cursor() as cursor:
        _do_not_wait_for_the_disk()
        cursor.execute(
            "INSERT INTO agents_workerheartbeat (owner, cluster, sessions) VALUES (%s, %s, %s)"
            " ON CONFLICT (owner) DO UPDATE SET beat_at = now(), sessions = excluded.sessions",
            [owner, cluster, sessions],
        )
        cursor.execute("DELETE FROM agents_workerheartbeat WHERE beat_at < now() - interval '1 hour'")


def leave(owner: str) -> None:
    """Take the sign of life away: this worker ends on purpose."""
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM agents_workerheartbeat WHERE owner = %s", [owner])


def _rows(sql: str, params: list[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row.values()) for row in read(sql, params)]


def _news(sql: str, params: list[Any]) -> dict[UUID, News]:
    return {id_: News(nudges, stop, from_json(note), watched) for id_, nudges, stop, note, watched in _rows(sql, params)}
