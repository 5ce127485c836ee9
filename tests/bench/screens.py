"""From a decision to another reviewer's screen: the event at the websocket, and the changed fragments of the page.

A real web process, a signed-in websocket client, and the decision made by another process. The page's script waits up
to 60 ms at random before it fetches, and so does the client here; what a browser needs to draw is not in it.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

from tests.bench.options import Options
from tests.bench.report import Figure, percentile
from tests.bench.stage import ROOT, Stage, ending, serving, stage, working
from tests.waiting import wait_until

WARM = 5


def measure(options: Options) -> Iterator[Figure]:
    """The slow end of so many decisions, one at a time."""
    with stage() as here, working(here), serving(here) as (address, _):
        decisions, seen = _watched(here, address, options.decisions + WARM)
    events = _since(decisions, seen["events"])
    pages = _since(decisions, seen["pages"])
    said = {"decisions": len(events)}
    more = {"p50": percentile(events, 0.5), "most": max(events)}
    yield Figure(
        "decision to the event at another reviewer's socket: p95",
        percentile(events, 0.95),
        "ms",
        must="<= 60",
        detail=said | more,
    )
    fetch = percentile(seen["fetched_ms"][WARM:], 0.5)
    more = {"p50": percentile(pages, 0.5), "most": max(pages), "fetch_p50_ms": fetch}
    yield Figure("decision to the changed page: p95", percentile(pages, 0.95), "ms", must="<= 200", detail=said | more)


def _watched(here: Stage, address: str, count: int) -> tuple[list[dict[str, int]], dict[str, Any]]:
    ready = here.folder / "watching"
    command = [sys.executable, "-m", "tests.bench.watching", address, str(ready), "--decisions", str(count)]
    watcher = subprocess.Popen(command, env=here.environment, cwd=ROOT, stdout=subprocess.PIPE)
    with ending(watcher):
        wait_until(ready.exists, seconds=60)
        decisions = here.run("deciding", count)["decisions"]
        told, _ = watcher.communicate(timeout=60)
    return decisions[WARM:], json.loads(told)


def _since(decisions: list[dict[str, int]], seen: dict[str, int]) -> list[float]:
    return [(seen[str(one["request"])] - one["committed_ns"]) / 1e6 for one in decisions]
