"""A session's own limit of tokens is never passed: what its models' servers count stays within it (GUARD-1)."""

from typing import Any

import httpx2
import pytest

from agents.models import Session
from tests.flows.conftest import World

LIMIT = 12_000


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
