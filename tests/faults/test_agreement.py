"""The check of the rows against the log, beside four workers that die again and again: it never finds anything."""

import json
import os
import signal
from pathlib import Path

import pytest

from tests.faults.conftest import Figure
from tests.faults.invariants import check
from tests.faults.stage import Play

ROUNDS = 12 if os.environ.get("FAULTS") == "full" else 3
WORKERS = 4
SHORT_LEASE_S = 5.0


@pytest.mark.slow
def test_it_finds_nothing_while_workers_write_and_die(play: Play, tmp_path: Path, figure: Figure) -> None:
    """Each part is read as it was at one moment, and a row and its entry are one commit: no false alarm."""
    play.lease_s, rounds = SHORT_LEASE_S, tmp_path / "rounds"
    checker = play.worker(role="agree", FAULTS_ROUNDS=str(rounds))
    play.until(rounds.exists)
    for _ in range(ROUNDS):
        play.start(count=WORKERS)
        workers = [play.worker() for _ in range(WORKERS)]
        doomed = play.worker("gate.before_result:kill:2")
        play.until(lambda doomed=doomed: doomed.ended or play.at_rest())  # type: ignore[misc]  # mypy cannot infer the default
        workers[0].end(signal.SIGKILL)
        play.until(play.at_rest)
        for worker in (*workers[1:], doomed):
            if not worker.ended:
                worker.end(signal.SIGTERM)
        assert not checker.ended, "the check found something, see the output"
    before = json.loads(rounds.read_text())["rounds"]
    play.until(lambda: checker.ended or json.loads(rounds.read_text() or "{}").get("rounds", 0) >= before + 2)
    checker.end(signal.SIGTERM)
    assert checker.status == 0
    told = json.loads(rounds.read_text())
    found = check(play)
    assert told["sessions"] == found.sessions
    figure(checks=told["rounds"], sessions=told["sessions"], calls=told["calls"], decisions=told["decisions"])
