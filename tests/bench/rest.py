"""The API with ten and with thousands waiting: listing, creating and deciding beside the plainest answer of the same server.

One web process, one client, one request after the other over a kept connection, the operations in turn. No worker runs
meanwhile, so that nobody else uses the processors.
"""

import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import httpx2

from tests.bench.filling import fill
from tests.bench.options import Options
from tests.bench.report import Figure, percentile
from tests.bench.stage import Stage, serving, stage, working

FEW = 10
TIMES = 100
WARM = 10
# All that a signed-in program may read without naming anything; the fastest of them is what the others are held against.
PLAIN = ("tokens", "stop", "agents", "prompts", "policies", "tools")
LISTS = {"the same ten": "approvals?status=pending&limit=10", "a page of fifty": "approvals?status=pending&limit=50"}
Took = dict[str, list[float]]


def measure(options: Options) -> Iterator[Figure]:
    """Medians, and their ratios within this run."""
    with stage() as here:
        with working(here):
            here.run("people", FEW, "--at-once", FEW, "--leave-open")
        with serving(here) as (address, _):
            callers = _callers(here, address)
            few = _asked(callers, LISTS)
            with working(here):
                here.run("people", TIMES + WARM, "--leave-open")
            fill(here, waiting=options.waiting - FEW - TIMES - WARM)
            many = _asked(callers, LISTS)
            beside = _written(here, callers)
    detail: dict[str, Any]
    said: dict[str, Any] = {"times": TIMES, "waiting": options.waiting}
    for name in LISTS:
        now, then = percentile(many[name], 0.5), percentile(few[name], 0.5)
        detail = {"p50_ms": now, "p50_with_ten_ms": then, "p95_ms": percentile(many[name], 0.95), **said}
        must = "<= 1.2" if name == "the same ten" else ""
        yield Figure(f"list of what waits, {name}: p50 over that with ten waiting", now / then, must=must, detail=detail)
    plain = {path: round(percentile(beside[path], 0.5), 2) for path in PLAIN}
    plainest = min(plain, key=lambda path: plain[path])
    for name in ("create", "decide"):
        p50 = percentile(beside[name], 0.5)
        detail = {
            "p50_ms": p50,
            "p95_ms": percentile(beside[name], 0.95),
            "plainest": plainest,
            "plain_p50_ms": plain,
            **said,
        }
        yield Figure(f"{name}: p50 over the plainest signed-in endpoint's", p50 / plain[plainest], must="<= 1.5", detail=detail)


def _callers(here: Stage, address: str) -> dict[str, httpx2.Client]:
    """One client for each role, over one kept connection each."""
    tokens = {role: here.run("signing", role, 1)["tokens"][0] for role in ("reviewer", "operator")}
    base = f"http://{address}/api/v1/"
    return {
        role: httpx2.Client(base_url=base, headers={"Authorization": f"Bearer {token}"}, timeout=60)
        for role, token in tokens.items()
    }


def _asked(callers: dict[str, httpx2.Client], paths: dict[str, str]) -> Took:
    took: Took = defaultdict(list)
    for number in range(WARM + TIMES):
        for name, path in paths.items():
            _note(took, name, number, callers["reviewer"], "GET", path)
    return took


def _written(here: Stage, callers: dict[str, httpx2.Client]) -> Took:
    """The plain reads, a start and a decision in turn; each decision is on a session of its own."""
    open_ = here.rows(
        "SELECT number, digest FROM approvals_approvalrequest WHERE status = 'pending' AND tool = 'bench_send' AND number < 100000"
        " ORDER BY number LIMIT %s",
        WARM + TIMES,
    )
    took: Took = defaultdict(list)
    for turn, (number, digest) in enumerate(open_):
        for path in PLAIN:
            _note(took, path, turn, callers["reviewer"], "GET", path)
        goal = {"agent": "bench", "goal": "scenario: bench"}
        _note(took, "create", turn, callers["operator"], "POST", "sessions", goal)
        said = {"verdict": "approve", "digest": digest}
        _note(took, "decide", turn, callers["reviewer"], "POST", f"approvals/AP-{number}/decisions", said)
    return took


def _note(took: Took, name: str, number: int, caller: httpx2.Client, method: str, path: str, body: object = None) -> None:
    began = time.monotonic()
    caller.request(method, path, json=body).raise_for_status()
    if number >= WARM:
        took[name].append((time.monotonic() - began) * 1000)
