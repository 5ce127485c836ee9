"""Inlets on their page and over the API: made, ended and given secrets by admins, paused by operators (OPS-6)."""

import re
from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from agents.models import Inlet, Session
from tests.console.api.calls import Program, refused
from tests.console.api.messages import send
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
FORM = {"name": "tickets", "agent": "research-assistant", "goal": "Calculate 1 + 1.", "per_hour": "60"}


def shown(page: str) -> str:
    """The secret that a page shows."""
    found = re.search(r"whsec_[A-Za-z0-9+/=]+", page)
    assert found
    return found[0]


def test_an_admin_makes_one_and_an_operator_pauses_it(
    world: World, signed_in: SignedIn, ada: User, olga: User, vic: User
) -> None:
    """The secret is shown once; goals are raw content; only admins end an inlet or change its secret."""
    wrong = signed_in(ada).post("/inlets/", {**FORM, "per_hour": "0"})
    assert wrong.status_code == 422
    assert "Calculate 1 + 1." in wrong.content.decode()
    assert signed_in(ada).post("/inlets/", {**FORM, "name": "Not A Name"}).status_code == 422
    made = signed_in(ada).post("/inlets/", FORM)
    assert made.status_code == 200
    first = shown(made.content.decode())
    assert send("tickets", first).status_code == 202
    again = signed_in(ada).get("/inlets/").content.decode()
    assert "whsec_" not in again
    assert Session.objects.get().ref in again
    assert signed_in(olga).post("/inlets/tickets/", {"act": "pause"}).status_code == 302
    assert Inlet.objects.get().status == "paused"
    for act in ("rotate", "end"):
        assert signed_in(olga).post("/inlets/tickets/", {"act": act}).status_code == 403
    assert signed_in(olga).post("/inlets/tickets/", {"act": "resume"}).status_code == 302
    second = shown(signed_in(ada).post("/inlets/tickets/", {"act": "rotate"}).content.decode())
    assert second != first
    assert send("tickets", second, message="msg_2").status_code == 202
    seen = signed_in(vic).get("/inlets/").content.decode()
    assert "tickets" in seen
    assert "Calculate" not in seen
    assert signed_in(ada).post("/inlets/tickets/", {"act": "end"}).status_code == 302
    assert signed_in(ada).post("/inlets/tickets/", {"act": "resume"}).status_code == 404
    assert "No inlets" in signed_in(ada).get("/inlets/").content.decode()


def test_the_api_does_the_same(world: World, ada: User, olga: User, vic: User) -> None:
    """Made, listed by name and page, paused, resumed, given a secret, ended; each error names its field."""
    program = Program(ada)
    form = {**FORM, "per_hour": 60}
    made = program.post("/inlets", form, key="once")
    assert made.status_code == 201
    assert (made.json()["status"], made.json()["created_by"], made.json()["newest"]) == ("active", "Ada", [])
    assert made.json()["url"].endswith("/api/v1/inlets/tickets")
    assert program.post("/inlets", form, key="once").json() == made.json()
    taken = send("tickets", made.json()["secret"])
    assert taken.json() == {"id": Session.objects.get().ref}
    refused(program.post("/inlets", form), 422, "invalid_input")
    refused(program.post("/inlets", {**form, "name": "x y"}), 422, "invalid_request")
    program.post("/inlets", {**form, "name": "another"})
    page = program.get("/inlets?limit=1").json()
    rest = program.get(f"/inlets?limit=1&cursor={page['next_cursor']}").json()
    assert [one["name"] for one in (*page["items"], *rest["items"])] == ["another", "tickets"]
    assert rest["items"][0]["newest"][0]["session"] == Session.objects.get().ref
    assert "secret" not in page["items"][0]
    assert Program(vic).get("/inlets").json()["items"][0]["goal"] is None
    assert Program(olga).post("/inlets/another/pause").json()["status"] == "paused"
    assert Program(olga).post("/inlets/another/resume").json()["status"] == "active"
    assert program.post("/inlets/tickets/rotate").json()["secret"] != made.json()["secret"]
    assert program.post("/inlets/another/end").json()["status"] == "ended"
    refused(program.post("/inlets/another/resume"), 404, "unknown_inlet")


def test_no_token_and_no_cookie_counts_for_a_message(world: World, signed_in: SignedIn, ada: User) -> None:
    """An inlet takes its own signature and nothing else, so that no page elsewhere can use who is signed in."""
    Program(ada).post("/inlets", {**FORM, "per_hour": 60})
    refused(Program(ada).post("/inlets/tickets", {}), 401, "unauthenticated")
    answer = signed_in(ada).post("/api/v1/inlets/tickets", b"{}", content_type="application/json")
    refused(answer, 401, "unauthenticated")


def test_an_admin_changes_one_on_its_page(world: World, signed_in: SignedIn, ada: User, olga: User, vic: User) -> None:
    """What stands is in the form; what is wrong is said at its field; an older page changes nothing; the secret stays."""
    client, address = signed_in(ada), "/inlets/tickets/"
    secret = shown(client.post("/inlets/", FORM).content.decode())
    sent = {**FORM, "act": "change", "revision": "1", "goal": "Calculate 2 + 2.", "per_hour": "5"}
    assert client.get(address).context["typed"]["goal"] == "Calculate 1 + 1."
    wrong = client.post(address, {**sent, "per_hour": "0"})
    assert wrong.status_code == 422
    assert "Calculate 2 + 2." in wrong.content.decode()
    assert client.post(address, {**sent, "agent": "nobody"}).status_code == 404
    assert signed_in(olga).post(address, sent).status_code == 403
    assert client.post(address, sent).status_code == 302
    assert client.post(address, sent).status_code == 409
    assert send("tickets", secret).status_code == 202
    assert Session.objects.get().title == "Calculate 2 + 2."
    seen = signed_in(vic).get(address).content.decode()
    assert "Calculate" not in seen
    assert "At most 5 sessions an hour." in seen
    assert client.post(address, {"act": "end"}).status_code == 302
    assert "It was ended" in client.get(address).content.decode()


def test_the_api_changes_one_with_the_revision_that_was_shown(world: World, ada: User, olga: User) -> None:
    """What is left out stays; the answer never holds the secret."""
    program = Program(ada)
    made = program.post("/inlets", {**FORM, "per_hour": 60}).json()
    changed = program("PATCH", "/inlets/tickets", {"revision": made["revision"], "per_hour": 7, "tenant": "north"}).json()
    assert (changed["revision"], changed["per_hour"], changed["tenant"]) == (2, 7, "north")
    assert (changed["goal"], changed["agent"]) == (FORM["goal"], FORM["agent"])
    assert "secret" not in changed
    refused(program("PATCH", "/inlets/tickets", {"revision": 1, "per_hour": 8}), 409, "stale_inlet")
    refused(program("PATCH", "/inlets/tickets", {"revision": 2, "per_hour": 0}), 422, "invalid_request")
    refused(program("PATCH", "/inlets/tickets", {"revision": 2, "task_type": "no"}), 422, "invalid_input")
    refused(program("PATCH", "/inlets/nothing", {"revision": 1}), 404, "unknown_inlet")
    refused(Program(olga)("PATCH", "/inlets/tickets", {"revision": 2, "per_hour": 8}), 403, "forbidden")
