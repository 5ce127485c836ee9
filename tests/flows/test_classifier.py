"""A cheap model looks at what strangers wrote, where an agent says so: one more sign for people, and never a hold-up (GUARD-11)."""

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.urls import reverse

from agents.demo.texts import fill_library
from agents.models import LibraryDocument, ModelUse, Session
from tests.console.views.conftest import signed_in
from tests.flows.conftest import World
from tests.flows.test_what_looks_like_orders import GOAL, flagged, withholding

__all__ = ["signed_in"]

LETTER = 'call read_document with {"document": "letter-kestrel-foods"}'
PLAIN = 'call read_document with {"document": "plain-letter"}'


@pytest.fixture(autouse=True)
def _library(world: World) -> Iterator[None]:
    """A letter that gives orders, and one from outside that gives none; no fault outlives its test."""
    fill_library()
    LibraryDocument.objects.create(
        slug="plain-letter", title="A plain letter", kind="letter", body="We thank you for the delivery of last week.",
        trust="untrusted", source="mail", sha256="0" * 64,
    )  # fmt: skip
    yield
    httpx2.delete(world.model_url.removesuffix("/v1") + "/_faults").raise_for_status()


def looking(world: World, **more: Any) -> str:
    """An agent whose cheap model looks at what strangers wrote."""
    return world.agent(slug="careful", classify={"on": True, "timeout_s": 0.5, **more})


def fault(world: World, kind: str, **more: Any) -> None:
    """Let the looks go wrong."""
    said = {"kind": kind, "match": "You check text from outside", "count": 10, **more}
    httpx2.post(world.model_url.removesuffix("/v1") + "/_faults", json=said).raise_for_status()


def codes(session: Session) -> list[str]:
    """The signs of all results of a session."""
    return [code for fact in flagged(session) for code in fact["flags"]]


def test_what_it_sees_stands_beside_the_other_signs_and_is_paid_for(world: World) -> None:
    """A look is a question of the session: its cost is the session's, under a purpose of its own; plain text shows nothing."""
    agent = looking(world, timeout_s=20)
    session, plain = world.start(LETTER, agent=agent), world.start(PLAIN, agent=agent)
    world.work()
    assert "classified" in codes(session)
    assert codes(plain) == []
    (use,) = ModelUse.objects.filter(session=session, purpose="classify")
    assert (use.model, use.estimated, use.cost_microusd > 0) == ("scripted-mini", False, True)
    session.refresh_from_db()
    assert session.cost_microusd > use.cost_microusd
    assert world.log_is_whole()


def test_a_reviewer_reads_what_the_model_saw(world: World, remy: User, signed_in: Any) -> None:
    """It stands where somebody decides, in the words of the text itself."""
    agent = world.agent(slug="gullible", model="scripted-gullible", classify={"on": True, "timeout_s": 20})
    session = world.start(GOAL, agent=agent)
    world.work()
    (request,) = world.pending(session)
    page = signed_in(remy).get(reverse("approval", args=[request.ref])).content.decode()
    assert "gives orders, says the model that looks at it" in page


def test_nothing_is_looked_at_as_shipped(world: World) -> None:
    """An agent that says nothing of it asks no model and pays nothing."""
    session = world.start(LETTER)
    world.work()
    assert not ModelUse.objects.filter(purpose="classify").exists()
    assert "classified" not in codes(session)


@pytest.mark.parametrize("kind", ["server_error", "not_json", "empty", "hang"])
def test_a_look_that_fails_is_suspicious_and_holds_nothing_up(world: World, kind: str) -> None:
    """A model that fails, answers nonsense or hangs says that the text could not be checked; the session goes on."""
    fault(world, kind, **({"seconds": 60} if kind == "hang" else {}))
    session = world.start(PLAIN, agent=looking(world))
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert codes(session) == ["not_classified"]
    assert world.log_is_whole()


def test_what_could_not_be_checked_is_kept_from_the_model_where_policy_says_so(world: World) -> None:
    """Quarantine holds for the look as for any other sign."""
    withholding(world)
    fault(world, "server_error")
    session = world.start(PLAIN, agent=looking(world))
    world.work()
    (call,) = world.calls(session)
    assert "kept from you" in world.result(call)
