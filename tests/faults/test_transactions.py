"""What the database does to a transaction: time out, deadlock, undo it, or lose its connection at the COMMIT itself.

Provoked for real: a second connection holds the locks in the other order, the role has a time-out, and what stands on the
way to the server cuts the connection before a COMMIT reaches it, or after it is done and before its answer is back.
"""

import os
import random
import signal
import threading
from collections.abc import Callable, Iterator
from dataclasses import asdict

import psycopg
import pytest
from django.db import connections

from agents.models import Session
from approvals.models import ApprovalRequest, Decision
from audit.atomically import TIMES
from audit.models import AuditEntry
from console.local.paths import APP_ROLE
from tests.console.api.calls import Program
from tests.faults import people
from tests.faults.conftest import Figure
from tests.faults.invariants import check
from tests.faults.stage import PATIENCE_S, Play
from tests.faults.ways import Cut, way_to_postgres
from tests.waiting import wait_until

FULL = os.environ.get("FAULTS") == "full"
SHORT_LEASE_S = 3.0  # a claim whose commit is cut waits for its lease to run out
NEW = {"agent": "payer", "goal": "scenario: payment token=once"}
WAITING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND usename = %s AND wait_event_type = 'Lock'"


@pytest.fixture
def rival(play: Play) -> Iterator[psycopg.Connection]:
    """Somebody else at the database, in a transaction; a deadlock is never told to them."""
    with play.stage.server.connect(play.database) as connection:
        connection.execute("SET deadlock_timeout = '60s'")
        connection.execute("BEGIN")
        yield connection


@pytest.fixture
def olga_program(play: Play) -> Program:
    """A program that starts sessions."""
    return Program(play.olga)


def _lock(rival: psycopg.Connection, model: type[Session] | type[ApprovalRequest], number: int) -> None:
    rival.execute(f"SELECT FROM {model._meta.db_table} WHERE number = %s FOR UPDATE", [number])


def _waiting(play: Play) -> set[int]:
    """Which of the product's connections wait for a lock now."""
    return {pid for (pid,) in play.sql(WAITING, APP_ROLE)}


def _deadlocks(play: Play) -> int:
    play.sql("SELECT pg_stat_clear_snapshot()")
    return int(play.sql("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()")[0][0])


def _asked(play: Play) -> ApprovalRequest:
    """A payment that waits for a person, and no worker any more."""
    play.start("payment")
    worker = play.worker()
    wait_until(lambda: ApprovalRequest.objects.filter(status="pending").exists(), seconds=PATIENCE_S)
    worker.end(signal.SIGTERM)
    return ApprovalRequest.objects.get()


def _decided() -> Callable[[], object]:
    """Let people decide in a thread; returns what waits for its end and raises what it raised."""
    raised: list[BaseException] = []

    def decide() -> None:
        try:
            assert people.decide_all() == 1
        except BaseException as error:  # noqa: BLE001  told to whoever waits
            raised.append(error)
        finally:
            connections.close_all()

    thread = threading.Thread(target=decide)
    thread.start()

    def end() -> None:
        thread.join(PATIENCE_S)
        if raised:
            raise raised[0]

    return end


@pytest.mark.slow
def test_a_deadlock_in_the_ledger_undoes_its_transaction_and_the_call_runs_once(play: Play, rival: psycopg.Connection) -> None:
    """THREATS 3 (deadlock): the transaction is tried again, never the tool."""
    (session,) = play.start("payment")
    worker = play.worker("gate.before_intent:stop:1")
    play.until(lambda: worker.stopped)
    _lock(rival, Session, session.number)
    worker.send(signal.SIGCONT)
    wait_until(lambda: _waiting(play), seconds=PATIENCE_S)
    _lock(rival, ApprovalRequest, ApprovalRequest.objects.get().number)  # which the ledger has: one of the two must give way
    rival.execute("COMMIT")
    play.until(play.at_rest)
    wait_until(lambda: _deadlocks(play) == 1, seconds=PATIENCE_S)
    assert check(play, each_does=("pay",)).effects == 1


@pytest.mark.slow
def test_a_statement_of_the_ledger_times_out_and_is_tried_again(play: Play, rival: psycopg.Connection) -> None:
    """THREATS 3 (statement_timeout): again and again while the row is locked; then once."""
    play.sql(f"ALTER ROLE {APP_ROLE} IN DATABASE {play.database} SET statement_timeout = '400ms'")
    (session,) = play.start("payment")
    worker = play.worker("gate.before_intent:stop:1")
    play.until(lambda: worker.stopped)
    _lock(rival, Session, session.number)
    worker.send(signal.SIGCONT)
    tried: set[int] = set()  # each try has a connection of its own

    def thrice() -> bool:
        tried.update(_waiting(play))
        return len(tried) >= 3

    wait_until(thrice, seconds=PATIENCE_S)
    rival.execute("COMMIT")
    play.until(play.at_rest)
    assert check(play, each_does=("pay",)).effects == 1


@pytest.mark.slow
def test_a_deadlock_undoes_a_decision_and_it_is_taken_once(play: Play, rival: psycopg.Connection) -> None:
    """THREATS 3 (deadlock): the person notices nothing."""
    request = _asked(play)
    _lock(rival, Session, int(request.session_ref[2:]))
    end = _decided()
    wait_until(lambda: _waiting(play), seconds=PATIENCE_S)
    _lock(rival, ApprovalRequest, request.number)
    rival.execute("COMMIT")
    end()
    wait_until(lambda: _deadlocks(play) == 1, seconds=PATIENCE_S)
    assert (Decision.objects.count(), AuditEntry.objects.filter(kind="approval.approved").count()) == (1, 1)
    play.worker()
    play.until(play.at_rest)
    check(play, each_does=("pay",))


@pytest.mark.slow
def test_a_decision_that_times_out_is_refused_whole_and_can_be_sent_again(play: Play, rival: psycopg.Connection) -> None:
    """THREATS 3 (statement_timeout): 503, nothing of it stored; the same key decides once the way is free."""
    request = _asked(play)
    program, said = Program(people.reviewer()), {"verdict": "approve", "digest": request.digest}
    play.sql(f"ALTER ROLE {APP_ROLE} IN DATABASE {play.database} SET statement_timeout = '300ms'")
    connections["default"].close()
    _lock(rival, Session, int(request.session_ref[2:]))
    refused = program.post(f"/approvals/{request.ref}/decisions", said, key="k")
    assert (refused.status_code, refused.json()["code"]) == (503, "unavailable")
    assert "Retry-After" in refused.headers
    assert (Decision.objects.count(), ApprovalRequest.objects.get().status) == (0, "pending")
    rival.execute("COMMIT")
    assert program.post(f"/approvals/{request.ref}/decisions", said, key="k").status_code == 200
    assert Decision.objects.count() == 1
    play.worker()
    play.until(play.at_rest)
    check(play, each_does=("pay",))


def _undo(play: Play, kind: str, times: int) -> None:
    """Let the database undo the transactions with an entry of a kind, so many times; a sequence counts through rollbacks."""
    play.sql("CREATE SEQUENCE undone")
    play.sql(f"""CREATE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
        IF nextval('public.undone') <= {times} THEN RAISE EXCEPTION 'could not serialize' USING ERRCODE = '40001'; END IF;
        RETURN NEW; END $$""")
    play.sql(
        f"CREATE TRIGGER undo BEFORE INSERT ON audit_entry FOR EACH ROW WHEN (NEW.kind = '{kind}') EXECUTE FUNCTION undo()"
    )


def _tries(play: Play) -> int:
    return int(play.sql("SELECT last_value FROM undone")[0][0])


@pytest.mark.slow
def test_a_start_that_the_database_undoes_is_done_again_and_no_more_than_three_times(play: Play, olga_program: Program) -> None:
    """THREATS 3 (serialization failure): read committed raises none by itself, so a trigger says it."""
    _undo(play, "session.started", TIMES - 1)
    assert olga_program.post("/sessions", NEW, key="one").status_code == 201
    assert (_tries(play), Session.objects.count()) == (TIMES, 1)
    play.sql("DROP TRIGGER undo ON audit_entry; DROP FUNCTION undo; DROP SEQUENCE undone")
    _undo(play, "session.started", 100)
    assert olga_program.post("/sessions", NEW, key="two").status_code == 503
    assert (_tries(play), Session.objects.count()) == (TIMES, 1)


@pytest.mark.slow
def test_the_ledger_writes_what_was_undone_again_and_asks_no_tool_twice(play: Play) -> None:
    """THREATS 3 (serialization failure): intent and outcome are each undone three times."""
    for kind in ("tool_call.executing", "tool_call.succeeded"):
        _undo(play, kind, 3)
        play.start("payment")
        worker = play.worker()
        play.until(play.at_rest)
        worker.end(signal.SIGTERM)
        assert _tries(play) >= 4
        play.sql("DROP TRIGGER undo ON audit_entry; DROP FUNCTION undo; DROP SEQUENCE undone")
    found = check(play, each_does=("pay",))
    assert (found.effects, found.asked_people) == (2, 0)


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["before", "after"])
def test_the_connection_of_a_decision_is_cut_at_its_commit(play: Play, cut: Cut) -> None:
    """THREATS 3 (drop at COMMIT): nobody can know; the same key reads the answer, or decides now. It stands once."""
    request = _asked(play)
    program, said = Program(people.reviewer()), {"verdict": "approve", "digest": request.digest}
    with way_to_postgres(play.stage.server.socket) as (folder, way), play.by_way_of(folder):
        way.cuts.append(cut)
        lost = program.post(f"/approvals/{request.ref}/decisions", said, key="k")
        assert (lost.status_code, way.made) == (503, [cut])
    assert Decision.objects.count() == (1 if cut == "after" else 0)
    again = program.post(f"/approvals/{request.ref}/decisions", said, key="k")
    assert (again.status_code, again.get("Idempotency-Replayed")) == (200, "true" if cut == "after" else None)
    assert (Decision.objects.count(), AuditEntry.objects.filter(kind="approval.approved").count()) == (1, 1)
    play.worker()
    play.until(play.at_rest)
    assert check(play, each_does=("pay",)).effects == 1


@pytest.mark.slow
@pytest.mark.parametrize("cut", ["before", "after"])
def test_the_connection_of_a_start_is_cut_at_its_commit(play: Play, olga_program: Program, cut: Cut) -> None:
    """THREATS 3 (drop at COMMIT): a program that asks again with its key has one session."""
    with way_to_postgres(play.stage.server.socket) as (folder, way), play.by_way_of(folder):
        way.cuts.append(cut)
        lost = olga_program.post("/sessions", NEW, key="k")
        assert (lost.status_code, way.made) == (503, [cut])
    assert Session.objects.count() == (1 if cut == "after" else 0)
    again = olga_program.post("/sessions", NEW, key="k")
    assert (again.status_code, again.json()["id"]) == (201, Session.objects.get().ref)
    play.worker()
    play.until(play.at_rest)
    assert check(play, each_does=("pay",)).effects == 1


@pytest.mark.slow
def test_the_connections_of_a_worker_are_cut_at_its_commits(play: Play, figure: Figure) -> None:
    """THREATS 3 (drop at COMMIT): claims, turns, intents and outcomes, before and after; nothing is written or done twice."""
    play.lease_s = SHORT_LEASE_S
    random_ = random.Random(11)
    with way_to_postgres(play.stage.server.socket) as (folder, way):
        worker = play.worker(FAULTS_POSTGRES=folder)
        for _ in range(10 if FULL else 2):
            play.start(count=4)
            way.cuts.extend(random_.choices(("before", "after"), k=6))
            play.until(play.at_rest)
        assert set(way.made) == {"before", "after"}
        worker.end(signal.SIGTERM)
    figure(cuts=len(way.made), **asdict(check(play)))
