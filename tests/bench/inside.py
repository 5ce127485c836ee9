"""Verification from inside: entries a second of one processor, for hashes alone, for everything, and for the walk that names."""

from collections.abc import Iterator

from tests.bench.options import Options
from tests.bench.report import Figure
from tests.bench.stage import stage


def measure(options: Options) -> Iterator[Figure]:
    """Fill a log and verify it in each way."""
    with stage() as here:
        told = here.run("verifying", options.entries)
    for name, must in (("hashes", ">= 150000"), ("whole", ""), ("walked", "")):
        cost = told[name]
        detail = {"entries": options.entries, "seconds": cost["s"], "cpu_seconds": cost["cpu_s"]}
        yield Figure(
            f"entries verified a second of processor: {name}", options.entries / cost["cpu_s"], "1/s", must=must, detail=detail
        )
