"""The web process: a database that goes away, more requests than connections, requests that are too long to be read."""

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

import httpx2
import pytest

from tests.faults.conftest import KEPT, status
from tests.faults.stage import PATIENCE_S, Play
from tests.waiting import wait_until


@pytest.mark.slow
def test_the_web_process_answers_again_after_its_database_was_away(play: Play, web: str) -> None:
    """THREATS 3 (PostgreSQL restart): it says what is missing meanwhile, and needs no restart of its own."""
    assert status(f"{web}/readyz") == 200
    play.stage.server.stop()
    try:
        answer = httpx2.get(f"{web}/readyz", timeout=120)
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
    with socket.create_connection((address.hostname, address.port), timeout=120) as connection:
        connection.sendall(request_)
        told = b"".join(iter(lambda: connection.recv(65_536), b""))
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(line)
    assert b"Connection: close" in head
    assert body.endswith(b" is longer than this server reads.\n")
    assert status(f"{web}/healthz") == 200
