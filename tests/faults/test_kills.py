"""Every failpoint of worker and gate is where a worker dies by `kill -9`, again and again; nothing is lost or done twice.

`FAULTS=full` kills each failpoint twenty times; else twice.
"""

import os
import signal
from dataclasses import asdict

import pytest

from agents.failpoints import NAMES
from tests.faults.conftest import Figure
from tests.faults.invariants import check, takeovers
from tests.faults.stage import PATIENCE_S, Child, Play
from tests.waiting import wait_until

KILLS = 20 if os.environ.get("FAULTS") == "full" else 2
IN_A_ROW = 4  # before a worker may live: five deaths in a row would make a session a dead letter
AT_ONCE = 2
TAKEN_OVER_WITHIN_S = 15.0
SHORT_LEASE_S = 5.0  # where the product's ten seconds are not the point, to have results sooner
UNHURRIED = ("ledger.before_commit", "gate.after_effect")
OF_PEOPLE = ("answer.before_commit", "answer.after_decision")
# On which passing a worker dies. Each of its sessions reads twice, notes, pays and stamps: the first is a payment's.
PASSINGS = {
    "gate.before_intent": (3, 5, 1, 4, 6, 2),
    "gate.after_intent": (7, 5, 9, 1, 8, 10, 6, 3),
    "gate.after_effect": (7, 5, 9, 1, 8, 10, 6, 3),
    "gate.before_result": (5, 3, 7, 1, 6, 8, 4, 2),
}
ANY_PASSING = (1, 3, 2, 5, 4)
NOBODY_KNOWS = ("gate.after_intent", "gate.after_effect", "gate.before_result")


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in NAMES if name not in OF_PEOPLE])
def test_a_worker_dies_at_any_instruction_and_nothing_is_lost_or_done_twice(play: Play, name: str, figure: Figure) -> None:
    """LOOP-11, GUARD-1, THREATS 3 (kill -9 before and after intent, effect, result, commit)."""
    play.lease_s = 0 if KILLS > 2 or name in UNHURRIED else SHORT_LEASE_S
    dead: list[Child] = []
    while len(dead) < KILLS:
        for _ in range(min(IN_A_ROW, KILLS - len(dead))):
            play.start(count=AT_ONCE)
            passings = PASSINGS.get(name, ANY_PASSING)
            worker = play.worker(f"{name}:kill:{passings[len(dead) % len(passings)]}")
            play.until(lambda worker=worker: worker.ended)  # type: ignore[misc]  # mypy cannot infer the default
            assert worker.status == -signal.SIGKILL
            dead.append(worker)
        living = play.worker()
        play.until(play.at_rest)
        living.end(signal.SIGTERM)
        assert living.status == 0
    found = check(play)
    waits = takeovers({child.pid: child.ended_at for child in dead})
    assert found.sessions == KILLS * AT_ONCE
    assert waits, "no session was taken over: the workers died with empty hands"
    assert max(waits) < TAKEN_OVER_WITHIN_S
    assert found.asked_people or name not in NOBODY_KNOWS, "no payment was under way at any death"
    figure(failpoint=name, kills=len(dead), **asdict(found), takeover_s=[round(min(waits), 2), round(max(waits), 2)])


@pytest.mark.slow
@pytest.mark.parametrize("name", OF_PEOPLE)
def test_a_process_dies_before_or_after_its_decision_is_committed(play: Play, name: str, figure: Figure) -> None:
    """APPR-2, THREATS 3 (kill -9 between approve and enqueue): the decision and the wake-up are one, or none."""
    worker = play.worker()
    for kill in range(KILLS):
        play.start(count=AT_ONCE)
        decider = play.worker(f"{name}:kill:{1 + kill % 3}", role="decide")
        # Nobody else decides meanwhile: whether it died says its own exit status.
        wait_for(decider)
        assert decider.status == -signal.SIGKILL
        play.until(play.at_rest)
    worker.end(signal.SIGTERM)
    found = check(play)
    figure(failpoint=name, kills=KILLS, **asdict(found))


def wait_for(child: Child) -> None:
    """Wait until a process is gone."""
    wait_until(lambda: child.ended, seconds=PATIENCE_S)
