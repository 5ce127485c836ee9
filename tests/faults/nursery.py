"""Starts the fault tests' workers by fork: real processes that die by real signals, without a second of imports each.

`python -m tests.faults.nursery` reads one JSON order a line and answers with one JSON line for each birth and each death.
An order names the database, a role, the failpoints to arm, and the guards to take out (to prove that they guard).
"""

import asyncio
import json
import os
import random
import select
import signal
import sys
import threading
import traceback
from pathlib import Path
from typing import Any

import django

django.setup()

from django.conf import settings  # noqa: E402  settings first
from django.db import connections, transaction  # noqa: E402  settings first

from agents import failpoints, services, stops, tasks, worker  # noqa: E402
from agents.agreement import check as agreement  # noqa: E402
from agents.tools import registry  # noqa: E402
from audit import keys  # noqa: E402
from audit.actors import SYSTEM  # noqa: E402
from audit.events import EventKind  # noqa: E402
from audit.sealer import Sealer  # noqa: E402
from audit.services import Entry, record  # noqa: E402
from tests.faults import clocks, people, removals  # noqa: E402


def main() -> None:
    """Take orders until nobody gives any; then end all children."""
    registry.load()
    children: set[int] = set()
    pending = b""
    while True:
        if select.select([0], [], [], 0.01)[0]:
            if not (chunk := os.read(0, 65536)):
                break
            pending += chunk
            *lines, pending = pending.split(b"\n")
            for line in lines:
                children.add(pid := _born(json.loads(line)))
                _tell(born=pid)
        for pid in list(children):
            found, status = os.waitpid(pid, os.WNOHANG)
            if found:
                children.discard(pid)
                _tell(ended=pid, status=os.waitstatus_to_exitcode(status))
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def _tell(**told: int) -> None:
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _born(order: dict[str, Any]) -> int:
    pid = os.fork()
    if pid == 0:
        try:
            _live(order)
        except BaseException:  # noqa: BLE001  a child must never go on as a nursery
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return pid


def _live(order: dict[str, Any]) -> None:
    for alias in ("default", "owner"):
        connections.settings[alias]["NAME"] = order["database"]
    os.environ.update(order["environment"])
    if lease_s := order["lease_s"]:
        settings.LEASE_S = lease_s
    if sessions := order["environment"].get("WORKER_SESSIONS"):
        settings.WORKER_SESSIONS = int(sessions)
    if model := order["environment"].get("OPENAI_BASE_URL"):
        settings.OPENAI_BASE_URL = model
    if host := order["environment"].get("FAULTS_POSTGRES"):
        connections.settings["default"]["HOST"] = host
    if clock := order["environment"].get("FAULTS_CLOCK"):
        clocks.follow(Path(clock))
    for guard in order["without"]:
        removals.take_out(guard)
    failpoints._ARMED.update(failpoints.parse(order["failpoints"]))
    ROLES[order["role"]]()


def work() -> None:
    """One drain loop until SIGTERM."""
    stop = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    asyncio.run(worker.Worker(tasks.provider(), capacity=worker.capacity()).run(lifetime_s=3600, told_to_stop=stop.is_set))


def apply() -> None:
    """Apply the agent that the environment describes."""
    services.apply_agent(json.loads(os.environ["FAULTS_AGENT"]), actor=SYSTEM)


def press() -> None:
    """Stop what the environment names."""
    stops.press(scope=os.environ["FAULTS_STOP"], reason="A drill.", actor=SYSTEM)


def write() -> None:
    """Append to a few streams that all writers share, without an end; a part of it is rolled back."""
    dice = random.Random(os.getpid())
    while True:
        with transaction.atomic():
            streams = [f"document:{dice.randint(1, 20)}" for _ in range(dice.randint(1, 12))]
            record([Entry(stream, EventKind.DOCUMENT_CHANGED, SYSTEM, {"pid": os.getpid()}) for stream in streams])
            transaction.set_rollback(dice.random() < 0.3)


def seal() -> None:
    """One sealer until it dies."""
    Sealer(keys.read(Path(os.environ["SEAL_KEY"])), every_s=0.1).run()


def agree() -> None:
    """Hold the rows against the log, again and again, until told to stop or something disagrees."""
    stop, rounds = threading.Event(), 0
    signal.signal(signal.SIGTERM, lambda number, frame: stop.set())
    while not stop.is_set():
        found = agreement.check()
        rounds += 1
        Path(os.environ["FAULTS_ROUNDS"]).write_text(json.dumps({"rounds": rounds, **found.counts}))
        if not found.ok:
            raise AssertionError([str(one) for one in found.findings])


ROLES = {
    "agree": agree, "apply": apply, "decide": people.decide_until_told, "press": press, "seal": seal, "task": tasks.drain,
    "work": work, "write": write,
}  # fmt: skip

if __name__ == "__main__":
    main()
