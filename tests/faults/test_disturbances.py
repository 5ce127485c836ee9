"""What breaks around a worker that lives: the database, the model, the ways to a tool, other workers, its own clock."""

import os
import random
import signal
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from agents import services
from agents.models import Session, ToolCall, Turn, WorkerHeartbeat
from approvals.models import ApprovalRequest, Decision
from audit.actors import Actor
from audit.events import EventKind
from audit.models import AuditEntry
from console.local.paths import APP_ROLE
from tests.faults.conftest import Figure
from tests.faults.invariants import (
    check,
    nothing_happens_twice,
    nothing_runs_unapproved,
    takeovers,
    the_log_tells_it_all,
)
from tests.faults.stage import Child, Play, token

FULL = os.environ.get("FAULTS") == "full"
LEAVES_WITHIN_S = 10.0
TAKEN_OVER_WITHIN_S = 15.0


def _entries(session: Session, kind: EventKind) -> int:
    return AuditEntry.objects.filter(stream=f"session:{session.ref}", kind=kind).count()


@pytest.mark.slow
def test_postgresql_restarts_while_models_are_asked_and_calls_run(play: Play, figure: Figure) -> None:
    """THREATS 3 (PostgreSQL restart): the worker lives through it and nothing is lost or done twice."""
    worker = play.worker()
    for _ in range(5 if FULL else 1):
        for session in play.start(count=6):
            play.stage.fault("slow", session, seconds=0.5, count=3)
        play.until(lambda: ToolCall.objects.filter(status="awaiting").exists())
        play.stage.server.stop()
        play.stage.server.start()
        play.until(play.at_rest)
    assert not worker.ended
    figure(**asdict(check(play)))


@pytest.mark.slow
def test_connections_break_again_and_again(play: Play, figure: Figure) -> None:
    """THREATS 3 (connection drop at COMMIT): a commit whose answer was lost is neither lost nor written twice."""
    play.worker()
    random_ = random.Random(7)
    breaks = 0
    for _ in range(10 if FULL else 2):
        play.start(count=4)
        for _ in range(12):
            pause = time.monotonic() + random_.uniform(0.01, 0.2)
            play.until(lambda pause=pause: time.monotonic() > pause)  # type: ignore[misc]  # mypy cannot infer the default
            breaks += len(_break_connections(play))
        play.until(play.at_rest)
    assert breaks
    figure(connections_broken=breaks, **asdict(check(play)))


def _break_connections(play: Play) -> list[tuple[object, ...]]:
    return play.sql(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = %s", APP_ROLE
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "more"),
    [
        ("cut", {"after": 2}),
        ("drop", {}),
        ("rate_limit", {"seconds": 0.1}),
        ("server_error", {"status": 500}),
        ("server_error", {"status": 503}),
        ("hang", {"seconds": 60}),
        ("slow_drip", {"seconds": 0.8}),
        ("corrupt_chunk", {"after": 1}),
        ("not_json", {}),
    ],
)
def test_the_model_fails_and_the_call_is_tried_again(play: Play, kind: str, more: dict[str, object]) -> None:
    """LOOP-9, THREATS 3 (429, 500, hang, slow drip, a stream cut within a call): plain and watched answers alike."""
    play.agent(model_timeout_s=2.0)
    plain, watched = play.start(count=2)
    for session in (plain, watched):
        play.stage.fault(kind, session, **more)
        play.stage.fault(kind, session, **more)
    play.watch(watched)
    play.worker()
    play.until(play.at_rest)
    assert [play.stage.faults_left(session) for session in (plain, watched)] == [0, 0]
    assert check(play).effects == 6


@pytest.mark.slow
def test_the_answer_of_a_payment_is_lost_and_a_person_is_asked(play: Play) -> None:
    """TOOL-10, THREATS 3 (after "sent, no answer" nobody can know): it happened once, and is never sent again by itself."""
    (session,) = play.start()
    play.stage.effects.order("pay", token=token(session), drop=True)
    play.worker()
    play.until(play.at_rest)
    found = check(play)
    assert (found.asked_people, found.effects) == (1, 3)
    assert Decision.objects.get(request__kind="unknown_outcome").verdict == "happened"
    assert _entries(session, EventKind.TOOL_CALL_UNKNOWN) == _entries(session, EventKind.TOOL_CALL_RESOLVED) == 1


@pytest.mark.slow
def test_the_answer_of_a_keyed_call_is_lost_and_it_is_sent_again_under_its_key(play: Play) -> None:
    """TOOL-10, THREATS 3: a repeat under the same key changes nothing, so nobody needs to be asked."""
    (session,) = play.start()
    play.stage.effects.order("stamp", token=token(session), drop=True)
    play.worker()
    play.until(play.at_rest)
    found = check(play)
    assert (found.asked_people, found.effects) == (0, 3)
    arrivals = [effect for effect in play.stage.effects.read() if (effect.tool, effect.session) == ("stamp", session.ref)]
    assert [effect.repeat for effect in arrivals] == [False, True]


@pytest.mark.slow
def test_two_workers_share_the_sessions_and_do_nothing_twice(play: Play) -> None:
    """THREATS 3 (two workers)."""
    for _ in range(2):
        play.worker()
    play.start(count=16 if FULL else 8)
    play.until(play.at_rest)
    check(play)


@pytest.mark.slow
def test_the_same_drain_task_is_delivered_twice(play: Play, tmp_path: Path) -> None:
    """THREATS 3 (duplicate delivery): the queue's message is only a place to work in."""
    stop = tmp_path / "stop"
    play.start(count=8)
    tasks = [play.worker(role="task", COUNTERSIGN_STOP_FILE=str(stop)) for _ in range(2)]
    play.until(play.at_rest)
    check(play)
    stop.touch()
    play.until(lambda: all(task.ended for task in tasks))
    assert [task.status for task in tasks] == [0, 0]


STANDSTILLS = (
    "worker.after_claim:stop:1",
    "runner.after_model:stop:1",
    "ledger.before_commit:stop:1",
    "ledger.before_commit:stop:2",
    "ledger.in_transaction:stop:1",
    "gate.before_intent:stop:1",
    "gate.after_intent:stop:1",
    "gate.after_effect:stop:1",
    "gate.before_result:stop:1",
)


@pytest.mark.slow
def test_workers_that_stood_still_past_their_leases_neither_write_nor_execute(play: Play) -> None:
    """THREATS 3 (SIGSTOP past the lease, SIGCONT): another worker went on meanwhile; the late ones find nothing to do."""
    late = []
    for standstill in STANDSTILLS:
        play.start("payment")
        late.append(worker := play.worker(standstill))
        play.until(lambda worker=worker: worker.stopped)  # type: ignore[misc]  # mypy cannot infer the default
    play.worker()
    play.until(play.at_rest)
    before = AuditEntry.objects.filter(stream__startswith="session:").count(), len(play.stage.effects.read())
    for worker in late:
        assert worker.stopped
        worker.send(signal.SIGCONT)
    play.until(lambda: all(_beats(worker) for worker in late))
    for worker in late:
        worker.end(signal.SIGTERM)
    assert [worker.status for worker in late] == [0] * len(late)
    assert (AuditEntry.objects.filter(stream__startswith="session:").count(), len(play.stage.effects.read())) == before
    found = check(play, each_does=("pay",))
    assert found.effects == found.sessions == len(STANDSTILLS)
    # Stopped with the intent written: nobody could know, so a person looked it up.
    assert found.asked_people >= 3


@pytest.mark.slow
def test_a_worker_that_stands_still_within_a_transaction_keeps_nothing_locked(play: Play, figure: Figure) -> None:
    """LOOP-11: its rows are locked in the database, which ends the transaction before the lease runs out."""
    play.start("payment")
    late = play.worker("ledger.in_transaction:stop:1")
    play.until(lambda: late.stopped)
    stopped_at = time.time()
    play.worker()
    play.until(lambda: AuditEntry.objects.filter(kind=EventKind.SESSION_RECLAIMED).exists())
    (took,) = takeovers({late.pid: stopped_at})
    assert took < TAKEN_OVER_WITHIN_S
    play.until(play.at_rest)
    late.end(signal.SIGTERM)
    check(play, each_does=("pay",))
    figure(taken_over_after_s=round(took, 1))


def _beats(worker: Child) -> bool:
    beat = WorkerHeartbeat.objects.filter(owner__contains=f":{worker.pid}:").values_list("beat_at", flat=True).first()
    return beat is not None and time.time() - beat.timestamp() < 3


@pytest.mark.slow
def test_a_worker_that_is_told_to_leave_abandons_an_open_model_call(play: Play, figure: Figure) -> None:
    """LOOP-13: gone within ten seconds, the call counted as spent, asked again elsewhere."""
    (session,) = play.start()
    play.stage.fault("hang", session, seconds=120)
    worker = play.worker()
    play.until(lambda: not play.stage.faults_left(session))
    told_at = time.time()
    worker.end(signal.SIGTERM)
    took = worker.ended_at - told_at
    assert worker.status == 0
    assert took < LEAVES_WITHIN_S
    session.refresh_from_db()
    assert session.status == "queued"
    assert session.input_tokens > 0
    assert (_entries(session, EventKind.TURN_ABANDONED), Turn.objects.count()) == (1, 0)
    play.worker()
    play.until(play.at_rest)
    check(play)
    figure(left_within_s=round(took, 2))


@pytest.mark.slow
def test_a_worker_that_is_told_to_leave_finishes_the_call_that_runs(play: Play) -> None:
    """LOOP-13: the step that is under way is finished and written, so that nobody has to be asked."""
    (session,) = play.start("payment")
    play.stage.effects.order("pay", token=token(session), delay_s=2)
    worker = play.worker()
    play.until(lambda: any(effect.session == session.ref for effect in play.stage.effects.read()))
    worker.end(signal.SIGTERM)
    assert (worker.status, ToolCall.objects.get().status) == (0, "succeeded")
    play.worker()
    play.until(play.at_rest)
    assert check(play, each_does=("pay",)).asked_people == 0


@pytest.mark.slow
def test_a_session_is_cancelled_while_a_tool_runs(play: Play) -> None:
    """THREATS 3 (cancel during a tool): what runs is written down as it ended; what was approved behind it never begins."""
    (session,) = play.start()
    play.stage.effects.order("pay", token=token(session), delay_s=2)
    play.worker()
    play.until(lambda: _did(play, session, "pay"))
    services.cancel(session=session, actor=Actor("user", str(play.olga.pk), "Olga"), reason="Enough.")
    play.until(play.at_rest)
    statuses = dict(ToolCall.objects.filter(tool__in=("pay", "stamp")).values_list("tool", "status"))
    assert (Session.objects.get().status, statuses["pay"]) == ("cancelled", "succeeded")
    assert statuses["stamp"] not in ("executing", "succeeded")
    assert not _did(play, session, "stamp")
    effects = [effect for effect in play.stage.effects.read() if effect.session == session.ref]
    nothing_happens_twice(effects)
    nothing_runs_unapproved(effects)
    the_log_tells_it_all(effects)


def _did(play: Play, session: Session, tool: str) -> bool:
    return any((effect.session, effect.tool) == (session.ref, tool) for effect in play.stage.effects.read())


@pytest.mark.slow
def test_a_session_that_kills_every_worker_is_put_aside_for_people(play: Play) -> None:
    """THREATS 3 (poison session): the attempts are counted, the others go on."""
    (poison,) = play.start()
    for _ in range(5):
        worker = play.worker("runner.before_model:kill:1")
        play.until(lambda worker=worker: worker.ended)  # type: ignore[misc]  # mypy cannot infer the default
        Session.objects.filter(pk=poison.pk).update(lease_expires="2000-01-01T00:00:00Z")
    (sound,) = play.start()
    play.worker()
    play.until(play.at_rest)
    poison.refresh_from_db()
    sound.refresh_from_db()
    assert (poison.status, sound.status) == ("dead_letter", "waiting_input")
    assert poison.error is not None
    assert poison.error["code"] == "poison"
    assert not ApprovalRequest.objects.filter(session_id=poison.pk).exists()
