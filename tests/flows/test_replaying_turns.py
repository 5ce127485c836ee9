"""Any turn of the past can be shown with exactly what its model was given, from rows alone (LOOP-16)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents import replay, services
from agents.errors import UnknownTurn
from agents.models import Session
from agents.prompts.versions import add_version
from tests.flows.conftest import World, actor_of
from tests.flows.test_long_sessions import Model, calculating, run, work


def asked(model: Model) -> list[list[dict[str, Any]]]:
    """What the model was really given, question by question."""
    return [[dict(message) for message in question.messages] for question in model.planned]


def shown(session: Session) -> list[list[dict[str, Any]]]:
    """What the rows say that it was given."""
    turns = replay.turns_of(session, first=1, limit=1_000)
    return [[dict(message) for message in replay.given(turn).messages] for turn in turns]


def rested(session: Session) -> Callable[[], bool]:
    """A condition that holds when a session does nothing more."""
    return lambda: Session.objects.filter(pk=session.pk).exclude(status__in=["queued", "running"]).exists()


def test_every_turn_of_a_long_session_is_shown_as_its_model_was_given_it(world: World) -> None:
    """Summaries, what people said and what was left out stand where they stood then, not where they stand now."""
    model = Model(calculating(60))
    session = run(world, model)
    assert session.turns == 61
    assert shown(session) == asked(model)


def test_what_came_later_is_not_in_an_earlier_turn(world: World) -> None:
    """A result that was read once more, a message, and another version of the prompt change only what follows."""
    again: dict[int, tuple[str, dict[str, Any]] | None] = dict.fromkeys((1, 2, 4), ("calculate", {"expression": "2 + 2"}))
    model = Model(again.get)
    session = run(world, model)
    olga = world.olga
    services.add_message(session=session.id, actor=actor_of(olga), user_id=olga.pk, content="Once more.")
    work(model, rested(session))
    assert any("superseded" in json.dumps(question) for question in asked(model))
    assert shown(session) == asked(model)


def test_a_turn_keeps_the_prompt_that_it_ran_with(world: World, rosa: User) -> None:
    """The version stands on the turn, and its variables are filled from the session's labels."""
    model = Model(calculating(1))
    session = run(world, model)
    text = "For {{tenant}}, work on."
    row = add_version(
        slug="long", text=text, actor=actor_of(rosa), user_id=rosa.pk, note="Names whom.",
        variables={"tenant": {"source": "tenant", "default": "us"}},
    )  # fmt: skip
    first = replay.given(replay.turn_of(session, 1))
    assert first.messages[0]["content"].startswith("You research questions")
    other = replay.given_with(replay.turn_of(session, 1), replay.Worded(row.text, row.variables, row.parameters, row.version))
    assert other.messages[0]["content"].startswith("For us, work on.")
    assert other.messages[1:] == first.messages[1:]


def test_private_values_are_shown_as_the_model_read_them(world: World) -> None:
    """GUARD-12: a reference then is a reference now."""
    model = Model(calculating(2))
    agent = world.agent(slug="scrubbed", scrub=["email"])
    session = world.start("Write to lee@customer.example about it.", agent=agent)
    work(model, rested(session))
    assert "lee@customer.example" not in json.dumps(shown(session))
    assert shown(session) == asked(model)


def test_a_turn_that_never_was_is_named(world: World) -> None:
    """The error says of which session."""
    session = run(world, Model(calculating(1)))
    with pytest.raises(UnknownTurn, match="has no turn 9"):
        replay.turn_of(session, 9)
