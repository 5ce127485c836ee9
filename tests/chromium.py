"""Finds a Chromium for the browser tests, or installs one; `python -m tests.chromium` does it ahead of a test run."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class NoChromium(Exception):
    """No Chromium is here and none can be had. The message names the way out."""


@cache
def find_chromium() -> Path:
    """Return a Chromium to run: COUNTERSIGN_CHROMIUM, one on the PATH, Playwright's, or one installed now.

    Raises NoChromium: browser tests fail then, they are never skipped.
    """
    given = os.environ.get("COUNTERSIGN_CHROMIUM", "")
    if given:
        return _must_run(Path(given), "COUNTERSIGN_CHROMIUM")
    found = _on_path() or _playwrights()
    if found:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        _run("apt-get", "update")
        _run("apt-get", "install", "-y", "--no-install-recommends", "chromium", "fonts-liberation")
        found = _on_path()
    if not found:
        _run(sys.executable, "-m", "playwright", "install", "chromium")
        found = _playwrights()
    if not found:
        raise NoChromium(
            "The browser tests need a Chromium, and none is here or could be installed. "
            "Install one, or name one in COUNTERSIGN_CHROMIUM."
        )
    return found


def _on_path() -> Path | None:
    found = filter(None, map(shutil.which, _NAMES))
    return next((Path(path) for path in found if _runs(Path(path))), None)


def _playwrights() -> Path | None:
    """Return the Chromium that Playwright has installed for itself, asked in a process of its own."""
    ask = "from playwright.sync_api import sync_playwright as s\nwith s() as p: print(p.chromium.executable_path)"
    done = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, check=False)
    path = Path(done.stdout.strip() or "/nowhere")
    return path if path.exists() and _runs(path) else None


def _runs(path: Path) -> bool:
    # A distribution's placeholder is there but does not run.
    try:
        return subprocess.run([path, "--version"], capture_output=True, check=False, timeout=30).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False


def _must_run(path: Path, variable: str) -> Path:
    if not _runs(path):
        raise NoChromium(f"{variable} names {path}, which does not run.")
    return path


def _run(*command: str) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    subprocess.run(command, check=False, stdout=subprocess.DEVNULL, env=environment)


if __name__ == "__main__":
    try:
        print(f"Browser tests use {find_chromium()}")
    except NoChromium as error:
        sys.exit(f"countersign: {error}")
