"""Eight real workers and a model that fails, then hangs: the model server's own count says how often it was asked (GUARD-7)."""

import httpx2
from django.db import connection

from agents.models import Breaker, Session
from audit.models import AuditEntry
from audit.verify import verify
from tests.faults.stage import PATIENCE_S, Play
from tests.waiting import wait_until

KEY = "model:scripted-1"
WORKERS, SESSIONS = 8, 24


def _asked(play: Play) -> int:
    """How many questions the model server counted."""
    return int(httpx2.get(f"{play.stage.model_url}/_stats").json()["requests"])


def _faulty(play: Play, kind: str, **told: object) -> None:
    httpx2.delete(f"{play.stage.model_url}/_faults").raise_for_status()
    fault = {"kind": kind, "count": 100_000, "match": '"model":"scripted-1"', **told}
    httpx2.post(f"{play.stage.model_url}/_faults", json=fault).raise_for_status()


def _waiting() -> int:
    return Session.objects.filter(status="queued", mode="minimal").count()


def _probed(failed: int, status: str) -> bool:
    """Let the breaker have cooled down after so many failed probes, and every session come at once; True once it was probed.

    Said again at each look: a worker's copy of the breaker may be half a second old when its sessions come.
    """
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agents_breaker SET retry_at = now() WHERE status = 'open' AND failed_probes = %s", [failed])
        cursor.execute("UPDATE agents_session SET ready_at = now() WHERE status = 'queued' AND mode = 'minimal'")
    row = Breaker.objects.get(key=KEY)
    return row.status == status and row.failed_probes != failed


def test_eight_workers_make_one_probe_between_them(play: Play) -> None:
    """All their sessions come in one moment; the server is asked once, and when that hangs, not again."""
    play.agent(model_timeout_s=10)
    _faulty(play, "server_error", status=503)
    try:
        play.start(count=SESSIONS)
        for _ in range(WORKERS):
            play.worker()
        wait_until(lambda: _waiting() == SESSIONS, seconds=PATIENCE_S)
        assert Breaker.objects.get(key=KEY).status == "open"
        _faulty(play, "hang", seconds=600)
        before = _asked(play)
        wait_until(lambda: _probed(0, "open"), seconds=PATIENCE_S)
        wait_until(lambda: _waiting() == SESSIONS, seconds=PATIENCE_S)
        assert _asked(play) == before + 1
        httpx2.delete(f"{play.stage.model_url}/_faults").raise_for_status()
        wait_until(lambda: _probed(1, "closed"), seconds=PATIENCE_S)
        wait_until(lambda: _waiting() == 0, seconds=PATIENCE_S)
    finally:
        httpx2.delete(f"{play.stage.model_url}/_faults")
    assert AuditEntry.objects.filter(kind="breaker.probed").count() == 2
    assert verify().ok
