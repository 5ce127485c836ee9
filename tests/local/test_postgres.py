"""The embedded PostgreSQL: found alive by connecting, started over the remains of a dead one, stopped for good."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from console.local.errors import CannotStart
from console.local.osuser import server_user
from console.local.paths import APP_ROLE, OWNER_ROLE, database_url, socket_folder
from console.local.postgres import Server
from console.local.roles import provision


@pytest.fixture
def own_server(open_path: Path) -> Iterator[Server]:
    server = Server(open_path / "postgres")
    yield server
    server.erase()


def _postmaster(server: Server) -> int:
    return int((server.folder / "postmaster.pid").read_text().split("\n", 1)[0])


def test_a_second_start_adopts_the_running_server(own_server: Server) -> None:
    """OPS-4: starting is the same whether a server runs or not."""
    own_server.start()
    first = _postmaster(own_server)
    Server(own_server.folder).start()
    assert _postmaster(own_server) == first


def test_committed_rows_outlive_a_killed_server(own_server: Server) -> None:
    """LOOP-2: after kill -9 the next start recovers, and fsync is on."""
    own_server.start()
    with own_server.connect() as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (7)")
        assert connection.execute("SHOW fsync").fetchone() == ("on",)
    os.kill(_postmaster(own_server), signal.SIGKILL)
    while own_server.alive():
        pass
    own_server.start()
    with own_server.connect() as connection:
        assert connection.execute("SELECT n FROM kept").fetchone() == (7,)


def test_a_stale_process_id_that_belongs_to_another_program_is_no_server(own_server: Server) -> None:
    """A left-over file names a process that lives, but is not PostgreSQL."""
    own_server.start()
    lines = (own_server.folder / "postmaster.pid").read_text().splitlines()
    own_server.stop()
    stranger = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        (own_server.folder / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        assert not own_server.alive()
        own_server.start()
        assert own_server.alive()
    finally:
        stranger.communicate(b"\n", timeout=120)


def test_stopping_disconnects_clients_and_leaves_nothing(own_server: Server) -> None:
    """OPS-4: the database is stopped last, whoever is still connected."""
    own_server.start()
    with own_server.connect() as connection:
        own_server.stop()
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT 1")
    assert not own_server.alive()
    own_server.stop()


def test_the_cluster_can_be_entered_by_its_user_only(own_server: Server) -> None:
    """THREATS: trust on the socket is bounded by the folder's mode."""
    own_server.start()
    folder = own_server.folder.stat()
    assert folder.st_mode & 0o077 == 0
    assert folder.st_uid == (server_user().uid or os.geteuid())
    with own_server.connect() as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_a_cluster_folder_open_to_others_is_refused(own_server: Server) -> None:
    """The server never runs in a folder that others may write."""
    own_server.folder.mkdir(parents=True)
    own_server.folder.chmod(0o755)
    with pytest.raises(CannotStart, match="0700"):
        own_server.start()


def test_modes_of_parent_folders_stay_as_they_are(tmp_path: Path) -> None:
    """A private folder above the data stays private; as root the cluster goes where its user can reach it."""
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    server = Server(private / "data" / "postgres")
    server.start()
    try:
        assert server.alive()
        assert private.stat().st_mode & 0o777 == 0o700
        assert server.folder.is_relative_to(private) == (os.geteuid() != 0)
    finally:
        server.erase()


def test_a_long_path_gets_a_short_private_socket_folder(open_path: Path) -> None:
    """A socket's path may have 103 bytes at most."""
    server = Server(open_path / ("deep" * 20) / "postgres")
    server.start()
    try:
        assert server.alive()
        assert len(str(server.socket)) < 90
        assert server.socket.stat().st_mode & 0o077 == 0
    finally:
        server.erase()
    assert socket_folder(Path("/short")) == Path("/short")


def test_roles_are_two_and_provisioning_twice_changes_nothing(own_server: Server) -> None:
    """AUDIT-2: the application's role owns nothing and makes nothing."""
    own_server.start()
    provision(own_server)
    provision(own_server)
    with psycopg.connect(database_url(own_server.socket, OWNER_ROLE), autocommit=True) as owner:
        owner.execute("CREATE TABLE thing (n int)")
    with psycopg.connect(database_url(own_server.socket, APP_ROLE), autocommit=True) as application:
        application.execute("INSERT INTO thing VALUES (1)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            application.execute("DROP TABLE thing")
