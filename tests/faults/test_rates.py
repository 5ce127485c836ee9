"""Many workers, one rate: what the model server counts by its own clock (GUARD-5).

`FAULTS=full` runs eight workers for two and a half minutes; else three for some seconds.
"""

import itertools
import math
import os
import secrets
import signal
import time
from typing import Any

import httpx2
import pytest

from agents import services
from agents.guardrails.rate import MINUTE_S, SLACK_S, spacing
from agents.limiting import Bounds, set_limit
from agents.llm.connect import address_of
from approvals.people import roles_of
from approvals.policy import Person
from tests.faults.conftest import Figure
from tests.faults.invariants import check
from tests.faults.stage import Play

FULL = os.environ.get("FAULTS") == "full"
WORKERS, SECONDS = (8, 150.0) if FULL else (3, 9.0)
RATE = 600
MANY, FEW = 60, 12  # sessions of the two agents
TOIL = {"limits": {"turns": 100_000, "tool_calls": 100_000, "tokens": 10_000_000, "cost_microusd": 10**12}, "tools": ["note"],
        "loops": {"nothing_new": 10_000}}  # fmt: skip
LEAST_USED, LEAST_SHARE = (0.95, 0.45) if FULL else (0.5, 0.3)  # a few seconds on a busy machine say less


def limit(play: Play, requests: int | None, scope: str = "model:") -> None:
    """Limit all models together, or what else a scope names."""
    person = Person(id=play.olga.pk, name="Olga", roles=roles_of(play.olga.pk))
    set_limit(scope=scope, bounds=Bounds(requests=requests), reason="A drill.", person=person, actor=play._actor())


def begin(play: Play, agent: str, sessions: int) -> None:
    """Start sessions that work until somebody stops them."""
    for _ in range(sessions):
        goal = f"scenario: toil token={secrets.token_hex(6)}"
        services.start_session(actor=play._actor(), person_id=play.olga.pk, agent=agent, goal=goal)


def arrivals(play: Play) -> list[tuple[float, str]]:
    """When questions arrived, by the server's own clock, and which model each asked."""
    return [(at, model) for at, model, _ in httpx2.get(f"{play.stage.model_url}/_arrivals").json()]


def most_within(times: list[float], seconds: float) -> int:
    """The most questions in any window of so many seconds."""
    most, first = 0, 0
    for last, at in enumerate(times):
        while times[first] <= at - seconds:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.slow
@pytest.mark.parametrize("of", ["all models", "their provider"])
def test_workers_together_keep_to_a_rate_use_it_and_share_it_between_agents(
    play: Play, figure: Figure, settings: Any, of: str
) -> None:
    """Two models, each of another agent: their one limit holds for both together, whether it is set for all or for their provider."""
    settings.OPENAI_BASE_URL = f"{play.stage.model_url}/v1"
    play.agent(**TOIL)
    play.agent(slug="lender", prompt="lender", model="scripted-mini", **TOIL)
    limit(play, RATE, "model:" if of == "all models" else f"provider:{address_of('scripted-mini')}")
    begin(play, "payer", MANY)
    begin(play, "lender", FEW)
    before = len(arrivals(play))
    workers = [play.worker() for _ in range(WORKERS)]
    play.until(lambda: len(arrivals(play)) >= before + RATE / 30)  # all of them are at it
    since = arrivals(play)[-1][0]
    ends = time.monotonic() + SECONDS
    play.until(lambda: time.monotonic() > ends, seconds=SECONDS + 60)
    asked = [(at, model) for at, model in arrivals(play)[before:]]
    for worker in workers:
        worker.end(signal.SIGTERM)

    times = sorted(at for at, _ in asked)
    for window in (1.0, 3.0, 10.0, 30.0):
        assert most_within(times, window) <= math.ceil((window + SLACK_S) / spacing(RATE))
    assert most_within(times, MINUTE_S) <= RATE
    steady = [(at, model) for at, model in asked if since < at <= since + SECONDS]
    used = len(steady) / (RATE * SECONDS / MINUTE_S)
    share = sum(1 for _, model in steady if model == "scripted-mini") / len(steady)
    gaps = sorted(later - earlier for earlier, later in itertools.pairwise(times))
    assert {model for _, model in steady} == {"scripted-1", "scripted-mini"}
    figure(
        limit_of=of,
        workers=WORKERS,
        most_in_a_minute=most_within(times, MINUTE_S),
        used=round(used, 3),
        share_of_the_smaller=round(share, 3),
        least_gap_ms=round(gaps[0] * 1000),
    )
    assert used >= LEAST_USED
    assert LEAST_SHARE <= share <= 1 - LEAST_SHARE


@pytest.mark.slow
def test_a_worker_that_dies_while_it_waits_for_places_leaves_none_taken(play: Play) -> None:
    """The others go on with the whole rate; its sessions are taken over and none is lost."""
    play.lease_s = 2
    limit(play, RATE)
    play.start(count=12)
    first = play.worker()
    play.until(lambda: play.sql("SELECT count(*) FROM agents_turn")[0][0] >= 3)
    first.end(signal.SIGKILL)
    living = play.worker()
    play.until(play.at_rest)
    living.end(signal.SIGTERM)
    assert check(play).sessions == 12
    assert play.sql("SELECT count(*) FROM agents_ratewait WHERE slot_at IS NULL")[0][0] == 0
