"""A claim is not waited for at the disk: what becomes of one that a crash of the database takes back (ADR 26)."""

import os
import signal

import pytest

from agents.models import Session, Turn, WorkerHeartbeat
from audit.events import EventKind
from audit.models import AuditEntry
from tests.faults.invariants import check
from tests.faults.stage import Play


@pytest.mark.slow
def test_a_worker_whose_claim_was_lost_with_the_database_writes_nothing(play: Play) -> None:
    """THREATS 3 (PostgreSQL restart): two workers hold the same token then; the one that the rows name goes on."""
    play.lease_s = 60  # nobody's lease runs out within this test
    (session,) = play.start()
    (writer,) = play.sql("SELECT pid FROM pg_stat_activity WHERE backend_type = 'walwriter'")
    os.kill(int(writer[0]), signal.SIGSTOP)  # so that only commits that wait for the disk reach it
    first = play.worker("worker.after_claim:stop:1")
    play.until(lambda: first.stopped)
    assert _status(session) == "running"
    os.kill(int(writer[0]), signal.SIGKILL)  # PostgreSQL starts over, as after any crash, with what the disk has
    play.until(lambda: _status(session) == "queued")
    second = play.worker("worker.after_claim:stop:1")
    play.until(lambda: second.stopped)
    first.send(signal.SIGCONT)
    play.until(lambda: WorkerHeartbeat.objects.filter(owner__contains=f":{first.pid}:", sessions=0).exists())
    assert not Turn.objects.exists(), "a worker wrote into a session that another one holds"
    second.send(signal.SIGCONT)
    play.until(play.at_rest)
    check(play)
    claims = AuditEntry.objects.filter(stream=f"session:{session.ref}", kind=EventKind.SESSION_CLAIMED)
    assert claims.exists()
    assert claims.order_by("seq")[0].seq == 2, "what was lost left no gap"


def _status(session: Session) -> str:
    return Session.objects.get(pk=session.pk).status
