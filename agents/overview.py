"""How the installation stands now: sessions by mode, who waits for what, what is shut or nearly spent, workers, queue.

A fixed number of statements, however much there is. What a number counts, the list of sessions shows with the same
condition (`agents.queries.Filters`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min

from agents import loads, spending
from agents.models import Breaker, Session
from agents.queries import LIVE
from agents.waits import KINDS, waiting
from approvals.models import ApprovalRequest
from audit.connection import read

MODES = ("full", "degraded", "minimal")
MOST = 20  # breakers and budgets that are named
BEAT_S = 8.0  # a worker that was heard of so lately works
GONE_S = 60.0  # and one that was not for so long is forgotten here
_SESSIONS = """
SELECT coalesce(mode, 'full') AS mode, status, CASE WHEN status = 'queued' THEN waits_for END AS waits, count(*) AS sessions,
       count(*) FILTER (WHERE status = 'queued' AND ready_at <= now()) AS ready,
       min(ready_at) FILTER (WHERE status = 'queued' AND ready_at <= now()) AS ready_since,
       min(waits_since) FILTER (WHERE status = 'queued') AS since
FROM agents_session WHERE status = ANY(%s) GROUP BY 1, 2, 3"""
WORKERS = """
SELECT count(*) FILTER (WHERE beat_at > now() - make_interval(secs => %s)) AS alive,
       count(*) FILTER (WHERE beat_at <= now() - make_interval(secs => %s)) AS silent,
       coalesce(sum(sessions) FILTER (WHERE beat_at > now() - make_interval(secs => %s)), 0)::int AS sessions
FROM agents_workerheartbeat WHERE beat_at > now() - make_interval(secs => %s) AND cluster <> 'evaluation'"""


Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Waiting:
    """How many sessions wait for one thing, and the first of them since when; nobody: None."""

    kind: str
    sessions: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Queue:
    """Sessions that wait for a worker (`ready`), those that are not ready yet, and since when the first waits for one."""

    ready: int
    later: int
    since: datetime | None


@dataclass(frozen=True, slots=True)
class Workers:
    """Workers that were just heard of, those that fell silent within the last minute, and what runs in the former."""

    alive: int
    silent: int
    sessions: int


@dataclass(frozen=True, slots=True)
class Overview:
    """All of it, as of one moment. `live` counts sessions that have not ended, `modes` are theirs."""

    live: int
    modes: dict[str, int]
    waiting: Sequence[Waiting]
    requests: int
    oldest: ApprovalRequest | None
    breakers: Sequence[Breaker]
    shut: int
    budgets: Sequence[spending.Standing]
    workers: Workers
    queue: Queue
    letters: int


def overview() -> Overview:
    """Read how the installation stands."""
    rows = read(_SESSIONS, [list(LIVE)])
    modes = {mode: sum(row["sessions"] for row in rows if row["mode"] == mode) for mode in MODES}
    held = Breaker.objects.exclude(status="closed")
    asked = ApprovalRequest.objects.filter(status="pending")
    (workers,) = read(WORKERS, [BEAT_S, BEAT_S, BEAT_S, GONE_S])
    requests = asked.aggregate(count=Count("id"), since=Min("created_at"))
    queued = sum(row["sessions"] for row in rows if row["status"] == "queued")
    ready = sum(row["ready"] for row in rows)
    return Overview(
        live=sum(modes.values()),
        modes=modes,
        waiting=[_people(rows, requests["since"]), *(_waiting(kind, rows) for kind in KINDS if kind != "rate"), _rates()],
        requests=requests["count"],
        oldest=asked.order_by("number").first() if requests["count"] else None,
        breakers=list(held.order_by("-changed_at", "key")[:MOST]),
        shut=held.exclude(status="forced_closed").count(),
        budgets=_near(),
        workers=Workers(**workers),
        queue=Queue(ready, queued - ready, min((row["ready_since"] for row in rows if row["ready_since"]), default=None)),
        letters=Session.objects.filter(status="dead_letter").count(),
    )


def _people(rows: Sequence[Row], since: datetime | None) -> Waiting:
    count = sum(row["sessions"] for row in rows if row["status"] == "waiting_approval")
    return Waiting("people", count, since if count else None)


def _waiting(kind: str, rows: Sequence[Row]) -> Waiting:
    mine = [row for row in rows if row["waits"] == kind]
    return Waiting(
        kind, sum(row["sessions"] for row in mine), min((row["since"] for row in mine if row["since"]), default=None)
    )


def _rates() -> Waiting:
    """Those that wait for a place: put back, or inside their workers."""
    count = Session.objects.filter(waiting("rate")).count()
    since = min((line.since for line in loads.waiting()), default=None) if count else None
    return Waiting("rate", count, since)


def _near() -> list[spending.Standing]:
    """The budgets of which half is spent, or more than all will be by the end of the period; the fullest first."""
    found = [one for one in spending.standing() if one.state != "open" or one.over]
    return sorted(found, key=lambda one: one.meter.spent / one.budget.cap_microusd, reverse=True)[:MOST]
