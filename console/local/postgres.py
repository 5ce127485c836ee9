"""The embedded PostgreSQL: initialise, start, ask, stop. Liveness is found by connecting, never by a process id.

The server listens on a socket in a private folder and on no port. Whoever can enter the folder is trusted: on one
machine under one OS user the roles are a guard against mistakes, not against that user (docs/operations.md, Roles).
"""

import contextlib
import os
import shlex
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from console.local.binaries import SHARED, find_binaries
from console.local.errors import CannotStart
from console.local.osuser import OsUser, server_user
from console.local.paths import database_url, short_hash, socket_folder

SUPERUSER = "postgres"
_RECOVERY_S = 120
_PATIENCE = 20
_STOP_S = 15.0
_FIXED = ("jit=off", "log_timezone=UTC", "timezone=UTC")


@dataclass(slots=True)
class Server:
    """One cluster in one folder. `options` go to the server as `-c name=value`."""

    folder: Path
    options: tuple[str, ...] = ()
    user: OsUser = field(default_factory=server_user)

    def __post_init__(self) -> None:
        """As root, move a cluster that the server's OS user could not reach to a place where it can."""
        self.folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        moved = SHARED / short_hash(self.folder)
        if (moved / "PG_VERSION").exists() or not self.user.can_enter(self.folder.parent):
            self.folder = moved

    @property
    def socket(self) -> Path:
        """The folder of the server's socket."""
        return socket_folder(self.folder)

    @property
    def log(self) -> Path:
        """What the server says."""
        return self.folder / "server.log"

    def url(self, role: str = SUPERUSER, database: str = "postgres") -> str:
        """Return the address of one database for one role."""
        return database_url(self.socket, role, database)

    def connect(self, database: str = "postgres") -> psycopg.Connection:
        """Connect as the superuser, each statement its own transaction; raises psycopg.OperationalError."""
        return psycopg.connect(self.url(database=database), autocommit=True, connect_timeout=5)

    def alive(self) -> bool:
        """Tell whether a server answers for this cluster."""
        try:
            with self.connect() as connection:
                found = connection.execute("SHOW data_directory").fetchone()
        except psycopg.OperationalError:
            return False
        return found is not None and Path(found[0]).resolve() == self.folder.resolve()

    def start(self) -> None:
        """Make sure that a server answers: adopt a running one, else initialise where needed and start. Raises CannotStart."""
        if self.alive():
            return
        binaries = find_binaries(self.user)
        self._prepare_folders()
        if not (self.folder / "PG_VERSION").exists():
            self._initialise(binaries)
        # The processes of a killed server take a moment to let go of its memory and of its lock file.
        for _ in range(_PATIENCE):
            self._forget_dead_server()
            self._launch(binaries)
            if self.alive():
                return
            if not any(words in self._last_words() for words in ("in use", "already exists")):
                break
            time.sleep(0.5)
        raise CannotStart(f"PostgreSQL did not start: {self._last_words()}")

    def stop(self) -> None:
        """Stop the server, ending open connections; returns when it is gone. Does nothing where none answers."""
        if not self.alive():
            return
        # The server answered from this folder, so the file's process is it.
        process_id = self._process_id()
        if process_id:
            _signal(process_id, signal.SIGINT)  # "fast": roll back, disconnect, checkpoint
        deadline = time.monotonic() + _STOP_S
        while (self.folder / "postmaster.pid").exists():
            if time.monotonic() > deadline and process_id:
                _signal(process_id, signal.SIGQUIT)  # "immediate": recovery at the next start
                return
            time.sleep(0.02)

    def erase(self) -> None:
        """Stop the server and remove the cluster."""
        self.stop()
        for folder in {self.folder, self.socket}:
            shutil.rmtree(folder, ignore_errors=True)

    def _prepare_folders(self) -> None:
        for folder in {self.folder, self.socket}:
            if folder.is_symlink():
                raise CannotStart(f"{folder} is a link; PostgreSQL's folder must be a real one.")
            folder.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            self.user.own(folder)
            if folder.stat().st_mode & 0o077:
                raise CannotStart(f"{folder} can be entered by others; make it 0700.")

    def _initialise(self, binaries: Path) -> None:
        # UTF-8 and a locale that sorts the same on every machine and every version of the system's library.
        builtin = ["--locale-provider=builtin", "--locale=C.UTF-8"] if self._has_builtin_locale(binaries) else ["--locale=C"]
        fixed = ["-U", SUPERUSER, "--auth=trust", "--encoding=UTF8", "--no-instructions", "--data-checksums"]
        done = self.user.run([binaries / "initdb", "-D", self.folder, *fixed, *builtin])
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            shutil.rmtree(self.folder, ignore_errors=True)
            raise CannotStart(f"PostgreSQL could not be initialised in {self.folder}: {reason}")

    def _has_builtin_locale(self, binaries: Path) -> bool:
        return "builtin-locale" in self.user.run([binaries / "initdb", "--help"]).stdout

    def _launch(self, binaries: Path) -> None:
        """Start the server detached, so that it outlives a killed supervisor; wait until it takes connections or ends."""
        settings = ["listen_addresses=", f"unix_socket_directories={self.socket}", "unix_socket_permissions=0700", *_FIXED]
        options = shlex.join(part for setting in (*settings, *self.options) for part in ("-c", setting))
        command: list[str | Path] = [
            binaries / "pg_ctl",
            "start",
            "-w",
            "-s",
            "-t",
            str(_RECOVERY_S),
            "-D",
            self.folder,
            "-l",
            self.log,
        ]
        self.user.run([*command, "-o", options], detached=True)

    def _process_id(self) -> int:
        return _first_number(self.folder / "postmaster.pid")

    def _forget_dead_server(self) -> None:
        """Remove the lock files of a server that is gone, whose process id may belong to some other program by now."""
        for lock in (self.folder / "postmaster.pid", self.socket / ".s.PGSQL.5432.lock"):
            process_id = _first_number(lock)
            if process_id and _command_of(process_id) != "postgres":
                lock.unlink(missing_ok=True)

    def _last_words(self) -> str:
        try:
            lines = self.log.read_text(errors="replace").strip().splitlines()
        except OSError:
            lines = []
        telling = [line for line in lines[-30:] if "FATAL" in line or "PANIC" in line or "could not" in line]
        return (telling or lines or ["it said nothing"])[-1][:300] + f" (log: {self.log})"


def _signal(process_id: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process_id, number)


def _first_number(path: Path) -> int:
    try:
        return int(path.read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def _command_of(process_id: int) -> str:
    """Return the program a process runs; empty where it is gone, or dead and only not yet collected by its parent."""
    if Path("/proc/self").exists():
        try:
            name, state = Path(f"/proc/{process_id}/stat").read_text().split("(", 1)[1].rsplit(") ", 1)
        except OSError:
            return ""
        return "" if state.startswith("Z") else name
    done = subprocess.run(["ps", "-o", "comm=", "-p", str(process_id)], capture_output=True, text=True, check=False)
    return done.stdout.strip()
