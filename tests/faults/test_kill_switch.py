"""The kill switch and the levers with real workers: entries are counted at the tools' own ledger (GUARD-14, TOOL-6)."""

import os
import time
from collections.abc import Callable

import pytest

from agents import stops
from agents.models import Session
from approvals import tiers
from approvals.policy import Person
from audit.actors import Actor
from audit.verify import verify
from tests.faults.conftest import Figure
from tests.faults.effects import Effect
from tests.faults.stage import PATIENCE_S, Play
from tests.waiting import wait_until

FULL = os.environ.get("FAULTS") == "full"
SESSIONS = 200 if FULL else 20
WITHIN_S = 1.0
OLGA = Actor("user", "0", "Olga")
OPERATOR = Person(id=0, name="Olga", roles=frozenset({"operator"}))
WHY = "A drill."


def _stop_all(play: Play) -> None:
    stops.press(scope="all", reason=WHY, actor=OLGA)


def _stop_agent(play: Play) -> None:
    stops.press(scope="agent:payer", reason=WHY, actor=OLGA)


def _stop_tool(play: Play) -> None:
    # In a process that knows the tool: the test's own must not, other tests look at its registry.
    child = play.worker(role="press", FAULTS_STOP="tool:note")
    wait_until(lambda: child.ended, seconds=PATIENCE_S)
    assert child.status == 0


def _switch_off(play: Play) -> None:
    tiers.set_tool(name="note", declared="reversible_write", person=OPERATOR, actor=OLGA, reason=WHY, enabled=False)


def _raise_tier(play: Play) -> None:
    tiers.set_tool(name="note", declared="reversible_write", person=OPERATOR, actor=OLGA, reason=WHY, tier="destructive")


def _entered(play: Play, sessions: list[Session]) -> list[Effect]:
    refs = {session.ref for session in sessions}
    return [effect for effect in play.stage.effects.read() if effect.session in refs]


def _toiling(play: Play) -> list[Session]:
    """Sessions on two workers, each of which has entered its tool."""
    play.agent(limits={"turns": 1000, "tool_calls": 1000})
    sessions = play.start("toil", count=SESSIONS)
    for _ in range(2):
        play.worker(WORKER_SESSIONS=str(SESSIONS))
    wait_until(lambda: len({effect.session for effect in _entered(play, sessions)}) == len(sessions), seconds=PATIENCE_S)
    return sessions


def _at_rest() -> bool:
    return not Session.objects.filter(status="running").exists()


@pytest.mark.slow
@pytest.mark.parametrize("lever", [_stop_all, _stop_agent, _stop_tool, _switch_off, _raise_tier])
def test_no_tool_is_entered_later_than_a_second_after_the_press(
    play: Play, figure: Figure, lever: Callable[[Play], None]
) -> None:
    """GUARD-14, TOOL-6: on every worker, whatever it was about to do."""
    sessions = _toiling(play)
    pressed = time.time()
    lever(play)
    took = time.time() - pressed
    wait_until(_at_rest, seconds=PATIENCE_S)
    arrivals = _entered(play, sessions)
    last = max(effect.at for effect in arrivals) - pressed
    figure(lever=lever.__name__, sessions=SESSIONS, press_took_ms=round(took * 1000), last_entered_after_ms=round(last * 1000))
    assert [effect for effect in arrivals if effect.at > pressed + took + WITHIN_S] == []


@pytest.mark.slow
def test_what_was_stopped_goes_on_on_both_workers_when_it_is_lifted(play: Play) -> None:
    """GUARD-14: undone as easily; nothing was entered in between, and the log is whole."""
    sessions = _toiling(play)
    _stop_all(play)
    wait_until(_at_rest, seconds=PATIENCE_S)
    before = len(_entered(play, sessions))
    stops.lift(scope="all", actor=OLGA)
    wait_until(lambda: len(_entered(play, sessions)) >= before + len(sessions), seconds=PATIENCE_S)
    _stop_all(play)
    wait_until(_at_rest, seconds=PATIENCE_S)
    assert verify().ok
