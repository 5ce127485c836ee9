"""What the fault tests stand on."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.conftest import person
from tests.faults.effects import URL
from tests.faults.stage import Play, Stage, play_on, standing

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
def figure(request: pytest.FixtureRequest) -> Figure:
    """Notes what a test counted, as a JSON line in the file that FAULTS_FIGURES names, if it names one."""

    def note(**told: object) -> None:
        if path := os.environ.get("FAULTS_FIGURES"):
            Path(path).parent.mkdir(parents=True, exist_ok=True)
            with Path(path).open("a", encoding="utf-8") as file:
                file.write(json.dumps({"test": request.node.originalname, **told}) + "\n")

    return note
