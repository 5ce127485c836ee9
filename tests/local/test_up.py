"""`make up` with real processes: it starts, survives, refuses and stops as docs/operations.md says."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from console.local.paths import APP_ROLE, OWNER_ROLE
from console.local.postgres import Server
from console.local.roles import provision
from tests.local.running import MANAGE, Running, clean_environment, processes_of, refused, running
from tests.server import ROOT, temporary
from tests.waiting import PATIENCE_S

LEAN = {"COUNTERSIGN_DEMO": "0", "OPENAI_API_KEY": "unused"}


def _children(here: Running) -> list[int]:
    numbers: list[int] = json.loads((here.data / "children.json").read_text())
    return numbers


def _web(here: Running) -> int:
    return next(number for number in _children(here) if b"daphne" in Path(f"/proc/{number}/cmdline").read_bytes())


def _wait(true: Callable[[], bool], limit_s: float = PATIENCE_S) -> None:
    deadline = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.fixture(scope="module")
def installation() -> Iterator[Running]:
    """One running installation for the tests that leave it running."""
    with tempfile.TemporaryDirectory(prefix="countersign-", dir=temporary()) as folder:
        Path(folder).chmod(0o711)
        with running(Path(folder) / "data", LEAN) as here:
            yield here


def test_later_commands_reach_the_running_installation(installation: Running) -> None:
    """API.md, Starting it: the same environment reaches the same installation while it runs."""
    assert installation.is_ready()
    ask = "from django.contrib.auth.models import User; print(User.objects.count())"
    command = [sys.executable, MANAGE, "shell", "-v", "0", "-c", ask]
    done = subprocess.run(command, env=installation.environment, capture_output=True, text=True, check=False)
    assert done.stdout == "0\n", done.stderr


def test_a_second_start_on_the_same_data_says_so_and_stops(installation: Running) -> None:
    """OPS-4: one line, exit code 2, and the first goes on."""
    done = refused(installation.data)
    assert done.returncode == 2
    assert done.stderr.startswith(f"countersign: Countersign already runs on {installation.data} at {installation.address}.")
    assert done.stderr.count("\n") == 1
    assert installation.is_ready()


def test_a_killed_web_process_is_started_again(installation: Running) -> None:
    """OPS-4: supervision."""
    os.kill(_web(installation), signal.SIGKILL)
    installation.wait_for("web ended (signal 9)")
    _wait(installation.is_ready)


def test_a_killed_database_is_started_again(installation: Running) -> None:
    """OPS-4: supervision; it is no child of the supervisor's, and an out-of-memory killer does not ask."""
    postmaster = int((installation.data / "postgres" / "postmaster.pid").read_text().split("\n", 1)[0])
    os.kill(postmaster, signal.SIGKILL)
    installation.wait_for("database does not answer and is started again")
    _wait(installation.is_ready)


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    """OPS-4: one clear line."""
    with socket.create_server(("127.0.0.1", 0)) as busy:
        port = busy.getsockname()[1]
        done = refused(tmp_path / "data", port=port)
    assert (done.returncode, done.stderr) == (
        2,
        f"countersign: 127.0.0.1:{port} cannot be used: Address already in use. Set PORT to another one.\n",
    )
    assert not (tmp_path / "data").exists(), "a refused first start leaves nothing behind"


def test_an_address_of_another_machine_is_one_line(tmp_path: Path) -> None:
    """OPS-4: another PORT would not help, so it names the setting that does."""
    done = refused(tmp_path / "data", port=8000, COUNTERSIGN_HOST="192.0.2.1")
    assert done.returncode == 2
    assert done.stderr.startswith(
        "countersign: 192.0.2.1:8000 cannot be used: Cannot assign requested address. Set COUNTERSIGN_HOST"
    )


def test_a_data_folder_that_cannot_be_made_is_one_line() -> None:
    """OPS-4: no disk to write to."""
    done = refused(Path("/proc/countersign"))
    assert done.returncode == 2
    assert done.stderr.startswith("countersign: COUNTERSIGN_DATA (/proc/countersign) cannot be written: ")
    assert done.stderr.count("\n") == 1


def test_a_wrong_database_address_is_one_line(tmp_path: Path) -> None:
    """OPS-4: one clear line."""
    done = refused(tmp_path / "data", DATABASE_URL="postgresql://x:hidden@127.0.0.1:1/x")
    assert done.returncode == 2
    assert done.stderr.startswith("countersign: DATABASE_URL cannot be reached: ")
    assert done.stderr.count("\n") == 1
    assert "hidden" not in done.stderr
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize(
    "wrong",
    [{"PORT": "eighty"}, {"COUNTERSIGN_DEBUG": "perhaps"}, {"DATABASE_URL": "mysql://x@127.0.0.1/x"}, {"LOG_FORMAT": "yaml"}],
)
def test_a_wrong_setting_is_one_line_and_leaves_nothing_behind(tmp_path: Path, wrong: dict[str, str]) -> None:
    """OPS-4: the name of the setting, and no data folder with a key that nothing uses."""
    (name,) = wrong
    environment = {**clean_environment(tmp_path / "data", 8000, {}), **wrong}
    command = [sys.executable, MANAGE, "up"]
    done = subprocess.run(command, env=environment, cwd=ROOT, check=False, capture_output=True, text=True, timeout=300)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith(f"countersign: {name} ")
    assert list(tmp_path.iterdir()) == []


def test_a_refused_start_keeps_what_stood_there_before(tmp_path: Path) -> None:
    """A key of the operator's own, and a folder with anything else in it."""
    data = tmp_path / "data"
    data.mkdir()
    (data / "secret_key").write_text("mine")
    refused(data, DATABASE_URL="postgresql://x:hidden@127.0.0.1:1/x")
    assert (data / "secret_key").read_text() == "mine"
    (data / "secret_key").unlink()
    (data / "mail").mkdir()
    refused(data, DATABASE_URL="postgresql://x:hidden@127.0.0.1:1/x")
    assert (data / "mail").is_dir()


def test_two_databases_are_one_line(tmp_path: Path, postgres: Server) -> None:
    """OPS-4: pages would else work in one database while the schema and its guards stand in the other."""
    names = [f"apart_{os.getpid()}_{n}" for n in range(2)]
    for name in names:
        provision(postgres, name)
    application, owner = (postgres.url(role, name) for role, name in zip((APP_ROLE, OWNER_ROLE), names, strict=True))
    done = refused(tmp_path / "data", DATABASE_URL=application, DATABASE_OWNER_URL=owner)
    with postgres.connect() as connection:
        for name in names:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "DATABASE_URL and DATABASE_OWNER_URL name two databases, " in done.stderr
    assert all(name in done.stderr for name in names)


def test_a_role_without_rights_is_one_line(tmp_path: Path, postgres: Server) -> None:
    """OPS-4: the application's role alone cannot migrate, and the line has the grant."""
    name = f"rights_{os.getpid()}"
    provision(postgres, name)
    done = refused(tmp_path / "data", DATABASE_URL=postgres.url("countersign_app", name))
    with postgres.connect() as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    assert done.returncode == 2
    assert "GRANT CREATE, USAGE ON SCHEMA public TO countersign_app" in done.stderr
    assert done.stderr.count("\n") == 1


def test_an_outside_database_is_migrated_and_used_and_left_running(tmp_path: Path, postgres: Server) -> None:
    """OPS-4: DATABASE_URL replaces the embedded database."""
    name = f"outside_{os.getpid()}"
    provision(postgres, name)
    urls = {
        "DATABASE_URL": postgres.url("countersign_app", name),
        "DATABASE_OWNER_URL": postgres.url("countersign_owner", name),
    }
    with running(tmp_path / "data", {**LEAN, **urls}) as here:
        assert here.is_ready()
        assert not (here.data / "postgres").exists()
    with psycopg.connect(urls["DATABASE_URL"]) as connection:
        assert connection.execute("SELECT count(*) FROM auth_user").fetchone() == (0,)
    with postgres.connect() as superuser:
        superuser.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _sign_ins(text: str) -> list[str]:
    return [line for line in text.splitlines() if "@demo.example" in line]


def _reset(here: Running) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, MANAGE, "demo_reset"]
    return subprocess.run(command, env=here.environment, capture_output=True, text=True, check=False)


def test_a_demo_is_killed_taken_over_stopped_interrupted_and_reset(open_path: Path) -> None:
    """API.md, Starting it and The demo; one installation through its life, because a start is what costs.

    1. The first start prints seven sign-ins with random passwords, kept for their owner only; a reset waits for the end.
    2. After kill -9 of the supervisor the next start ends what was left, adopts the database and prints the same sign-ins.
    3. SIGTERM stops all within 20 s: exit code 0, no process left, the database stopped.
    4. An interrupt that only `make` gets stops all the same.
    5. A reset makes new passwords in a new database.
    """
    data = open_path / "data"
    with running(data, {}) as here:  # 1
        first = _sign_ins(here.output())
        assert [line.split("@", 1)[0] for line in first] == ["olga", "ada", "remy", "rosa", "paul", "audrey", "vic"]
        assert (data / "demo-sign-ins.txt").stat().st_mode & 0o777 == 0o600
        assert "already runs on" in _reset(here).stderr
        key = (data / "secret_key").read_text()
        here.process.kill()
        here.process.wait()
        assert processes_of(data)
    with running(data, {}, port=here.port) as again:  # 2
        assert "Ended what an earlier start had left running" in again.output()
        assert _sign_ins(again.output()) == first
        assert (data / "secret_key").read_text() == key
        assert again.stop() < 20  # 3
        assert again.process.returncode == 0, again.output()
    assert processes_of(data) == []
    assert not Server(data / "postgres").alive()
    if Path("/proc/self/status").exists():
        with running(data, {}, command=("make", "-C", str(ROOT), "up")) as made:  # 4
            assert made.stop(signal.SIGINT) < 20
        assert processes_of(data) == []
    reset = _reset(again)  # 5
    assert reset.returncode == 0, reset.stderr
    new = _sign_ins(reset.stdout)
    assert len(new) == 7
    assert not set(new) & set(first)
    assert processes_of(data) == []
