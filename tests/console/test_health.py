"""Probes: alive, ready, and what keeps an installation from its work (OBS-3)."""

from typing import Any

import pytest
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from django.test import Client

from agents.models import WorkerHeartbeat
from console import health

pytestmark = pytest.mark.django_db


def beat(seconds_ago: int) -> None:
    """Let a worker have been heard of."""
    WorkerHeartbeat.objects.create(owner=f"w{seconds_ago}")
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE agents_workerheartbeat SET beat_at = clock_timestamp() - make_interval(secs => %s) WHERE owner = %s",
            [seconds_ago, f"w{seconds_ago}"],
        )


def ready(client: Client) -> tuple[int, Any]:
    """Status and what is missing."""
    answer = client.get("/readyz")
    return answer.status_code, answer.json()["missing"]


def test_a_process_that_answers_is_alive(client: Client) -> None:
    """Nothing but the process is asked."""
    assert client.get("/healthz").status_code == 200
    assert client.post("/healthz").status_code == 405


def test_an_installation_without_workers_yet_is_ready(client: Client) -> None:
    """The supervisor waits for this before it starts what needs the web."""
    assert ready(client) == (200, [])


def test_a_stuck_worker_is_noticed(client: Client) -> None:
    """Heard of once, and silent since."""
    beat(health.WORKER_SILENT_S + 30)
    assert ready(client) == (503, ["worker"])
    beat(1)
    assert ready(client) == (200, [])


def test_a_database_that_does_not_answer_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without its address or its error."""

    def gone() -> bool:
        raise OperationalError("could not connect to server at 10.0.0.1")

    monkeypatch.setattr(health, "_is_migrated", gone)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "unready", "missing": ["database"]})


def test_a_database_that_is_not_migrated_is_named(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """A deploy that forgot to migrate takes no traffic."""
    monkeypatch.setattr(health, "_migrated", set())
    monkeypatch.setattr(MigrationExecutor, "migration_plan", lambda self, targets: [("console.0099", False)])
    assert ready(client) == (503, ["migrations"])


def test_what_lags_behind_is_named_and_keeps_nothing_from_its_work(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sealer signs what is done; without it everything else goes on."""
    assert client.get("/readyz").json() == {"status": "ready", "missing": [], "late": []}
    monkeypatch.setattr(health, "is_late", lambda *_: True)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["late"]) == (200, ["sealer"])
