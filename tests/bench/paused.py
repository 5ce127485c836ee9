"""What waiting sessions cost in memory: thousands start, stop at an approval, and stay there.

Counted for every process of the installation: worker, web with one open live feed, model, PostgreSQL. Pages of
PostgreSQL's shared cache, a fixed size, are counted apart: each of its processes shows those that it has touched.
"""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager

from tests.bench.options import Options
from tests.bench.processes import memory_kib
from tests.bench.report import Figure
from tests.bench.stage import ROOT, Stage, ending, serving, stage, working
from tests.waiting import wait_until

WARM = 300
AT_ONCE = 50
SETTLE_S = 8


def measure(options: Options) -> Iterator[Figure]:
    """How much more memory all processes use when so many sessions wait."""
    with stage() as here, working(here) as worker, serving(here) as (address, web), _following(here, address):
        roots = {"worker": worker, "web": web, "model": here.model.pid, "postgres": here.postmaster}
        here.run("people", WARM, "--at-once", AT_ONCE, "--leave-open")
        before = _settled(roots)
        went = here.run("people", options.paused, "--at-once", AT_ONCE, "--leave-open")
        after = _settled(roots)
        waiting = int(here.query("SELECT count(*) FROM agents_session WHERE status = 'waiting_approval'"))
    grown = {name: (after[name][0] - before[name][0]) / 1024 for name in roots}
    cache = (after["postgres"][1] - before["postgres"][1]) / 1024
    total = sum(grown.values())
    yield Figure(
        "memory of all processes after sessions paused: growth", total, "MiB", must="<= 10",
        detail={"sessions": options.paused, "waiting": waiting, "each": {name: round(mib, 2) for name, mib in grown.items()},
                "bytes_per_session": total * 2**20 / options.paused, "touched_of_shared_cache_mib": cache,
                "before_mib": sum(own for own, _ in before.values()) / 1024, "rate": went["rate"]},
    )  # fmt: skip


def _settled(roots: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Own and shared KiB of each part once nothing happens: the least of several looks."""
    looks = []
    for _ in range(SETTLE_S):
        time.sleep(1)  # what PostgreSQL starts by itself comes and goes
        looks.append({name: memory_kib(root) for name, root in roots.items()})
    return {name: min(look[name] for look in looks) for name in roots}


def _following(here: Stage, address: str) -> AbstractContextManager[object]:
    ready = here.folder / "following"
    command = [sys.executable, "-m", "tests.bench.watching", address, str(ready)]
    process = subprocess.Popen(command, env=here.environment, cwd=ROOT, stdout=subprocess.DEVNULL)
    wait_until(ready.exists, seconds=60)
    return ending(process)
