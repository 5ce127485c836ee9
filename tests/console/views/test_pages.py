"""Every page answers, for every role as the rights table says, in few queries (OPS-1, THREATS 13, 27, 31, 43)."""

import html
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.models import Session
from approvals.models import ApprovalRequest
from console.revealing import UNREAD_TITLE
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]
OPEN_TO_ALL = ("/approvals/", "/sessions/", "/agents/", "/agents/research-assistant/", "/tools/", "/prompts/",
               "/prompts/research-assistant/1.0.0/", "/policies/", "/policies/1/", "/tokens/", "/styleguide/")  # fmt: skip
MOST_QUERIES = 40


def pages_of(waiting: Waiting) -> list[str]:
    """Return the addresses of all pages that everybody with a role may see."""
    session, request = waiting
    sides = [f"/sessions/{session.ref}/{query}" for query in ("", "?view=waterfall", "?view=waterfall&span=t1", "?view=events")]
    tabs = [f"/approvals/{request.ref}/{query}" for query in ("", "?tab=json", "?tab=changes")]
    lists = ["/approvals/?state=mine", "/approvals/?state=decided", "/sessions/?status=running&q=mail"]
    return [*OPEN_TO_ALL, *sides, *tabs, *lists]


def test_every_page_answers_to_who_may_see_it(
    waiting: Waiting, signed_in: SignedIn, vic: User, remy: User, audrey: User
) -> None:
    """The whole product can be looked at, without an error and with one h1."""
    for user in (vic, remy, audrey):
        client = signed_in(user)
        for address in pages_of(waiting):
            answer = client.get(address)
            assert answer.status_code == 200, (address, user.username, answer.content[:500])
            assert answer.content.count(b"<h1") == 1, address


@pytest.mark.parametrize("fragment", ["/approvals/?fragment=queue", "/approvals/?fragment=counts", "/sessions/?fragment=list"])
def test_a_part_of_a_page_comes_alone(waiting: Waiting, signed_in: SignedIn, remy: User, fragment: str) -> None:
    """What the live page refetches is the part, from the same view."""
    answer = signed_in(remy).get(fragment)
    assert answer.status_code == 200
    assert b"<html" not in answer.content


def test_the_parts_of_item_pages_carry_their_revision(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """An older answer that comes late can be told from a newer one."""
    session, request = waiting
    for address in (f"/approvals/{request.ref}/?fragment=detail", f"/sessions/{session.ref}/?fragment=session"):
        answer = signed_in(remy).get(address)
        assert answer.status_code == 200
        assert b"data-rev=" in answer.content
        assert b"<html" not in answer.content


@pytest.mark.parametrize("address", ["/approvals/?fragment=nothing", "/approvals/?fragment=../x", "/approvals/AP-1/", "/sessions/S-1/",
                                     "/agents/nobody/", "/prompts/nothing/1.0.0/", "/approvals/AP-x/", "/mail/../etc/", "/nowhere/",
                                     "/approvals/?cursor=nonsense"])  # fmt: skip
def test_what_there_is_not_is_not_found(waiting: Waiting, signed_in: SignedIn, remy: User, address: str) -> None:
    """THREATS 13: one answer for what is not there."""
    answer = signed_in(remy).get(address)
    assert answer.status_code in (404, 422)
    assert b"<h1" in answer.content


def test_without_signing_in_every_page_leads_to_the_sign_in(waiting: Waiting, signed_in: SignedIn) -> None:
    """Deny by default, and the way back is kept."""
    for address in pages_of(waiting):
        answer = signed_in(None).get(address)
        assert answer.status_code == 302, address
        assert answer.headers["Location"].startswith("/sign-in/?next=/")


def test_without_a_role_nothing_is_shown_and_the_page_says_why(waiting: Waiting, signed_in: SignedIn, sam: User) -> None:
    """403 names the roles that would do."""
    client = signed_in(sam)
    for address in pages_of(waiting):
        answer = client.get(address)
        assert answer.status_code == 403, address
        assert b"viewer" in answer.content


def test_who_may_read_the_trail(
    waiting: Waiting, signed_in: SignedIn, vic: User, remy: User, audrey: User, olga: User, ada: User
) -> None:
    """Auditors, operators and admins read all of it, reviewers what they did, viewers nothing."""
    assert signed_in(vic).get("/audit/").status_code == 403
    own = signed_in(remy).get("/audit/")
    assert own.status_code == 200
    assert b"what you did yourself" in own.content
    for user in (audrey, olga, ada):
        answer = signed_in(user).get("/audit/")
        assert b"session.started" in answer.content
        assert signed_in(user).get("/audit/1/").status_code == 200
    assert signed_in(remy).get("/audit/1/").status_code == 404


def test_the_trail_verifies_on_demand(waiting: Waiting, signed_in: SignedIn, audrey: User, remy: User) -> None:
    """Who may verify sees the verdict on the trail; a GET does not verify."""
    client = signed_in(audrey)
    assert client.get("/audit/verify/").status_code == 405
    answer = client.post("/audit/verify/", follow=True)
    assert b"unbroken" in answer.content
    assert signed_in(remy).post("/audit/verify/").status_code == 403


def test_raw_content_is_for_who_may_read_it(waiting: Waiting, signed_in: SignedIn, vic: User, remy: User) -> None:
    """Viewers see that something happened, reviewers what it was about."""
    session, request = waiting
    for address in (f"/approvals/{request.ref}/", f"/sessions/{session.ref}/"):
        assert b"does not read raw content" in signed_in(vic).get(address).content
        assert b"does not read raw content" not in signed_in(remy).get(address).content


def test_titles_and_summaries_are_raw_content_too(
    waiting: Waiting, signed_in: SignedIn, vic: User, remy: User, olga: User
) -> None:
    """Lists, pages and headings: who may not read a goal finds it nowhere, nor by a search."""
    session, request = waiting
    addresses = (
        "/sessions/",
        f"/sessions/{session.ref}/",
        "/approvals/",
        f"/approvals/{request.ref}/",
        "/approvals/?fragment=queue",
    )
    for address in addresses:
        page = html.unescape(signed_in(vic).get(address).content.decode())
        assert session.title not in page, address
        assert request.summary not in page, address
    assert UNREAD_TITLE in signed_in(vic).get("/sessions/").content.decode()
    assert "Call send_email" in signed_in(vic).get(f"/approvals/{request.ref}/").content.decode()
    assert session.title in html.unescape(signed_in(olga).get(f"/sessions/?q={session.title[:8]}").content.decode())
    assert UNREAD_TITLE not in signed_in(vic).get("/sessions/?q=scenario").content.decode()
    assert request.summary in html.unescape(signed_in(remy).get("/approvals/").content.decode())


def test_the_sent_mail_is_for_who_reads_everything(
    settings: Any, signed_in: SignedIn, vic: User, remy: User, audrey: User
) -> None:
    """A mail is what a tool was given, word for word; the menu offers it to the same people."""
    settings.DEMO = True
    for user in (vic, remy):
        assert signed_in(user).get("/mail/").status_code == 403
        assert b"Sent mail" not in signed_in(user).get("/sessions/").content
    assert signed_in(audrey).get("/mail/").status_code == 200
    assert b"Sent mail" in signed_in(audrey).get("/sessions/").content


def test_who_may_not_read_a_call_is_not_given_it_to_edit(waiting: Waiting, signed_in: SignedIn, paul: User) -> None:
    """The form holds the arguments."""
    assert signed_in(paul).get(f"/approvals/{waiting[1].ref}/edit/").status_code == 403


def test_pages_ask_the_database_little_and_the_same_for_many_rows(world: World, signed_in: SignedIn, remy: User) -> None:
    """No query per row: a list of many costs what a list of one costs."""
    client = signed_in(remy)

    def queries(address: str) -> int:
        with CaptureQueriesContext(connection) as captured:
            assert client.get(address).status_code == 200
        return len(captured)

    lists = ("/sessions/", "/approvals/", "/approvals/?state=decided", "/agents/", "/prompts/")
    world.start("scenario: mail-once")
    world.work()
    for address in lists:
        client.get(address)  # the first look of an hour is noted
    one = {address: queries(address) for address in lists}
    for _ in range(5):
        world.start("scenario: mail-once")
    world.work()
    many = {address: queries(address) for address in lists}
    assert many == one
    assert max(many.values()) <= MOST_QUERIES


@pytest.mark.parametrize(
    ("address", "told"),
    [
        ("/sessions/?status=asleep", "status “asleep”"),
        ("/approvals/?state=asleep&tier=harmless", "state “asleep” and tier “harmless”"),
        ("/approvals/?kind=chat", "kind “chat”"),
        ("/audit/?kind=nothing.happened&from=yesterday", "from “yesterday” and kind “nothing.happened”"),
    ],
)
def test_a_filter_that_cannot_be_read_is_named_and_the_page_stands(
    waiting: Waiting, signed_in: SignedIn, audrey: User, address: str, told: str
) -> None:
    """UI.md section 8: nobody takes an unfiltered list for a filtered one."""
    answer = signed_in(audrey).get(address)
    assert answer.status_code == 200
    text = html.unescape(answer.content.decode())
    assert f"Shown without the filter {told}: there is no such value." in text
    assert "Nothing matches" not in text
    assert "Shown without the filter" not in signed_in(audrey).get(address.partition("?")[0]).content.decode()


def test_a_filter_that_matches_nothing_is_named(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """UI.md section 8, Empty, filtered: the filter by name, and a way to clear it."""
    text = html.unescape(signed_in(remy).get("/sessions/?status=halted&agent=nobody").content.decode())
    assert "No session with status “halted” and agent “nobody”." in text


def test_a_page_answers_a_head_as_it_answers_a_get(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """RFC 9110: whoever only looks whether a page is there is not refused, before the sign-in and after it."""
    assert signed_in(None).head("/sign-in/").status_code == 200
    client = signed_in(remy)
    for address in pages_of(waiting):
        assert client.head(address).status_code == 200, address
