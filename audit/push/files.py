"""Pushed entries as lines of a file in the one folder that the installation's operator named (AUDIT_PUSH_DIR)."""

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings

from audit.push.errors import NotPushed

PRIVATE = 0o600


def folder() -> Path | None:
    """Return the folder of the files; None where none is named."""
    return settings.AUDIT_PUSH_DIR


def append(name: str, lines: Sequence[str]) -> None:
    """Write lines behind what stands in the file, and wait for the disk. Raises NotPushed.

    The file may be moved away at any time; the next lines begin a new one. A line that a crash cut off is left as it is and
    comes once more, whole, on a line of its own.
    """
    where = folder()
    if where is None:
        raise NotPushed(reason="No folder for files is named any more (AUDIT_PUSH_DIR).", final=False)
    try:
        _append(where, name, "".join(f"{line}\n" for line in lines).encode())
    except OSError as error:
        raise NotPushed(reason=f"The file cannot be written: {error.strerror}.", final=False) from error


def _append(where: Path, name: str, data: bytes) -> None:
    with contextlib.suppress(FileExistsError):
        where.mkdir(mode=0o700)
    place = os.open(where, os.O_RDONLY | os.O_DIRECTORY)
    try:
        # A link in the place of the file would lead out of the folder.
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        with os.fdopen(os.open(name, flags, PRIVATE, dir_fd=place), "ab+") as file:
            file.write(data if _ended(file.fileno()) else b"\n" + data)
            file.flush()
            os.fsync(file.fileno())
    finally:
        os.close(place)


def _ended(descriptor: int) -> bool:
    """Whether the file is empty or ends with a line's end."""
    size = os.fstat(descriptor).st_size
    return not size or os.pread(descriptor, 1, size - 1) == b"\n"
