"""Budgets over all sessions: reserved before a model is asked, settled after it; what happens where they run short."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.db.models import Sum
from django.utils import timezone

from agents import budgets
from agents.demo.texts import fill_library
from agents.errors import BudgetSpent
from agents.models import Budget, LibraryDocument, Meter, ModelUse, Reservation, Session, Turn
from audit.actors import Actor
from audit.models import AuditEntry
from tests.flows.conftest import World

ADA = Actor("user", "1", "Ada")
ASKED = "What is 6 * 7? Calculate 6 * 7."
MAIL = "scenario: mail-once to=lee@customer.example token=budget"


def cap(microusd: int, scope: str = "all", period: str = "day", at_cap: str = "halt") -> Budget:
    """Make a budget."""
    return budgets.create(scope=scope, period=period, cap_microusd=microusd, at_cap=at_cap, reason="For a test.", actor=ADA)


def meter() -> Meter:
    """The one meter."""
    return Meter.objects.get()


def facts(kind: str, ref: str = "") -> list[dict[str, Any]]:
    """The facts of the entries of a kind, oldest first."""
    rows = AuditEntry.objects.filter(kind=kind, **({"stream": f"session:{ref}"} if ref else {})).order_by("id")
    return [dict(row.body_json["facts"]) for row in rows]


def spend(budget: Budget, microusd: int) -> None:
    """Let so much be spent of a budget in this period."""
    now = timezone.now()
    day = now.replace(hour=0, minute=0, second=0, microsecond=0)
    Meter.objects.create(
        budget=budget, starts_at=day, ends_at=day + timedelta(days=1), cap_microusd=budget.cap_microusd, spent_microusd=microusd
    )


def test_without_a_budget_nothing_is_written(world: World) -> None:
    world.start(ASKED)
    world.work()
    assert not Meter.objects.exists()
    assert not Reservation.objects.exists()
    assert not ModelUse.objects.exists()


def test_what_sessions_cost_is_what_the_budget_says_is_spent(world: World) -> None:
    cap(10_000_000)
    sessions = [world.start(ASKED) for _ in range(3)]
    world.work()
    cost = sum(Session.objects.get(pk=one.pk).cost_microusd for one in sessions)
    assert cost > 0
    assert (meter().spent_microusd, meter().reserved_microusd) == (cost, 0)
    assert not Reservation.objects.exists()
    assert world.log_is_whole()


def test_a_session_at_a_spent_budget_halts_with_what_it_reached(world: World, remy: User) -> None:
    budget = cap(1_000_000)
    session = world.start(MAIL)
    world.work(until=lambda: world.pending(session))
    lowered = budgets.change(budget.id, revision=1, cap_microusd=1, reason="Enough.", actor=ADA, may_raise=False)
    assert lowered.cap_microusd == 1
    world.decide(world.pending(session)[0], remy, "reject", instruction="Not to them.")
    world.work()
    ended = Session.objects.get(pk=session.pk)
    assert ended.error is not None
    assert (ended.status, ended.error["category"], ended.error["code"]) == ("halted", "budget", "budget_spent")
    assert "all agents per day" in ended.error["detail"]
    assert ended.partial
    assert world.answer_of(session)
    assert (meter().spent_microusd, meter().reserved_microusd) == (ended.cost_microusd, 0)
    assert [fact["level"] for fact in facts("budget.crossed")] == [50, 80, 100]


def test_where_the_budget_says_queue_a_session_waits_and_goes_on_once_the_cap_is_raised(world: World) -> None:
    budget = cap(1_000_000, at_cap="queue")
    session = world.start(ASKED)
    budgets.change(budget.id, revision=1, cap_microusd=1_000, reason="Less.", actor=ADA, may_raise=False)
    world.work(until=lambda: facts("session.parked", session.ref))
    waiting = Session.objects.get(pk=session.pk)
    assert (waiting.status, waiting.lease_owner) == ("queued", None)
    assert waiting.ready_at > timezone.now()
    assert facts("session.parked", session.ref)[0]["code"] == "budget_spent"

    budgets.change(budget.id, revision=2, cap_microusd=1_000_000, reason="More.", actor=ADA, may_raise=True)
    world.work(until=lambda: Session.objects.get(pk=session.pk).status == "waiting_input")
    assert meter().spent_microusd == Session.objects.get(pk=session.pk).cost_microusd


def test_a_new_session_is_refused_with_what_is_spent_and_until_when(world: World) -> None:
    budget = cap(100_000)
    spend(budget, 99_000)
    with pytest.raises(BudgetSpent) as refused:
        world.start(ASKED)
    assert refused.value.facts["budget"] == "all agents per day"
    assert 0 < refused.value.retry_after_s <= 86_401


def test_another_tenants_budget_refuses_nobody_else(world: World) -> None:
    cap(1, "tenant:acme")
    with pytest.raises(BudgetSpent):
        world.start(ASKED, tenant="acme")
    world.start(ASKED, tenant="else")


def test_new_sessions_of_low_priority_wait_from_eighty_percent_on(world: World) -> None:
    budget = cap(10_000_000)
    spend(budget, 8_100_000)
    low, normal = world.start(ASKED, priority="low"), world.start(ASKED)
    world.work(until=lambda: facts("session.parked", low.ref) and Session.objects.get(pk=normal.pk).status == "waiting_input")
    assert facts("session.parked", low.ref)[0]["code"] == "budget_throttled"
    assert Session.objects.get(pk=low.pk).status == "queued"
    assert Session.objects.get(pk=normal.pk).priority is None


def test_what_people_approved_does_not_run_once_the_budget_is_spent(world: World, remy: User) -> None:
    """THREATS 62: budget exhausted between approve and run."""
    world.policy(hold_s=0)
    budget = cap(1_000_000)
    session = world.start(MAIL)
    world.work(until=lambda: world.pending(session))
    budgets.change(budget.id, revision=1, cap_microusd=1, reason="Enough.", actor=ADA, may_raise=False)
    world.decide(world.pending(session)[0], remy, "approve")
    world.work()
    ended = Session.objects.get(pk=session.pk)
    assert ended.error is not None
    assert (ended.status, ended.error["code"]) == ("halted", "budget_spent")
    assert [call.status for call in world.calls(session)] == ["withdrawn"]


def test_a_tools_questions_to_a_model_are_attributed_and_paid_from_the_budget(world: World) -> None:
    cap(10_000_000)
    fill_library()
    title = LibraryDocument.objects.values_list("title", flat=True)[0]
    session = world.start(f'scenario: summarise-one document="{title}"')
    world.work()
    (use,) = ModelUse.objects.all()
    assert (use.session_id, use.purpose, use.model) == (session.pk, "summarise_document", "scripted-mini")
    turns = Turn.objects.filter(session=session).aggregate(Sum("cost_microusd"))["cost_microusd__sum"]
    assert Session.objects.get(pk=session.pk).cost_microusd == turns + use.cost_microusd == meter().spent_microusd


@pytest.mark.parametrize(("kind", "charged"), [("rate_limit", False), ("server_error", False), ("cut", True)])
def test_what_nobody_can_know_counts_as_spent_at_its_worst(world: World, kind: str, charged: bool) -> None:
    cap(10_000_000)
    httpx2.post(f"{world.model_url.removesuffix('/v1')}/_faults", json={"kind": kind, "match": "6 * 7"}).raise_for_status()
    session = world.start(ASKED)
    world.work()
    turns = Turn.objects.filter(session=session).aggregate(Sum("cost_microusd"))["cost_microusd__sum"]
    assert (meter().spent_microusd > turns) is charged
    assert meter().spent_microusd >= turns
    assert meter().reserved_microusd == 0
