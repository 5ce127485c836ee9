"""Hundreds of open pages and twenty events a second: how late an event is, whether one is lost, what the pages show after it.

One web process. Most of the sockets are bare, some belong to pages in a real browser, which fetch what changed as they always
do. Every event is an act on one of the first requests of the queue, so that every page has to show it.
"""

import contextlib
import json
import subprocess
import sys
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

from tests.bench.browsing import GIVES_WAY
from tests.bench.filling import fill
from tests.bench.options import Options
from tests.bench.processes import cpu_s
from tests.bench.report import Figure, percentile
from tests.bench.stage import ROOT, Stage, ending, serving, stage, working
from tests.waiting import wait_until

A_SECOND = 20
MOST_WAITING = 2_000  # that thousands wait is the other benchmarks' subject


def measure(options: Options) -> Iterator[Figure]:
    """Lateness of all events at all bare sockets, what was lost, and when the pages were as a new load is."""
    with stage() as here:
        with working(here):
            here.run("people", 1, "--at-once", 1, "--leave-open")
        waiting = min(options.waiting, MOST_WAITING)
        fill(here, waiting=waiting)
        with serving(here) as (address, web):
            before = cpu_s(web)
            stirred, heard, pages = _burst(here, address, options)
            spent = cpu_s(web) - before
    late, lost, bare = [], 0, options.sockets - options.pages
    for at, arrived in _matched(stirred["moments"], heard):
        lost += bare - len(arrived)
        late += [(one - at) / 1e6 for one in arrived]
    said = {
        "sockets": bare,
        "pages": options.pages,
        "events": len(stirred["moments"]),
        "seconds": stirred["took_s"],
        "waiting": waiting,
        "browsers_nice": GIVES_WAY,
    }
    more = {"p50": percentile(late, 0.5), "most": max(late), "web_cpu_share": spent / stirred["took_s"], **said}
    yield Figure("burst, commit to the event at each socket: p95", percentile(late, 0.95), "ms", must="<= 300", detail=more)
    yield Figure("burst, events lost, gaps and closed sockets", float(lost + heard["gaps"] + heard["closed"]), must="<= 0",
                 detail={"lost": lost, "gaps": heard["gaps"], "closed": heard["closed"]})  # fmt: skip
    after = [at if at is not None else 99.0 for at in pages["equal_after_s"]]
    yield Figure("burst, pages as a new load is: the last one after", max(after, default=0.0), "s", must="<= 2", detail=pages)


def _matched(moments: list[tuple[str, str, int]], heard: dict[str, Any]) -> Iterator[tuple[int, list[int]]]:
    """Each act's commit with the arrivals of its event; what happens to one request again is told in the same order."""
    events: dict[str, list[str]] = defaultdict(list)
    for n in sorted(heard["named"], key=int):
        events[" ".join(heard["named"][n].split()[:2])].append(n)
    for kind, ref, at in moments:
        told = events[f"{kind} {ref}"]
        yield at, heard["arrivals"][told.pop(0)] if told else []


def _burst(here: Stage, address: str, options: Options) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    cookies = here.run("signing", "reviewer", options.sockets)["cookies"]
    bare, browsing = cookies[options.pages :], cookies[: options.pages]
    people = " ".join(f"{cookie} {path}" for cookie, path in zip(browsing, _paths(here, options.pages), strict=True))
    with contextlib.ExitStack() as stack:
        listener = _program(stack, here, "listening", address, " ".join(bare))
        browser = _program(stack, here, "browsing", address, people)
        wait_until(lambda: all(_there(here, name) for name in ("listening", "browsing")), seconds=200)
        stirred = here.run("stirring", options.burst_s, A_SECOND)
        (here.folder / "over").touch()
        return stirred, _said(listener), _said(browser)


def _paths(here: Stage, count: int) -> list[str]:
    """Mostly the queue; some have one request open, some look at the sessions."""
    numbers = here.rows(
        "SELECT number FROM approvals_approvalrequest WHERE status = 'pending' ORDER BY expires_at OFFSET 100 LIMIT %s", count
    )
    special = {3: "/approvals/AP-{}/", 7: "/sessions/"}
    return [special.get(place % 10, "/approvals/").format(number) for place, (number,) in enumerate(numbers)]


def _program(stack: contextlib.ExitStack, here: Stage, name: str, address: str, words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", f"tests.bench.{name}", address, str(here.folder)]
    process = subprocess.Popen(
        command, env=here.environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    stack.enter_context(ending(process))
    if process.stdin is None:
        raise RuntimeError("it has no standard input")
    process.stdin.write(words)
    process.stdin.close()
    return process


def _there(here: Stage, name: str) -> bool:
    return (here.folder / name).exists()


def _said(process: subprocess.Popen[str]) -> dict[str, Any]:
    if process.stdout is None:
        raise RuntimeError("it has no standard output")
    told: dict[str, Any] = json.loads(process.stdout.read().splitlines()[-1])
    process.wait(30)
    return told
