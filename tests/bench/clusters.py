"""What the whole worker costs beside its drain: `manage.py worker` with both queue clusters, working and idle."""

import time
from collections.abc import Iterator

from tests.bench.options import Options
from tests.bench.processes import cpu_s
from tests.bench.report import Figure
from tests.bench.stage import Stage, stage, working
from tests.bench.throughput import AT_ONCE, bare, product

WHOLE = ("manage.py", "worker")
IDLE_S = 20.0
STARTED_S = 5.0  # what starting the clusters costs is over


def measure(options: Options) -> Iterator[Figure]:
    """CPU of the whole worker beside the drain alone in the same run, and of each when there is nothing to do."""
    with stage() as here:
        loop = bare(here, options.sessions, AT_ONCE, "aiohttp")
        drain = product(here, options.sessions, AT_ONCE)
        whole = product(here, options.sessions, AT_ONCE, WHOLE)
        idle = _idle(here)
    yield Figure(
        "whole worker (both clusters): CPU per session", whole["worker_cpu_ms"], "ms",
        detail={"drain_alone": drain["worker_cpu_ms"], "bare_aiohttp": loop["cpu_ms"], "over_bare": whole["worker_cpu_ms"] / loop["cpu_ms"],
                "postgres_cpu_ms": whole["postgres_cpu_ms"], "rate": whole["rate"], "transactions": whole["transactions"]},
    )  # fmt: skip
    yield Figure(
        "whole worker without work: share of a core",
        idle["worker"],
        "%",
        detail={"postgres": idle["postgres"], "seconds": IDLE_S},
    )


def _idle(here: Stage) -> dict[str, float]:
    with working(here, command=WHOLE) as worker:
        time.sleep(STARTED_S)
        roots = {"worker": worker, "postgres": here.postmaster}
        before = {name: cpu_s(root) for name, root in roots.items()}
        time.sleep(IDLE_S)
        return {name: (cpu_s(root) - before[name]) / IDLE_S * 100 for name, root in roots.items()}
