"""The stage of the fault tests: PostgreSQL with fsync, the model, the ledger of effects and the nursery, each a process.

Once per test process. A `Play` is one test's part of it: a database of its own, its agent, its sessions and workers.
"""

import contextlib
import itertools
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
from django.contrib.auth.models import User
from django.db import DatabaseError, connections

from agents import services
from agents.models import Session
from audit.actors import Actor
from console.local.paths import APP_ROLE, OWNER_ROLE
from console.local.postgres import Server
from console.local.roles import drop, provision
from tests.faults import people
from tests.faults.effects import URL, Effects
from tests.server import ROOT, copy, temporary
from tests.waiting import free_port, wait_until

ALIASES = ("default", "owner")
TEMPLATE = "faults_template"
PATIENCE_S = 240.0  # far beyond what anything takes on a quiet machine
_numbers = itertools.count(90_000, 1_000)


@dataclass(slots=True)
class Stage:
    """What stands around all tests of the process."""

    server: Server
    model_url: str
    effects: Effects
    environment: dict[str, str] = field(repr=False)
    nursery: "Nursery" = field(repr=False)

    def crash(self) -> None:
        """End PostgreSQL at once, as a loss of power would: what it holds in memory is gone, the next start recovers."""
        number = int((self.server.folder / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])
        os.kill(number, signal.SIGQUIT)
        wait_until(lambda: not self.server.alive(), seconds=PATIENCE_S)

    def fault(self, kind: str, session: Session, **told: Any) -> None:
        """Let something go wrong with the model's next answer to a session."""
        httpx2.post(f"{self.model_url}/_faults", json={"kind": kind, "match": token(session), **told}).raise_for_status()

    def slow(self, *, seconds: float) -> None:
        """Let every answer of the model take so long from now on; 0 forgets that, and all other faults that are left."""
        httpx2.delete(f"{self.model_url}/_faults").raise_for_status()
        if seconds:
            always = {"kind": "slow", "match": "", "count": 1_000_000, "seconds": seconds}
            httpx2.post(f"{self.model_url}/_faults", json=always).raise_for_status()

    def faults_left(self, session: Session) -> int:
        """How many of a session's faults have not happened."""
        waiting = httpx2.get(f"{self.model_url}/_faults").json()["waiting"]
        return sum(fault["count"] for fault in waiting if fault["match"] == token(session))


def token(session: Session) -> str:
    """What marks a session's requests to the model, and its effects."""
    return str(session.title).rpartition("token=")[2]


class Child:
    """One process from the nursery."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.status: int | None = None
        self.ended_at = 0.0

    @property
    def ended(self) -> bool:
        """True once it is gone."""
        return self.status is not None

    @property
    def stopped(self) -> bool:
        """True while it stands still."""
        with contextlib.suppress(OSError):
            told = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii", errors="replace")
            return told.rpartition(")")[2].split()[0] == "T"
        return False

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it still lives."""
        if not self.ended:
            os.kill(self.pid, number)

    def end(self, number: signal.Signals = signal.SIGKILL) -> None:
        """End it, and wait until it is gone."""
        self.send(number)
        if number != signal.SIGKILL:
            self.send(signal.SIGCONT)
        wait_until(lambda: self.ended, seconds=PATIENCE_S)


class Nursery:
    """The process that forks workers, and what it tells of them."""

    def __init__(self, environment: dict[str, str]) -> None:
        command = [sys.executable, "-m", "tests.faults.nursery"]
        self._process = subprocess.Popen(command, env=environment, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._born: queue.Queue[Child] = queue.Queue()
        self._children: dict[int, Child] = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def bear(self, **order: Any) -> Child:
        """Start a process."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order).encode() + b"\n")
        self._process.stdin.flush()
        return self._born.get(timeout=PATIENCE_S)

    def close(self) -> None:
        """End all children, then the nursery."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(PATIENCE_S)
        self._reader.join(PATIENCE_S)
        self._process.stdout.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            told = json.loads(line)
            if "born" in told:
                child = self._children[told["born"]] = Child(told["born"])
                self._born.put(child)
            else:
                child = self._children.pop(told["ended"])
                child.ended_at = time.time()
                child.status = told["status"]


@contextlib.contextmanager
def standing() -> Iterator[Stage]:
    """Set the stage, and clear it away."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="countersign-faults-", dir=temporary())))
        folder.chmod(0o755)
        server = Server(folder / "postgres", ("max_connections=100", "shared_buffers=64MB", "track_commit_timestamp=on"))
        server.start()
        stack.callback(server.stop)
        provision(server, TEMPLATE)
        ports = {"model": free_port(), "effects": free_port()}
        environment = _environment(server, folder, ports)
        scenarios = Path(__file__).parent / "scenarios"
        scripted = ["agents.llm.scripted", "--port", str(ports["model"]), "--scenarios", str(scenarios)]
        stack.enter_context(_python(scripted, environment))
        ledger = ["tests.faults.effects", str(ports["effects"]), str(folder / "effects.jsonl")]
        stack.enter_context(_python(ledger, environment))
        migrate = ["manage.py", "migrate", "--database", "owner", "--verbosity", "0"]
        subprocess.run([sys.executable, *migrate], env=environment, cwd=ROOT, check=True)
        model, effects = f"http://127.0.0.1:{ports['model']}", Effects(environment[URL])
        wait_until(lambda: _answers(f"{model}/healthz") and _answers(effects.url), seconds=PATIENCE_S)
        nursery = Nursery(environment)
        stack.callback(nursery.close)
        yield Stage(server, model, effects, environment, nursery)


def _environment(server: Server, folder: Path, ports: dict[str, int]) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "DATABASE_URL": server.url(APP_ROLE, TEMPLATE),
        "DATABASE_OWNER_URL": server.url(OWNER_ROLE, TEMPLATE),
        "COUNTERSIGN_DATA": str(folder / "data"),
        "COUNTERSIGN_DEMO": "0",
        "COUNTERSIGN_TEST": "1",
        "COUNTERSIGN_TOOLS": "tests.faults.tools",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{ports['model']}/v1",
        "OPENAI_API_KEY": "none",
        "LOG_LEVEL": "warning",
        "PYTHONPATH": str(ROOT),
        URL: f"http://127.0.0.1:{ports['effects']}",
    }


@contextlib.contextmanager
def _python(words: list[str], environment: dict[str, str]) -> Iterator[None]:
    with subprocess.Popen([sys.executable, "-m", *words], env=environment, cwd=ROOT) as process:
        try:
            yield
        finally:
            process.terminate()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(url, timeout=20).status_code == 200
    return False


@dataclass
class Play:
    """One test's database, sessions and workers."""

    stage: Stage
    database: str
    olga: User
    workers: list[Child] = field(default_factory=list)
    lease_s: float = 0  # of this play's workers; 0: the product's own

    def agent(self, **more: Any) -> None:
        """Apply the agent of the fault tests, changed where a test needs it."""
        document = {
            "slug": "payer",
            "prompt": "payer",
            "prompt_text": "You pay.",
            "model": "scripted-1",
            "tools": ["peek", "note", "pay", "stamp"],
            "retries": {"base_backoff_s": 0.05},
            **more,
        }
        # In a process that knows the tools: the test's own must not, other tests look at its registry.
        child = self.worker(role="apply", FAULTS_AGENT=json.dumps(document))
        wait_until(lambda: child.ended, seconds=PATIENCE_S)
        assert child.status == 0

    def start(self, scenario: str = "payday", count: int = 1, **more: Any) -> list[Session]:
        """Start sessions, each with a token of its own; `more` as `start_session` takes it."""
        return [self._start(f"scenario: {scenario} token={secrets.token_hex(6)}", more) for _ in range(count)]

    def _start(self, goal: str, more: dict[str, Any]) -> Session:
        return services.start_session(actor=self._actor(), person_id=self.olga.pk, agent="payer", goal=goal, **more)

    def watch(self, session: Session) -> None:
        """Look at a session, so that its answers stream."""
        services.watch(session=session)

    def worker(self, failpoints: str = "", *, role: str = "work", without: tuple[str, ...] = (), **environment: str) -> Child:
        """Start a process of a role."""
        child = self.stage.nursery.bear(
            database=self.database,
            role=role,
            failpoints=failpoints,
            without=without,
            environment=environment,
            lease_s=self.lease_s,
        )
        self.workers.append(child)
        return child

    def until(self, true: Callable[[], object], *, seconds: float = PATIENCE_S) -> None:
        """Wait for something while people answer what is asked; they bear with a database that is away."""

        def answered() -> object:
            try:
                people.decide_all()
                return true()
            except DatabaseError:
                connections["default"].close()
                return False

        wait_until(answered, seconds=seconds)

    def at_rest(self) -> bool:
        """True if no session has anything left to do."""
        return not Session.objects.filter(status__in=["queued", "running", "waiting_approval"]).exists()

    def sql(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Run a statement as the superuser."""
        with self.stage.server.connect(self.database) as connection:
            cursor = connection.execute(statement, parameters)
            return cursor.fetchall() if cursor.description else []

    @contextlib.contextmanager
    def by_way_of(self, folder: str) -> Iterator[None]:
        """Let this process reach the database by another socket's folder for a while."""
        _point_at(folder, self.database)
        try:
            yield
        finally:
            _point_at(str(self.stage.server.socket), self.database)

    def end(self) -> None:
        """End what still runs."""
        for child in self.workers:
            if not child.ended:
                child.end()

    def _actor(self) -> Actor:
        return Actor("user", str(self.olga.pk), self.olga.first_name)


@contextlib.contextmanager
def play_on(stage: Stage, cast: Callable[[], User]) -> Iterator[Play]:
    """Copy the database for one test and point Django at the copy; end the test's processes after it."""
    name = f"faults_{secrets.token_hex(4)}"
    copy(stage.server, name, TEMPLATE, strategy="wal_log")
    before = {alias: dict(connections.settings[alias]) for alias in ALIASES}
    _point_at(str(stage.server.socket), name)
    play = Play(stage, name, cast())
    try:
        # The ledger of effects outlives the database: no two tests may name a session alike.
        play.sql("SELECT setval('agents_session_number', %s)", next(_numbers))
        play.agent()
        yield play
    finally:
        play.end()
        for alias in ALIASES:
            connections[alias].close()
            connections.settings[alias].update(NAME=before[alias]["NAME"], HOST=before[alias]["HOST"])
        drop(stage.server, name)


def _point_at(host: str, name: str) -> None:
    """Make Django's connections of this process ones to a database."""
    for alias in ALIASES:
        connections[alias].close()
        connections.settings[alias].update(NAME=name, HOST=host)
