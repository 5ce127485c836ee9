"""One PostgreSQL for all test processes of this checkout: started by the first, stopped by the last, kept between runs."""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import IO

from psycopg import sql

from console.local.errors import CannotStart
from console.local.paths import OWNER_ROLE
from console.local.postgres import Server
from console.local.roles import drop, provision

MEMORY = Path("/dev/shm")
ROOM_BYTES = 2 << 30


def temporary() -> str:
    """Return the folder for databases of tests: in memory where there is room, else where temporary files are.

    A database is a thousand small files, and most tests have one of their own: making them is what a disk is slow at.
    """
    with suppress(OSError):
        if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= ROOM_BYTES:
            return str(MEMORY)
    return tempfile.gettempdir()


ROOT = Path(__file__).resolve().parent.parent
FOLDER = Path(temporary()) / f"countersign-tests-{os.geteuid()}-{hashlib.sha256(bytes(ROOT)).hexdigest()[:8]}"
# Nothing here outlives the machine; the faults and the bench bring servers of their own, with fsync.
FAST = ("fsync=off", "synchronous_commit=off", "full_page_writes=off", "max_connections=200", "shared_buffers=64MB",
        "max_wal_size=256MB")  # fmt: skip

_KEPT = 6


@cache
def server() -> Server:
    """The tests' server, not started."""
    FOLDER.mkdir(mode=0o755, exist_ok=True)
    return Server(FOLDER / "postgres", FAST)


@contextmanager
def _locked(name: str, how: int = fcntl.LOCK_EX) -> Iterator[IO[str]]:
    with (FOLDER / name).open("a") as file:
        fcntl.flock(file, how)
        yield file


@contextmanager
def running_server() -> Iterator[Server]:
    """Use the server; whoever leaves last stops it."""
    here = server()
    with (FOLDER / "users.lock").open("a") as users:
        with _locked("start.lock"):
            fcntl.flock(users, fcntl.LOCK_SH)
            try:
                here.start()
            except CannotStart:
                here.erase()  # written without fsync: a crash of the machine may have spoilt it
                here.start()
            provision(here)
        yield here
        with _locked("start.lock"):
            fcntl.flock(users, fcntl.LOCK_UN)
            try:
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            here.stop()


def fingerprint() -> str:
    """Return what names the schema: the migrations of the project and the versions of the rest."""
    digest = hashlib.sha256((ROOT / "requirements" / "dev.lock").read_bytes())
    for package in ("audit", "approvals", "agents", "console"):
        for path in sorted((ROOT / package / "migrations").glob("**/*")):
            if path.suffix in {".py", ".sql"}:
                digest.update(bytes(path.relative_to(ROOT)) + b"\0" + path.read_bytes())
    digest.update((ROOT / "console" / "local" / "roles.py").read_bytes())
    return digest.hexdigest()[:12]


def copy(here: Server, name: str, template: str, *, strategy: str = "file_copy") -> None:
    """Copy a database. Without fsync, copying files is less work for PostgreSQL than logging their pages; with it, more."""
    order = sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {} STRATEGY {}")
    with here.connect() as connection:
        connection.execute(order.format(*map(sql.Identifier, (name, OWNER_ROLE, template, strategy))))


def _templates(here: Server) -> list[str]:
    """Return the databases that may be copied, youngest first."""
    query = """SELECT datname FROM pg_database WHERE datname LIKE 'template\\_%'
               ORDER BY (pg_stat_file('base/' || oid || '/PG_VERSION')).modification DESC"""
    with here.connect() as connection:
        return [row[0] for row in connection.execute(query).fetchall()]


def template(here: Server, migrate_into: Callable[[str], None]) -> str:
    """Return the name of a migrated database to copy, made at the first call for this schema."""
    name = f"template_{fingerprint()}"
    with _locked("template.lock"):
        known = _templates(here)
        if name in known:
            return name
        # Another checkout's state may still be tested by a process beside this one: only the oldest go.
        for old in known[_KEPT:]:
            drop(here, old)
        scratch = f"new_{name}"
        drop(here, scratch)
        provision(here, scratch)
        migrate_into(scratch)
        with here.connect() as connection:
            connection.execute(f'ALTER DATABASE "{scratch}" RENAME TO "{name}"')
    return name
