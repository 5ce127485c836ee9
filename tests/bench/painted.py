"""A large house's queue in a real browser: when its first row is painted, and what an open page costs while nothing happens."""

import json
import subprocess
import sys
from collections.abc import Iterator

from tests.bench.filling import fill
from tests.bench.options import Options
from tests.bench.report import Figure, percentile
from tests.bench.stage import ROOT, serving, stage, working

TIMES = 15
IDLE_S = 60


def measure(options: Options) -> Iterator[Figure]:
    """The slow end of so many first visits; then a minute of an open page."""
    with stage() as here:
        with working(here):
            here.run("people", 1, "--at-once", 1, "--leave-open")
        fill(here, waiting=options.waiting)
        (cookie,) = here.run("signing", "reviewer", 1)["cookies"]
        with serving(here) as (address, _):
            command = [sys.executable, "-m", "tests.bench.opening", address, str(TIMES), str(IDLE_S)]
            done = subprocess.run(
                command, env=here.environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, input=cookie, text=True
            )
    told = json.loads(done.stdout.splitlines()[-1])
    rows, idle = [one["row"] for one in told["painted"]], told["idle"]
    parts = {
        f"{name}_p50": percentile([one[name] or 0.0 for one in told["painted"]], 0.5)
        for name in ("first_byte", "html", "paint")
    }
    more = {"p50": percentile(rows, 0.5), "most": max(rows), **parts, "visits": TIMES, "waiting": options.waiting}
    yield Figure(
        "first row of the queue painted, from the navigation's start: p95",
        percentile(rows, 0.95),
        "ms",
        must="<= 1000",
        detail=more,
    )
    beside = idle["requests"] + len(idle["sent"]) + sum(count for kind, count in idle["heard"].items() if kind != "ping")
    yield Figure(
        f"open page, {IDLE_S} s without events: requests and messages beside the ping", float(beside), must="<= 0", detail=idle
    )
