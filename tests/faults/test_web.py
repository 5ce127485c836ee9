"""The web process and its kept connections: a database that goes away, and more requests than connections."""

import contextlib
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
