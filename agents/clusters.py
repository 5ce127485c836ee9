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

from agents.queue import BACKGROUND_CLUSTER, DRAIN_CLUSTER, clear_stale_drains, schedule_sweep, top_up

log = structlog.get_logger(__name__)

TICK_S = 1.0
SILENT_S = 20.0  # a drain cluster without a living drain for so long has stalled
LATE_S = 240.0  # the minute sweep is so late: the background cluster has stalled
STOP_WITHIN_S = 12.0


@dataclass(slots=True)
class Cluster:
    """One child: a queue cluster."""

    name: str
    id: str = ""
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    pause: float = 0.5


@dataclass(slots=True)
class Clusters:
    """Both clusters of a host. `run` returns when `stopping` is set and they have ended."""

    drains: int
    stopping: threading.Event = field(default_factory=threading.Event)
    children: list[Cluster] = field(default_factory=lambda: [Cluster(DRAIN_CLUSTER), Cluster(BACKGROUND_CLUSTER)])

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
        child.started = time.monotonic()

    def _stalled(self, child: Cluster) -> bool:
        if time.monotonic() - child.started < SILENT_S:
            return False
        try:
            quiet = _drains_silent_s(child.id) if child.name == DRAIN_CLUSTER else _sweep_late_s()
        except DatabaseError:
            connection.close()
            return False  # the database is away: nobody can show a sign of life
        if quiet < SILENT_S:
            child.pause = 0.5
        return quiet > (SILENT_S if child.name == DRAIN_CLUSTER else LATE_S)

    def _top_up(self) -> None:
        try:
            top_up(self.drains)
        except DatabaseError:
            connection.close()

    def _stop(self) -> None:
        """Ask the clusters' main processes, never their workers; end whatever is left after the grace period."""
        running = [child.process for child in self.children if child.process is not None]
        for process in running:
            process.terminate()
        deadline = time.monotonic() + STOP_WITHIN_S
        for process in running:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, deadline - time.monotonic()))
            _end_group(process.pid)
        connection.close()


def _end_group(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


def _drains_silent_s(cluster: str) -> float:
    return _seconds(
        "SELECT extract(epoch FROM clock_timestamp() - max(beat_at)) FROM agents_workerheartbeat WHERE cluster = %s", cluster
    )


def _sweep_late_s() -> float:
    return _seconds(
        "SELECT extract(epoch FROM clock_timestamp() - min(next_run)) FROM django_q_schedule WHERE name = %s",
        "countersign-sweep",
        none=0.0,
    )


def _seconds(sql: str, parameter: str, *, none: float = float("inf")) -> float:
    with connection.cursor() as cursor:
        cursor.execute(sql, [parameter])
        (seconds,) = cursor.fetchone()
        return none if seconds is None else float(seconds)


def leave_with_parent() -> None:
    """End this process's group when its parent is gone: a cluster without its keeper would run beside the next one."""
    parent = int(os.environ.get("COUNTERSIGN_PARENT", "0"))

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1)
        os.killpg(0, signal.SIGKILL)

    if parent:
        threading.Thread(target=watch, name="parent-watch", daemon=True).start()
