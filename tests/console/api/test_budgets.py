"""Budgets over the API: setting them, reading where they stand, and who spent what (GUARD-3, 4)."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents import services
from agents.models import Budget, Meter, ModelUse, Session, Turn
from audit.models import AuditEntry
from tests.console.api.calls import Program, refused
from tests.flows.conftest import actor_of, config

pytestmark = pytest.mark.django_db
DAY = {"scope": "all", "period": "day", "cap_microusd": 2_000_000, "reason": "To begin with."}


def made(program: Program, **changed: Any) -> dict[str, Any]:
    """Make a budget and return it."""
    answer = program.post("/budgets", {**DAY, **changed})
    assert answer.status_code == 201, answer.content
    budget: dict[str, Any] = answer.json()
    return budget


def a_session(user: User, **more: Any) -> Session:
    """Start a session of an agent."""
    services.apply_agent(config(), actor=actor_of(user))
    return services.start_session(
        actor=actor_of(user), person_id=user.pk, agent="research-assistant", goal="Find our refund policy.", **more
    )


def a_turn(session: Session, cost: int, *, model: str = "scripted-1", number: int = 1) -> None:
    """Give a session a turn of that cost."""
    Turn.objects.create(
        session=session, index=number, number=number, finish_reason="stop", model=model, prompt_version="research-assistant 1.0.0",
        input_tokens=100, output_tokens=10, cost_microusd=cost,
    )  # fmt: skip


def test_a_budget_is_made_changed_and_ended(ada: User) -> None:
    program = Program(ada)
    budget = made(program)
    assert (budget["scope"], budget["state"], budget["left_microusd"], budget["revision"]) == ("all", "open", 2_000_000, 1)
    change = {"revision": 1, "cap_microusd": 3_000_000, "at_cap": "queue", "reason": "More."}
    changed = program("PATCH", f"/budgets/{budget['id']}", change).json()
    assert (changed["cap_microusd"], changed["at_cap"], changed["revision"]) == (3_000_000, "queue", 2)
    refused(program("PATCH", f"/budgets/{budget['id']}", change), 409, "stale_budget")
    ended = program("DELETE", f"/budgets/{budget['id']}", {"revision": 2, "reason": "Over."}).json()
    assert ended["status"] == "ended"
    assert program.get("/budgets").json()["items"] == []
    assert [one["id"] for one in program.get("/budgets?status=any").json()["items"]] == [budget["id"]]
    assert program.get(f"/budgets/{budget['id']}").json()["ended_at"]
    kinds = list(AuditEntry.objects.filter(stream="budget").order_by("seq").values_list("kind", flat=True))
    assert kinds == ["budget.set", "budget.set", "budget.ended"]


def test_operators_lower_a_cap_and_do_nothing_else(ada: User, olga: User) -> None:
    budget = made(Program(ada))
    program = Program(olga)
    assert (
        program("PATCH", f"/budgets/{budget['id']}", {"revision": 1, "cap_microusd": 1_000, "reason": "Less."}).status_code
        == 200
    )
    raised = {"revision": 2, "cap_microusd": 1_001, "reason": "More."}
    refused(program("PATCH", f"/budgets/{budget['id']}", raised), 403, "not_allowed")
    waits = {"revision": 2, "at_cap": "queue", "reason": "Let them wait."}
    refused(program("PATCH", f"/budgets/{budget['id']}", waits), 403, "not_allowed")
    refused(program.post("/budgets", {**DAY, "period": "month"}), 403, "forbidden")
    refused(program("DELETE", f"/budgets/{budget['id']}", {"revision": 2, "reason": "Away."}), 403, "forbidden")


@pytest.mark.parametrize(
    ("changed", "status", "code"),
    [
        ({"scope": "agent:nobody"}, 404, "unknown_agent"),
        ({"scope": "team:x"}, 422, "invalid_input"),
        ({"scope": "tenant:  "}, 422, "invalid_input"),
        ({"cap_microusd": 0}, 422, "invalid_request"),
        ({"cap_microusd": 10**15 + 1}, 422, "invalid_request"),
        ({"period": "week"}, 422, "invalid_request"),
        ({"reason": ""}, 422, "invalid_request"),
        ({"more": 1}, 422, "invalid_request"),
        ({}, 409, "budget_exists"),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_made(ada: User, changed: dict[str, Any], status: int, code: str) -> None:
    program = Program(ada)
    made(program)
    refused(program.post("/budgets", {**DAY, **changed}), status, code)
    assert Budget.objects.count() == 1


def test_a_start_at_a_spent_budget_is_refused_with_until_when(ada: User, olga: User) -> None:
    services.apply_agent(config(), actor=actor_of(ada))
    made(Program(ada), cap_microusd=1)
    answer = Program(olga).post("/sessions", {"agent": "research-assistant", "goal": "Find our refund policy."})
    problem = refused(answer, 429, "budget_spent")
    assert "all agents per day" in problem["detail"]
    assert 0 < int(answer["Retry-After"]) <= 86_401


def test_only_operators_let_a_session_go_before_others(olga: User, remy: User) -> None:
    services.apply_agent(config(), actor=actor_of(olga))
    body = {"agent": "research-assistant", "goal": "Find our refund policy.", "priority": "high"}
    refused(Program(remy).post("/sessions", body), 403, "forbidden")
    assert Program(olga).post("/sessions", body).status_code == 201
    assert Program(remy).post("/sessions", {**body, "priority": "low"}).status_code == 201
    assert list(Session.objects.order_by("number").values_list("priority", flat=True)) == ["high", "low"]


@pytest.mark.parametrize(
    ("by", "names"),
    [
        ("agent", ["research-assistant"]),
        ("tenant", ["acme", ""]),
        ("feature", ["support", ""]),
        ("prompt_version", ["research-assistant 1.0.0"]),
        ("model", ["scripted-1", "scripted-mini"]),
    ],
)
def test_spend_is_added_up_by_every_dimension(olga: User, by: str, names: list[str]) -> None:
    """A tool's own model call counts like a turn."""
    one, other = a_session(olga, tenant="acme", feature="support"), a_session(olga)
    a_turn(one, 500)
    a_turn(other, 100)
    ModelUse.objects.create(session=one, purpose="summarise_document", model="scripted-mini",
                            prompt_version="research-assistant 1.0.0", cost_microusd=70)  # fmt: skip
    found = Program(olga).get(f"/budgets/spend?by={by}").json()
    assert [row["name"] for row in found["items"]] == names
    assert sum(row["cost_microusd"] for row in found["items"]) == 670
    assert sum(row["calls"] for row in found["items"]) == 3
    assert Program(olga).get("/budgets/spend?by=session&limit=1").json()["items"][0]["name"] == one.ref


def test_the_times_of_spend_are_bounded(olga: User) -> None:
    program = Program(olga)
    refused(program.get("/budgets/spend?by=colour"), 422, "invalid_request")
    for since, until in (("2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z"), ("2026-02-01T00:00:00Z", "2026-01-01T00:00:00Z")):
        problem = refused(program.get(f"/budgets/spend?from={since}&to={until}"), 422, "invalid_request")
        assert problem["errors"][0]["loc"] == ["query", "from"]


def test_lists_go_on_where_they_ended(ada: User) -> None:
    program = Program(ada)
    for name in ("one", "two", "three"):
        made(program, scope=f"tenant:{name}")
    first = program.get("/budgets?limit=2").json()
    second = program.get(f"/budgets?limit=2&cursor={first['next_cursor']}").json()
    assert [one["scope"] for one in first["items"] + second["items"]] == ["tenant:three", "tenant:two", "tenant:one"]
    assert second["next_cursor"] is None


def test_a_forecast_counts_the_period_before(ada: User) -> None:
    budget = Budget.objects.get(pk=made(Program(ada))["id"])
    now = timezone.now()
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    Budget.objects.filter(pk=budget.pk).update(made_at=today - timedelta(days=3))
    for days, spent in ((1, 400_000), (0, 200_000)):
        starts = today - timedelta(days=days)
        Meter.objects.create(budget=budget, starts_at=starts, ends_at=starts + timedelta(days=1), cap_microusd=2_000_000,
                             spent_microusd=spent)  # fmt: skip
    found = Program(ada).get(f"/budgets/{budget.pk}").json()
    assert found["spent_microusd"] == 200_000
    assert 200_000 <= found["forecast_microusd"] <= 800_000
    assert found["forecast_small"] is False
