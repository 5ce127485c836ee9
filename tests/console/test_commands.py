"""Commands of an installation whose database is away or not prepared: one line that says what to do, never a traceback."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from console.local.paths import OWNER_ROLE
from console.local.postgres import Server
from console.local.preflight import spare_port
from console.local.roles import drop, provision
from tests.server import ROOT

CLEAN = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR"}}
COMMANDS = [("token", "list"), ("verify_audit",), ("agents", "list"), ("migrate", "--database", "owner")]


def _manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env={**CLEAN, **environment}, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize("arguments", COMMANDS, ids=lambda words: words[0])
def test_a_command_without_the_embedded_database_says_how_to_start_it(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """OPS-4: whoever forgot `make up` is told so."""
    done = _manage(*arguments, COUNTERSIGN_DATA=str(tmp_path))
    assert done.returncode == 1
    assert done.stderr.startswith("countersign: The database cannot be used: ")
    assert "Start the installation with `make up`" in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_database_that_does_not_answer_is_named_by_its_settings(tmp_path: Path) -> None:
    """OPS-4: an outside database that is away, without its password in the line."""
    address = f"postgresql://countersign:secret-word@127.0.0.1:{spare_port()}/countersign"
    done = _manage("verify_audit", COUNTERSIGN_DATA=str(tmp_path), DATABASE_URL=address)
    assert done.returncode == 1
    assert "refused. Start PostgreSQL there, or correct DATABASE_URL and DATABASE_OWNER_URL.\n" in done.stderr
    assert done.stderr.count("\n") == 1
    assert "secret-word" not in done.stderr


def test_a_database_without_tables_is_told_apart(tmp_path: Path, postgres: Server) -> None:
    """OPS-4: the way out is to migrate."""
    provision(postgres, "never_migrated")
    try:
        done = _manage("token", "list", COUNTERSIGN_DATA=str(tmp_path), DATABASE_URL=postgres.url(OWNER_ROLE, "never_migrated"))
    finally:
        drop(postgres, "never_migrated")
    told = "The database is not prepared for this version: run `manage.py migrate --database owner` first."
    assert (done.returncode, done.stderr) == (1, f"countersign: {told}\n")
