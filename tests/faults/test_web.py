"""The web process: a database that goes away, more requests than connections, requests that are too long to be read."""

import contextlib
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.faults.stage import PATIENCE_S, Play
from tests.server import ROOT
from tests.waiting import free_port, wait_until

KEPT = 3


@pytest.fixture
def web(play: Play) -> Iterator[str]:
    """A web process on the play's database with few connections; yields its address."""
    port = free_port()
    environment = play.stage.environment | {
        "DATABASE_URL": urlsplit(play.stage.environment["DATABASE_URL"])._replace(path=f"/{play.database}").geturl(),
        "DATABASE_POOL": str(KEPT),
    }
    words = ("daphne", "--bind", "127.0.0.1", "--port", str(port), "--verbosity", "0", "console.asgi:application")
    with subprocess.Popen([sys.executable, "-m", *words], env=environment, cwd=ROOT) as process:
        try:
            wait_until(lambda: status(f"http://127.0.0.1:{port}/healthz") == 200, seconds=PATIENCE_S)
            yield f"http://127.0.0.1:{port}"
        finally:
            process.terminate()


def status(url: str) -> int:
    """The answer's status; 0 without an answer."""
    with contextlib.suppress(httpx2.HTTPError):
        return httpx2.get(url, timeout=30).status_code
    return 0


@pytest.mark.slow
def test_the_web_process_answers_again_after_its_database_was_away(play: Play, web: str) -> None:
    """THREATS 3 (PostgreSQL restart): it says what is missing meanwhile, and needs no restart of its own."""
    assert status(f"{web}/readyz") == 200
    play.stage.server.stop()
    try:
        answer = httpx2.get(f"{web}/readyz", timeout=30)
        assert (answer.status_code, answer.json()["missing"]) == (503, ["database"])
    finally:
        play.stage.server.start()
    wait_until(lambda: status(f"{web}/readyz") == 200, seconds=PATIENCE_S)


@pytest.mark.slow
def test_more_requests_than_connections_are_all_answered(play: Play, web: str) -> None:
    """None keeps its connection; one that waited too long for its turn would be an error."""
    with ThreadPoolExecutor(4 * KEPT) as many:
        for _ in range(5):
            assert set(many.map(status, [f"{web}/readyz"] * 8 * KEPT)) == {200}
    (kept,) = play.sql(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = %s", "countersign_app"
    )
    assert kept[0] <= KEPT + 2  # the test's own besides


@pytest.mark.slow
@pytest.mark.parametrize(
    ("request_", "line"),
    [
        (b"GET /approvals/?q=" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: console\r\n\r\n", b"HTTP/1.1 414 URI Too Long"),
        (b"GET /" + b"a" * 2_000_000 + b" HTTP/1.1\r\nHost: console\r\n\r\n", b"HTTP/1.1 414 URI Too Long"),
        (b"GET / HTTP/1.1\r\nCookie: " + b"a" * 20_000 + b"\r\n\r\n", b"HTTP/1.1 431 Request Header Fields Too Large"),
    ],
)
def test_what_is_too_long_to_be_read_is_answered_in_plain_words(play: Play, web: str, request_: bytes, line: bytes) -> None:
    """A program that makes long addresses learns why, and so does the next request."""
    address = urlsplit(web)
    with socket.create_connection((address.hostname, address.port), timeout=30) as connection:
        connection.sendall(request_)
        told = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(line)
    assert b"Connection: close" in head
    assert body.endswith(b" is longer than this server reads.\n")
    assert status(f"{web}/healthz") == 200
