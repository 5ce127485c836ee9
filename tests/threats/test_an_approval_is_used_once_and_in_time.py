"""What becomes of an approval: one use, in time, within the budget, never without its log entry (THREATS 12, 14, 16, 17, 20, 59, 62)."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connections

from agents import services
from approvals.errors import AlreadyDecided
from approvals.models import Decision
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of
from tests.threats.conftest import MAIL, Asked, Sql, ask, kinds, status, why


def test_two_workers_use_an_approval_once(world: World, approved: Asked, mailoutbox: list[Any]) -> None:
    """THREATS 12: both are told at once; one consumes, and the other finds nothing to do."""
    session, request = approved
    failures: list[BaseException] = []

    def work() -> None:
        try:
            world.work()
        except BaseException as error:  # noqa: BLE001  shown below, in the test's own thread
            failures.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(180)
    assert failures == []
    assert (len(mailoutbox), status(request)) == (1, "consumed")
    assert kinds(session).count("approval.consumed") == kinds(session).count("tool_call.executing") == 1
    assert world.log_is_whole()


def test_a_session_that_is_delivered_again_does_not_use_its_approval_again(
    world: World, approved: Asked, as_owner: Sql, mailoutbox: list[Any]
) -> None:
    """THREATS 12: the session is queued once more when all is done; nothing is sent a second time."""
    session, request = approved
    world.work()
    assert (len(mailoutbox), status(request)) == (1, "consumed")
    assert as_owner("UPDATE agents_session SET status = 'queued', ready_at = now() WHERE id = %s", [session.pk]) == 1
    world.work()
    assert (len(mailoutbox), status(request)) == (1, "consumed")
    assert kinds(session).count("approval.consumed") == 1


def test_the_retry_of_a_decision_gets_the_first_answer_even_when_it_was_used_meanwhile(
    world: World, asked: Asked, remy: User, rosa: User, mailoutbox: list[Any]
) -> None:
    """THREATS 12, 16: a client that lost the answer asks again; somebody else's click is a lost race."""
    _, request = asked
    first = world.decide(request, remy, "approve", idempotency_key="k1")
    world.work()
    again = world.decide(request, remy, "approve", idempotency_key="k1")
    assert (again.replayed, again.decision.pk) == (True, first.decision.pk)
    with pytest.raises(AlreadyDecided):
        world.decide(request, rosa, "approve", idempotency_key="k1")
    world.work()
    assert (len(mailoutbox), Decision.objects.count()) == (1, 1)


def test_an_approval_that_ran_out_before_the_run_is_not_used(
    world: World, approved: Asked, as_owner: Sql, mailoutbox: list[Any]
) -> None:
    """THREATS 14: approved in time, and no worker came in time; by the database's clock."""
    session, request = approved
    as_owner("UPDATE approvals_approvalrequest SET expires_at = now() - interval '1 second' WHERE id = %s", [request.pk])
    world.work()
    (call,) = world.calls(session)
    assert (mailoutbox, status(request), call.status) == ([], "expired", "expired")
    assert "Nobody answered in time" in world.result(call)
    assert "tool_call.executing" not in kinds(session)


def test_a_stop_between_the_approval_and_the_run_is_final(world: World, approved: Asked, mailoutbox: list[Any]) -> None:
    """THREATS 17: what was approved is withdrawn with its session."""
    session, request = approved
    services.cancel(session=session, actor=actor_of(world.olga), reason="Not any more.")
    world.work()
    session.refresh_from_db()
    assert (mailoutbox, session.status, status(request)) == ([], "cancelled", "withdrawn")


def test_an_approval_outlives_the_workers(world: World, asked: Asked, remy: User, mailoutbox: list[Any]) -> None:
    """THREATS 20: workers come and go while a person thinks and after the decision; it is used once, by the last."""
    session, request = asked
    before = (request.digest, request.revision)
    for _ in range(2):
        world.work(until=lambda: True)
    request.refresh_from_db()
    session.refresh_from_db()
    assert (request.digest, request.revision) == before
    assert (session.status, session.lease_owner) == ("waiting_approval", None)
    world.decide(request, remy, "approve")
    world.work()
    world.work(until=lambda: True)
    assert (len(mailoutbox), status(request)) == (1, "consumed")


def refuse_entries(run: Sql, kind: str) -> None:
    """Let the database refuse every entry of a kind, as a full disk would, and count how often it had to."""
    run("CREATE SEQUENCE refusals")
    run("""CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN
           PERFORM nextval('public.refusals'); RAISE EXCEPTION 'no space left' USING ERRCODE = '53100'; END $$""")
    run(
        f"CREATE TRIGGER full_disk BEFORE INSERT ON audit_entry FOR EACH ROW WHEN (NEW.kind = '{kind}') EXECUTE FUNCTION full_disk()"
    )


def refusals(run: Sql) -> int:
    """How often it refused; a sequence goes on counting through every rollback."""
    return run("SELECT FROM generate_series(1, (SELECT last_value FROM refusals WHERE is_called))")


def accept_entries(run: Sql) -> None:
    """Let it take them again."""
    run("DROP TRIGGER full_disk ON audit_entry")


@pytest.mark.parametrize("verdict", ["approve", "reject"])
def test_no_decision_without_its_entry(world: World, asked: Asked, remy: User, as_owner: Sql, verdict: str) -> None:
    """THREATS 59: the entry cannot be written, so nothing of the decision stands, and it can be taken again."""
    session, request = asked
    said = {"instruction": "Ask the customer first."} if verdict == "reject" else {}
    refuse_entries(as_owner, {"approve": "approval.approved", "reject": "approval.rejected"}[verdict])
    with pytest.raises(DatabaseError, match="no space left"):
        world.decide(request, remy, verdict, **said)
    session.refresh_from_db()
    assert (status(request), session.status, Decision.objects.count()) == ("pending", "waiting_approval", 0)
    accept_entries(as_owner)
    world.decide(request, remy, verdict, **said)
    assert status(request) == {"approve": "approved", "reject": "rejected"}[verdict]


def test_no_decision_without_the_right_to_append(
    world: World, asked: Asked, remy: User, as_owner: Sql, mailoutbox: list[Any]
) -> None:
    """THREATS 59: the role that writes may not append any more; a reviewer is refused, nothing runs."""
    _, request = asked
    function = "audit_append(bytea[], integer[], uuid[], text[], bytea[], text[])"
    as_owner(f"REVOKE EXECUTE ON FUNCTION {function} FROM countersign_app")
    with pytest.raises(DatabaseError, match="permission denied"):
        world.decide(request, remy, "approve")
    assert (status(request), Decision.objects.count(), mailoutbox) == ("pending", 0, [])
    as_owner(f"GRANT EXECUTE ON FUNCTION {function} TO countersign_app")
    world.decide(request, remy, "approve")
    world.work()
    assert len(mailoutbox) == 1


@pytest.mark.parametrize("kind", ["approval.consumed", "tool_call.executing"])
def test_nothing_runs_without_its_entry(
    world: World, approved: Asked, as_owner: Sql, mailoutbox: list[Any], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """THREATS 59: the intent's entry cannot be written: the approval stays unused and nothing is sent until it can."""
    monkeypatch.setattr("agents.ledger.DATABASE_PATIENCE_S", 0.5)
    session, request = approved
    refuse_entries(as_owner, kind)
    world.work(until=lambda: refusals(as_owner) > 1)
    assert (mailoutbox, status(request), world.calls(session)[0].status) == ([], "approved", "awaiting")
    accept_entries(as_owner)
    as_owner("UPDATE agents_session SET lease_expires = now() WHERE id = %s AND status = 'running'", [session.pk])
    world.work()
    assert (len(mailoutbox), status(request)) == (1, "consumed")
    assert world.log_is_whole()


def test_an_approval_does_not_outlive_the_limit_of_tool_calls(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """THREATS 62: the only call that was left went to a read of the same plan; the approved e-mail is not sent, and it says so."""
    session = world.start("scenario: two-approvals token=T2", agent=world.agent(slug="one-call", limits={"tool_calls": 1}))
    world.work()
    first, _ = world.pending(session)
    world.decide(first, remy, "approve")
    world.work()
    session.refresh_from_db()
    assert (mailoutbox, session.status, why(session)["code"]) == ([], "halted", "limit_tool_calls")
    assert "1 of its 1 tool calls" in why(session)["detail"]
    assert status(first) == "withdrawn"
    assert {call.status for call in world.calls(session)} == {"succeeded", "withdrawn"}


@pytest.mark.parametrize(
    ("limit", "spend"),
    [
        ("cost_microusd", "cost_microusd = 2000000"),
        ("tokens", "input_tokens = 2000000"),
        ("active_s", "active_ms = 2000000000"),
    ],
)
def test_an_approval_does_not_outlive_the_budget(
    world: World, remy: User, as_owner: Sql, mailoutbox: list[Any], limit: str, spend: str
) -> None:
    """THREATS 62: the budget was used up between the approval and the run: halted, stated, nothing sent."""
    session, request = ask(world, MAIL, agent=world.agent(slug="thrifty", limits={limit: 1_000_000}))
    world.decide(request, remy, "approve")
    as_owner(f"UPDATE agents_session SET {spend} WHERE id = %s", [session.pk])
    world.work()
    session.refresh_from_db()
    assert (mailoutbox, session.status, why(session)["code"]) == ([], "halted", f"limit_{limit}")
    assert " of its " in why(session)["detail"]
    assert status(request) == "withdrawn"
    ended = AuditEntry.objects.get(stream=f"session:{session.ref}", kind="session.halted")
    assert ended.body_json["facts"]["error"]["code"] == f"limit_{limit}"
