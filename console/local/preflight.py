"""What must hold before anything starts. Each failure is a `CannotStart` with one line that names the way out."""

import errno
import fcntl
import secrets
import shutil
import socket
from collections.abc import Collection
from contextlib import suppress
from pathlib import Path
from typing import IO

import psycopg

from console.local.binaries import OLDEST
from console.local.errors import CannotStart
from console.local.paths import Runtime, make_data_folder

_NEEDED_MIB = 300


def usable_folder(data: Path) -> None:
    """Make the data folder and prove that it can be written and has room."""
    try:
        make_data_folder(data)
        probe = data / ".probe"
        probe.write_bytes(b"x" * 4096)
        probe.unlink()
    except OSError as error:
        raise CannotStart(f"COUNTERSIGN_DATA ({data}) cannot be written: {error.strerror}. Name a folder of yours.") from error
    enough_room(data, shutil.disk_usage(data).free // 2**20)


def enough_room(data: Path, free_mib: int) -> None:
    """Refuse a disk on which the database would soon stop."""
    if free_mib < _NEEDED_MIB:
        raise CannotStart(
            f"Only {free_mib} MiB are free at {data}; {_NEEDED_MIB} are needed. Make room or set COUNTERSIGN_DATA."
        )


def alone(data: Path) -> IO[str]:
    """Return the lock that this installation holds while it runs; refuse where another start holds it."""
    lock = (data / "up.lock").open("a")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        address = Runtime.read(data).public_url
        where = f" at {address}" if address else ""
        raise CannotStart(
            f"Countersign already runs on {data}{where}. Stop it first, or set COUNTERSIGN_DATA and PORT."
        ) from None
    return lock


def leave_nothing(data: Path, absent: Collection[Path]) -> None:
    """Take away what a refused start has made, which is what was absent before; a folder that holds more stays whole."""
    with suppress(OSError, CannotStart), alone(data):
        if set(data.iterdir()) <= set(absent):
            for path in absent:
                path.rmdir() if path == data else path.unlink(missing_ok=True)


def free_address(host: str, port: int) -> None:
    """Refuse a port that somebody listens on, or an address that is not this machine's."""
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
            probe.listen(1)
    except OSError as error:
        unknown = isinstance(error, socket.gaierror) or error.errno == errno.EADDRNOTAVAIL
        other = "COUNTERSIGN_HOST to an address of this machine" if unknown else "PORT to another one"
        raise CannotStart(f"{host}:{port} cannot be used: {error.strerror}. Set {other}.") from error


def spare_port() -> int:
    """Return a port of loopback that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def connect(variable: str, url: str) -> psycopg.Connection:
    """Connect to the database that a variable names, of a version that will do."""
    try:
        connection = psycopg.connect(url, autocommit=True, connect_timeout=5)
    except psycopg.Error as error:
        first = " ".join(str(error).split())
        raise CannotStart(f"{variable} cannot be reached: {first[:300]}") from error
    try:
        new_enough(variable, connection.info.server_version)
    except CannotStart:
        connection.close()
        raise
    return connection


def new_enough(variable: str, version: int) -> None:
    """Refuse a PostgreSQL older than the oldest that is supported; `version` as libpq counts, 150004 for 15.4."""
    if version < OLDEST * 10000:
        raise CannotStart(f"{variable} names PostgreSQL {version // 10000}; {OLDEST} or newer is needed.")


def same_database(application: psycopg.Connection, owner: psycopg.Connection) -> None:
    """Refuse two addresses that lead to two databases: what is locked in one is not seen in the other."""
    key = [secrets.randbits(62)]
    with owner.transaction():
        owner.execute("SELECT pg_advisory_xact_lock(%s)", key)
        free = application.execute("SELECT pg_try_advisory_xact_lock(%s)", key).fetchone()
    if free and free[0]:
        names = " and ".join(f"{one.info.dbname} on {one.info.host}:{one.info.port}" for one in (application, owner))
        raise CannotStart(f"DATABASE_URL and DATABASE_OWNER_URL name two databases, {names}. Name one, with two roles.")


def owner_may_migrate(connection: psycopg.Connection) -> str:
    """Return the owner's role; refuse one that may not make tables."""
    found = connection.execute("SELECT current_user, has_schema_privilege(current_user, 'public', 'CREATE')").fetchone()
    role, may_create = found or ("", False)
    if not may_create:
        grant = f"GRANT CREATE, USAGE ON SCHEMA public TO {role}"
        raise CannotStart(f"The role {role}, which is to migrate, may not create tables in the schema public: {grant}.")
    return str(role)


def application_may_work(connection: psycopg.Connection) -> None:
    """Refuse a role of the application that lacks rights on the migrated tables."""
    query = """SELECT current_user, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        WHERE n.nspname = 'public' AND c.relname IN ('django_session', 'auth_user', 'django_q_ormq', 'agents_session')
          AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')
                   AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')) LIMIT 1"""
    usage = connection.execute("SELECT has_schema_privilege('public', 'USAGE'), current_user").fetchone()
    if usage and not usage[0]:
        grant = f"GRANT USAGE ON SCHEMA public TO {usage[1]}"
        raise CannotStart(f"The role {usage[1]} of DATABASE_URL may not use the schema public: {grant}.")
    missing = connection.execute(query).fetchone()
    if missing:
        hint = "docs/operations.md, Roles, has the grants"
        raise CannotStart(f"The role {missing[0]} of DATABASE_URL may not read and write {missing[1]}; {hint}.")
