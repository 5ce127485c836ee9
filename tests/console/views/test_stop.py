"""The kill switch on its page, and its red line on every other (UI.md 8; GUARD-14)."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents import stops
from agents.models import Session, Stop
from approvals.models import ApprovalRequest
from tests.flows.conftest import World, actor_of

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]
WHY = "It mails the wrong people."
AGENT = "agent:research-assistant"


def test_choosing_an_agent_shows_whom_it_concerns_before_anything_is_pressed(
    waiting: Waiting, signed_in: SignedIn, olga: User
) -> None:
    """Running and resting sessions, and approvals that would wait."""
    page = signed_in(olga).get("/stop/", {"scope": AGENT}).content.decode()
    assert "<dt>Running sessions</dt><dd>0</dd>" in page
    assert "<dt>Resting sessions</dt><dd>1</dd>" in page
    assert "<dt>Approvals that would wait</dt><dd>1</dd>" in page
    assert not Stop.objects.exists()


def test_it_is_pressed_with_a_reason_and_its_name_typed(world: World, signed_in: SignedIn, olga: User) -> None:
    """Nothing else presses it; what was typed is kept."""
    client = signed_in(olga)
    wrong = client.post("/stop/", {"scope": AGENT, "reason": WHY, "name": "research"})
    assert wrong.status_code == 422
    assert "Type research-assistant, as it stands here." in wrong.content.decode()
    assert WHY in wrong.content.decode()
    assert client.post("/stop/", {"scope": AGENT, "reason": "", "name": "research-assistant"}).status_code == 422
    assert not Stop.objects.exists()
    pressed = client.post("/stop/", {"scope": AGENT, "reason": WHY, "name": "research-assistant"})
    assert (pressed.status_code, pressed["Location"]) == (302, "/stop/")
    assert Stop.objects.get().reason == WHY


@pytest.mark.parametrize(("scope", "name"), [("all", "all agents"), ("tool:send_email", "send_email")])
def test_every_scope_has_a_name_to_type(world: World, signed_in: SignedIn, olga: User, scope: str, name: str) -> None:
    """All agents, one tool."""
    assert signed_in(olga).post("/stop/", {"scope": scope, "reason": WHY, "name": name}).status_code == 302
    assert Stop.objects.get().scope == scope


def test_a_session_is_chosen_by_its_short_id(waiting: Waiting, signed_in: SignedIn, olga: User) -> None:
    """From its own page, or typed."""
    session, _ = waiting
    client = signed_in(olga)
    assert f'value="session:{session.ref}"' in client.get("/stop/", {"session": session.ref.lower()}).content.decode()
    assert f"/stop/?scope=session:{session.ref}" in client.get(f"/sessions/{session.ref}/").content.decode()
    assert "There is no session" in client.get("/stop/", {"session": "S-1"}).content.decode()
    assert "There is nothing to stop" in client.get("/stop/", {"scope": "agent:nobody"}).content.decode()


@pytest.mark.parametrize("path", ["/approvals/", "/sessions/", "/agents/", "/tools/", "/prompts/", "/tokens/", "/settings/"])
def test_while_something_is_stopped_every_page_says_who_when_and_why(
    world: World, signed_in: SignedIn, olga: User, vic: User, path: str
) -> None:
    """A viewer reads it, an operator finds Resume beside it."""
    stops.press(scope="all", reason=WHY, actor=actor_of(olga))
    seen, pressed = (signed_in(user).get(path).content.decode() for user in (vic, olga))
    for page in (seen, pressed):
        assert "<b>All agents stopped</b> by Olga" in page
        assert WHY in page
    assert "/stop/lift/" not in seen
    assert "/stop/lift/" in pressed


def test_resume_is_one_press_and_leads_back(world: World, signed_in: SignedIn, olga: User) -> None:
    """Undone as easily; a second press is no error; nobody is sent to another site."""
    stops.press(scope="all", reason=WHY, actor=actor_of(olga))
    client = signed_in(olga)
    answer = client.post("/stop/lift/", {"scope": "all", "next": "/sessions/"})
    assert (answer.status_code, answer["Location"]) == (302, "/sessions/")
    assert "All agents stopped" not in client.get("/sessions/").content.decode()
    again = client.post("/stop/lift/", {"scope": "all", "next": "https://evil.example/"})
    assert again["Location"] == "/"
    assert Stop.objects.get().status == "lifted"


def test_the_red_line_is_a_part_of_its_own(world: World, signed_in: SignedIn, olga: User, vic: User) -> None:
    """What the feed's `stop.set` and `stop.lifted` make a page fetch anew."""
    client = signed_in(vic)
    assert "stopped</b>" not in client.get("/stop/?fragment=banner&next=/agents/").content.decode()
    stops.press(scope=AGENT, reason=WHY, actor=actor_of(olga))
    part = client.get("/stop/?fragment=banner&next=/agents/").content.decode()
    assert part.strip().startswith("<div data-rev=")
    assert "<b>Agent research-assistant stopped</b>" in part


def test_a_stopped_session_says_so_on_its_page_and_in_the_list(waiting: Waiting, signed_in: SignedIn, olga: User) -> None:
    """Its status stays what it is; beside it stands why it rests."""
    session, _ = waiting
    stops.press(scope=AGENT, reason=WHY, actor=actor_of(olga))
    client = signed_in(olga)
    page = client.get(f"/sessions/{session.ref}/").content.decode()
    assert f"Agent research-assistant stopped by Olga: {WHY}" in page
    assert "It goes on by itself when that is resumed." in page
    assert f'title="By Olga: {WHY}"' in client.get("/sessions/").content.decode()


def test_starting_a_session_of_what_is_stopped_keeps_what_was_typed(world: World, signed_in: SignedIn, olga: User) -> None:
    """The form says who stopped it and why."""
    stops.press(scope=AGENT, reason=WHY, actor=actor_of(olga))
    answer = signed_in(olga).post(
        "/sessions/", {"agent": "research-assistant", "goal": "Find the policy.", "task_type": "default"}
    )
    assert answer.status_code == 409
    assert "Olga stopped agent research-assistant" in answer.content.decode()
    assert "Find the policy." in answer.content.decode()


def test_the_button_stands_on_the_top_bar_for_those_who_may(world: World, signed_in: SignedIn, olga: User, remy: User) -> None:
    """No shortcut leads to it."""
    page = signed_in(olga).get("/approvals/").content.decode()
    button = page[page.index('class="btn sm danger kill"') :][:200]
    assert 'href="/stop/"' in button
    assert "data-key" not in button
    assert "btn sm danger kill" not in signed_in(remy).get("/approvals/").content.decode()
