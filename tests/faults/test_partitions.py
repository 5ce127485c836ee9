"""A model that cannot be reached, or that answers nobody: a total time-out, a breaker, sessions that wait, money counted once."""

import signal
from urllib.parse import urlsplit

import pytest
from django.db.models import Sum

from agents import budgets
from agents.models import Breaker, Meter, Reservation, Session, Turn
from audit.actors import Actor
from audit.events import EventKind
from audit.models import AuditEntry
from tests.faults.invariants import check
from tests.faults.stage import PATIENCE_S, Play
from tests.faults.test_money import counted_by_the_model
from tests.faults.ways import Manner, nobody_accepts, way_to_model
from tests.waiting import wait_until

TIMEOUT_S = 1.0
SHORT_LEASE_S = 5.0
KEY = "model:scripted-1"


def _capped(play: Play) -> None:
    """A budget that is never reached, so that each question's worst case is reserved and settled."""
    budgets.create(
        scope="all", period="day", cap_microusd=10**9, at_cap="halt", reason="A drill.", actor=Actor("user", "0", "Olga")
    )
    play.agent(model_timeout_s=TIMEOUT_S)


def _waits(play: Play, session: Session) -> bool:
    """True once its breaker is open and the session was put back, with nobody who holds it; until then it comes at once."""
    opened = Breaker.objects.filter(key=KEY, status="open").exists()
    if not opened:
        play.sql("UPDATE agents_session SET ready_at = now() WHERE status = 'queued'")
    row = Session.objects.get(pk=session.pk)
    return opened and (row.status, row.lease_owner, row.mode) == ("queued", None, "minimal")


def _go_on(play: Play) -> None:
    """Let the breakers have cooled down and the session come now; then wait until it is at rest."""

    def due() -> bool:
        play.sql("UPDATE agents_breaker SET retry_at = now() WHERE status = 'open'")
        play.sql("UPDATE agents_session SET ready_at = now() WHERE status = 'queued'")
        return play.at_rest()

    play.until(due)


def _turns_cost() -> int:
    return int(Turn.objects.aggregate(cost=Sum("cost_microusd"))["cost"])


def _spent() -> int:
    """What the budget says is spent; a day may end meanwhile, and then there are two meters."""
    return int(Meter.objects.aggregate(spent=Sum("spent_microusd"))["spent"])


@pytest.mark.slow
@pytest.mark.parametrize("manner", ["swallow", "deaf"])
def test_a_model_that_takes_questions_and_never_answers(play: Play, manner: Manner) -> None:
    """THREATS 3 (partition): taken and never read, or answered into nowhere. Each such question is paid for once, at its worst."""
    _capped(play)
    counted = counted_by_the_model(play)
    with way_to_model(urlsplit(play.stage.model_url).port or 0) as (port, way):
        way.manner = manner
        (session,) = play.start("payment")
        play.worker(OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1")
        wait_until(Reservation.objects.exists, seconds=PATIENCE_S)
        worst = Reservation.objects.get().worst_microusd
        wait_until(lambda: _waits(play, session), seconds=PATIENCE_S)
        assert Session.objects.get(pk=session.pk).turns == 0
        way.manner = "open"
        _go_on(play)
        found = check(play, each_does=("pay",))
    assert found.effects == 1
    assert way.unheard >= 5  # failures in a row open a breaker
    assert not Reservation.objects.exists()
    assert _spent() == _turns_cost() + way.unheard * worst
    unheard = counted_by_the_model(play) - counted - _turns_cost()
    assert (unheard > 0) is (manner == "deaf")
    assert unheard <= way.unheard * worst


@pytest.mark.slow
def test_a_model_whose_machine_drops_what_comes(play: Play) -> None:
    """THREATS 3 (partition): no connection comes about, so nothing was sent and nothing is paid for."""
    _capped(play)
    (session,) = play.start("payment")
    with nobody_accepts() as port:
        worker = play.worker(OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1")
        wait_until(lambda: _waits(play, session), seconds=PATIENCE_S)
        worker.end(signal.SIGTERM)
    play.worker()
    _go_on(play)
    check(play, each_does=("pay",))
    assert not Reservation.objects.exists()
    assert _spent() >= _turns_cost()


@pytest.mark.slow
def test_a_worker_dies_with_the_one_probe_and_another_probes_once_its_time_is_over(play: Play) -> None:
    """GUARD-7, GUARD-5: it runs out by the database's clock; no question is paid for twice, and no reservation is left."""
    play.lease_s = SHORT_LEASE_S
    _capped(play)
    with way_to_model(urlsplit(play.stage.model_url).port or 0) as (port, way):
        way.manner = "swallow"
        (session,) = play.start("payment")
        first = play.worker(OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1")
        wait_until(Reservation.objects.exists, seconds=PATIENCE_S)
        worst = Reservation.objects.get().worst_microusd
        wait_until(lambda: _waits(play, session), seconds=PATIENCE_S)
        first.send(signal.SIGTERM)
        wait_until(lambda: first.ended, seconds=PATIENCE_S)
        prober = play.worker("runner.after_model:kill:1", OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1")
        way.manner = "open"
        wait_until(lambda: _probed(play, prober.ended), seconds=PATIENCE_S)
        assert prober.status == -signal.SIGKILL
        play.worker(OPENAI_BASE_URL=f"http://127.0.0.1:{port}/v1")
        _go_on(play)
    check(play, each_does=("pay",))
    assert Breaker.objects.get(key=KEY).status == "closed"
    assert AuditEntry.objects.filter(kind=EventKind.BREAKER_PROBED, body_json__facts__key=KEY).count() >= 1
    play.sql("DELETE FROM agents_workerheartbeat")  # nobody waits until the dead one is silent for long enough
    play.until(lambda: not Reservation.objects.exists())
    assert _spent() <= _turns_cost() + (way.questions - Turn.objects.count()) * worst


def _probed(play: Play, over: bool) -> bool:
    play.sql("UPDATE agents_breaker SET retry_at = now() WHERE status = 'open'")
    play.sql("UPDATE agents_session SET ready_at = now() WHERE status = 'queued'")
    return over
