"""What stands in the way of a start is one clear line that names the way out."""

import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from console.local import preflight
from console.local.errors import CannotStart
from tests.conftest import FreshDatabase


def test_a_full_disk_is_named_with_the_folder(tmp_path: Path) -> None:
    """OPS-4."""
    with pytest.raises(CannotStart, match=r"Only 12 MiB are free at .*COUNTERSIGN_DATA"):
        preflight.enough_room(tmp_path, 12)
    preflight.enough_room(tmp_path, 5000)


def test_a_data_folder_that_is_a_file_is_named(tmp_path: Path) -> None:
    """OPS-4."""
    (tmp_path / "data").write_text("not a folder")
    with pytest.raises(CannotStart, match="COUNTERSIGN_DATA .* cannot be written"):
        preflight.usable_folder(tmp_path / "data")


def test_one_start_at_a_time_holds_a_data_folder(tmp_path: Path) -> None:
    """OPS-4: the second start says so; after the first ends the folder is free again."""
    with preflight.alone(tmp_path), pytest.raises(CannotStart, match="already runs on"):
        preflight.alone(tmp_path)
    preflight.alone(tmp_path).close()


def test_a_port_somebody_listens_on_is_refused(tmp_path: Path) -> None:
    """OPS-4."""
    with socket.socket() as busy:
        busy.bind(("127.0.0.1", 0))
        busy.listen()
        with pytest.raises(CannotStart, match="cannot be used: Address already in use. Set PORT"):
            preflight.free_address("127.0.0.1", busy.getsockname()[1])
    preflight.free_address("127.0.0.1", preflight.spare_port())


def test_an_unreachable_database_is_one_line(tmp_path: Path) -> None:
    """OPS-4: wrong DATABASE_URL."""
    url = f"postgresql://nobody:wrong@127.0.0.1:{preflight.spare_port()}/nothing"
    with pytest.raises(CannotStart, match="^DATABASE_URL cannot be reached: ") as refused:
        preflight.connect("DATABASE_URL", url)
    assert "\n" not in str(refused.value)
    assert "wrong" not in str(refused.value)


def _message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


@pytest.fixture
def old_postgres() -> Iterator[int]:
    """A server that says in PostgreSQL's protocol that it is 14.9."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            client, _ = listener.accept()
            with client:
                if client.recv(8)[4:8] == (80877103).to_bytes(4, "big"):  # asks for encryption
                    client.sendall(b"N")
                    client.recv(8)
                client.recv(4096)
                hello = _message(b"R", (0).to_bytes(4, "big"))
                hello += _message(b"S", b"server_version\x0014.9\0") + _message(b"S", b"client_encoding\x00UTF8\0")
                client.sendall(hello + _message(b"Z", b"I"))
                client.recv(4096)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(timeout=120)


def test_a_postgresql_before_15_is_refused(old_postgres: int) -> None:
    """OPS-4: nothing is migrated on a server that lacks what is used."""
    with pytest.raises(CannotStart, match="PostgreSQL 14; 15 or newer is needed"):
        preflight.connect("DATABASE_URL", f"postgresql://x@127.0.0.1:{old_postgres}/x?gssencmode=disable")


def test_an_owner_without_the_right_to_make_tables_is_refused(fresh_database: FreshDatabase) -> None:
    """OPS-4: missing rights of a role; the line has the grant that helps."""
    grant = "GRANT CREATE, USAGE ON SCHEMA public TO countersign_app"
    with preflight.connect("DATABASE_URL", fresh_database.url) as application, pytest.raises(CannotStart, match=grant):
        preflight.owner_may_migrate(application)
    with preflight.connect("DATABASE_OWNER_URL", fresh_database.owner_url) as owner:
        assert preflight.owner_may_migrate(owner) == "countersign_owner"


def test_an_application_role_without_rights_on_tables_is_refused(fresh_database: FreshDatabase) -> None:
    """OPS-4: found at the start, not at the first page."""
    role = f"bare_{os.getpid()}"
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as superuser:
        superuser.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(role)))
        try:
            bare = fresh_database.url.replace("countersign_app@", f"{role}@")
            for statement in ("GRANT CONNECT ON DATABASE {1} TO {0}", "GRANT USAGE ON SCHEMA public TO {0}"):
                names = (sql.Identifier(role), sql.Identifier(fresh_database.name))
                superuser.execute(sql.SQL(statement).format(*names))
            told = pytest.raises(CannotStart, match="may not read and write")
            with preflight.connect("DATABASE_URL", bare) as application, told:
                preflight.application_may_work(application)
        finally:
            superuser.execute(sql.SQL("DROP OWNED BY {}").format(sql.Identifier(role)))
            superuser.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    with preflight.connect("DATABASE_URL", fresh_database.url) as application:
        preflight.application_may_work(application)
