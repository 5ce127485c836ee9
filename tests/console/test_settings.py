"""Settings come from the environment, and a wrong one is one clear line."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from tests.server import ROOT

CLEAN = {key: value for key, value in os.environ.items() if key in {"PATH", "HOME", "LANG", "TMPDIR"}}


def _manage(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    return subprocess.run(command, env={**CLEAN, **environment}, capture_output=True, text=True, check=False, timeout=300)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PORT", "eighty", "PORT must be a whole number, not 'eighty'."),
        ("PORT", "70000", "PORT must lie between 1 and 65535, not 70000."),
        ("LOG_FORMAT", "xml", "LOG_FORMAT must be text or json, not 'xml'."),
        ("MODEL_WINDOWS", "small=much", "MODEL_WINDOWS must look like NAME=NUMBER,NAME=NUMBER, not 'small=much'."),
        ("COUNTERSIGN_DEMO", "maybe", "COUNTERSIGN_DEMO must be 1 or 0, not 'maybe'."),
        ("DATABASE_URL", "mysql://x/y", "DATABASE_URL must look like postgresql://user:password@host:5432/database."),
        (
            "SECRET_KEY_FILE",
            "/nowhere/key",
            "SECRET_KEY_FILE names /nowhere/key, which cannot be read: No such file or directory.",
        ),
    ],
)
def test_a_wrong_setting_is_one_line_and_exit_code_2(tmp_path: Path, name: str, value: str, told: str) -> None:
    """OPS-4: the line names the variable and the way out; no traceback."""
    done = _manage("check", COUNTERSIGN_DATA=str(tmp_path), **{name: value})
    assert done.returncode == 2
    assert done.stderr == f"countersign: {told}\n"


def test_a_secret_may_come_from_a_file_but_not_from_both(tmp_path: Path) -> None:
    """TOOL-10, API.md: every secret also comes as NAME_FILE."""
    (tmp_path / "key").write_text("k" * 60 + "\n")
    ask = ("shell", "-v", "0", "-c", "from django.conf import settings; print(len(settings.SECRET_KEY))")
    read = _manage(*ask, COUNTERSIGN_DATA=str(tmp_path), SECRET_KEY_FILE=str(tmp_path / "key"))
    assert read.stdout == "60\n"
    both = _manage("check", COUNTERSIGN_DATA=str(tmp_path), SECRET_KEY_FILE=str(tmp_path / "key"), SECRET_KEY="other")
    assert both.stderr == "countersign: SECRET_KEY and SECRET_KEY_FILE are both set. Keep one of them.\n"


def test_the_secret_key_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    """OPS-4: without a setting each installation gets a key of its own."""
    assert _manage("check", COUNTERSIGN_DATA=str(tmp_path / "data")).returncode == 0
    key = tmp_path / "data" / "secret_key"
    first = key.read_text()
    assert len(first) >= 64
    assert key.stat().st_mode & 0o777 == 0o600
    _manage("check", COUNTERSIGN_DATA=str(tmp_path / "data"))
    assert key.read_text() == first


def test_the_deployment_check_is_clean_with_a_production_environment(tmp_path: Path) -> None:
    """Headers and cookies that `check --deploy` asks for."""
    done = _manage(
        "check",
        "--deploy",
        "--fail-level",
        "WARNING",
        COUNTERSIGN_DATA=str(tmp_path),
        COUNTERSIGN_PUBLIC_URL="https://countersign.example",
        DATABASE_URL="postgresql://countersign_app:x@db.example/countersign",
        DATABASE_OWNER_URL="postgresql://countersign_owner:x@db.example/countersign",
    )
    assert done.returncode == 0, done.stderr


def test_one_role_for_everything_is_told_by_the_deployment_check(tmp_path: Path) -> None:
    """countersign.W001, AUDIT-2: the wall is missing and the check says so."""
    done = _manage(
        "check",
        "--deploy",
        COUNTERSIGN_DATA=str(tmp_path),
        COUNTERSIGN_PUBLIC_URL="https://countersign.example",
        DATABASE_URL="postgresql://one:x@db.example/countersign",
    )
    assert "countersign.W001" in done.stderr


SAY = ("shell", "-v", "0", "-c", "import structlog; structlog.get_logger('x').warning('thing.happened', count=3)")


def test_a_terminal_is_given_text_and_everything_else_json(tmp_path: Path) -> None:
    """OBS-2: whoever reads `make up` reads words; whatever collects logs gets the published schema."""
    told = json.loads(_manage(*SAY, COUNTERSIGN_DATA=str(tmp_path)).stderr)
    assert (told["event"], told["count"]) == ("thing.happened", 3)
    shown = _on_terminal(*SAY, COUNTERSIGN_DATA=str(tmp_path))
    assert "thing.happened" in shown
    assert "{" not in shown
    assert json.loads(_on_terminal(*SAY, COUNTERSIGN_DATA=str(tmp_path), LOG_FORMAT="json"))["event"] == "thing.happened"


def _on_terminal(*arguments: str, **environment: str) -> str:
    """What a command says on stderr where that is a terminal."""
    ours, its = pty.openpty()
    command = [sys.executable, str(ROOT / "manage.py"), *arguments]
    subprocess.run(command, env={**CLEAN, **environment}, stdout=subprocess.DEVNULL, stderr=its, check=True, timeout=300)
    os.close(its)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        return terminal.read(65_536).decode()
