"""How long after somebody pressed Roll back the last question with the bad version begins, on four workers.

The press is an HTTP request at a web process; it begins before the request is sent. When a question begins says the model's
server, which notes each arrival and how its instructions begin. Both read the machine's one monotonic clock.
"""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass

import httpx2

from tests.bench.options import Options
from tests.bench.report import Figure
from tests.bench.stage import Stage, serving, stage, working
from tests.waiting import wait_until

SLUG, BAD, GOOD = "bench-rolled", "You do it wrong.", "You do it right."
WORKERS = 4
THINKS_S = 1.0
SETTLED_S = 3.0  # of running before the press
PATIENCE_S = 120
RUNNING = "SELECT count(*) FROM agents_session WHERE status = 'running' AND turns >= 1"
LEFT = (
    "SELECT count(*) FROM agents_session s JOIN agents_promptversion v ON v.id = s.prompt_version_id WHERE v.version <> '1.0.0'"
)
MOVED = f"SELECT count(DISTINCT session_id) FROM agents_turn WHERE prompt_version = '{SLUG} 1.0.0'"


@dataclass(frozen=True, slots=True)
class Press:
    """One rollback: seconds from the press to its answer, and to the last question with the bad version; how many went before."""

    answered_s: float
    late_s: float
    per_second: float


def measure(options: Options) -> Iterator[Figure]:
    """The worst of the rounds."""
    found = [_round(options.moving) for _ in range(options.rounds)]
    worst = max(found, key=lambda one: one.late_s)
    yield Figure(
        f"rollback, {WORKERS} workers, {options.moving} sessions set to move: last question with the bad version after the press",
        worst.late_s, "s", must="<= 1.0",
        detail={"rounds": options.rounds, "answered_s": worst.answered_s, "questions_per_second_before": worst.per_second,
                "each_s": [round(one.late_s, 3) for one in found], "model_delay_s": THINKS_S},
    )  # fmt: skip


def _round(sessions: int) -> Press:
    with contextlib.ExitStack() as stack:
        here = stack.enter_context(stage(delay_s=THINKS_S))
        here.run("bad_version", sessions)
        address, _ = stack.enter_context(serving(here))
        token = here.run("signing", "operator", 1)["tokens"][0]
        for _ in range(WORKERS):
            stack.enter_context(working(here, sessions=-(-sessions // WORKERS)))
        wait_until(lambda: here.query(RUNNING) == sessions, seconds=PATIENCE_S)
        time.sleep(SETTLED_S)
        return _pressed(here, address, token, sessions)


def _pressed(here: Stage, address: str, token: str, sessions: int) -> Press:
    with httpx2.Client(base_url=f"http://{address}", headers={"Authorization": f"Bearer {token}"}, timeout=60) as client:
        client.get("/healthz").raise_for_status()
        pressed = time.monotonic()
        told = client.post(f"/api/v1/prompts/{SLUG}/rollback", json={"reason": "It does it wrong.", "running": "move"})
        answered = time.monotonic()
        told.raise_for_status()
    wait_until(lambda: not here.query(LEFT), seconds=PATIENCE_S)
    wait_until(lambda: here.query(MOVED) == sessions, seconds=PATIENCE_S)
    asked = [at for at, _, how in httpx2.get(f"{here.model_url.removesuffix('/v1')}/_arrivals").json() if how.startswith(BAD)]
    before = [at for at in asked if pressed - SETTLED_S <= at <= pressed]
    return Press(answered - pressed, max(asked) - pressed, len(before) / SETTLED_S)
