"""The benchmark's stage: a PostgreSQL of its own with fsync, the scripted model, a worker process, a web process."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx2
import psycopg

from console.local.children import POOL
from console.local.paths import APP_ROLE, DATABASE, OWNER_ROLE
from console.local.postgres import Server
from console.local.roles import provision
from tests.waiting import free_port, wait_until

ROOT = Path(__file__).resolve().parent.parent.parent
T = TypeVar("T", str, bytes)
DRAIN = ("-m", "tests.bench.work")
POSTGRES = ("max_connections=100", "shared_buffers=128MB", "track_io_timing=off")


@dataclass(slots=True)
class Stage:
    """What runs: addresses, and the processes whose CPU is counted."""

    server: Server
    folder: Path
    environment: dict[str, str]
    model_url: str
    model: subprocess.Popen[bytes]

    def connection(self) -> psycopg.Connection:
        """A connection of the superuser's."""
        return psycopg.connect(self.server.url(database=DATABASE), autocommit=True)

    def query(self, sql: str, *parameters: Any) -> Any:
        """One value, as the superuser."""
        with self.connection() as connection:
            cursor = connection.execute(sql, parameters)
            found = cursor.fetchone() if cursor.description else None
            return found[0] if found else None

    def rows(self, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows, as the superuser."""
        with self.connection() as connection:
            return connection.execute(sql, parameters).fetchall()

    @property
    def postmaster(self) -> int:
        """The process id of PostgreSQL."""
        return int((self.server.folder / "postmaster.pid").read_text(encoding="ascii").split("\n", 1)[0])

    def run(self, module: str, *words: object) -> dict[str, Any]:
        """Run one of the benchmark's programs to its end; returns the JSON of its last line."""
        command = [sys.executable, "-m", f"tests.bench.{module}", *map(str, words)]
        found = subprocess.run(command, env=self.environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
        told: dict[str, Any] = json.loads(found.stdout.splitlines()[-1])
        return told


@contextlib.contextmanager
def stage(*, delay_s: float = 0, kept: Path | None = None, **more: str) -> Iterator[Stage]:
    """Set it up, and take it down.

    `delay_s` is how long the model thinks, `kept` a folder whose database stays for the next time; `more` are environment
    variables.
    """
    with _folder(kept) as folder:
        folder.chmod(0o755)
        server = Server(folder / "postgres", POSTGRES)
        server.start()
        try:
            provision(server)
            port = free_port()
            environment = _environment(server, folder, port) | more
            manage(environment, "migrate", "--database", "owner")
            model = start("-m", "agents.llm.scripted", "--port", str(port), "--delay", str(delay_s), environment=environment)
            with ending(model):
                wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), seconds=30)
                yield Stage(server, folder, environment, f"http://127.0.0.1:{port}/v1", model)
        finally:
            server.stop()


@contextlib.contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
    if kept is None:
        with tempfile.TemporaryDirectory(prefix="countersign-bench-") as name:
            yield Path(name)
    else:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept


def _environment(server: Server, folder: Path, port: int) -> dict[str, str]:
    return {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "console.settings",
        "COUNTERSIGN_DATA": str(folder / "data"),
        "COUNTERSIGN_DEMO": "0",
        "COUNTERSIGN_TOOLS": "tests.bench.tools",
        "DATABASE_URL": server.url(APP_ROLE, DATABASE),
        "DATABASE_OWNER_URL": server.url(OWNER_ROLE, DATABASE),
        "OPENAI_BASE_URL": f"http://127.0.0.1:{port}/v1",
        "OPENAI_API_KEY": "none",
        "LOG_LEVEL": "warning",
        "PYTHONPATH": str(ROOT),
    }


@contextlib.contextmanager
def working(here: Stage, *, sessions: int = 50, command: tuple[str, ...] = DRAIN, **more: str) -> Iterator[int]:
    """One worker for the time being; yields its process id."""
    environment = {**here.environment, "WORKER_SESSIONS": str(sessions), **more}
    with ending(start(*command, environment=environment)) as process:
        wait_until(
            lambda: here.query("SELECT count(*) FROM agents_workerheartbeat WHERE beat_at > now() - interval '4 s'"), seconds=60
        )
        yield process.pid


@contextlib.contextmanager
def serving(here: Stage) -> Iterator[tuple[str, int]]:
    """One web process for the time being; yields its address and its process id."""
    port = free_port()
    environment = {**here.environment, "PORT": str(port), "DATABASE_POOL": POOL}
    manage(environment, "collectstatic", "--no-input")
    words = ("-m", "daphne", "--bind", "127.0.0.1", "--port", str(port), "--verbosity", "0", "console.asgi:application")
    with ending(start(*words, environment=environment)) as process:
        wait_until(lambda: answers(f"http://127.0.0.1:{port}/healthz"), seconds=60)
        yield f"127.0.0.1:{port}", process.pid


def start(*words: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    """Start a Python program beside this one."""
    return subprocess.Popen([sys.executable, *words], env=environment, cwd=ROOT, stdout=subprocess.DEVNULL)


@contextlib.contextmanager
def ending(process: subprocess.Popen[T]) -> Iterator[subprocess.Popen[T]]:
    """Stop a process in the end, with force if it must be."""
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def answers(url: str) -> bool:
    """Whether an address answers 200."""
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(url, timeout=5).status_code == 200
    return False


def manage(environment: dict[str, str], *words: str) -> None:
    """Run a command of the product's to its end."""
    command = [sys.executable, "manage.py", *words, "--verbosity", "0"]
    subprocess.run(command, env=environment, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
