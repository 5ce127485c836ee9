"""PostgreSQL refuses to run as root, so root lends it an OS user of its own, without touching anybody's folders."""

import os
import pwd
import shutil
import subprocess
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
        if self.uid is None:
            return True
        # `sh` of the system, because the interpreter itself may lie where the user cannot go.
        done = subprocess.run(["/bin/sh", "-c", 'test -x "$0"', str(folder)], check=False, cwd="/", **self.as_options())
        return done.returncode == 0

    def as_options(self) -> dict[str, object]:
        """Return what `subprocess` needs to run a program as this user."""
        return {} if self.uid is None else {"user": self.uid, "group": self.gid, "extra_groups": []}


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
