"""A session's own limits of tokens and cost are never passed: what its models' servers count stays within them (GUARD-1)."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User

from agents.models import LibraryDocument, Session
from tests.flows.conftest import World

LIMIT = 12_000


@pytest.fixture(autouse=True)
def no_faults(world: World) -> Iterator[None]:
    """A session that ends early leaves none of its faults to the next."""
    yield
    httpx2.delete(world.model_url.removesuffix("/v1") + "/_faults").raise_for_status()


def counted(world: World) -> int:
    """The tokens that the model's server has counted so far, all answers of it."""
    stats = httpx2.get(world.model_url.removesuffix("/v1") + "/_stats").json()
    return sum(int(stats.get(name, 0)) for name in ("input_tokens", "output_tokens"))


def fault(world: World, kind: str, **more: Any) -> None:
    """Let the next questions of this session fail."""
    said = {"kind": kind, "match": "loop-work", **more}
    httpx2.post(world.model_url.removesuffix("/v1") + "/_faults", json=said).raise_for_status()


def run(world: World, **more: Any) -> Session:
    """A session that would work for ever, until its tokens end it."""
    limits = {"turns": 1_000, "tool_calls": 1_000, "tokens": LIMIT, "cost_microusd": 10**9}
    session = world.start(
        "scenario: loop-work", agent=world.agent(slug="bounded", limits=limits, max_output_tokens=500, **more)
    )
    world.work()
    session.refresh_from_db()
    return session


def test_the_limit_is_not_passed_by_the_last_question(world: World) -> None:
    """It ends before the call that could pass it, with what it reached, and comes close to what it may use."""
    before = counted(world)
    session = run(world)
    used = counted(world) - before
    assert used == session.input_tokens + session.output_tokens
    assert LIMIT / 2 < used <= LIMIT
    assert session.error is not None
    assert (session.status, session.error["category"], session.error["code"]) == ("halted", "budget", "limit_tokens")
    detail = session.error["detail"]
    assert f"used {used:,} of its {LIMIT:,} tokens, and its next call may use up to " in detail
    assert "let an admin raise “limits.tokens” of the agent" in detail
    assert session.partial
    assert world.log_is_whole()


@pytest.mark.parametrize("kind", ["cut", "not_json", "no_choices"])
def test_what_was_counted_in_an_answer_that_never_came_is_spent(world: World, kind: str) -> None:
    """A broken answer was counted by its server all the same, whatever became of it; the next worker knows of it."""
    before = counted(world)
    fault(world, kind, count=2)
    session = run(world)
    assert counted(world) - before <= LIMIT
    assert session.notes["lost_tokens"] > 0
    assert session.error is not None
    assert "of them in calls whose count never came" in session.error["detail"]


def test_a_limit_below_the_first_question_asks_nothing(world: World) -> None:
    """The agent's tools alone may be worth more than the session may use."""
    limits = {"tokens": 600}
    before = counted(world)
    session = world.start("Hello", agent=world.agent(slug="tiny", limits=limits))
    world.work()
    session.refresh_from_db()
    assert (session.status, session.turns, counted(world)) == ("halted", 0, before)


PRICES = {"input_tokens": 1, "output_tokens": 4}  # micro-dollars that scripted-1 costs
COST = 20_000


def cost(world: World) -> int:
    """What the model's server has counted so far, at its prices."""
    stats = httpx2.get(world.model_url.removesuffix("/v1") + "/_stats").json()
    return sum(int(stats.get(name, 0)) * price for name, price in PRICES.items())


def run_for_money(world: World, **limits: Any) -> Session:
    """A session that would work for ever, until its money ends it or people are asked."""
    limits = {"turns": 1_000, "tool_calls": 1_000, "tokens": 10_000_000, "cost_microusd": COST, **limits}
    session = world.start("scenario: loop-work", agent=world.agent(slug="thrifty", limits=limits, max_output_tokens=500))
    world.work()
    session.refresh_from_db()
    return session


def test_the_cost_limit_is_not_passed_by_the_last_question(world: World) -> None:
    """It ends before the call whose worst case could pass it."""
    before = cost(world)
    session = run_for_money(world)
    spent = cost(world) - before
    assert spent == session.cost_microusd
    assert COST / 2 < spent <= COST
    assert session.error is not None
    assert (session.status, session.error["code"], session.partial) == ("halted", "limit_cost_microusd", True)
    told = f"used ${spent / 1e6:.4f} of its ${COST / 1e6:.4f}, and its next call may use up to $0."
    assert told in session.error["detail"]
    assert "let an admin raise “limits.cost_microusd” of the agent" in session.error["detail"]
    assert world.log_is_whole()


def test_what_an_answer_that_never_came_may_have_cost_is_spent(world: World) -> None:
    """A broken answer was paid for all the same, whatever became of it."""
    before = cost(world)
    fault(world, "cut", count=2)
    session = run_for_money(world)
    assert cost(world) - before <= COST
    assert session.notes["lost_microusd"] > 0


def test_people_are_asked_before_the_cost_limit_ends_an_agent_that_asks(world: World, remy: User) -> None:
    """GUARD-1: `ask_above` asks also where only the next question could pass the limit; a further allowance is kept to."""
    before = cost(world)
    session = run_for_money(world, ask_above_cost_microusd=COST)
    (request,) = world.pending(session)
    assert (session.status, request.kind, request.facts["allowed"]) == ("waiting_approval", "budget", COST)
    assert cost(world) - before == session.cost_microusd <= COST
    world.decide(request, remy, "extend", amount=10_000)
    world.work()
    (request,) = world.pending(session)
    assert COST < cost(world) - before <= COST + 10_000
    world.decide(request, remy, "reject", instruction="That is enough.")
    world.work()
    session.refresh_from_db()
    assert session.error is not None
    assert (session.status, session.error["code"]) == ("halted", "refused_cost_microusd")
    assert "A person refused to extend it." in session.error["detail"]


def test_the_amount_that_is_offered_is_enough_for_the_next_question(world: World, remy: User) -> None:
    """Also where the limit is far below what one question may cost: whoever takes the offer is not asked at once again."""
    session = run_for_money(world, cost_microusd=100, ask_above_cost_microusd=100)
    (request,) = world.pending(session)
    assert (session.turns, request.facts["spent"]) == (0, 0)
    world.decide(request, remy, "extend", amount=request.facts["suggested"])
    world.work()
    session.refresh_from_db()
    assert session.turns > 0


def test_a_tools_question_is_paid_from_the_same_limit(world: World) -> None:
    """What a tool asks a model is held and spent like the session's own questions."""
    LibraryDocument.objects.create(slug="long", title="A long one", trust="trusted", body="facts " * 4_000, sha256="0" * 64)
    agent = world.agent(slug="sums", limits={"cost_microusd": COST}, cheap_model="scripted-1")
    session = world.start('scenario: summarise-one document="A long one"', agent=agent)
    world.work()
    (call,) = world.calls(session)
    session.refresh_from_db()
    assert (call.status, call.error_type) == ("failed", "unavailable")
    assert "next call may use up to $0.0" in world.result(call)
    assert session.cost_microusd <= COST
