"""What a draft would give the model in a session that was: in the editor and over the API, without a model."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import ModelUse, PromptVersion, Session, Turn
from tests.console.api.calls import Program, refused
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
PAGE = "/prompts/research-assistant/new/"
TEXT = "You research questions in the company's document library.\nYou work for {{customer}}."
VARIABLES = {"variable": "customer", "source": "tenant", "default": ""}


@pytest.fixture
def ran(world: World, paul: User) -> Session:
    """A session of Paul's that answered, for a tenant."""
    session = world.start("Calculate 6 * 7", by=paul, tenant="Halden")
    world.work()
    return session


def previewing(client: Client, **more: str) -> str:
    """The editor after a press of Preview."""
    sent = {"text": TEXT, **VARIABLES, "parent": "1.0.0", "preview": "1", **more}
    answer = client.post(PAGE, sent)
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_draft_is_seen_in_the_newest_session(paul: User, ran: Session, signed_in: SignedIn) -> None:
    """Variables are filled in, what differs is marked, the conversation stands behind it; nothing is asked or stored."""
    before = (Turn.objects.count(), ModelUse.objects.count(), PromptVersion.objects.count())
    shown = previewing(signed_in(paul))
    assert ran.ref in shown
    assert "You work for Halden." in shown
    assert "Calculate 6 * 7" in shown
    assert "what was sent then" in shown
    assert (Turn.objects.count(), ModelUse.objects.count(), PromptVersion.objects.count()) == before


def test_another_person_s_session_is_shown_without_its_words(
    world: World, ran: Session, paul: User, signed_in: SignedIn
) -> None:
    """A prompt manager writes the prompt, and does not read what others said; a session without the label is named too."""
    session = world.start("A secret of Olga's: calculate 1 + 1")
    world.work()
    shown = previewing(signed_in(paul), session=session.ref)
    assert "Your role does not read what was said in this session." in shown
    assert "This session has no tenant" in shown
    assert "secret of Olga" not in shown


@pytest.mark.parametrize(
    ("session", "why"),
    [
        ("S-1", "names no session"),
        ("nonsense", "names no session"),
    ],
)
def test_what_cannot_be_previewed_says_why(ran: Session, paul: User, signed_in: SignedIn, session: str, why: str) -> None:
    """Beside the input; all that was typed stays."""
    shown = previewing(signed_in(paul), session=session)
    assert why in shown
    assert 'id="session-error"' in shown
    assert "You work for {{customer}}." in shown
    assert 'id="preview"' not in shown


def test_the_api_previews_a_draft(world: World, ran: Session, paul: User, olga: User) -> None:
    """The same service; wrong drafts are refused with their fields."""
    program, place = Program(paul), "/prompts/research-assistant/preview"
    body: dict[str, Any] = {"text": TEXT, "variables": {"customer": {"source": "tenant"}}}
    found = program.post(place, body).json()
    assert (found["session"], found["lines"], found["same_messages"]) == (ran.ref, ["+You work for Halden."], True)
    assert found["tokens"] > found["tokens_then"] > 0
    assert found["messages"][0]["text"] == "Calculate 6 * 7"
    assert program.post(place, {**body, "turn": 1, "session": ran.ref}).json()["turn"] == 1
    refused(program.post(place, {"text": TEXT}), 422, "invalid_prompt")
    refused(program.post(place, {**body, "session": "S-1"}), 422, "invalid_input")
    refused(program.post(place, {**body, "turn": 99}), 404, "unknown_turn")
    refused(Program(olga).post(place, body), 403, "forbidden")
