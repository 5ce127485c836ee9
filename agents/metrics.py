"""What monitoring is told of sessions as they stand now: by status, the queue, workers, breakers, stops, budgets.

A fixed number of statements, sent together; each reads what lives, which is little, and not what has ended.
What happened lately stands in `agents.recent`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from agents.guardrails.breaker import KINDS
from agents.lifecycle import BREAKER
from agents.overview import BEAT_S, GONE_S, WORKERS
from audit.connection import read_together
from audit.metric import Metric, by, single

MOST = 100  # budgets that are named, the newest
STATUSES = ("queued", "running", "waiting_approval", "waiting_input", "paused", "dead_letter")
STOPS = ("all", "agent", "tool", "session")
# Both halves are read from indexes that hold nothing else (`session_due`, `session_by_status`).
_SESSIONS = """
SELECT status, count(*) AS sessions, count(*) FILTER (WHERE ready_at <= now()) AS ready,
       greatest(0, extract(epoch FROM now() - min(ready_at)))::float8 AS seconds
FROM agents_session WHERE status IN ('queued', 'running', 'waiting_approval', 'waiting_input', 'paused') GROUP BY 1
UNION ALL SELECT 'dead_letter', count(*), 0, 0 FROM agents_session WHERE status = 'dead_letter'"""
_BREAKERS = "SELECT kind, status, count(*) AS breakers FROM agents_breaker WHERE status <> 'closed' GROUP BY 1, 2"
_STOPS = "SELECT kind, count(*) AS stops FROM agents_stop WHERE status = 'active' GROUP BY 1"
_BUDGETS = """
SELECT b.kind || CASE WHEN b.key = '' THEN '' ELSE ':' || b.key END AS scope, b.period, b.cap_microusd AS cap,
       coalesce(m.spent_microusd, 0) AS spent, coalesce(m.reserved_microusd, 0) AS reserved
FROM agents_budget b LEFT JOIN agents_meter m
  ON m.budget_id = b.id AND m.starts_at = date_trunc(b.period, now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
WHERE b.status = 'active' ORDER BY b.id DESC LIMIT %s"""

Row = Mapping[str, Any]


def metrics() -> Sequence[Metric]:
    """Read how sessions, and what keeps them from going on, stand now."""
    sessions, (workers,), breakers, stops, budgets = read_together(
        (_SESSIONS, []), (WORKERS, [BEAT_S, BEAT_S, BEAT_S, GONE_S]), (_BREAKERS, []), (_STOPS, []), (_BUDGETS, [MOST])
    )
    held = {row["kind"]: float(row["stops"]) for row in stops}
    return [
        *_sessions(sessions),
        by("workers", "Workers that were just heard of, and those that fell silent within the last minute.", "state",
           ("alive", "silent"), {name: float(workers[name]) for name in ("alive", "silent")}),
        single("workers_sessions", "Sessions that run in the workers that are alive.", workers["sessions"]),
        _breakers(breakers),
        by("stops_active", "Presses of the kill switch that hold, by what they hold.", "kind", STOPS, held),
        *_budgets(budgets),
    ]  # fmt: skip


def _sessions(rows: Sequence[Row]) -> list[Metric]:
    counts = {row["status"]: float(row["sessions"]) for row in rows}
    queued: Row = next((row for row in rows if row["status"] == "queued"), {"sessions": 0, "ready": 0, "seconds": 0.0})
    depth = {"ready": float(queued["ready"]), "later": float(queued["sessions"] - queued["ready"])}
    return [
        by("sessions", "Sessions that have not ended, and dead letters, by status.", "status", STATUSES, counts),
        by("queue_sessions", "Sessions that wait for a worker, and those that are not ready yet.", "state",
           ("ready", "later"), depth),
        single("queue_seconds", "For how long the first session that is ready has waited for a worker.", queued["seconds"]),
    ]  # fmt: skip


def _breakers(rows: Sequence[Row]) -> Metric:
    states = sorted(BREAKER.states - {BREAKER.start})
    samples: dict[tuple[str, ...], float] = {(kind, state): 0.0 for kind in KINDS for state in states}
    samples |= {(row["kind"], row["status"]): float(row["breakers"]) for row in rows}
    return Metric("breakers", "Breakers that are not simply closed.", ("kind", "state"), samples)


def _budgets(rows: Sequence[Row]) -> list[Metric]:
    says = {
        "cap": "What may be spent on models in the period that runs, in micro-dollars; of the newest hundred budgets.",
        "spent": "What is spent of it, in micro-dollars.",
        "reserved": "What questions under way may cost, in micro-dollars.",
    }
    return [
        Metric(f"budget_{what}_microusd", text, ("scope", "period"), {(row["scope"], row["period"]): row[what] for row in rows})
        for what, text in says.items()
    ]
