"""A provider that fails, hangs and recovers; a tool that does not work: what sessions do meanwhile, as their agent says."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.db import connection

from agents import breakers
from agents.models import Breaker, Session, Turn
from agents.tools import registry
from agents.tools.errors import Unavailable
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of, text

MAIL = "scenario: mail-once to=kim@customer.example token=T1"
BIG, SMALL = "scripted-1", "scripted-mini"


@pytest.fixture(autouse=True)
def _short(settings: Any, world: World) -> Iterator[None]:
    """Two failures open a breaker, for a long time unless a test says otherwise; no fault outlives its test."""
    settings.BREAKER_FAILURES = 2
    yield
    httpx2.delete(world.model_url.removesuffix("/v1") + "/_faults")


def fault(world: World, kind: str, *, model: str = BIG, count: int = 1000, **more: Any) -> None:
    """Let what a model answers go wrong."""
    told = {"kind": kind, "match": f'"model":"{model}"', "count": count, **more}
    httpx2.post(world.model_url.removesuffix("/v1") + "/_faults", json=told).raise_for_status()


def mended(world: World) -> None:
    """The provider works again."""
    httpx2.delete(world.model_url.removesuffix("/v1") + "/_faults").raise_for_status()


def cooled_down() -> None:
    """The time until the next probe is over, for breakers and for who waits for them."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agents_breaker SET retry_at = now() WHERE retry_at IS NOT NULL")
        cursor.execute("UPDATE agents_session SET ready_at = now() WHERE status = 'queued'")


def told(kind: str, **facts: Any) -> list[dict[str, Any]]:
    """What entries of a kind state."""
    rows = AuditEntry.objects.filter(kind=kind).order_by("id").values_list("body_json", flat=True)
    return [row["facts"] for row in rows if facts.items() <= row["facts"].items()]


def parked(world: World, *sessions: Session) -> bool:
    """True once the sessions wait for a model in the queue, and no worker holds them."""
    numbers = [session.number for session in sessions]
    return Session.objects.filter(number__in=numbers, status="queued", mode="minimal").count() == len(numbers)


def test_a_session_waits_while_no_model_can_be_had_and_goes_on_when_a_probe_went_well(world: World) -> None:
    """GUARD-7, GUARD-8, THREATS 3: a breaker opens, sessions wait without a worker, one probe closes it."""
    fault(world, "server_error", status=503)
    sessions = [world.start(MAIL.replace("T1", f"T{number}"), agent=world.agent()) for number in range(3)]
    world.work(until=lambda: parked(world, *sessions))
    breaker = Breaker.objects.get(key=f"model:{BIG}")
    assert (breaker.status, breaker.kind) == ("open", "model")
    assert not Breaker.objects.filter(kind="provider").exclude(status="closed").exists(), "the server answered"
    assert told("session.parked", code="no_model")[0]["models"] == [BIG]
    mended(world)
    cooled_down()
    world.work(until=lambda: all(world.pending(session) for session in sessions))
    breaker.refresh_from_db()
    assert breaker.status == "closed"
    assert len(told("breaker.probed")) == 1, "one probe among all"
    assert set(Session.objects.values_list("mode", flat=True)) == {None}
    assert world.log_is_whole()


def test_while_it_is_open_the_server_hears_nothing(world: World) -> None:
    """GUARD-7: that is what a breaker is for."""
    fault(world, "server_error", status=503)
    first = world.start(MAIL, agent=world.agent())
    world.work(until=lambda: parked(world, first))
    before = httpx2.get(world.model_url.removesuffix("/v1") + "/_stats").json()["requests"]
    second = world.start(MAIL.replace("T1", "T2"))
    world.work(until=lambda: parked(world, first, second))
    assert httpx2.get(world.model_url.removesuffix("/v1") + "/_stats").json()["requests"] == before


def test_a_fallback_answers_the_same_turn_and_is_named_and_priced_as_itself(world: World, remy: User) -> None:
    """GUARD-8: which model answered stands on the turn and in the log; the session shows that it is degraded."""
    fault(world, "server_error", status=500)
    agent = world.agent(slug="chained", fallbacks=["scripted-gullible", SMALL], retries={"model": 1, "base_backoff_s": 0.01})
    session = world.start(MAIL, agent=agent)
    world.work(until=lambda: bool(world.pending(session)))
    (turn,) = Turn.objects.filter(session=session)
    assert (turn.number, turn.model, turn.instead_of) == (1, "scripted-gullible", BIG)
    (entry,) = told("turn.planned")
    assert entry["asked"] == "scripted-gullible"
    assert entry["instead_of"] == [{"model": BIG, "why": "model_unavailable"}]
    session.refresh_from_db()
    assert session.mode == "degraded"
    assert turn.cost_microusd == turn.input_tokens + 4 * turn.output_tokens
    mended(world)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agents_breaker SET retry_at = now() WHERE retry_at IS NOT NULL")
    (request,) = world.pending(session)
    world.decide(request, remy, "approve")
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert session.mode is None, "its own model answered again"


def test_a_rate_limit_that_asks_for_long_is_answered_by_a_fallback(world: World) -> None:
    """GUARD-8: a fallback now is better than a wait of minutes; a short wait is waited."""
    fault(world, "rate_limit", seconds=120)
    session = world.start(MAIL, agent=world.agent(slug="chained", fallbacks=[SMALL]))
    world.work(until=lambda: bool(world.pending(session)))
    assert Turn.objects.get(session=session).instead_of == BIG
    assert not Breaker.objects.exists(), "a rate limit is an answer"


def test_failing_fast_ends_with_honest_words_and_can_be_replayed(world: World) -> None:
    """GUARD-8: in the operator's own words, with what was tried and why."""
    fault(world, "server_error", status=503)
    rule = {"when_no_model": "fail_fast", "minimal_text": "Our assistant is away."}
    session = world.start(MAIL, agent=world.agent(slug="hasty", degradation=rule))
    world.work()
    session.refresh_from_db()
    error = session.error or {}
    assert (session.status, session.mode, error["code"]) == ("dead_letter", "minimal", "no_model")
    assert error["detail"].startswith(f"Our assistant is away. {BIG} did not answer: ")


def test_a_wait_for_a_model_is_bounded(world: World) -> None:
    """`queue_s`: after that the session ends as if it had to fail fast."""
    fault(world, "server_error", status=503)
    session = world.start(MAIL, agent=world.agent(slug="patient", degradation={"queue_s": 5}))
    world.work(until=lambda: parked(world, session))
    cooled_down()
    world.work()
    session.refresh_from_db()
    assert (session.status, (session.error or {})["code"]) == ("dead_letter", "no_model")
    assert "waited" in (session.error or {})["detail"]


def test_an_operator_who_holds_a_breaker_open_keeps_sessions_from_the_model_until_it_is_released(world: World) -> None:
    """GUARD-7: forced states hold on every worker; what waited goes on at once when it is released."""
    breakers.force(key=f"model:{BIG}", closed=False, reason="The vendor is in maintenance.", actor=actor_of(world.olga))
    session = world.start(MAIL, agent=world.agent())
    world.work(until=lambda: parked(world, session))
    assert not Turn.objects.filter(session=session).exists()
    breakers.release(key=f"model:{BIG}", actor=actor_of(world.olga))
    world.work(until=lambda: bool(world.pending(session)))
    assert world.log_is_whole()


def test_one_session_whose_answers_break_again_and_again_shuts_the_model_for_nobody_else(world: World) -> None:
    """GUARD-7: what one conversation does to a model says nothing of the others; many that break say it."""
    httpx2.post(
        world.model_url.removesuffix("/v1") + "/_faults", json={"kind": "not_json", "match": "poison", "count": 1000}
    ).raise_for_status()
    agent = world.agent(slug="brittle", retries={"model": 3, "base_backoff_s": 0.01})
    world.start("poison one", agent=agent)
    world.work()
    assert not Breaker.objects.filter(status="open").exists()
    second = world.start("poison two", agent=agent)
    world.work(until=lambda: parked(world, second))
    assert Breaker.objects.get(key=f"model:{BIG}").status == "open"


def test_a_tool_whose_breaker_is_open_is_answered_unavailable_and_nobody_is_asked(world: World) -> None:
    """GUARD-8: the model that calls it all the same reads for how long; the session is degraded."""
    breakers.force(key="tool:send_email", closed=False, reason="The relay is down.", actor=actor_of(world.olga))
    session = world.start(MAIL, agent=world.agent())
    world.work()
    (call,) = world.calls(session)
    assert (call.status, call.error_type) == ("denied", "unavailable")
    assert "send_email" in world.result(call)
    assert not world.pending(session)
    session.refresh_from_db()
    assert (session.status, session.mode) == ("waiting_input", "degraded")


def test_an_approved_call_waits_for_its_tool_and_its_approval_is_used_once_it_runs(world: World, remy: User) -> None:
    """A person's approval is not lost to an outage: it waits within its expiry, unused, and then runs once."""
    session = world.start(MAIL, agent=world.agent())
    world.work(until=lambda: bool(world.pending(session)))
    (request,) = world.pending(session)
    breakers.force(key="tool:send_email", closed=False, reason="The relay is down.", actor=actor_of(world.olga))
    world.decide(request, remy, "approve")
    world.work(until=lambda: bool(told("session.parked", code="breaker_open")))
    (call,) = world.calls(session)
    request.refresh_from_db()
    assert (call.status, request.status, call.consumed_id) == ("awaiting", "approved", None)
    session.refresh_from_db()
    assert session.mode == "degraded"
    breakers.release(key="tool:send_email", actor=actor_of(world.olga))
    world.work()
    call.refresh_from_db()
    request.refresh_from_db()
    assert (call.status, request.status) == ("succeeded", "consumed")
    assert world.log_is_whole()


def test_a_tier_that_is_suspended_while_degraded_is_denied_when_it_is_planned(world: World) -> None:
    """GUARD-8: a fallback model may read; what cannot be taken back waits for better days."""
    fault(world, "server_error", status=503)
    rule = {"suspended_tiers": ["irreversible_write", "destructive"]}
    agent = world.agent(slug="careful", fallbacks=[SMALL], degradation=rule, retries={"model": 1, "base_backoff_s": 0.01})
    session = world.start(MAIL, agent=agent)
    world.work()
    (call,) = world.calls(session)
    assert call.status == "denied"
    assert [reason["code"] for reason in call.judgement["reasons"]] == ["degraded"]


def test_a_tier_that_is_suspended_while_degraded_is_denied_when_an_approved_call_would_run(world: World, remy: User) -> None:
    """Judged again at execution: approved at its full, refused while its own model cannot be had."""
    rule = {"suspended_tiers": ["irreversible_write"]}
    session = world.start(MAIL, agent=world.agent(slug="careful", fallbacks=[SMALL], degradation=rule))
    world.work(until=lambda: bool(world.pending(session)))
    (request,) = world.pending(session)
    breakers.force(key=f"model:{BIG}", closed=False, reason="The vendor is in maintenance.", actor=actor_of(world.olga))
    world.decide(request, remy, "approve")
    world.work()
    (call,) = world.calls(session)
    assert call.status == "denied"
    assert "degraded" in world.result(call)
    assert text(call.result_id)


def test_a_tool_that_fails_again_and_again_is_shut_for_everybody_until_its_probe_went_well(
    world: World, remy: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GUARD-7: what its service is to blame for counts, over sessions; one call is its probe."""
    down = [True]

    def send(value: Any, context: Any) -> dict[str, Any]:
        if down[0]:
            raise Unavailable("The mail server cannot be reached.")
        return {"sent": value.to}

    monkeypatch.setitem(registry._tools, "send_email", replace(registry.all_tools()["send_email"], function=send))
    agent = world.agent(slug="mailer", retries={"tool": 0, "base_backoff_s": 0.01})
    for number in range(2):
        session = world.start(MAIL.replace("T1", f"T{number}"), agent=agent)
        world.work()
        world.decide(world.pending(session)[0], remy, "approve")
        world.work()
    breaker = Breaker.objects.get(key="tool:send_email")
    assert (breaker.status, breaker.detail) == ("open", "unavailable")
    down[0] = False
    later = world.start(MAIL.replace("T1", "T9"), agent=agent)
    world.work()
    assert [call.error_type for call in world.calls(later)] == ["unavailable"]
    cooled_down()
    last = world.start(MAIL.replace("T1", "T10"), agent=agent)
    world.work()
    world.decide(world.pending(last)[0], remy, "approve")
    world.work()
    assert [call.status for call in world.calls(last)] == ["succeeded"]
    breaker.refresh_from_db()
    assert breaker.status == "closed"
    assert world.log_is_whole()
