"""Showing a checkpoint to the world outside of the database: in a file, to a command, at an address.

Shown again in the same bytes after every start; whoever keeps them can later prove that a log was put back or rewritten.
"""

from __future__ import annotations

import os
import shlex
import subprocess
from http.client import HTTPException
from pathlib import Path
from urllib.error import URLError
from urllib.request import Request, urlopen

from audit.errors import NotPublished

TIMEOUT_S = 20
COMMAND, FILE = "exec:", "file:"
WEB = ("https://", "http://")


def publish(target: str, note: str) -> None:
    """Show a note at `target`: `file:PATH`, `exec:COMMAND` (on its standard input) or a web address (POST). Raises NotPublished."""
    try:
        if target.startswith(FILE):
            _write(Path(target.removeprefix(FILE)), note)
        elif target.startswith(COMMAND):
            subprocess.run(_command(target), input=note.encode(), timeout=TIMEOUT_S, check=True, stdout=subprocess.DEVNULL)
        else:
            _post(target, note)
    except (OSError, ValueError, HTTPException, subprocess.SubprocessError) as error:
        raise NotPublished(target=target, reason=type(error).__name__) from error


def checked(target: str) -> str:
    """Return a target that `publish` understands. Raises NotPublished."""
    if not target.startswith((FILE, COMMAND, *WEB)):
        raise NotPublished(target=target, reason="it begins with none of file:, exec:, https:// and http://")
    try:
        if target.startswith(COMMAND):
            _command(target)
    except ValueError as error:
        raise NotPublished(target=target, reason=str(error)) from error
    return target


def _command(target: str) -> list[str]:
    """Return the words of a command. Raises ValueError where there are none, or a quotation mark is open."""
    words = shlex.split(target.removeprefix(COMMAND))
    if not words:
        raise ValueError("it names no command")
    return words


def _write(path: Path, note: str) -> None:
    """Put the new file in the place of the old one at once: whoever reads it never reads half."""
    new = path.with_name(f".{path.name}.new")
    with new.open("w", encoding="utf-8") as file:
        file.write(note)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def _post(target: str, note: str) -> None:
    request = Request(target, data=note.encode(), headers={"Content-Type": "text/plain; charset=utf-8"}, method="POST")  # noqa: S310 an operator's
    try:
        with urlopen(request, timeout=TIMEOUT_S):  # noqa: S310 as above
            pass
    except URLError as error:
        raise OSError(str(error.reason)) from error
