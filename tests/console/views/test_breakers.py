"""Breakers on their page: how each stands, who holds it and why, and what happened."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from agents import breakers
from agents.guardrails.breaker import Tally
from agents.models import Breaker
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]


@pytest.fixture
def open_model(world: World) -> str:
    """A model whose breaker opened."""
    breakers.tell([Tally("model:scripted-1", 5, detail="HTTP 503: the server is down")])
    return "model:scripted-1"


def test_everybody_sees_what_is_open_and_why(world: World, open_model: str, signed_in: SignedIn, vic: User) -> None:
    """Who may not hold has no buttons."""
    page = signed_in(vic).get("/breakers/").content.decode()
    assert "5 calls failed in a row." in page
    assert "HTTP 503: the server is down" in page
    assert "send_email" in page, "what never failed is listed too"
    assert "Hold…" not in page
    assert "Operators and admins hold breakers." in page


def test_an_operator_holds_one_open_and_lets_it_go(world: World, open_model: str, signed_in: SignedIn, olga: User) -> None:
    """The form asks why; letting go asks nothing."""
    client = signed_in(olga)
    form = client.get(f"/breakers/?key={open_model}").content.decode()
    assert "Hold it open" in form
    assert "Hold it closed" not in form, "that needs an admin"
    wrong = client.post("/breakers/", {"key": open_model, "act": "open", "reason": ""})
    assert wrong.status_code == 422
    assert "Say why" in wrong.content.decode()
    assert client.post("/breakers/", {"key": open_model, "act": "open", "reason": "Maintenance."}).status_code == 302
    page = client.get("/breakers/").content.decode()
    assert "Held open" in page
    assert "Maintenance." in page
    assert client.post("/breakers/", {"key": open_model, "act": "closed", "reason": "I insist."}).status_code == 403
    assert client.post("/breakers/", {"key": open_model, "act": "release"}).status_code == 302
    assert Breaker.objects.get(key=open_model).status == "closed"


def test_an_admin_may_hold_one_closed(world: World, open_model: str, signed_in: SignedIn, ada: User) -> None:
    """Which takes a guard away."""
    client = signed_in(ada)
    assert "Hold it closed" in client.get(f"/breakers/?key={open_model}").content.decode()
    client.post("/breakers/", {"key": open_model, "act": "closed", "reason": "We know it works."})
    assert Breaker.objects.get(key=open_model).status == "forced_closed"


def test_what_is_no_breaker_is_told(world: World, signed_in: SignedIn, olga: User) -> None:
    """On the page as a sentence, sent as 404."""
    client = signed_in(olga)
    assert "There is no breaker of nothing." in client.get("/breakers/?key=model:nothing").content.decode()
    assert client.post("/breakers/", {"key": "model:nothing", "act": "open", "reason": "Why not."}).status_code == 404


def test_the_page_costs_the_same_however_much_happened(
    world: World, signed_in: SignedIn, olga: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    """A bounded number of statements, whatever is open."""
    client = signed_in(olga)
    client.get("/breakers/")
    breakers.tell([Tally(f"model:m{number}", 5) for number in range(30)])
    with django_assert_max_num_queries(30):
        client.get("/breakers/")


def test_an_agents_page_says_what_it_does_where_something_fails(world: World, signed_in: SignedIn, vic: User) -> None:
    """GUARD-8: decided in advance, so everybody can know it in advance."""
    rule = {"queue_s": 7200, "suspended_tiers": ["destructive"], "suspended_calls": "ask"}
    world.agent(slug="chained", fallbacks=["scripted-mini"], degradation=rule)
    page = signed_in(vic).get("/agents/chained/").content.decode()
    for told in ("When something fails", "scripted-mini", "Sessions wait, 2 h at most", "destructive: a person is asked"):
        assert told in page


def test_a_tool_whose_calls_name_what_they_reach_opens_only_by_hand(world: World, signed_in: SignedIn, vic: User) -> None:
    """A dead address that one call names shuts nothing for the others; people may still hold the tool."""
    assert "Opens only by hand: each call names what it reaches" in signed_in(vic).get("/breakers/").content.decode()
