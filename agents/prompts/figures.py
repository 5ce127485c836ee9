"""What the sessions of a prompt's versions came to since a time: one statement over sessions, their calls and decisions.

Sessions are found by the time in their ids, which index them; so an installation pays for this only when somebody looks, or
while a canary is live. What people ended and what was a dry run says nothing about a version and is left out.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.db.models import Min

from agents.models import Release
from agents.prompts.guards import MEASURES, Counted, Sample
from agents.prompts.releases import Routed
from audit.connection import read

MOST = 50_000  # sessions of one reading: the newest
CLOCKS = timedelta(minutes=5)  # by which a process's clock, which makes ids, may differ from the database's
_RAN = "('succeeded', 'failed', 'invalid', 'unknown', 'resolved')"
_WRONG = "('failed', 'invalid', 'unknown')"

STATEMENT = f"""
WITH s AS MATERIALIZED (
    SELECT id, prompt_version_id AS version, status, cost_microusd AS cost, turns, active_ms AS latency,
        status IN ('completed', 'waiting_input', 'halted', 'failed', 'expired', 'dead_letter') AS rests,
        status IN ('completed', 'waiting_input', 'expired') AND answer_id IS NOT NULL AND NOT partial AS completed
    FROM agents_session
    WHERE id >= %s AND created_at >= %s AND prompt_version_id = ANY(%s) AND NOT dry_run
    ORDER BY id DESC LIMIT {MOST}
), called AS (
    SELECT c.session_id AS id, bool_or(c.status IN {_WRONG}) AS wrong
    FROM agents_toolcall c WHERE c.session_id IN (SELECT id FROM s) AND c.status IN {_RAN} GROUP BY 1
), decided AS (
    SELECT r.session_id AS id, bool_or(v.verdict = 'approve') AS approval, bool_or(v.verdict = 'reject') AS rejection,
        bool_or(v.verdict = 'edit') AS edit
    FROM approvals_approvalrequest r JOIN approvals_decision v ON v.request_id = r.id
    WHERE r.session_id IN (SELECT id FROM s) AND r.kind = 'tool_call' AND v.voided = '' AND v.standing_id IS NULL GROUP BY 1
)
SELECT s.version, count(*) AS started,
    count(*) FILTER (WHERE rests) AS rests_n,
    count(*) FILTER (WHERE completed) AS completion,
    count(*) FILTER (WHERE status IN ('failed', 'dead_letter')) AS error,
    count(*) FILTER (WHERE status = 'halted') AS halt,
    count(called.id) AS called_n, count(*) FILTER (WHERE called.wrong) AS tool_error,
    count(decided.id) AS decided_n, count(*) FILTER (WHERE decided.approval) AS approval,
    count(*) FILTER (WHERE decided.rejection) AS rejection, count(*) FILTER (WHERE decided.edit) AS edit,
    {
    ", ".join(
        f"avg(s.{name}) FILTER (WHERE rests)::float8 AS {name}_mean,"
        f" var_samp(s.{name}) FILTER (WHERE rests)::float8 AS {name}_variance"
        for name in ("cost", "turns", "latency")
    )
}
FROM s LEFT JOIN called ON called.id = s.id LEFT JOIN decided ON decided.id = s.id GROUP BY s.version
"""  # noqa: S608  constants of this module
_OF: Mapping[str, str] = {"tool_error": "called_n", **dict.fromkeys(("approval", "rejection", "edit"), "decided_n")}


def counted(versions: Sequence[UUID], since: datetime) -> dict[UUID, Counted]:
    """Return what the sessions of these versions that began since a time came to, by version and measure."""
    rows = read(STATEMENT, [first_id(since - CLOCKS), since, list(versions)])
    nothing = dict.fromkeys(MEASURES, Sample(0))
    return dict.fromkeys(versions, nothing) | {row["version"]: _samples(row) for row in rows}


def since(now: Routed) -> datetime | None:
    """Return since when the traffic goes as it does now; None where no version is live.

    A share that changed begins anew: with it the mix of days and hours changes, in which both versions are compared.
    """
    return min((row.started_at for row in now.rows), default=None)


def began(version: UUID) -> datetime | None:
    """Return when a version was first released, or None."""
    found: datetime | None = Release.objects.filter(version_id=version).aggregate(at=Min("started_at"))["at"]
    return found


def first_id(at: datetime) -> UUID:
    """Return the least id that could be made at a time (RFC 9562, version 7)."""
    return UUID(int=int(at.timestamp() * 1000) << 80)


def _samples(row: Mapping[str, Any]) -> Counted:
    return {name: _sample(name, measure.kind, row) for name, measure in MEASURES.items()}


def _sample(name: str, kind: str, row: Mapping[str, Any]) -> Sample:
    n = row[_OF.get(name, "rests_n")]
    if kind == "mean":
        return Sample(n, mean=row[f"{name}_mean"] or 0.0, variance=row[f"{name}_variance"] or 0.0)
    return Sample(n, events=row[name])
