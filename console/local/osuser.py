"""PostgreSQL refuses to run as root, so root lends it an OS user of its own, without touching anybody's folders."""

import fcntl
import os
import pwd
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from console.local.errors import CannotStart

NAME = "countersign-pg"
ACCOUNTS = "/etc"
"""The folder of the machine's accounts. Starts take turns by a lock on it, which leaves no file behind."""
TURN_WITHIN_S = 60.0
LOOK_AGAIN_S = 0.1


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
    return OsUser() if os.geteuid() != 0 else account(NAME)


def account(name: str) -> OsUser:
    """Return an account of the machine by its name, made where it is missing. Raises CannotStart where it cannot be made."""
    # Two first starts at once would both make it, and one would run as a number that the other's write took away.
    with _turn():
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            _make(name)
            entry = _made(name)
    return OsUser(entry.pw_uid, entry.pw_gid)


@contextmanager
def _turn() -> Iterator[None]:
    """Be the only start that looks for the account and makes it; the lock ends with the process, however that ends."""
    handle = os.open(ACCOUNTS, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        _lock(handle)
        yield
    finally:
        os.close(handle)


def _lock(handle: int) -> None:
    deadline = time.monotonic() + TURN_WITHIN_S
    while True:
        try:
            return fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise CannotStart(
                    f"Another start has made an OS user for over {TURN_WITHIN_S:.0f} s: see what it hangs at."
                ) from None
        time.sleep(LOOK_AGAIN_S)


def _make(name: str) -> None:
    program = shutil.which("useradd")
    if program is None:
        raise CannotStart("PostgreSQL does not run as root and there is no `useradd` here: start as another OS user.")
    command = [program, "--system", "--user-group", "--no-create-home", "--home-dir", "/", "--shell", "/usr/sbin/nologin", name]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 9):  # 9: somebody else made it meanwhile, by hand
        raise CannotStart(f"The OS user {name} for PostgreSQL could not be made: {done.stderr.strip()}")


def _made(name: str) -> pwd.struct_passwd:
    try:
        return pwd.getpwnam(name)
    except KeyError:
        raise CannotStart(
            f"The OS user {name} was made but cannot be looked up: make it by hand, or start as another user."
        ) from None
