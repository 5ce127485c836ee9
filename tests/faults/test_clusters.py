"""The whole `manage.py worker` with its two queue clusters: killed as a tree, in part, and told to leave."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agents.models import Session, WorkerHeartbeat
from console.local.paths import APP_ROLE, OWNER_ROLE
from tests.bench.processes import tree
from tests.faults.conftest import Figure
from tests.faults.invariants import check
from tests.faults.stage import PATIENCE_S, Play
from tests.server import ROOT
from tests.waiting import wait_until

FULL = os.environ.get("FAULTS") == "full"
STARTS_WITHIN_S = 60.0
SWEEPS_EVERY_S = 30.0
LEAVES_WITHIN_S = 12.0  # ten seconds of its own, and what its processes take to be gone


@contextlib.contextmanager
def _whole_worker(play: Play, *, late_s: float = 240) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py worker` as a process; `late_s` is how late the minute sweep may be before its cluster counts as stalled."""
    server = play.stage.server
    environment = {
        **play.stage.environment,
        "DATABASE_URL": server.url(APP_ROLE, play.database),
        "DATABASE_OWNER_URL": server.url(OWNER_ROLE, play.database),
    }
    command = [sys.executable, str(ROOT / "manage.py"), "worker"]
    if late_s != 240:
        command = [sys.executable, "-m", "tests.faults.keeper", str(late_s)]
    with subprocess.Popen(command, env=environment, cwd=ROOT) as process:
        try:
            play.until(_living, seconds=STARTS_WITHIN_S)
            yield process
        finally:
            _kill(*tree(process.pid))


def _living(*, but: str = "") -> str:
    """The owner of a fresh sign of life, if there is one."""
    for owner, beat in WorkerHeartbeat.objects.exclude(owner=but).values_list("owner", "beat_at"):
        if time.time() - beat.timestamp() < 5:
            return str(owner)
    return ""


def _kill(*pids: int) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _command(pid: int) -> str:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    return ""


def _until_under_way(play: Play) -> None:
    sessions = play.start(count=4)
    for session in sessions:
        play.stage.fault("slow", session, seconds=1)
    play.until(lambda: Session.objects.filter(status="running").count() == len(sessions))


@pytest.mark.slow
def test_the_whole_worker_is_killed_and_another_goes_on(play: Play, figure: Figure) -> None:
    """LOOP-11, THREATS 3: `kill -9` of every process of it at once."""
    with _whole_worker(play) as process:
        _until_under_way(play)
        _kill(*tree(process.pid))
        killed_at = time.monotonic()
    with _whole_worker(play):
        play.until(play.at_rest)
        figure(at_rest_after_s=round(time.monotonic() - killed_at, 1), **vars_of(play))


def vars_of(play: Play) -> dict[str, int]:
    """What a check of the play counted."""
    found = check(play)
    return {"sessions": found.sessions, "effects": found.effects, "asked_people": found.asked_people}


@pytest.mark.slow
def test_the_keeper_of_the_clusters_is_killed_and_they_leave_with_it(play: Play) -> None:
    """No cluster runs on beside the next one."""
    with _whole_worker(play) as process:
        children = [pid for pid in tree(process.pid) if pid != process.pid]
        _until_under_way(play)
        process.kill()
        wait_until(lambda: not any(_command(pid) for pid in children), seconds=PATIENCE_S)
    with _whole_worker(play):
        play.until(play.at_rest)
        check(play)


@pytest.mark.slow
def test_the_process_of_a_drain_is_killed_and_its_cluster_brings_another(play: Play, figure: Figure) -> None:
    """LOOP-11: the queue's task dies with it and is not waited for."""
    with _whole_worker(play):
        owner = _living()
        _until_under_way(play)
        _kill(int(owner.split(":")[1]))
        killed_at = time.monotonic()
        play.until(lambda: _living(but=owner))
        figure(next_drain_after_s=round(time.monotonic() - killed_at, 1))
        play.until(play.at_rest)
        check(play)


def idle_queue_process_is_killed_and_the_watchdog_brings_the_cluster_back(play: Play, figure: Figure) -> None:
    """OPS-4: an idle process that dies takes the queue's lock with it; the cluster hangs until somebody notices."""
    with _whole_worker(play, late_s=SWEEPS_EVERY_S + 5) as process:
        background = next(pid for pid in tree(process.pid) if "--cluster background" in _command(pid))
        _sweep_now(play)
        play.until(lambda: _sweeps_on_time(play))
        # Everything beneath the cluster's main process: whichever of them is the idle one.
        _kill(*tree(background)[2:])
        killed_at = time.monotonic()
        _sweep_now(play)
        play.until(lambda: _sweeps_on_time(play), seconds=180)
        figure(sweeps_again_after_s=round(time.monotonic() - killed_at, 1))


if FULL:  # the queue looks at its schedule each half minute, so this takes minutes
    test_an_idle_queue_process_is_killed = pytest.mark.slow(
        idle_queue_process_is_killed_and_the_watchdog_brings_the_cluster_back
    )


def _sweep_now(play: Play) -> None:
    play.sql("UPDATE django_q_schedule SET next_run = now() - interval '1 second'")


def _sweeps_on_time(play: Play) -> bool:
    return bool(play.sql("SELECT 1 FROM django_q_schedule WHERE next_run > now()"))


@pytest.mark.slow
def test_the_whole_worker_is_told_to_leave_while_models_are_asked(play: Play, figure: Figure) -> None:
    """LOOP-13: SIGTERM; open model calls are abandoned and the sessions are given back."""
    with _whole_worker(play) as process:
        sessions = play.start(count=3)
        for session in sessions:
            play.stage.fault("hang", session, seconds=120)
        play.until(lambda: not any(play.stage.faults_left(session) for session in sessions))
        family = tree(process.pid)
        told_at = time.monotonic()
        process.terminate()
        process.wait(PATIENCE_S)
        took = time.monotonic() - told_at
        wait_until(lambda: not any(_command(pid) for pid in family))
    figure(left_within_s=round(took, 1))
    assert took < LEAVES_WITHIN_S
    assert set(Session.objects.values_list("status", flat=True)) == {"queued"}
    play.worker()
    play.until(play.at_rest)
    check(play)
