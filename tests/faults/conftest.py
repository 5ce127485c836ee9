"""What the fault tests stand on."""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest
from django.contrib.auth.models import User

from tests.conftest import person
from tests.faults.effects import URL
from tests.faults.stage import PATIENCE_S, Play, Stage, play_on, standing
from tests.server import ROOT
from tests.waiting import free_port, wait_until

KEPT = 3
Figure = Callable[..., None]


def _cast() -> User:
    person("remy", "reviewer")
    return person("olga", "operator")


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """The stage of this test process."""
    with standing() as here:
        os.environ[URL] = here.effects.url
        yield here


@pytest.fixture
def play(stage: Stage, django_db_blocker: Any) -> Iterator[Play]:
    """This test's part of it."""
    with django_db_blocker.unblock(), play_on(stage, _cast) as here:
        yield here


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
        return httpx2.get(url, timeout=120).status_code
    return 0


@pytest.fixture
def figure(request: pytest.FixtureRequest) -> Figure:
    """Notes what a test counted, as a JSON line in the file that FAULTS_FIGURES names, if it names one."""

    def note(**told: object) -> None:
        if path := os.environ.get("FAULTS_FIGURES"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"test": request.node.originalname, **told}) + "\n")

    return note
