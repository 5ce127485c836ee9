"""A session that waits for a place in a rate says so, holds no worker, and goes on by itself (GUARD-5)."""

from typing import Any

from django.utils import timezone

from agents import services
from agents.limiting import Bounds, set_limit
from agents.models import RateWait, Session
from audit.queries import EntryFilter, entries
from tests.flows.conftest import World, actor_of, person_of


def limit(world: World, requests: int | None = None) -> None:
    """Limit all models together, or lift that."""
    set_limit(
        scope="model:", bounds=Bounds(requests), reason="A test.", person=person_of(world.olga), actor=actor_of(world.olga)
    )


def told(session: Session, kind: str) -> list[dict[str, Any]]:
    """The facts of a session's entries of one kind."""
    found = entries(EntryFilter(stream=f"session:{session.ref}"), limit=200).items
    return [dict(entry.facts) for entry in found if entry.kind == kind]


def test_a_session_that_will_wait_for_long_is_put_back_and_goes_on_once_there_is_room(world: World) -> None:
    limit(world, requests=2)
    sessions = [world.start("scenario: loop-work", agent=world.agent(slug="short", limits={"turns": 1})) for _ in range(2)]
    world.work(until=lambda: any(told(session, "session.parked") for session in sessions))

    parked = [fact for session in sessions for fact in told(session, "session.parked")]
    assert {fact["code"] for fact in parked} == {"model_later"}
    assert "it waits for a place in the rate of all models" in parked[0]["reason"]
    assert RateWait.objects.filter(back_at__isnull=False).exists()

    limit(world)
    Session.objects.filter(status="queued").update(ready_at="2026-01-01T00:00:00Z")
    world.work()
    for session in sessions:
        session.refresh_from_db()
    assert {session.turns for session in sessions} == {1}
    assert world.log_is_whole()


def test_a_limit_that_is_raised_lets_those_go_on_at_once_that_were_put_back_for_it(world: World) -> None:
    """GUARD-5: as with a budget that is raised and a breaker that is let go; a lower one wakes nobody."""
    limit(world, requests=2)
    agent = world.agent(slug="short", limits={"turns": 1})
    sessions = [world.start("scenario: loop-work", agent=agent) for _ in range(2)]
    world.work(until=lambda: any(told(session, "session.parked") for session in sessions))
    waiting = Session.objects.get(status="queued", waits_for="rate")
    limit(world, requests=1)
    waiting.refresh_from_db()
    assert waiting.ready_at > timezone.now()
    limit(world)
    world.work()
    assert {session.turns for session in Session.objects.all()} == {1}


def test_an_agent_that_waits_no_longer_ends_with_an_honest_text(world: World) -> None:
    limit(world, requests=10)
    slug = world.agent(slug="hasty", retries={"base_backoff_s": 0.01, "longest_wait_s": 1})
    sessions = [world.start("scenario: loop-work", agent=slug) for _ in range(2)]
    world.work(until=lambda: Session.objects.filter(status="dead_letter").exists())

    ended = Session.objects.filter(status="dead_letter").first()
    assert ended is not None
    assert ended.error is not None
    assert ended.error["code"] == "rate_wait_too_long"
    assert "no place came free in the rate of all models" in ended.error["detail"]
    assert len(sessions) == 2


def test_a_session_that_is_cancelled_while_it_waits_pays_for_nothing(world: World) -> None:
    limit(world, requests=10)
    sessions = [world.start("scenario: loop-work", agent=world.agent(slug="short", limits={"turns": 1})) for _ in range(2)]

    def cancelled() -> bool:
        for session in sessions:
            session.refresh_from_db()
        waiting = RateWait.objects.filter(slot_at__isnull=True).values_list("session_id", flat=True)
        for session in sessions:
            if session.pk in waiting and session.status == "running" and not session.stop:
                services.cancel(session=session, actor=actor_of(world.olga), reason="Enough.")
        return any(session.status == "cancelled" for session in sessions)

    world.work(until=cancelled)

    (session,) = [session for session in sessions if session.status == "cancelled"]
    assert (session.input_tokens, session.cost_microusd, told(session, "turn.abandoned")) == (0, 0, [])
