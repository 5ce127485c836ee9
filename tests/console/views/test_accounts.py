"""Coming in and going out by form, how it looks, and reports of browsers (OPS-3; THREATS 43, 50, 51)."""

import json
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from console.views.reports import counted
from tests.conftest import PASSWORD

SignedIn = Callable[[User | None], Client]
FORM = {"username": "remy@demo.example", "password": PASSWORD}


def test_signing_in_leads_back(client: Client, remy: User) -> None:
    """The page that was asked for comes after the sign-in."""
    answer = client.post("/sign-in/", {**FORM, "next": "/sessions/?q=mail"})
    assert answer.headers["Location"] == "/sessions/?q=mail"
    assert client.get("/sessions/").status_code == 200


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "javascript:alert(1)", "/\\evil.example", "\t//evil.example"]
)
def test_the_way_back_stays_here(client: Client, remy: User, target: str) -> None:
    """THREATS 51: no open redirect, before and after signing in."""
    assert client.post("/sign-in/", {**FORM, "next": target}).headers["Location"] == "/"
    assert client.get("/sign-in/", {"next": target}).headers["Location"] == "/"


@pytest.mark.parametrize("username", ["remy@demo.example", "nobody@demo.example"])
def test_a_refused_sign_in_says_the_same_for_everybody(client: Client, remy: User, username: str) -> None:
    """Whether the account exists cannot be told; what was typed stays, the password does not."""
    answer = client.post("/sign-in/", {"username": username, "password": "wrong password"})
    assert answer.status_code == 403
    assert b"do not match" in answer.content
    assert username.encode() in answer.content
    assert b"wrong password" not in answer.content


def test_signing_out_ends_the_session_on_the_server(signed_in: SignedIn, remy: User) -> None:
    """THREATS 50: the old cookie is worth nothing; signing out is not a link."""
    client = signed_in(remy)
    copy = Client()
    copy.cookies.load({name: morsel.value for name, morsel in client.cookies.items()})
    assert client.get("/sign-out/").status_code == 405
    client.post("/sign-out/")
    assert copy.get("/approvals/").status_code == 302


@pytest.mark.parametrize(
    ("user", "first"), [("remy", "/approvals/"), ("audrey", "/audit/"), ("vic", "/sessions/"), ("sam", "/tokens/")]
)
def test_each_role_begins_at_its_own_page(request: pytest.FixtureRequest, signed_in: SignedIn, user: str, first: str) -> None:
    """The start page sends people where their day begins."""
    assert signed_in(request.getfixturevalue(user)).get("/").headers["Location"] == first


def test_the_look_is_remembered(signed_in: SignedIn, remy: User) -> None:
    """Theme and density work without script; nonsense is not kept."""
    client = signed_in(remy)
    client.post("/theme/", {"theme": "dark", "density": "compact", "next": "/sessions/"})
    assert client.cookies["theme"].value == "dark"
    assert b'data-theme="dark" data-density="compact"' in client.get("/sessions/").content
    client.post("/theme/", {"theme": "<script>", "next": "//evil.example"})
    assert client.cookies["theme"].value == "dark"


def test_reports_of_browsers_are_counted_and_bounded() -> None:
    """Strangers send them: names are bounded, nonsense is dropped, nothing is stored."""
    client, counted_before = Client(enforce_csrf_checks=True), counted.copy()

    def send(body: str) -> int:
        return client.post("/csp-report/", body, content_type="application/csp-report").status_code

    report = {"csp-report": {"effective-directive": "script-src", "blocked-uri": "inline"}}
    invented = {"csp-report": {"effective-directive": "x" * 5000}}
    bodies = [json.dumps(report), json.dumps(invented), "nonsense", "[]", json.dumps(report) + " " * 20_000]
    assert [send(body) for body in bodies] == [204] * 5
    assert counted - counted_before == {"script-src": 1, "other": 1}


def test_a_page_that_is_not_there_has_a_way_on(signed_in: SignedIn, remy: User) -> None:
    """404 in the product's own words."""
    answer = signed_in(remy).get("/nowhere/")
    assert answer.status_code == 404
    assert b"There is nothing here" in answer.content
