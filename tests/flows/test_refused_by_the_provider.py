"""A provider that refuses: what is set up wrong waits for whoever mends it, what one session asked is kept with its reason."""

from collections.abc import Iterator

import httpx2
import pytest

from agents import dead_letters, fallback
from agents.fallback import Missed
from agents.ledger import Record
from agents.llm.provider import Later, RateLimited
from agents.loading import load
from agents.models import Breaker, Session, Turn
from tests.flows.conftest import World, actor_of
from tests.flows.test_breakers_and_fallbacks import BIG, MAIL, SMALL, cooled_down, fault, mended, parked, told


@pytest.fixture(autouse=True)
def _mended(world: World) -> Iterator[None]:
    """No fault outlives its test."""
    yield
    mended(world)


def requests(world: World) -> int:
    """How many questions the server has heard."""
    return int(httpx2.get(world.model_url.removesuffix("/v1") + "/_stats").json()["requests"])


@pytest.mark.parametrize(("kind", "code"), [("unauthorized", "model_unauthorized"), ("unknown_model", "model_unknown")])
def test_a_refused_key_and_a_model_that_is_not_there_wait_and_people_are_told_at_once(
    world: World, kind: str, code: str
) -> None:
    """One refusal opens the model's breaker, which alarms people; nobody asks in vain; a probe finds it mended."""
    before = requests(world)
    fault(world, kind)
    first = world.start(MAIL)
    world.work(until=lambda: parked(world, first))
    assert requests(world) == before + 1, "a refusal is not tried again"
    (opened,) = told("breaker.opened")
    assert (opened["key"], opened["reason"]) == (f"model:{BIG}", "Its provider refuses every call.")
    assert "HTTP 40" in opened["detail"]
    (waits,) = told("session.parked", code="no_model")
    assert "HTTP 40" in waits["reason"]
    second = world.start(MAIL.replace("T1", "T2"))
    world.work(until=lambda: parked(world, first, second))
    assert requests(world) == before + 1
    mended(world)
    cooled_down()
    world.work(until=lambda: all(world.pending(session) for session in (first, second)))
    assert Breaker.objects.get(key=f"model:{BIG}").status == "closed"
    assert world.log_is_whole()
    fault(world, kind)
    fast = world.agent(slug="fast", degradation={"when_no_model": "fail_fast"})
    third = world.start("Hello", agent=fast)
    world.work(until=lambda: Session.objects.filter(pk=third.pk, status="dead_letter").exists())
    third.refresh_from_db()
    assert third.error is not None
    assert (third.error["category"], third.error["code"]) == ("model", code)
    assert third.error["detail"].endswith("then replay it.")


def test_parameters_that_one_agent_sets_wrong_shut_the_model_for_nobody(world: World) -> None:
    """Its sessions wait, or a fallback that takes them answers; the others are asked nothing of it."""
    fault(world, "unsupported")
    waiting = world.start(MAIL)
    world.work(until=lambda: parked(world, waiting))
    assert not Breaker.objects.exclude(status="closed").exists()
    session = world.start(MAIL.replace("T1", "T2"), agent=world.agent(slug="chained", fallbacks=[SMALL]))
    world.work(until=lambda: bool(world.pending(session)))
    assert Turn.objects.get(session=session).instead_of == BIG
    assert told("turn.planned")[-1]["instead_of"] == [{"model": BIG, "why": "model_misconfigured"}]


def test_who_waited_in_vain_for_somebody_to_mend_it_is_a_dead_letter_that_says_what_to_mend(world: World) -> None:
    """`queue_s` bounds it; the dead letter goes on once it is mended."""
    fault(world, "unsupported")
    session = world.start(MAIL, agent=world.agent(slug="patient", degradation={"queue_s": 5}))
    world.work(until=lambda: parked(world, session))
    cooled_down()
    world.work()
    session.refresh_from_db()
    assert session.error is not None
    assert (session.status, session.error["category"], session.error["code"]) == ("dead_letter", "model", "model_misconfigured")
    assert "Compare the agent's tools and parameters with what the provider takes; then replay it." in session.error["detail"]
    mended(world)
    dead_letters.replay(session=session, actor=actor_of(world.olga), user_id=world.olga.pk)
    world.work(until=lambda: bool(world.pending(session)))


def test_what_the_provider_refuses_of_one_session_is_kept_as_a_dead_letter_and_asked_of_nobody_else(world: World) -> None:
    """LOOP-14: it can be replayed with an instruction; no fallback is asked, no breaker opens."""
    before = requests(world)
    fault(world, "bad_request")
    session = world.start(MAIL, agent=world.agent(slug="chained", fallbacks=[SMALL]))
    world.work()
    session.refresh_from_db()
    assert session.error is not None
    assert (session.status, session.error["category"], session.error["code"]) == ("dead_letter", "model", "model_bad_request")
    assert requests(world) == before + 1
    assert not Breaker.objects.exists()
    assert world.log_is_whole()


def test_a_provider_that_asks_to_wait_again_and_again_is_waited_for_as_long_as_the_agent_says(world: World) -> None:
    """LOOP-14, GUARD-6: a streak of 429 with long waits ends as a dead letter with its category, not never."""
    session = world.start(MAIL, agent=world.agent(slug="patient", degradation={"queue_s": 100}))
    (state,) = load([session.pk], None)
    asked = Missed(BIG, RateLimited("slow down"), 1, 60.0)
    follows = [fallback.slowed(state, asked, 60.0) for _ in range(3)]
    assert [isinstance(one, Record) for one in follows] == [True, True, False]
    assert follows[-1] == {
        "category": "model",
        "code": "model_rate_limited",
        "detail": "The model provider asked us to slow down: slow down. The session waited 122 s for it.",
    }
    mine = Missed(BIG, Later("its turn comes"), 1, 60.0)
    (fresh,) = load([session.pk], None)
    assert all(isinstance(fallback.slowed(fresh, mine, 60.0), Record) for _ in range(9)), "its own turn is no failure"


@pytest.mark.parametrize("kind", ["not_json", "server_error", "no_choices"])
def test_a_streak_of_failures_is_bounded_and_ends_with_its_category(world: World, kind: str) -> None:
    """GUARD-6: as often as the agent's `retries.model` says, three times where each answer is paid for; then it is kept."""
    before = requests(world)
    fault(world, kind)
    agent = world.agent(slug="fast", retries={"model": 4, "base_backoff_s": 0.01}, degradation={"when_no_model": "fail_fast"})
    session = world.start(MAIL, agent=agent)
    world.work()
    session.refresh_from_db()
    assert (session.status, (session.error or {})["category"]) == ("dead_letter", "model")
    assert requests(world) - before == (5 if kind == "server_error" else 3)
