"""The sealer as the process that it is: `manage.py seal_key` and `manage.py seal`, killed and started again."""

import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.models import Checkpoint
from audit.note import Checkpoint as Said
from audit.note import Note, Signer, Verifier
from audit.seal import newest, origin
from audit.sealer import MANY, Sealer
from audit.services import record
from tests.audit.conftest import entry
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.fixture
def environment(fresh_database: Any, tmp_path: Path) -> Mapping[str, str]:
    """Where the sealer finds database and key."""
    return {**fresh_database.environment, "SEAL_KEY": str(tmp_path / "seal.key"), "LOG_LEVEL": "WARNING"}


def manage(environment: Mapping[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", *words],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@contextmanager
def sealing(environment: Mapping[str, str], *words: str) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "manage.py", "seal", *words], cwd=ROOT, env=environment)
    try:
        yield process
    finally:
        process.kill()
        process.wait(120)


def key_of(environment: Mapping[str, str]) -> Verifier:
    made = manage(environment, "seal_key")
    assert made.returncode == 0, made.stderr
    return Verifier.of(made.stdout)


def sizes() -> list[int]:
    return list(Checkpoint.objects.order_by("size").values_list("size", flat=True))


def test_a_key_is_made_shown_again_and_never_written_over(environment: Mapping[str, str]) -> None:
    key = key_of(environment)
    assert key.name == origin()
    assert Verifier.of(manage(environment, "seal_key", "--show").stdout) == key
    again = manage(environment, "seal_key")
    assert again.returncode == 1
    assert "never written over" in again.stderr


def test_without_a_key_the_way_to_one_is_told(environment: Mapping[str, str]) -> None:
    told = manage(environment, "seal", "--once")
    assert told.returncode == 1
    assert "manage.py seal_key" in told.stderr


def test_a_target_that_nothing_can_be_shown_at_is_refused_at_the_start(environment: Mapping[str, str]) -> None:
    key_of(environment)
    told = manage(environment, "seal", "--once", "--publish", "somewhere")
    assert told.returncode == 1
    assert "file:" in told.stderr


def test_what_is_committed_now_is_signed_and_shown_in_a_file_and_to_a_command(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    key = key_of(environment)
    record([entry() for _ in range(5)])
    file, heard = tmp_path / "checkpoint", tmp_path / "heard"

    told = manage(
        environment,
        "seal",
        "--once",
        "--publish",
        f"file:{file}",
        "--publish",
        f'exec:{sys.executable} -c \'import sys; open("{heard}", "w").write(sys.stdin.read())\'',
    )

    assert told.returncode == 0, told.stderr
    assert told.stdout == file.read_text() == heard.read_text()
    note = Note.of(told.stdout)
    assert [one for one, _ in note.signed_by([key])] == [key]
    assert Said.of(note.text).size == 5


def test_a_sealer_that_was_killed_shows_the_same_bytes_again_and_goes_on(
    environment: Mapping[str, str], tmp_path: Path
) -> None:
    key, file = key_of(environment), tmp_path / "checkpoint"
    record([entry()])
    with sealing(environment, "--publish", f"file:{file}") as process:
        wait_until(file.exists)
        process.send_signal(signal.SIGKILL)
        process.wait(120)
    shown = file.read_text()
    file.unlink()

    with sealing(environment, "--publish", f"file:{file}") as process:
        wait_until(file.exists)
        assert file.read_text() == shown
        record([entry(), entry()])
        wait_until(lambda: Said.of(Note.of(file.read_text()).text).size == 3)
        process.terminate()
        assert process.wait(120) == 0

    assert list(Note.of(file.read_text()).signed_by([key]))
    assert sizes() == [1, 3]


def test_an_address_that_refused_is_shown_the_newest_checkpoint_later(environment: Mapping[str, str]) -> None:
    key_of(environment)
    record([entry()])
    heard: list[str] = []

    class Witness(BaseHTTPRequestHandler):
        asked = 0

        def do_POST(self) -> None:
            Witness.asked += 1
            said = self.rfile.read(int(self.headers["Content-Length"])).decode()
            if Witness.asked > 1:
                heard.append(said)
            self.send_response(200 if Witness.asked > 1 else 503)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = HTTPServer(("127.0.0.1", 0), Witness)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        with sealing(environment, "--publish", f"http://127.0.0.1:{server.server_port}/"):
            wait_until(lambda: bool(heard))
    finally:
        server.shutdown()
        server.server_close()
    found = newest()
    assert found is not None
    assert heard[0] == found.note


def test_while_much_is_written_it_looks_four_times_as_often(fresh_database: Any) -> None:
    """AUDIT-3: at two thousand entries a second none waits for two."""
    sealer = Sealer(Signer(origin(), Ed25519PrivateKey.generate()), every_s=1.0)
    record([entry() for _ in range(MANY)])
    assert sealer.look() == 1.0
    record([entry() for _ in range(MANY)])
    assert sealer.look() == 0.25
    record([entry() for _ in range(MANY - 1)])
    assert sealer.look() == 1.0
    assert sealer.look() == 1.0
