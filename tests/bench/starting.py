"""How long `make up` takes until /readyz says yes: the first start, the second, and the whole from a fresh clone."""

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.bench.options import Options
from tests.bench.report import Figure
from tests.bench.stage import ROOT, answers
from tests.waiting import free_port, wait_until

STOPS_WITHIN_S = 30
# What would make it another installation than a newcomer's.
_FOREIGN = (
    "DATABASE_URL",
    "OPENAI",
    "COUNTERSIGN",
    "SCRIPTED",
    "EMAIL",
    "SEARCH",
    "DJANGO",
    "PORT",
    "FAILPOINTS",
    "PYTHON",
    "SECRET_KEY",
    "LOG_",
)


def measure(options: Options) -> Iterator[Figure]:
    """The first start into an empty folder, and a second one on the same data."""
    subprocess.run(["make", "-s", ".venv/.base-ready"], cwd=ROOT, check=True)
    with _folder() as data:
        yield Figure("make up to ready, first start", _seconds_to_ready(ROOT, data), "s", must="<= 25")
        yield Figure("make up to ready, second start", _seconds_to_ready(ROOT, data), "s", must="<= 8")


def measure_clone(options: Options) -> Iterator[Figure]:
    """A fresh clone, its environment, and the first start; packages come from wherever this machine gets them."""
    with _folder() as folder:
        began = time.monotonic()
        clone = folder / "clone"
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        cloned = time.monotonic() - began
        ready = _seconds_to_ready(clone, folder / "data")
        uv = shutil.which("uv") is not None
        yield Figure("fresh clone, make up to ready", cloned + ready, "s", detail={"clone_s": cloned, "with_uv": uv})


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="countersign-bench-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def _seconds_to_ready(root: Path, data: Path) -> float:
    port = free_port()
    environment = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    environment |= {"COUNTERSIGN_DATA": str(data), "PORT": str(port)}
    began = time.monotonic()
    process = subprocess.Popen(["make", "up"], cwd=root, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    try:
        wait_until(lambda: process.poll() is not None or answers(f"http://127.0.0.1:{port}/readyz"), seconds=500)
        if process.poll() is not None:
            raise RuntimeError(f"make up ended with {process.returncode} before it was ready")
        return time.monotonic() - began
    finally:
        _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    """As Ctrl-C at a terminal: everybody in the foreground hears it."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(STOPS_WITHIN_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        raise
