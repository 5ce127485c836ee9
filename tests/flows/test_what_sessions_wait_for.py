"""A session that money, a rate, a model or a tool keeps says so: on its page, in the list, over the API, on the overview."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents import breakers, budgets
from agents.models import Breaker, Budget, RateWait, Session, WorkerHeartbeat
from agents.overview import overview
from agents.queries import Filters, sessions
from agents.waits import KINDS, parked, waits_of
from console.views.sessions import WAITS
from tests.console.api.calls import Program
from tests.console.views.conftest import signed_in
from tests.console.views.test_limits import wait
from tests.flows.conftest import World, actor_of
from tests.flows.test_breakers_and_fallbacks import fault, mended
from tests.flows.test_budgets import ADA, ASKED, cap, facts

SignedIn = Callable[[User | None], Client]
MAIL = "scenario: mail-once to=kim@customer.example token=W1"
__all__ = ["signed_in"]


@pytest.fixture(autouse=True)
def _sound(world: World) -> Iterator[None]:
    """No fault outlives its test."""
    yield
    httpx2.delete(world.model_url.removesuffix("/v1") + "/_faults")


def of(kind: str) -> list[str]:
    """The sessions that the list shows where it is narrowed to what is waited for."""
    return [row.ref for row in sessions(Filters(waits=kind))]


def waiting(kind: str) -> int:
    """How many the overview counts."""
    return next(one.sessions for one in overview().waiting if one.kind == kind)


def short_of_money(world: World) -> tuple[Session, Budget]:
    """A session whose budget does not pay its question, and that waits for the next period."""
    budget = cap(1_000_000, at_cap="queue")
    session = world.start(ASKED)
    lowered = budgets.change(budget.id, revision=1, cap_microusd=1_000, reason="Less.", actor=ADA, may_raise=False)
    world.work(until=lambda: facts("session.parked", session.ref))
    session.refresh_from_db()
    return session, lowered


def test_a_session_that_waits_for_money_says_why_since_when_and_what_can_be_done(
    world: World, signed_in: SignedIn, olga: User, vic: User
) -> None:
    """GUARD-3: on its page, in the list and its filter, over the API, in the timeline, and on the overview."""
    session, _ = short_of_money(world)
    since = session.waits_since
    assert (session.status, session.waits_for) == ("queued", "money")
    page = signed_in(olga).get(f"/sessions/{session.ref}/").content.decode()
    assert "Waits for money" in page
    assert "The budget of all agents per day has $" in page
    assert "An admin can raise the cap. You can cancel it." in page
    assert "You can cancel it" not in signed_in(vic).get(f"/sessions/{session.ref}/").content.decode()
    assert "Waiting for money" in page, "the timeline has a line of it"
    assert "Waiting for money" in signed_in(olga).get(f"/sessions/{session.ref}/?view=waterfall").content.decode()
    assert "Waits for money" in signed_in(olga).get("/sessions/?status=live&waits=money").content.decode()
    assert session.ref not in signed_in(olga).get("/sessions/?waits=model").content.decode()
    assert (of("money"), waiting("money")) == ([session.ref], 1)
    program = Program(olga)
    told = program.get(f"/sessions/{session.ref}").json()["waits"]
    assert (told["waits"], told["since"], told["until"] > told["since"]) == ("money", _iso(since), True)
    assert [one["id"] for one in program.get("/sessions?waits=money&live=true").json()["items"]] == [session.ref]
    (line,) = [one for one in program.get(f"/sessions/{session.ref}/timeline").json()["items"] if one["type"] == "wait"]
    assert (line["waits"], line["reason"][:10]) == ("money", "The budget")


def test_a_wait_that_goes_on_keeps_its_beginning_and_is_over_with_the_next_step(world: World) -> None:
    """Looking again is not waiting anew; what is over is not shown."""
    session, lowered = short_of_money(world)
    since = session.waits_since
    Session.objects.update(ready_at=timezone.now())
    world.work(until=lambda: len(facts("session.parked", session.ref)) > 1)
    session.refresh_from_db()
    assert (session.waits_for, session.waits_since) == ("money", since)
    assert [one.kind for one in parked(session.ref)] == ["money", "money"]
    budgets.change(lowered.id, revision=lowered.revision, cap_microusd=1_000_000, reason="More.", actor=ADA, may_raise=True)
    world.work(until=lambda: Session.objects.get(pk=session.pk).status == "waiting_input")
    session.refresh_from_db()
    assert (session.waits_for, session.waits_since) == (None, None)
    assert (of("money"), waits_of([session])) == ([], {})


def test_a_session_without_a_model_waits_for_one(world: World, settings: Any, signed_in: SignedIn, olga: User) -> None:
    """GUARD-8: it is minimal, and says which breaker keeps it."""
    settings.BREAKER_FAILURES = 1
    fault(world, "server_error", status=503)
    session = world.start(MAIL)
    world.work(until=lambda: of("model") == [session.ref])
    session.refresh_from_db()
    assert session.mode == "minimal"
    page = signed_in(olga).get(f"/sessions/{session.ref}/").content.decode()
    assert "Waits until a model can be had" in page
    assert "See the breakers" in page
    mended(world)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE agents_breaker SET retry_at = now() WHERE retry_at IS NOT NULL")
        cursor.execute("UPDATE agents_session SET ready_at = now()")
    world.work(until=lambda: bool(world.pending(session)))
    assert of("model") == []
    assert (of("people"), waiting("people")) == ([session.ref], 1)


def test_an_approved_call_whose_tool_is_shut_waits_for_the_tool(world: World, remy: User) -> None:
    """What people approved is kept."""
    session = world.start(MAIL)
    world.work(until=lambda: bool(world.pending(session)))
    breakers.force(key="tool:send_email", closed=False, reason="The relay is down.", actor=actor_of(world.olga))
    world.decide(world.pending(session)[0], remy, "approve")
    world.work(until=lambda: of("tool") == [session.ref])
    assert parked(session.ref)[-1].reason == "The breaker of send_email is open."
    breakers.release(key="tool:send_email", actor=actor_of(world.olga))
    world.work()
    assert of("tool") == []


def test_a_session_that_waits_for_a_place_in_its_worker_counts_too(world: World) -> None:
    """Whether it was put back or not; one that ended meanwhile does not."""
    session, ended = world.start("Hello"), world.start("Hello")
    wait(session)
    wait(ended)
    Session.objects.filter(pk=ended.pk).update(status="cancelled", ended_at=timezone.now())
    assert (of("rate"), waiting("rate")) == ([session.ref], 1)
    assert waits_of(sessions(Filters()))[session.pk].model == "scripted-1"


def test_the_overview_counts_in_a_fixed_number_of_statements(world: World, signed_in: SignedIn, vic: User) -> None:
    """OPS-1: with many sessions, breakers, budgets and requests as with none; every number leads to what it counts."""
    client = signed_in(vic)
    client.get("/overview/")  # what a process reads once
    with CaptureQueriesContext(connection) as empty:
        client.get("/overview/")
    many(world)
    with CaptureQueriesContext(connection) as full:
        page = client.get("/overview/").content.decode()
    assert len(full) <= len(empty) + 2  # the oldest request, and the meters of budgets
    now = overview()
    assert now.live == 300
    assert (now.modes["full"], now.modes["degraded"], now.modes["minimal"]) == (200, 50, 50)
    for mode, count in now.modes.items():
        assert f"/sessions/?status=live&amp;mode={mode}" in page
        assert Session.objects.filter(pk__in=[row.pk for row in sessions(Filters(mode=mode), limit=999)]).count() == count
    for one in now.waiting:
        assert f"waits={one.kind}" in page
        assert len(sessions(Filters(waits=one.kind), limit=999)) == one.sessions
    assert [one.sessions for one in now.waiting if one.kind != "people"] == [25, 25, 25, 25]
    assert (now.shut, len(now.breakers)) == (60, 20)
    assert (now.workers.alive, now.workers.silent, now.workers.sessions) == (3, 1, 21)
    assert (now.queue.ready, now.queue.later) == (150, 100)


def many(world: World) -> None:
    """Three hundred sessions of every kind, sixty breakers, budgets and workers."""
    first, now = world.start("Hello"), timezone.now()
    rows = []
    for number in range(299):
        row = Session.objects.get(pk=first.pk)
        row.pk, row.number = None, first.number + 1_000 + number
        row._state.adding = True
        rows.append(row)
    Session.objects.bulk_create(rows)
    numbers = list(Session.objects.order_by("number").values_list("number", flat=True))
    Session.objects.filter(number__in=numbers[:50]).update(mode="degraded", status="waiting_approval")
    Session.objects.filter(number__in=numbers[50:100]).update(mode="minimal")
    for place, kind in enumerate(KINDS):
        part = numbers[100 + 25 * place : 125 + 25 * place]
        Session.objects.filter(number__in=part).update(waits_for=kind, waits_since=now, ready_at=now + timedelta(seconds=600))
    Breaker.objects.bulk_create(
        Breaker(key=f"tool:t{number}", kind="tool", status="open", retry_at=now, reason="5 calls failed in a row.")
        for number in range(60)
    )
    RateWait.objects.all().delete()
    WorkerHeartbeat.objects.all().delete()
    for number in range(3):
        WorkerHeartbeat.objects.create(owner=f"w{number}", sessions=7)
    WorkerHeartbeat.objects.create(owner="gone", sessions=9, beat_at=now - timedelta(seconds=20))
    for period in ("day", "month"):
        cap(1, period=period)


def test_every_kind_that_is_waited_for_can_be_chosen(world: World) -> None:
    """The list's filter knows what the overview counts."""
    assert set(WAITS) == {one.kind for one in overview().waiting}


def test_the_overview_over_the_api_tells_what_the_page_does(world: World, vic: User, remy: User) -> None:
    """The same service; GET alone, for everybody who sees sessions."""
    session = world.start(MAIL)
    world.work()
    told = Program(vic).get("/overview").json()
    (request,) = world.pending(session)
    assert (told["live"], told["modes"]) == (1, {"full": 1, "degraded": 0, "minimal": 0})
    assert told["oldest_request"]["id"] == request.ref
    assert told["waiting"][0] == {"waits": "people", "sessions": 1, "since": told["oldest_request"]["created_at"]}
    assert Program(vic, ["audit:read"]).get("/overview").status_code == 403


def _iso(at: Any) -> str:
    return str(at.isoformat().replace("+00:00", "Z"))
