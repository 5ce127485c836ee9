"""`python -m tests.bench [SESSIONS]`: all figures as JSON lines."""

import json
import sys
from typing import Any

from tests.bench.stage import stage
from tests.bench.throughput import bare, product


def say(figure: str, value: float, *, limit: str = "", **more: Any) -> None:
    """Print one figure."""
    print(
        json.dumps({"figure": figure, "value": round(value, 3), **({"must_reach": limit} if limit else {}), **more}), flush=True
    )


def main(sessions: int) -> None:
    """Measure and print."""
    with stage() as here:
        default = bare(here, sessions, 50, "default")
        aiohttp = bare(here, sessions, 50, "aiohttp")
        ours = product(here, sessions, 50)
        say("bare loop, default transport: CPU ms per session", default["cpu_ms"], rate=default["rate"])
        say("bare loop, aiohttp transport: CPU ms per session", aiohttp["cpu_ms"], rate=aiohttp["rate"])
        for name, value in ours.items():
            say(f"product: {name}", value)
        say("worker CPU over the bare loop, same transport", ours["worker_cpu_ms"] / aiohttp["cpu_ms"], limit="<= 1.5")
        say("worker CPU over the bare loop, default transport", ours["worker_cpu_ms"] / default["cpu_ms"], limit="aim < 1.0")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 300)
