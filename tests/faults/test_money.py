"""A cap in the middle of the work of eight processes, some of them killed: the model server's own count never passes it."""

import os
import signal
from typing import Any

import httpx2

from agents import budgets
from agents.models import Meter, Reservation, Session
from agents.money import settle_left_behind
from audit.actors import SYSTEM
from audit.verify import verify
from tests.faults.conftest import Figure
from tests.faults.stage import Play

FULL = os.environ.get("FAULTS") == "full"
SESSIONS = 2_000 if FULL else 60
WORKERS = 8
KILLED = 2
PATIENCE_S = 1_800.0 if FULL else 240.0
INPUT, OUTPUT = 1, 4  # micro-dollars a token: what scripted-1 costs


def test_eight_workers_never_spend_more_than_the_cap(play: Play, figure: Figure) -> None:
    play.lease_s = 2
    probe = _cost_of_one(play)
    budget = budgets.create(
        scope="all", period="month", cap_microusd=probe * SESSIONS // 2, at_cap="halt", reason="In the middle.", actor=SYSTEM
    )
    before = counted_by_the_model(play)
    play.start("talk", SESSIONS, priority="high")  # others would wait for the next period from 90 % on
    workers = [play.worker() for _ in range(WORKERS)]
    play.until(lambda: _spent() * 4 > budget.cap_microusd, seconds=PATIENCE_S)
    for worker in workers[:KILLED]:
        worker.end(signal.SIGKILL)
    play.until(play.at_rest, seconds=PATIENCE_S)
    play.end()
    play.sql("DELETE FROM agents_workerheartbeat")  # of workers that were killed: nobody waits until they are silent
    settle_left_behind()

    counted = counted_by_the_model(play) - before
    halted = Session.objects.filter(status="halted", error__code="budget_spent").count()
    figure(sessions=SESSIONS, cap=budget.cap_microusd, counted=counted, spent=_spent(), halted=halted)
    assert counted <= _spent() <= budget.cap_microusd
    assert halted > 0
    assert counted > budget.cap_microusd // 4
    assert not Reservation.objects.exists()
    assert not Meter.objects.exclude(reserved_microusd=0).exists()
    assert verify().ok


def _cost_of_one(play: Play) -> int:
    """What one session costs that nothing stops."""
    (session,) = play.start("talk")
    worker = play.worker()
    play.until(lambda: Session.objects.get(pk=session.pk).status == "waiting_input")
    worker.end()
    return int(Session.objects.get(pk=session.pk).cost_microusd)


def _spent() -> int:
    meter = Meter.objects.first()
    return meter.spent_microusd if meter else 0


def counted_by_the_model(play: Play) -> int:
    """What the model server has counted since its start, at its true prices."""
    told: dict[str, Any] = httpx2.get(f"{play.stage.model_url}/_stats").json()
    return INPUT * int(told.get("input_tokens", 0)) + OUTPUT * int(told.get("output_tokens", 0))
