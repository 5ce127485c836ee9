"""Three hundred sessions at once with a model that takes half a second: what share of the bare loop's rate is kept."""

from collections.abc import Iterator

from tests.bench.options import Options
from tests.bench.report import Figure
from tests.bench.stage import stage
from tests.bench.throughput import bare, product

AT_ONCE = 300
DELAY_S = 0.5


def measure(options: Options) -> Iterator[Figure]:
    """The product's rate over the bare loop's, with both transports of the same run."""
    with stage(delay_s=DELAY_S) as here:
        default = bare(here, options.crowd, AT_ONCE, "default")
        aiohttp = bare(here, options.crowd, AT_ONCE, "aiohttp")
        ours = product(here, options.crowd, AT_ONCE)
    said = {"rate": ours["rate"], "sessions": options.crowd, "at_once": AT_ONCE, "model_delay_s": DELAY_S}
    parts = {name: ours[name] for name in ("worker_cpu_ms", "postgres_cpu_ms", "people_cpu_ms", "model_cpu_ms", "transactions")}
    yield Figure(
        "300 at once, model 0.5 s: share of the bare loop's rate, default transport", ours["rate"] / default["rate"],
        must=">= 0.6", aim=">= 0.75", detail={**said, "bare_rate": default["rate"], "bare_cpu_ms": default["cpu_ms"], **parts},
    )  # fmt: skip
    yield Figure(
        "300 at once, model 0.5 s: share of the bare loop's rate, aiohttp transport", ours["rate"] / aiohttp["rate"],
        must=">= 0.6", aim=">= 0.75", detail={**said, "bare_rate": aiohttp["rate"], "bare_cpu_ms": aiohttp["cpu_ms"]},
    )  # fmt: skip
