"""The pages of a large house's queue: thousands wait, a million were decided, and a page answers in no time.

A real web process, asked by one signed-in reviewer for one page after the other: from the request to the last byte of
the answer, and what it cost the web process and PostgreSQL.
"""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import httpx2

from tests.bench.filling import fill
from tests.bench.options import Options
from tests.bench.processes import cpu_s
from tests.bench.report import Figure, percentile
from tests.bench.stage import Stage, serving, stage, working

PAGES = {
    "first page": "/approvals/",
    "one tier": "/approvals/?tier=destructive",
    "what I can decide of one tool": "/approvals/?tool=transfer_funds&can=1",
    "three filters": "/approvals/?risk=4&agent=agent-2&taint=1",
    "words": "/approvals/?q=person17",
    "one request, by its address": "/approvals/AP-{request}/",
    "the list anew": "/approvals/?fragment=queue",
    "the numbers anew": "/approvals/?fragment=counts",
    "decided": "/approvals/?state=decided",
    "decided, two filters": "/approvals/?state=decided&tool=transfer_funds&risk=4",
    "decided, words": "/approvals/?state=decided&q=person1999",
    "measures": "/measures/",
}
MUST = {name: "<= 150" for name in PAGES if not name.startswith(("decided", "measures"))}
WARM = 3


@dataclass(slots=True)
class Looks:
    """How long one page took each time, in milliseconds, and what all of them cost."""

    wall: list[float] = field(default_factory=list)
    web: float = 0
    postgres: float = 0
    kib: float = 0


def measure(options: Options) -> Iterator[Figure]:
    """Each page so often, in turn, so that what else the machine does falls on all of them alike."""
    with stage() as here:
        with working(here):
            here.run("people", 1, "--at-once", 1, "--leave-open")
        fill(here, waiting=options.waiting, decided=options.decided)
        (cookie,) = here.run("signing", "reviewer", 1)["cookies"]
        with (
            serving(here) as (address, web),
            httpx2.Client(base_url=f"http://{address}", headers={"Cookie": cookie}, timeout=60) as http,
        ):
            looks = _looked(here, web, http, options.looks)
    said = {"waiting": options.waiting, "decided": options.decided, "looks": options.looks}
    for name, look in looks.items():
        each = {"web_cpu_ms": look.web / options.looks, "postgres_cpu_ms": look.postgres / options.looks}
        more = {"p50": percentile(look.wall, 0.5), "most": max(look.wall), **each, "html_kib": look.kib, **said}
        yield Figure(f"queue, {name}: p95", percentile(look.wall, 0.95), "ms", must=MUST.get(name, ""), detail=more)


def _looked(here: Stage, web: int, http: httpx2.Client, count: int) -> dict[str, Looks]:
    request = here.query("SELECT min(number) FROM approvals_approvalrequest WHERE status = 'pending' AND number > 100000")
    looks = {name: Looks() for name in PAGES}
    for number in range(WARM + count):
        for name, look in looks.items():
            before, began = (cpu_s(web), cpu_s(here.postmaster)), time.monotonic()
            answer = http.get(PAGES[name].format(request=request)).raise_for_status()
            took = (time.monotonic() - began) * 1000
            if number >= WARM:
                look.wall.append(took)
                look.web += (cpu_s(web) - before[0]) * 1000
                look.postgres += (cpu_s(here.postmaster) - before[1]) * 1000
            look.kib = len(answer.content) / 1024
    return looks
