"""Suites: a run of many cases by one of two workers, two such runs at once, and whether the same seed gave the same each time."""

from collections.abc import Iterator
from typing import Any

from tests.bench.options import Options
from tests.bench.processes import cpu_s
from tests.bench.report import Figure
from tests.bench.stage import Stage, ending, stage, start

EVALUATOR = ("-m", "tests.bench.evaluator")
REPEATS = 3


def measure(options: Options) -> Iterator[Figure]:
    """Seconds from the start of a run to its end, model and database on the same machine."""
    with (
        stage() as here,
        ending(start(*EVALUATOR, environment=here.environment)) as one,
        ending(start(*EVALUATOR, environment=here.environment)) as other,
    ):
        here.run("suiting", options.cases, 1, 1)  # what starting costs is over, and each worker has played
        first, spent = _played(here, options, 1, [one.pid, other.pid])
        both, _ = _played(here, options, 2, [one.pid, other.pid])
    rehearsals, all_ = options.cases * REPEATS, [*first["runs"], *both["runs"]]
    yield Figure(
        f"{options.cases} cases three times, one run", first["seconds"], "s", must="< 60",
        detail={"rehearsals": rehearsals, "passed": first["runs"][0]["passed"], "worker_cpu_ms_each": spent * 1000 / rehearsals},
    )  # fmt: skip
    yield Figure("two such runs at once, by two workers", both["seconds"], "s", detail={"rehearsals": 2 * rehearsals})
    prints = {run["fingerprint"] for run in all_ if run["status"] == "done"}
    undone = sum(run["status"] != "done" for run in all_)
    yield Figure("results that differ with the same seed", len(prints) - 1 + undone, must="<= 0", detail={"runs": len(all_)})


def _played(here: Stage, options: Options, runs: int, workers: list[int]) -> tuple[dict[str, Any], float]:
    """Play so many runs; what the program told, and the CPU that the workers took for it."""
    before = sum(map(cpu_s, workers))
    told = here.run("suiting", options.cases, REPEATS, runs)
    return told, sum(map(cpu_s, workers)) - before
