"""Limits end with what was reached, environments and dry runs do what their policy says, people can stop it all."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import services
from agents.errors import SessionEnded
from agents.models import Session
from agents.watching import Watchers
from approvals.models import ApprovalRequest
from tests.flows.conftest import World, actor_of


def error_of(session: Session) -> dict[str, str]:
    """Why the session ended."""
    assert session.error is not None
    return dict(session.error)


MAIL = "scenario: mail-once to=kim@customer.example token=T1"


def test_a_loop_halts_with_its_evidence_where_nobody_is_to_be_asked(world: World) -> None:
    """GUARD-2: the same call, over and over."""
    session = world.start("scenario: loop-same", agent=world.agent(slug="alone", loops={"ask": False}))
    world.work()
    session.refresh_from_db()
    assert (session.status, error_of(session)["code"], session.partial) == ("halted", "loop", True)
    assert "same call" in error_of(session)["detail"]
    assert world.answer_of(session) == "Once more."
    assert world.log_is_whole()


def test_a_limit_of_turns_halts(world: World) -> None:
    """GUARD-1: checked before every turn."""
    session = world.start("scenario: loop-work", agent=world.agent(slug="short", limits={"turns": 3}))
    world.work()
    session.refresh_from_db()
    assert (session.status, error_of(session)["code"], session.turns) == ("halted", "limit_turns", 3)
    assert error_of(session)["detail"] == (
        "The session has used 3 of its 3 turns."
        " Start a new session for what is left, or let an admin raise “limits.turns” of the agent."
    )


def test_a_limit_of_tool_calls_counts_each_call_of_a_plan(world: World) -> None:
    """LOOP-8, GUARD-1: fifty planned, seven allowed."""
    session = world.start("scenario: fifty-calls", agent=world.agent(slug="narrow", limits={"tool_calls": 7}))
    world.work()
    session.refresh_from_db()
    assert (session.status, error_of(session)["code"], session.tool_calls) == ("halted", "limit_tool_calls", 7)
    statuses = [call.status for call in world.calls(session)]
    assert statuses.count("succeeded") == 7
    assert statuses.count("withdrawn") == 43


def test_a_soft_limit_warns_once_and_goes_on(world: World) -> None:
    """GUARD-1: people and the model are told."""
    session = world.start("scenario: malformed", agent=world.agent(slug="soft", limits={"soft_turns": 1}))
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert session.notes["warned"] == ["turns"]
    assert session.messages.filter(source="system").count() == 1


@pytest.mark.parametrize(("verdict", "status"), [("extend", "waiting_input"), ("reject", "halted")])
def test_a_limit_that_asks_puts_a_request_before_people(world: World, remy: User, verdict: str, status: str) -> None:
    """GUARD-1: `ask_above` extends, or halts with what was reached."""
    session = world.start("scenario: malformed", agent=world.agent(slug="asks", limits={"ask_above_cost_microusd": 1}))
    world.work()
    (request,) = world.pending(session)
    assert request.kind == "budget"
    assert request.facts["allowed"] + request.facts["suggested"] > request.facts["spent"], "else it would ask again at once"
    world.decide(request, remy, verdict, **({"amount": 100_000} if verdict == "extend" else {"instruction": "That is enough."}))
    world.work()
    session.refresh_from_db()
    assert session.status == status
    assert world.log_is_whole()


def test_a_limit_that_nobody_extends_says_that_nobody_answered(world: World) -> None:
    """GUARD-1, APPR-6: "nobody answered" is not "refused"."""
    session = world.start("scenario: malformed", agent=world.agent(slug="asks", limits={"ask_above_cost_microusd": 1}))
    world.work()
    (request,) = world.pending(session)
    ApprovalRequest.objects.filter(id=request.id).update(expires_at="2026-01-01T00:00:00Z")
    world.work(until=lambda: Session.objects.filter(id=session.id, status="halted").exists())
    session.refresh_from_db()
    detail = error_of(session)["detail"]
    assert "Nobody answered the request to extend it." in detail
    assert "refused" not in detail


def test_a_dry_run_says_what_it_would_have_done(world: World, mailoutbox: list[Any]) -> None:
    """LOOP-15: the whole loop runs, nothing is sent and nobody is asked."""
    session = world.start(MAIL, dry_run=True)
    world.work()
    (call,) = world.calls(session)
    assert (call.status, call.dry) == ("succeeded", True)
    assert "dry_run" in world.result(call)
    assert mailoutbox == []
    session.refresh_from_db()
    assert session.status == "waiting_input"


@pytest.mark.parametrize(
    ("environment", "statuses"),
    [
        ("staging", ["denied", "denied"]),
        ("development", ["succeeded", "denied"]),
        ("production", ["succeeded", "awaiting"]),
    ],
)
def test_environments_bound_what_agents_may_write(world: World, environment: str, statuses: list[str]) -> None:
    """LOOP-15: staging reads only, development writes reversibly, production what the tiers say."""
    agent = world.agent(slug=f"in-{environment}", environment=environment)
    session = world.start("scenario: writes token=x", agent=agent)
    world.work()
    assert [call.status for call in world.calls(session)] == statuses


def test_a_follow_up_message_goes_on_with_the_history(world: World) -> None:
    """LOOP-9: several messages per session."""
    session = world.start("calculate 6 * 7")
    world.work()
    turns = Session.objects.get(pk=session.pk).turns
    services.add_message(session=session, actor=actor_of(world.olga), user_id=world.olga.pk, content="calculate 6 * 8")
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert session.turns > turns
    assert "48" in world.answer_of(session)


def test_a_single_turn_agent_completes(world: World) -> None:
    """LOOP-1: one of six ends."""
    session = world.start("calculate 6 * 7", agent=world.agent(slug="once", single_turn=True))
    world.work()
    session.refresh_from_db()
    assert session.status == "completed"
    assert "42" in world.answer_of(session)
    with pytest.raises(SessionEnded):
        services.add_message(session=session, actor=actor_of(world.olga), user_id=world.olga.pk, content="More?")


def test_a_paused_session_does_nothing_until_it_is_resumed(world: World) -> None:
    """LOOP-9: a user may pause at any time."""
    session = world.start("calculate 6 * 7")
    services.pause(session=session, actor=actor_of(world.olga), reason="Wait.")
    world.work()
    session.refresh_from_db()
    assert (session.status, session.turns) == ("paused", 0)
    services.resume(session=session, actor=actor_of(world.olga))
    world.work()
    assert "42" in world.answer_of(session)


def test_a_cancel_while_the_model_answers_ends_it_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOOP-9, THREATS section 3: an open model call is abandoned and counted as spent."""
    session = world.start("scenario: slow")
    services.watch(session=session)
    answering = threading.Event()
    monkeypatch.setattr(Watchers, "delta", lambda watchers, ref, clean: lambda text: answering.set())

    def cancelled() -> bool:
        session.refresh_from_db()
        if answering.is_set() and session.status == "running" and not session.stop:
            services.cancel(session=session, actor=actor_of(world.olga), reason="Enough.")
        return session.status == "cancelled"

    world.work(until=cancelled)
    session.refresh_from_db()
    assert session.input_tokens > 0
    assert session.turns == 0
    assert world.log_is_whole()


def test_a_session_past_its_time_is_ended_with_a_reason(world: World) -> None:
    """LOOP-11: kept, with its open request withdrawn."""
    session = world.start(MAIL, agent=world.agent(slug="brief", limits={"session_ttl_s": 2}))
    world.work()
    world.work(until=lambda: Session.objects.filter(pk=session.pk, status="expired").exists())
    session.refresh_from_db()
    assert error_of(session)["code"] == "session_expired"
    assert world.pending(session) == []


def test_errors_that_can_pass_are_tried_again(world: World) -> None:
    """GUARD-6: 429, 503 and a cut stream; then the answer."""
    session = world.start("scenario: flaky")
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert world.answer_of(session) == "It is done at last."


def test_an_error_that_cannot_pass_is_not_tried_again(world: World) -> None:
    """GUARD-6, LOOP-14: an agent that fails fast ends with the provider's reason, kept whole for when the key is right again."""
    session = world.start("scenario: unauthorized", agent=world.agent(slug="fast", degradation={"when_no_model": "fail_fast"}))
    world.work()
    session.refresh_from_db()
    error = error_of(session)
    assert (session.status, error["category"], error["code"]) == ("dead_letter", "model", "model_unauthorized")
    assert "Incorrect API key provided" in error["detail"]
    assert "Check OPENAI_API_KEY and OPENAI_BASE_URL and restart; then replay it." in error["detail"]
