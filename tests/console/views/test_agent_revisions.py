"""An agent's revisions on pages and over the API: compared by words, restored by admins."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.agents import apply_agent
from agents.models import AgentRevision
from audit.actors import SYSTEM, Actor
from tests.console.api.calls import Program, refused
from tests.console.api.conftest import DESK

SignedIn = Callable[[User], Client]
PAGE = "/agents/desk/revisions/"


@pytest.fixture(autouse=True)
def _desk(db: None) -> None:
    """Two revisions; the second asks another model."""
    apply_agent(DESK, actor=SYSTEM)
    apply_agent({**DESK, "model": "scripted-2"}, actor=Actor("user", "9", "Ada"), note="The new model.")


def html(answer: object) -> str:
    """What the page says."""
    return answer.content.decode()  # type: ignore[attr-defined,no-any-return]


def test_a_revision_shows_what_changes_from_the_one_before(vic: User, signed_in: SignedIn) -> None:
    """Everybody may look."""
    client = signed_in(vic)
    assert client.get(PAGE).headers["Location"] == f"{PAGE}2/"
    shown = html(client.get(f"{PAGE}2/"))
    assert "Changes from revision 1" in shown
    assert "1 added, 1 removed" in shown
    assert "Restore" not in shown
    assert "The new model." in shown
    assert f"{PAGE}2/" in html(client.get("/agents/desk/"))


def test_an_admin_restores_a_revision_with_a_form(ada: User, signed_in: SignedIn) -> None:
    """Without a reason nothing happens, and the page says so beside the input."""
    client = signed_in(ada)
    assert "Restore revision 1" in html(client.get(f"{PAGE}1/"))
    refused_ = client.post(f"{PAGE}1/restore/", {"base": "2", "note": ""})
    assert refused_.status_code == 422
    assert "note-error" in html(refused_)
    done = client.post(f"{PAGE}1/restore/", {"base": "2", "note": "It was better."})
    assert done.headers["Location"] == f"{PAGE}3/"
    assert AgentRevision.objects.get(agent__slug="desk", current=True).document["model"] == "scripted-1"
    assert client.post(f"{PAGE}2/restore/", {"base": "2", "note": "Too late."}).status_code == 409


def test_the_api_lists_compares_and_restores(ada: User, olga: User) -> None:
    """The same service; a lost race is 409."""
    program, root = Program(ada), "/agents/desk/revisions"
    first = program.get(f"{root}?limit=1").json()
    assert [row["number"] for row in first["items"]] == [2]
    assert [row["number"] for row in program.get(f"{root}?cursor={first['next_cursor']}").json()["items"]] == [1]
    difference = program.get(f"{root}/2/difference?against=1").json()
    assert difference["lines"] == ['-  "model": "scripted-1",', '+  "model": "scripted-2",']
    refused(Program(olga).post(f"{root}/1/restore", {"note": "Mine."}), 403, "forbidden")
    refused(program.get(f"{root}/9"), 404, "unknown_agent_revision")
    made = program.post(f"{root}/1/restore", {"note": "It was better.", "base": 2})
    assert (made.status_code, made.json()["number"], made.json()["current"]) == (201, 3, True)
    refused(program.post(f"{root}/2/restore", {"note": "Too late.", "base": 2}), 409, "stale_agent")
