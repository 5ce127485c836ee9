"""Three guards, each shown twice: what it prevents does not happen, and does happen in a worker without it.

So none of these tests can pass with its guard gone: the first half of each turns red.
"""

import signal
import time
from typing import Any

import pytest

from agents.models import Session, ToolCall, Turn, WorkerHeartbeat
from approvals.models import ApprovalRequest
from audit.events import EventKind
from audit.models import AuditEntry
from tests.faults.invariants import check, nothing_happens_twice, nothing_runs_unapproved
from tests.faults.stage import PATIENCE_S, Child, Play, token
from tests.waiting import wait_until

SHORT_LEASE_S = 5.0


def _awake(worker: Child) -> bool:
    beat = WorkerHeartbeat.objects.filter(owner__contains=f":{worker.pid}:").values_list("beat_at", flat=True).first()
    return beat is not None and time.time() - beat.timestamp() < 2


def _overtake(play: Play, session: Session, late: Child) -> Child:
    """Let a worker stand still until another has taken its session over."""
    play.until(lambda: late.stopped)
    other = play.worker()
    play.until(lambda: AuditEntry.objects.filter(stream=f"session:{session.ref}", kind=EventKind.SESSION_RECLAIMED).exists())
    return other


def _resume(late: Child) -> None:
    """Wake a worker, let it come to what it held, and end it. Nobody decides anything meanwhile: that would be more to do."""
    late.send(signal.SIGCONT)
    wait_until(lambda: _awake(late), seconds=PATIENCE_S)
    late.end(signal.SIGTERM)


@pytest.mark.slow
def test_a_worker_that_lost_its_lease_writes_nothing(play: Play) -> None:
    """The fencing check (GUARD-1, THREATS 3). It stands before a commit while another worker asks the same anew."""
    play.lease_s = SHORT_LEASE_S
    for without, turns in (((), 0), (("fencing",), 1)):
        (session,) = play.start("payment")
        late = play.worker("ledger.before_commit:stop:1", without=without)
        play.until(lambda late=late: late.stopped)  # type: ignore[misc]  # mypy cannot infer the default
        play.stage.fault("slow", session, seconds=30)
        other = _overtake(play, session, late)
        play.until(lambda session=session: not play.stage.faults_left(session))  # type: ignore[misc]
        _resume(late)
        # Without the check it writes the turn that it held, and then waits for people, of whom nobody answers.
        assert Turn.objects.filter(session=session).count() == turns, f"without {without}"
        other.end()
        if not without:
            play.worker()
            play.until(play.at_rest)
            check(play, each_does=("pay",))
            play.end()


@pytest.mark.slow
def test_a_worker_that_lost_its_lease_executes_nothing(play: Play) -> None:
    """The look at the lease before a call runs (GUARD-1, THREATS 3): a person has meanwhile let it run again elsewhere."""
    play.lease_s = SHORT_LEASE_S
    for without in ((), ("lease",)):
        (session,) = play.start("payment")
        late = play.worker("gate.after_intent:stop:1", without=without)
        other = _overtake(play, session, late)
        play.until(play.at_rest)
        _resume(late)
        other.end(signal.SIGTERM)
        paid = [effect for effect in play.stage.effects.read() if effect.session == session.ref]
        if not without:
            assert len(paid) == 1
            check(play, each_does=("pay",))
        else:
            with pytest.raises(AssertionError, match="more than once"):
                nothing_happens_twice(paid)


@pytest.mark.slow
@pytest.mark.parametrize(("without", "status"), [((), "consumed"), (("consume",), "approved")])
def test_an_approval_is_used_up_by_what_it_allowed(play: Play, without: tuple[str, ...], status: str) -> None:
    """The consume (GUARD-1, APPR-2): one approval, one execution, both in one record.

    The database refuses a call whose approval is not used up, so without the consume nothing would run at all; to see
    what the consume itself is for, that second wall is taken down with it.
    """
    if without:
        play.sql("DROP TRIGGER call_has_its_approval ON agents_toolcall")
    (session,) = play.start("payment")
    play.worker(without=without)
    play.until(play.at_rest)
    effects = play.stage.effects.of("pay", ToolCall.objects.get(session=session).key)
    assert len(effects) == 1
    assert ApprovalRequest.objects.get().status == status
    if not without:
        check(play, each_does=("pay",))
        return
    with pytest.raises(AssertionError, match="left AP-[0-9]+ approved"):
        nothing_runs_unapproved(effects)


@pytest.mark.slow
@pytest.mark.parametrize("without", [(), ("digest",)])
def test_what_runs_is_what_was_approved(play: Play, without: tuple[str, ...]) -> None:
    """The digest check (GUARD-1, APPR-2): somebody with the database's superuser rewrites an approved call."""
    (session,) = play.start("payment")
    first = play.worker()
    _until_asked(play)
    first.end(signal.SIGTERM)
    call = ToolCall.objects.get(session=session)
    body = f'{{"amount":5000,"token":"{token(session)}"}}'
    with play.stage.server.connect(play.database) as connection:
        connection.execute("ALTER TABLE audit_content DISABLE TRIGGER ALL")
        connection.execute("UPDATE audit_content SET body = %s WHERE id = %s", (body, call.arguments_id))
    play.worker(without=without)
    play.until(play.at_rest)
    effects = play.stage.effects.of("pay", call.key)
    alarms = AuditEntry.objects.filter(kind=EventKind.ALARM_DIGEST_MISMATCH).count()
    call.refresh_from_db()
    if not without:
        assert (effects, alarms, call.status) == ([], 1, "denied")
        return
    assert (len(effects), alarms) == (1, 0)
    with pytest.raises(AssertionError, match="approved was"):
        nothing_runs_unapproved(effects)


def _until_asked(play: Play) -> None:
    def asked() -> Any:
        return ApprovalRequest.objects.filter(status="pending").exists()

    wait_until(asked, seconds=PATIENCE_S)
