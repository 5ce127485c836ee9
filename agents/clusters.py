"""Keeps this host's two queue clusters running: drains in one, schedules and background jobs in the other.

A cluster is a child process in a process group of its own. One that has ended is started again; one that has stalled
(django-q2 can, when a process of its dies at a bad moment) is ended whole and started again. Leases make both safe.
"""

import contextlib
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from django.db import DatabaseError, connection

from agents.queue import BACKGROUND_CLUSTER, DRAIN_CLUSTER, LIVING_S, clear_stale_drains, schedule_sweep, top_up

log = structlog.get_logger(__name__)

TICK_S = 1.0
SILENT_S = 20.0  # a drain cluster without a living drain for so long has stalled
FIRST_SIGN_S = 90.0  # what a cluster is given to show its first one, on a busy machine
LATE_S = 240.0  # the minute sweep is so late: the background cluster has stalled
STOP_WITHIN_S = 9.7  # from being told on; what has not left by then is ended, and its sessions come back by their leases


@dataclass(slots=True)
class Cluster:
    """One child: a queue cluster."""

    name: str
    id: str = ""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    heard: float = 0.0  # when it last showed a sign of life; 0 if it never did
    pause: float = 0.5


@dataclass(slots=True)
class Clusters:
    """Both clusters of a host. `run` returns after `stop`, when they have ended."""

    drains: int
    stopping: threading.Event = field(default_factory=threading.Event)
    told: float = 0.0  # when it was told to stop
    children: list[Cluster] = field(default_factory=lambda: [Cluster(DRAIN_CLUSTER), Cluster(BACKGROUND_CLUSTER)])

    def stop(self) -> None:
        """Have `run` stop them; the time that they are given begins now, whatever is being done at this moment."""
        self.told = self.told or time.monotonic()
        self.stopping.set()

    def left_s(self) -> float:
        """Seconds that are left of the time to leave, once it was told to."""
        return max(0.0, self.told + STOP_WITHIN_S - time.monotonic())

    def run(self) -> None:
        """Start, watch, and stop them."""
        with tempfile.TemporaryDirectory(prefix="countersign-worker-") as folder:
            stop_file = Path(folder) / "stop"
            with contextlib.suppress(DatabaseError):
                clear_stale_drains()
                schedule_sweep()
            while not self.stopping.is_set():
                for child in self.children:
                    self._tend(child, stop_file)
                self._top_up()
                self.stopping.wait(TICK_S)
            stop_file.touch()
            self._stop()

    def _tend(self, child: Cluster, stop_file: Path) -> None:
        if child.process is not None and child.process.poll() is not None:
            log.warning("cluster.ended", cluster=child.name, code=child.process.returncode)
            _end_group(child.process.pid)
            child.process = None
            child.pause = min(15.0, child.pause * 2)
        if child.process is None:
            if time.monotonic() - child.started > child.pause:
                self._start(child, stop_file)
        elif self._stalled(child):
            log.error("cluster.stalled", cluster=child.name)
            _end_group(child.process.pid)

    def _start(self, child: Cluster, stop_file: Path) -> None:
        child.id = f"{child.name}:{uuid.uuid4().hex[:8]}"
        environment = {
            **os.environ,
            "Q_CLUSTER_NAME": child.name,
            "COUNTERSIGN_CLUSTER": child.id,
            "COUNTERSIGN_STOP_FILE": str(stop_file),
            "COUNTERSIGN_PARENT": str(os.getpid()),
        }
        command = [sys.executable, sys.argv[0], "worker", "--cluster", child.name]
        child.process = subprocess.Popen(command, env=environment, process_group=0)
        child.started, child.heard = time.monotonic(), 0.0
        if child.name == DRAIN_CLUSTER:
            with contextlib.suppress(DatabaseError):
                clear_stale_drains()

    def _stalled(self, child: Cluster) -> bool:
        """True if nothing was heard of it for too long. Between two drains there is silence for a moment."""
        now = time.monotonic()
        try:
            alive = _drain_lives(child.id) if child.name == DRAIN_CLUSTER else _sweep_late_s() < LATE_S
        except DatabaseError:
            connection.close()
            alive = True  # the database is away: nobody can show a sign of life
        if alive:
            child.heard, child.pause = now, 0.5
        return now - child.heard > SILENT_S if child.heard else now - child.started > FIRST_SIGN_S

    def _top_up(self) -> None:
        try:
            top_up(self.children[0].id, self.drains)
        except DatabaseError:
            connection.close()

    def _stop(self) -> None:
        """Ask the clusters' main processes, never their workers; end them whole once their drains have left.

        A drain leaves by itself, seconds before the queue around it has said its own good-byes.
        """
        self.stop()  # its time runs, whoever set the event
        running = [child for child in self.children if child.process is not None]
        for child in running:
            _process(child).terminate()
        while self.left_s() > 0 and not all(_has_left(child) for child in running):
            time.sleep(0.1)  # between looks; the time left bounds it
        for child in running:
            _end_group(_process(child).pid)
            _process(child).wait()
        connection.close()


def _process(child: Cluster) -> subprocess.Popen[bytes]:
    if child.process is None:
        raise ValueError(f"the cluster {child.name} does not run")
    return child.process


def _has_left(child: Cluster) -> bool:
    if _process(child).poll() is not None or child.name != DRAIN_CLUSTER:
        return True
    try:
        return not _drain_lives(child.id)
    except DatabaseError:
        connection.close()
        return False


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _drain_lives(cluster: str) -> bool:
    sql = "SELECT extract(epoch FROM clock_timestamp() - max(beat_at)) FROM agents_workerheartbeat WHERE cluster = %s"
    return _seconds(sql, cluster, none=float("inf")) < LIVING_S


def _sweep_late_s() -> float:
    return _seconds(
        "SELECT extract(epoch FROM clock_timestamp() - min(next_run)) FROM django_q_schedule WHERE name = %s",
        "countersign-sweep",
        none=0.0,
    )


def _seconds(sql: str, parameter: str, *, none: float) -> float:
    with connection.cursor() as cursor:
        cursor.execute(sql, [parameter])
        (seconds,) = cursor.fetchone()
        return none if seconds is None else float(seconds)


def leave_with_parent() -> None:
    """End this process's group when its parent is gone: a cluster without its keeper would run beside the next one."""
    parent = int(os.environ.get("COUNTERSIGN_PARENT", "0"))

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)  # between looks, for as long as the parent lives
        os.killpg(0, signal.SIGKILL)

    if parent:
        threading.Thread(target=watch, name="parent-watch", daemon=True).start()
