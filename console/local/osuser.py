"""PostgreSQL refuses to run as root, so root lends it an OS user of its own, without touching anybody's folders."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from console.local.errors import CannotStart

NAME = "countersign-pg"


@dataclass(frozen=True, slots=True)
class OsUser:
    """Under whom the server runs; `uid` is None for whoever is running this."""

    uid: int | None = None
    gid: int | None = None

    def own(self, path: Path) -> None:
        """Give a folder to the server's user."""
        if self.uid is not None and self.gid is not None:
            os.chown(path, self.uid, self.gid)

    def can_enter(self, folder: Path) -> bool:
        """Tell whether this user reaches a folder through all of its parents."""
        # `sh` of the system, because the interpreter itself may lie where the user cannot go.
        return self.uid is None or self.run(["/bin/sh", "-c", 'test -x "$0"', folder]).returncode == 0

    def run(self, command: Sequence[str | Path], *, detached: bool = False) -> subprocess.CompletedProcess[str]:
        """Run a program as this user and wait for it; `detached` ones leave processes behind and say nothing here."""
        output = subprocess.DEVNULL if detached else subprocess.PIPE
        return subprocess.run(
            command,
            check=False,
            text=True,
            cwd="/",
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=detached,
            user=self.uid,
            group=self.gid,
            extra_groups=None if self.uid is None else [],
        )


def server_user() -> OsUser:
    """Return the user PostgreSQL runs as: oneself, or as root one made for it. Raises CannotStart where none can be made."""
    if os.geteuid() != 0:
        return OsUser()
    try:
        entry = pwd.getpwnam(NAME)
    except KeyError:
        _make()
        entry = pwd.getpwnam(NAME)
    return OsUser(entry.pw_uid, entry.pw_gid)


def _make() -> None:
    program = shutil.which("useradd")
    if program is None:
        raise CannotStart("PostgreSQL does not run as root and there is no `useradd` here: start as another OS user.")
    command = [program, "--system", "--user-group", "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin", NAME]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 9):  # 9: somebody else made it meanwhile
        raise CannotStart(f"The OS user {NAME} for PostgreSQL could not be made: {done.stderr.strip()}")
