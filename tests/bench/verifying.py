"""Fills a log and verifies it from inside: `python -m tests.bench.verifying ENTRIES`.

Entries are those of sessions of forty, fifty of which go on at once, with bodies as large as in life, appended by the product's own
function. The last line is JSON: what each way of verifying cost, in entries a second of processor time, of this process and of
the database's that works for it together.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import django

django.setup()

from django.db import connection  # noqa: E402  settings first

from audit.actors import Actor  # noqa: E402
from audit.canonical import Json  # noqa: E402
from audit.events import EventKind  # noqa: E402
from audit.index import index_log  # noqa: E402
from audit.services import Entry, record  # noqa: E402
from audit.verify import verify  # noqa: E402
from audit.verify_sets import chain_holds, parts  # noqa: E402
from tests.bench.processes import cpu_s  # noqa: E402

AT_ONCE, LONG, BATCH = 50, 40, 2000
AGENT = Actor("agent", "research-assistant", "research-assistant")
KINDS = (EventKind.TURN_STARTED, EventKind.TURN_PLANNED, EventKind.TOOL_CALL_PROPOSED, EventKind.TOOL_CALL_ALLOWED,
         EventKind.TOOL_CALL_EXECUTING, EventKind.TOOL_CALL_SUCCEEDED)  # fmt: skip


def entry(number: int) -> Entry:
    """The entry of a number: its session's next."""
    group, place = divmod(number, AT_ONCE * LONG)
    step, member = divmod(place, AT_ONCE)
    ref = f"S-{group * AT_ONCE + member + 1}"
    facts: dict[str, Json] = {
        "tool": "bench_send", "key": f"{ref}/{step}/1", "tier": "irreversible_write", "policy": 3, "definition": f"{number:064x}",
        "digest": f"{number + 1:064x}", "result": f"{number + 2:064x}", "duration_ms": number % 900,
    }  # fmt: skip
    return Entry(f"session:{ref}", KINDS[step % len(KINDS)], AGENT, facts, ids=(ref,), trace=f"{number:032x}", span=f"{number:016x}",
                 closes=step == LONG - 1)  # fmt: skip


def fill(count: int) -> None:
    """Append so many entries."""
    for start in range(0, count, BATCH):
        record([entry(number) for number in range(start, min(count, start + BATCH))])
        index_log()
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def cost(work: Callable[[], object]) -> dict[str, float]:
    """What doing it costs: seconds of processor here and in the database, and seconds by the clock."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (backend,) = cursor.fetchone()
    theirs, ours, began = cpu_s(backend), time.process_time(), time.monotonic()
    work()
    return {"cpu_s": cpu_s(backend) - theirs + time.process_time() - ours, "s": time.monotonic() - began}


def hashes_alone(count: int) -> None:
    """Every hash and every link."""
    assert all(chain_holds(part) is not None for part in parts(0, count))


def main(count: int) -> None:
    """Fill, verify in each way, print."""
    fill(count)
    with connection.cursor() as cursor:
        cursor.execute("SET max_parallel_workers_per_gather = 0")  # what other processes do for it is not counted
    told: dict[str, Any] = {"hashes": cost(lambda: hashes_alone(count)), "whole": cost(verify)}
    told["walked"] = cost(lambda: verify(in_sets=False))
    print(json.dumps(told))
    connection.close()


if __name__ == "__main__":
    main(int(sys.argv[1]))
