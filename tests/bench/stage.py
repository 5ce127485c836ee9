"""The benchmark's stage: a PostgreSQL of its own with fsync, the scripted model, one worker process."""

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import psycopg

from console.local.paths import APP_ROLE, DATABASE, OWNER_ROLE
from console.local.postgres import Server
from console.local.roles import provision
from tests.waiting import free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(slots=True)
class Stage:
    """What runs: addresses, and the processes whose CPU is counted."""

    server: Server
    environment: dict[str, str]
    model_url: str
    model: subprocess.Popen[bytes]
    worker: subprocess.Popen[bytes] | None = None

    def query(self, sql: str, *parameters: Any) -> Any:
        """One value, as the superuser."""
        with psycopg.connect(self.server.url(database=DATABASE), autocommit=True) as connection:
            cursor = connection.execute(sql, parameters)
            found = cursor.fetchone() if cursor.description else None
            return found[0] if found else None

    @property
    def postmaster(self) -> int:
        """The process id of PostgreSQL."""
        return int((self.server.folder / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])


def _python(*words: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, *words], env=environment, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=None)


@contextlib.contextmanager
def stage(*, delay_s: float = 0) -> Iterator[Stage]:
    """Set it up, and take it down."""
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as folder:
        Path(folder).chmod(0o755)
        server = Server(Path(folder) / "postgres", ("max_connections=100", "shared_buffers=128MB", "track_io_timing=off"))
        server.start()
        port = free_port()
        environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "console.settings",
            "COUNTERSIGN_DATA": str(Path(folder) / "data"),
            "COUNTERSIGN_DEMO": "0",
            "COUNTERSIGN_TOOLS": "tests.bench.tools",
            "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
            "OPENAI_API_KEY": "none",
            "LOG_LEVEL": "warning",
            "PYTHONPATH": str(ROOT),
        }
        provision(server)
        environment["DATABASE_URL"] = server.url(APP_ROLE, DATABASE)
        environment["DATABASE_OWNER_URL"] = server.url(OWNER_ROLE, DATABASE)
        model = _python("-m", "agents.llm.scripted", "--port", str(port), "--delay", str(delay_s), environment=environment)
        try:
            migrate = ["manage.py", "migrate", "--database", "owner", "--verbosity", "0"]
            subprocess.run([sys.executable, *migrate], env=environment, cwd=ROOT, check=True)
            wait_until(lambda: _answers(f"http://127.0.0.1:{port}/healthz"), seconds=20)
            yield Stage(server, environment, f"http://127.0.0.1:{port}/v1", model)
        finally:
            end(model)
            server.stop()


@contextlib.contextmanager
def working(here: Stage, *, sessions: int = 50, command: tuple[str, ...] = ("-m", "tests.bench.work")) -> Iterator[int]:
    """One worker process for the time being; yields its process id."""
    environment = {**here.environment, "WORKER_SESSIONS": str(sessions)}
    process = _python(*command, environment=environment)
    here.worker = process
    try:
        wait_until(
            lambda: here.query("SELECT count(*) FROM agents_workerheartbeat WHERE beat_at > now() - interval '4 s'"), seconds=30
        )
        yield process.pid
    finally:
        end(process)
        here.worker = None


def end(process: subprocess.Popen[bytes]) -> None:
    """Stop a process, with force if it must be."""
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()


def _answers(url: str) -> bool:
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(url, timeout=1).status_code == 200
    return False


def eventually(value: Callable[[], Any], *, seconds: float) -> None:
    """Wait for a condition with a cheap poll."""
    deadline = time.monotonic() + seconds
    while not value():
        if time.monotonic() > deadline:
            raise TimeoutError("the benchmark's work did not end in time")
        time.sleep(0.05)
