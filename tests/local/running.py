"""A whole installation as a newcomer starts it: `manage.py up` in a process of its own."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from console.local.preflight import spare_port
from tests.server import ROOT
from tests.waiting import PATIENCE_S

MANAGE = str(ROOT / "manage.py")
READY_WITHIN_S = 300.0


@dataclass(slots=True)
class Running:
    """One started `up`."""

    data: Path
    port: int
    process: subprocess.Popen[str]
    said: Path
    environment: dict[str, str] = field(repr=False)

    @property
    def address(self) -> str:
        """Where its pages are."""
        return f"http://127.0.0.1:{self.port}"

    def output(self) -> str:
        """Return what it has said until now."""
        return self.said.read_text()

    def wait_for(self, words: str, limit_s: float = READY_WITHIN_S) -> None:
        """Wait until it says something, or fail with what it said instead."""
        deadline = time.monotonic() + limit_s
        while words not in self.output():
            assert self.process.poll() is None, f"it ended: {self.output()}"
            assert time.monotonic() < deadline, f"never said {words!r}: {self.output()}"
            time.sleep(0.05)

    def is_ready(self) -> bool:
        """Ask /readyz."""
        try:
            with urllib.request.urlopen(f"{self.address}/readyz", timeout=20) as answer:
                return bool(answer.status == 200)
        except (urllib.error.URLError, OSError):
            return False

    def stop(self, number: signal.Signals = signal.SIGTERM) -> float:
        """Stop it, and return how many seconds that took."""
        began = time.monotonic()
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(timeout=PATIENCE_S)
        return time.monotonic() - began


def clean_environment(data: Path, port: int, more: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a newcomer, without anything of the test run's."""
    kept = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR", "USER"}}
    return {**kept, "COUNTERSIGN_DATA": str(data), "PORT": str(port), **more}


@contextmanager
def running(
    data: Path, more: Mapping[str, str], *, command: Sequence[str] = (sys.executable, MANAGE, "up"), port: int = 0
) -> Iterator[Running]:
    """Start it, wait until it is ready, and stop it however the test ends."""
    port = port or spare_port()
    environment = clean_environment(data, port, more)
    said = data.parent / f"said-{port}.txt"
    with said.open("w") as file:
        process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT, text=True)
    here = Running(data, port, process, said, environment)
    try:
        here.wait_for("Countersign is ready at")
        yield here
    finally:
        here.stop()


def refused(data: Path, *, port: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a start that must be refused, and return what it said."""
    environment = clean_environment(data, port or spare_port(), more)
    command = [sys.executable, MANAGE, "up"]
    return subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300)


def processes_of(data: Path) -> list[str]:
    """Return the command lines of live processes that were started for a data folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
            command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue
        if f"COUNTERSIGN_DATA={data}\0".encode() in environment + b"\0" and command:
            found.append(command)
    return found
