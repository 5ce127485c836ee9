"""Dead letters on their page and on the session's: why they failed, replaying and closing one or many (LOOP-14)."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from agents.models import Session
from audit.models import AuditEntry
from tests.flows.conftest import World
from tests.flows.test_dead_letters import dead

SignedIn = Callable[[User | None], Client]


@pytest.fixture
def letter(world: World) -> Session:
    """One dead letter."""
    return dead(world, "What does the refund policy say? DL-1", "DL-1")


def test_the_list_says_why_each_failed_and_how_many_did(letter: Session, signed_in: SignedIn, vic: User, olga: User) -> None:
    """Everybody sees them by category; who may not replay has no buttons."""
    seen = signed_in(vic).get("/dead-letters/").content.decode()
    assert letter.ref in seen
    assert "The model&#x27;s answers could not be read 1" in seen or "The model's answers could not be read 1" in seen
    assert "Operators and admins replay and close." in seen
    assert "DL-1" not in seen, "a goal is raw content"
    found = (
        signed_in(olga).get("/dead-letters/?category=model&code=model_broken_answer&agent=research-assistant").content.decode()
    )
    assert letter.ref in found
    assert letter.ref not in signed_in(olga).get("/dead-letters/?code=poison").content.decode()
    assert "there is no such value" in signed_in(olga).get("/dead-letters/?category=weather").content.decode()


@pytest.mark.parametrize("query", ["?category=model", "?code=model_broken_answer", "?category=model&code=model_broken_answer"])
def test_the_pill_of_what_is_filtered_is_marked(letter: Session, signed_in: SignedIn, vic: User, query: str) -> None:
    """By its category alone, by its code alone, and by both; without a filter it is that of all."""
    marked = r'<a class="chip acc"[^>]*aria-current="true">([^<]*)'
    assert re.findall(marked, signed_in(vic).get("/dead-letters/").content.decode()) == ["All 1"]
    (pill,) = re.findall(marked, unescape(signed_in(vic).get(f"/dead-letters/{query}").content.decode()))
    assert pill == "The model's answers could not be read 1"


def test_several_are_replayed_each_with_its_own_result(world: World, letter: Session, signed_in: SignedIn, olga: User) -> None:
    """One that is no dead letter any more does not keep the others back."""
    other = world.start("What does the travel policy say?")
    page = signed_in(olga).post("/dead-letters/", {"ref": [letter.ref, other.ref], "act": "replay"}).content.decode()
    assert "Queued again" in page
    assert f"{other.ref} is queued; only a dead letter is replayed or closed." in page
    letter.refresh_from_db()
    assert letter.status == "queued"
    assert AuditEntry.objects.filter(kind="session.replayed").count() == 1


def test_closing_asks_for_a_note_and_keeps_what_was_typed(letter: Session, signed_in: SignedIn, olga: User) -> None:
    """Nothing is closed without one; nothing chosen is told too."""
    client = signed_in(olga)
    wrong = client.post("/dead-letters/", {"ref": letter.ref, "act": "close", "note": "x", "instruction": "kept words"})
    assert wrong.status_code == 422
    assert "says why they are closed" in wrong.content.decode()
    assert "kept words" in wrong.content.decode()
    assert client.post("/dead-letters/", {"act": "replay"}).status_code == 422
    assert (
        "Closed" in client.post("/dead-letters/", {"ref": letter.ref, "act": "close", "note": "Not wanted."}).content.decode()
    )
    letter.refresh_from_db()
    assert letter.status == "failed"


def test_the_page_of_the_session_offers_both(letter: Session, signed_in: SignedIn, olga: User, remy: User) -> None:
    """Whoever may, with what the agent is now; nobody else is shown a button."""
    address = f"/sessions/{letter.ref}/"
    assert "Kept as a dead letter" not in signed_in(remy).get(address).content.decode()
    page = signed_in(olga).get(address).content.decode()
    assert "With the agent as it is now (revision 1, scripted-1)" in page
    assert signed_in(olga).post(f"{address}replay/", {"instruction": "Look again.", "as_now": "1"}).status_code == 302
    letter.refresh_from_db()
    assert (letter.status, letter.messages.count()) == ("queued", 2)
    assert signed_in(olga).post(f"{address}close/", {"note": "Too late."}).status_code == 409


def test_the_list_goes_on_by_place(letter: Session, signed_in: SignedIn, olga: User) -> None:
    """A place that is none is not found."""
    assert signed_in(olga).get(f"/dead-letters/?before={letter.number}").status_code == 200
    assert signed_in(olga).get("/dead-letters/?before=x").status_code == 422


def test_all_that_the_list_takes_are_replayed_at_once(letter: Session, signed_in: SignedIn, olga: User) -> None:
    """By the filter of the address and the moment of the page; what failed since stays, and so does what is asked again."""
    client = signed_in(olga)
    page = client.get("/dead-letters/?category=model")
    assert page.context["matching"] == 1
    sent = {"act": "replay", "every": "1", "until": page.context["until"]}
    assert "Queued again" not in client.post("/dead-letters/?category=tool", sent).content.decode()
    assert client.post("/dead-letters/?category=model", {**sent, "until": "yesterday"}).status_code == 422
    assert "Queued again" in client.post("/dead-letters/?category=model", sent).content.decode()
    Session.objects.filter(pk=letter.pk).update(status="dead_letter", ended_at=Now())
    assert "Queued again" not in client.post("/dead-letters/?category=model", sent).content.decode()


def test_the_goal_is_changed_on_the_page_of_the_session(letter: Session, signed_in: SignedIn, olga: User) -> None:
    """The field shows it as it is; sent back so it is no change, and another one stands on the page from then on."""
    client = signed_in(olga)
    address = f"/sessions/{letter.ref}/"
    assert client.get(address).context["goal_typed"] == "What does the refund policy say? DL-1"
    client.post(f"{address}replay/", {"goal": "What does the travel policy say?\r\nBriefly."})
    seen = client.get(address)
    assert seen.context["session"]["title"] == "What does the travel policy say? Briefly."
    assert "Olga, another goal" in seen.content.decode()
    assert letter.messages.count() == 2
