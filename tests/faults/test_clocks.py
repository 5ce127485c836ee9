"""Workers and people whose own clocks are an hour wrong, and step back: only the database's clock counts."""

import signal
import time
from pathlib import Path

import pytest

from agents.gate import answer, undo
from agents.models import Session
from approvals.errors import NothingToUndo
from approvals.models import ApprovalRequest
from approvals.policy import Person
from audit.actors import Actor
from audit.events import EventKind
from audit.models import AuditEntry
from tests.faults import people
from tests.faults.invariants import check
from tests.faults.stage import PATIENCE_S, Child, Play
from tests.waiting import wait_until

HOUR = 3600


def _wrong(play: Play, folder: Path, seconds: int, role: str = "work") -> tuple[Child, Path]:
    """A process whose clock is wrong, and the file that says by how much."""
    clock = folder / f"clock-{role}-{seconds}"
    clock.write_text(str(seconds), encoding="ascii")
    return play.worker(role=role, FAULTS_CLOCK=str(clock)), clock


def _asked() -> ApprovalRequest:
    wait_until(lambda: ApprovalRequest.objects.filter(status="pending").exists(), seconds=PATIENCE_S)
    return ApprovalRequest.objects.get(status="pending")


@pytest.mark.slow
def test_workers_an_hour_apart_share_sessions_and_one_steps_back(play: Play, tmp_path: Path) -> None:
    """THREATS 3 (clock skew): leases are the database's, entries stand in order, nobody takes over from the living."""
    _, ahead = _wrong(play, tmp_path, HOUR)
    _wrong(play, tmp_path, -HOUR)
    _wrong(play, tmp_path, HOUR, "decide")
    play.start(count=6)
    wait_until(lambda: Session.objects.exclude(step=0).exists(), seconds=PATIENCE_S)
    ahead.write_text(str(-HOUR), encoding="ascii")
    play.start(count=4)
    wait_until(play.at_rest, seconds=PATIENCE_S)
    assert not AuditEntry.objects.filter(kind=EventKind.SESSION_RECLAIMED).exists()
    now = time.time()
    assert all(abs(at.timestamp() - now) < HOUR / 2 for at in AuditEntry.objects.values_list("at", flat=True))
    check(play)


@pytest.mark.slow
def test_what_is_in_time_for_the_database_is_in_time_for_a_clock_that_is_ahead(play: Play, tmp_path: Path) -> None:
    """THREATS 3 (clock skew): with half an hour left nothing runs out, by a worker and people an hour ahead."""
    play.start("payment")
    _wrong(play, tmp_path, HOUR)
    request = _asked()
    play.sql("UPDATE approvals_approvalrequest SET expires_at = now() + interval '30 minutes' WHERE id = %s", request.id)
    _wrong(play, tmp_path, HOUR, "decide")
    wait_until(play.at_rest, seconds=PATIENCE_S)
    assert check(play, each_does=("pay",)).effects == 1


@pytest.mark.slow
def test_what_ran_out_for_the_database_ran_out_for_a_clock_that_is_behind(play: Play, tmp_path: Path) -> None:
    """THREATS 3 (clock skew), APPR-6: the sweep of a worker an hour behind lets it run out; nothing runs."""
    (session,) = play.start("payment")
    _wrong(play, tmp_path, -HOUR)
    request = _asked()
    play.sql("UPDATE approvals_approvalrequest SET expires_at = now() - interval '1 second' WHERE id = %s", request.id)
    wait_until(lambda: ApprovalRequest.objects.get(pk=request.pk).status == "expired", seconds=PATIENCE_S)
    wait_until(play.at_rest, seconds=PATIENCE_S)
    assert [effect for effect in play.stage.effects.read() if effect.session == session.ref] == []


@pytest.mark.slow
def test_an_undo_period_is_kept_by_a_worker_whose_clock_is_ahead(play: Play, tmp_path: Path) -> None:
    """THREATS 3 (clock skew), APPR-4: what can still be taken back does not run; what ran cannot be taken back."""
    play.start("payment")
    worker, _ = _wrong(play, tmp_path, HOUR)
    request = _asked()
    remy = people.reviewer()
    actor = Actor("user", str(remy.pk), remy.first_name)
    play.sql("UPDATE approvals_approvalrequest SET hold_s = 3 WHERE id = %s", request.id)
    person = Person(id=remy.pk, name=remy.first_name, roles=frozenset({"reviewer"}), reauthenticated=True)
    answer(request_id=request.id, person=person, actor=actor, verdict="approve", digest=request.digest, hold=True)
    until = ApprovalRequest.objects.get().held_until
    assert until is not None
    wait_until(play.at_rest, seconds=PATIENCE_S)
    (effect,) = (effect for effect in play.stage.effects.read() if effect.session == request.session_ref)
    assert effect.at >= until.timestamp()
    with pytest.raises(NothingToUndo):
        undo(request_id=request.id, actor=actor)
    worker.end(signal.SIGTERM)
    check(play, each_does=("pay",))
