"""Sessions through one worker, fifty at once, beside the bare loop: CPU of each part, transactions, rows and bytes.

Rounds are interleaved (bare loop with each transport, then the product) and the median of each figure counts, so that
what else the machine does falls on all of them alike.
"""

from collections.abc import Iterator
from statistics import median
from typing import Any

from tests.bench.options import Options
from tests.bench.processes import cpu_s
from tests.bench.report import Figure
from tests.bench.stage import DRAIN, Stage, stage, working

AT_ONCE = 50
LOG_TABLES = "('audit_entry', 'audit_log_index', 'audit_pending', 'audit_stream', 'audit_content', 'audit_log')"


def bare(here: Stage, sessions: int, at_once: int, transport: str) -> dict[str, float]:
    """The bare loop's figures."""
    return here.run("bare", here.model_url, sessions, at_once, transport)


def product(here: Stage, sessions: int, at_once: int, command: tuple[str, ...] = DRAIN) -> dict[str, float]:
    """The product's figures for that many sessions."""
    with working(here, sessions=max(50, at_once), command=command) as worker:
        here.run("people", 20, "--at-once", 20)  # warm
        before = stored(here) | _cpu(here, worker)
        went = here.run("people", sessions, "--at-once", at_once)
        after = _cpu(here, worker) | stored(here)
    each = {name: (after[name] - before[name]) / sessions for name in after}
    return {**each, "rate": went["rate"], "people_cpu_ms": went["cpu_ms"]}


def measure(options: Options) -> Iterator[Figure]:
    """All figures of the work with fifty sessions at once."""
    with stage() as here:
        rounds = [_round(here, options.sessions) for _ in range(options.rounds)]
    default, aiohttp, ours = (
        {name: median(one[part][name] for one in rounds) for name in rounds[0][part]} for part in range(3)
    )
    said = {"sessions": options.sessions, "rounds": options.rounds, "at_once": AT_ONCE}
    same = [one[2]["worker_cpu_ms"] / one[1]["cpu_ms"] for one in rounds]
    other = [one[2]["worker_cpu_ms"] / one[0]["cpu_ms"] for one in rounds]
    yield Figure(
        "bare loop, default transport: CPU per session", default["cpu_ms"], "ms", detail={"rate": default["rate"], **said}
    )
    yield Figure(
        "bare loop, aiohttp transport: CPU per session", aiohttp["cpu_ms"], "ms", detail={"rate": aiohttp["rate"], **said}
    )
    yield Figure(
        "worker CPU over the bare loop, same (aiohttp) transport",
        median(same),
        must="<= 1.5",
        detail={"each_round": _short(same)},
    )
    yield Figure(
        "worker CPU over the bare loop, default transport", median(other), aim="< 1.0", detail={"each_round": _short(other)}
    )
    yield Figure("worker CPU per session", ours["worker_cpu_ms"], "ms")
    yield Figure("PostgreSQL CPU per session", ours["postgres_cpu_ms"], "ms", must="<= 8")
    yield Figure(
        "CPU per session of the rest",
        ours["people_cpu_ms"],
        "ms",
        detail={"of": "who starts and decides", "model_cpu_ms": ours["model_cpu_ms"]},
    )
    yield Figure("sessions per second", ours["rate"], detail={"bare_default": default["rate"], "bare_aiohttp": aiohttp["rate"]})
    yield Figure("write transactions per session", ours["transactions"], must="<= 4")
    yield Figure("rows per session without audit and content", ours["rows"], must="<= 24")
    yield Figure("KiB per session without audit and content", ours["bytes"] / 1024, "KiB", must="<= 8")
    yield Figure("rows per session, all", ours["all_rows"], must="<= 80")
    yield Figure("KiB per session, all", ours["all_bytes"] / 1024, "KiB", must="<= 40")


def _round(here: Stage, sessions: int) -> tuple[dict[str, float], dict[str, float], dict[str, float]]:
    return bare(here, sessions, AT_ONCE, "default"), bare(here, sessions, AT_ONCE, "aiohttp"), product(here, sessions, AT_ONCE)


def _cpu(here: Stage, worker: int) -> dict[str, float]:
    parts = {"worker": worker, "postgres": here.postmaster, "model": here.model.pid}
    return {f"{name}_cpu_ms": cpu_s(pid) * 1000 for name, pid in parts.items()}


def stored(here: Stage) -> dict[str, float]:
    """Rows, bytes and write transactions so far."""
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


def _short(values: list[float]) -> list[Any]:
    return [round(value, 2) for value in values]
