"""The OS user that PostgreSQL runs as: looked up and made by one start at a time."""

import os
import subprocess
import sys
from pathlib import Path

from tests.server import ROOT

NAME = "countersign-nobody"
STAND_IN = """#!/bin/sh
# Makes nobody: notes who is inside, and stays long enough to be met by another.
touch "$INSIDE/$$"
for _ in 1 2 3 4 5 6 7 8 9 10; do
    [ "$(ls "$INSIDE" | wc -l)" -gt 1 ] && echo met >> "$SEEN"
    sleep 0.1
done
rm "$INSIDE/$$"
echo made >> "$SEEN"
"""
LOOK_UP = f"""
from console.local.errors import CannotStart
from console.local.osuser import account
try:
    account({NAME!r})
except CannotStart as error:
    print(error)
"""


def _start(folder: Path) -> subprocess.Popen[str]:
    environment = {
        "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}",
        "INSIDE": str(folder / "inside"),
        "SEEN": str(folder / "seen"),
    }
    return subprocess.Popen([sys.executable, "-c", LOOK_UP], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True)


def test_two_first_starts_make_the_user_one_after_the_other(tmp_path: Path) -> None:
    """OPS-4: two `useradd` at once can leave a server with a number that nobody has; a user that is missing afterwards is said."""
    (tmp_path / "inside").mkdir()
    stand_in = tmp_path / "useradd"
    stand_in.write_text(STAND_IN)
    stand_in.chmod(0o755)
    starts = [_start(tmp_path) for _ in range(2)]
    said = [start.communicate(timeout=120)[0] for start in starts]
    assert (tmp_path / "seen").read_text().split() == ["made", "made"]
    assert all(f"The OS user {NAME} was made but cannot be looked up" in text for text in said)
