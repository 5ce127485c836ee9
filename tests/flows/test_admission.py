"""A queue with a limit: a clear refusal, and never more than the limit, also when many start at once (GUARD-5)."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from agents.errors import BadLimit, QueueFull, UnknownAgent
from agents.limiting import Bounds, limit_of, set_limit
from agents.loads import queued, uses
from agents.models import Session
from approvals.errors import StaleSetting
from audit.queries import EntryFilter, entries
from tests.flows.conftest import World, actor_of, person_of


def set_(world: World, scope: str, **more: Any) -> None:
    """Set a limit."""
    bounds = Bounds(**{name: more.pop(name) for name in ("requests", "tokens", "at_once") if name in more})
    told = {"reason": "A test.", **more}
    set_limit(scope=scope, bounds=bounds, person=person_of(world.olga), actor=actor_of(world.olga), **told)


def test_a_full_queue_refuses_with_its_length_and_when_to_come_back(world: World) -> None:
    set_(world, "queue:", at_once=2)
    for _ in range(2):
        world.start("Hello")

    with pytest.raises(QueueFull) as caught:
        world.start("Hello")

    assert caught.value.detail.startswith("2 sessions of all agents wait in the queue already, and no more than 2 may")
    assert caught.value.retry_after_s == 15
    assert Session.objects.count() == 2


def test_one_agents_limit_leaves_the_others_their_place(world: World) -> None:
    set_(world, "queue:research-assistant", at_once=1)
    other = world.agent(slug="other")
    world.start("Hello")

    with pytest.raises(QueueFull, match="of research-assistant"):
        world.start("Hello")
    world.start("Hello", agent=other)

    assert {line.agent: line.queued for line in queued()} == {"research-assistant": 1, "other": 1}
    assert uses()["queue:"].at_once == 2


def test_the_queue_says_since_when_it_waits_not_when_it_goes_on(world: World) -> None:
    """A session that was put back waits since then, whenever it is ready again."""
    session = world.start("Hello")
    Session.objects.filter(pk=session.pk).update(ready_at=timezone.now() + timedelta(hours=1))

    (line,) = queued()

    assert (line.later, line.since <= timezone.now()) == (1, True)


def test_starts_that_come_together_never_pass_the_limit(world: World) -> None:
    set_(world, "queue:", at_once=5)
    refused: list[str] = []

    def start() -> None:
        try:
            world.start("Hello")
        except QueueFull as error:
            refused.append(error.code)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=start) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert (Session.objects.count(), refused) == (5, ["queue_full"] * 7)


def test_a_start_asks_nothing_more_where_the_queue_is_not_limited(world: World) -> None:
    world.start("Hello")
    with CaptureQueriesContext(connection) as before:
        world.start("Hello")
    set_(world, "queue:", at_once=50)
    with CaptureQueriesContext(connection) as after:
        world.start("Hello")

    assert not any("agents_limit l" in query["sql"] and "count(*)" in query["sql"] for query in before)
    assert len(after) >= len(before)


def test_setting_a_limit_is_an_entry_with_what_was_before(world: World) -> None:
    set_(world, "model:", requests=600)
    set_(world, "model:", requests=60, tokens=1_000, revision=1)

    facts = entries(EntryFilter(stream="limits"), limit=1).items[0].facts
    assert (facts["requests"], facts["tokens"], facts["before"]) == (60, 1_000, {"requests": 600, "tokens": None})
    assert limit_of("model:").changed_by == "Olga"
    assert world.log_is_whole()


def test_a_limit_that_somebody_else_changed_meanwhile_is_not_overwritten(world: World) -> None:
    set_(world, "model:", requests=600, revision=0)
    with pytest.raises(StaleSetting):
        set_(world, "model:", requests=60, revision=0)


@pytest.mark.parametrize(
    ("scope", "bounds", "field"),
    [
        ("everything", {}, "scope"),
        ("tool:", {"at_once": 1}, "scope"),
        ("model:x", {"at_once": 1}, "at_once"),
        ("queue:", {"requests": 1}, "requests"),
        ("model:", {"requests": 0}, "requests"),
        ("model:", {"tokens": 10**12}, "tokens"),
        ("model:" + "x" * 121, {"tokens": 1}, "scope"),
    ],
)
def test_what_makes_no_sense_is_refused_and_named(world: World, scope: str, bounds: dict[str, int], field: str) -> None:
    with pytest.raises(BadLimit) as caught:
        set_(world, scope, **bounds)
    assert caught.value.facts["field"] == field


def test_an_agent_that_is_not_there_cannot_be_limited(world: World, olga: User) -> None:
    with pytest.raises(UnknownAgent):
        set_(world, "queue:nobody", at_once=1)
