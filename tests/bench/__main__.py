"""`python -m tests.bench [NAMES] [--sessions N …]`: every figure as a line of JSON."""

import argparse
import dataclasses
import json
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from types import FrameType

from tests.bench import (
    bundled,
    burst,
    clusters,
    crowd,
    evaluations,
    inbox,
    inside,
    latency,
    logged,
    painted,
    paused,
    rest,
    rollback,
    screens,
    starting,
    throughput,
    turns,
)
from tests.bench.options import Options
from tests.bench.report import Figure

Measure = Callable[[Options], Iterator[Figure]]
# Each with the seconds after which it is given up.
BENCHMARKS: dict[str, tuple[Measure, int]] = {
    "throughput": (throughput.measure, 900),
    "crowd": (crowd.measure, 600),
    "latency": (latency.measure, 300),
    "screens": (screens.measure, 300),
    "inbox": (inbox.measure, 480),
    "painted": (painted.measure, 300),
    "burst": (burst.measure, 300),
    "rest": (rest.measure, 300),
    "rollback": (rollback.measure, 600),
    "turns": (turns.measure, 600),
    "evals": (evaluations.measure, 600),
    "clusters": (clusters.measure, 300),
    "start": (starting.measure, 180),
    "clone": (starting.measure_clone, 600),
    "paused": (paused.measure, 1500),
    "audit": (logged.measure, 7200),
    "verify_inside": (inside.measure, 900),
    "verify": (bundled.measure, 300),
}


def run(name: str, options: Options) -> bool:
    """Measure one benchmark and print its figures; False if it could not be measured."""
    measure, seconds = BENCHMARKS[name]
    signal.alarm(seconds)
    began = time.monotonic()
    try:
        for figure in measure(options):
            print(figure.line(name), flush=True)
    except Exception as error:  # noqa: BLE001  the others are still measured
        traceback.print_exc()
        print(json.dumps({"benchmark": name, "error": f"{type(error).__name__}: {error}"}), flush=True)
        return False
    finally:
        signal.alarm(0)
        print(json.dumps({"benchmark": name, "took_s": round(time.monotonic() - began, 1)}), flush=True)
    return True


def _over(number: int, frame: FrameType | None) -> None:
    raise TimeoutError("it took too long and was given up")


def _stopped(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> int:
    """Take the arguments, measure, and return 1 if something could not be measured."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="What the product costs, as JSON lines.")
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=f"what to measure: {', '.join(BENCHMARKS)}; all without a name"
    )
    for field in dataclasses.fields(Options):
        parser.add_argument(f"--{field.name}", type=type(field.default), default=field.default)
    given = vars(parser.parse_args())
    names = given.pop("names") or list(BENCHMARKS)
    if unknown := sorted(set(names) - set(BENCHMARKS)):
        parser.error(f"there is no {', '.join(unknown)}; there are {', '.join(BENCHMARKS)}")
    signal.signal(signal.SIGALRM, _over)
    signal.signal(signal.SIGTERM, _stopped)
    measured = [run(name, Options(**given)) for name in names]
    return 0 if all(measured) else 1


if __name__ == "__main__":
    sys.exit(main())
