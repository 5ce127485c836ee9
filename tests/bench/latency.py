"""From a decision's commit to the first instruction of the tool, in another process, while nothing else happens."""

from collections.abc import Iterator

from tests.bench.options import Options
from tests.bench.report import Figure, percentile
from tests.bench.stage import stage, working

WARM = 10


def measure(options: Options) -> Iterator[Figure]:
    """The median and the slow end of so many decisions, one at a time, without an undo period."""
    with stage() as here:
        marks = here.folder / "marks"
        with working(here, BENCH_MARKS=str(marks)):
            decisions = here.run("deciding", options.decisions + WARM)["decisions"][WARM:]
        entered = dict(line.split() for line in marks.read_text(encoding="ascii").splitlines())
    took = [(int(entered[one["session"]]) - one["committed_ns"]) / 1e6 for one in decisions]
    said = {"decisions": len(took), "least": min(took), "most": max(took)}
    yield Figure("decision's commit to the tool's entry: p50", percentile(took, 0.5), "ms", must="<= 12", detail=said)
    yield Figure("decision's commit to the tool's entry: p95", percentile(took, 0.95), "ms", must="<= 40", detail=said)
