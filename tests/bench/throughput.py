"""Sessions through one worker, fifty at once: CPU of each part, transactions, rows and bytes."""

import json
import subprocess
import sys
from typing import Any

from tests.bench.processes import cpu_s
from tests.bench.stage import ROOT, Stage, working

LOG_TABLES = "('audit_entry', 'audit_log_index', 'audit_pending', 'audit_stream', 'audit_content', 'audit_log')"


def bare(here: Stage, sessions: int, at_once: int, transport: str) -> dict[str, float]:
    """The bare loop's figures."""
    command = [sys.executable, "-m", "tests.bench.bare", here.model_url, str(sessions), str(at_once), transport]
    found = subprocess.run(command, env=here.environment, cwd=ROOT, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(found.stdout)
    return figures


def people(here: Stage, sessions: int, at_once: int) -> dict[str, float]:
    """Start and decide that many sessions; returns how fast they went."""
    command = [sys.executable, "-m", "tests.bench.people", str(sessions), str(at_once)]
    found = subprocess.run(command, env=here.environment, cwd=ROOT, check=True, capture_output=True, text=True)
    figures: dict[str, float] = json.loads(found.stdout.splitlines()[-1])
    return figures


def product(here: Stage, sessions: int, at_once: int) -> dict[str, Any]:
    """The product's figures for that many sessions."""
    with working(here, sessions=max(50, at_once)) as worker:
        people(here, 20, 20)  # warm
        before = {**_counts(here), "worker": cpu_s(worker), "postgres": cpu_s(here.postmaster)}
        rate = people(here, sessions, at_once)
        after = {"worker": cpu_s(worker), "postgres": cpu_s(here.postmaster)} | _counts(here)
    each = {name: (after[name] - before[name]) / sessions for name in after}
    return {
        "rate": rate["rate"],
        "worker_cpu_ms": each["worker"] * 1000,
        "postgres_cpu_ms": each["postgres"] * 1000,
        "write_transactions": each["transactions"],
        "rows": each["rows"],
        "kib": each["bytes"] / 1024,
        "rows_with_log": each["all_rows"],
        "kib_with_log": each["all_bytes"] / 1024,
    }


def _counts(here: Stage) -> dict[str, float]:
    here.query("VACUUM")  # bytes of dead rows are not stored rows
    rows, log_rows = _sums(here, "n_tup_ins - n_tup_del")
    size, log_size = _sums(here, "pg_total_relation_size(relid)")
    return {
        "transactions": float(here.query("SELECT pg_snapshot_xmax(pg_current_snapshot())::text::numeric")),
        "rows": rows,
        "all_rows": rows + log_rows,
        "bytes": size,
        "all_bytes": size + log_size,
    }


def _sums(here: Stage, expression: str) -> tuple[float, float]:
    sql = f"SELECT coalesce(sum({expression}), 0) FROM pg_stat_user_tables WHERE (relname IN {LOG_TABLES}) = %s"
    here.query("SELECT pg_stat_force_next_flush()")
    return float(here.query(sql, False)), float(here.query(sql, True))
