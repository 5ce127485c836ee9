"""Jump to anything: by id and by words, never by what one may not read (UI.md 5; THREATS 58)."""

from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from agents.models import Session
from approvals.models import ApprovalRequest
from console.auth import caller_of_user
from console.jump import find

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]


def urls(user: User, query: str) -> list[str]:
    """What somebody finds."""
    return [found.url for found in find(caller_of_user(user), query)]


def test_an_id_leads_straight_there(waiting: Waiting, remy: User) -> None:
    """In any case, with or without its letters, and first of all."""
    session, request = waiting
    assert urls(remy, request.ref)[0] == f"/approvals/{request.ref}/"
    assert urls(remy, session.ref.lower())[0] == f"/sessions/{session.ref}/"
    assert urls(remy, f" {request.number} ")[0] == f"/approvals/{request.ref}/"
    assert f"/sessions/{session.ref}/" not in urls(remy, request.ref)


def test_words_find_requests_sessions_agents_prompts_tools_and_pages(waiting: Waiting, ada: User) -> None:
    """Each kind by its own words."""
    session, request = waiting
    assert f"/approvals/{request.ref}/" in urls(ada, "send_email")
    assert f"/sessions/{session.ref}/" in urls(ada, "mail-once")
    assert {"/agents/research-assistant/", "/prompts/research-assistant/"} <= set(urls(ada, "research"))
    assert "/tools/" in urls(ada, "calculate")
    assert urls(ada, "theme") == ["/settings/"]


def test_what_may_not_be_read_does_not_help_to_find(waiting: Waiting, vic: User, olga: User) -> None:
    """Neither a title nor a summary tells a viewer what is in it by being found."""
    session, request = waiting
    assert urls(vic, "mail-once") == []
    assert urls(vic, request.summary[-20:]) == []
    assert f"/sessions/{session.ref}/" in urls(olga, "mail-once")
    (found,) = [one for one in find(caller_of_user(vic), session.ref) if one.kind == "Session"]
    assert "mail-once" not in found.detail


def test_nothing_typed_lists_the_pages_one_may_open(vic: User, ada: User) -> None:
    """And no others."""
    assert "/audit/" in urls(ada, "")
    assert "/audit/" not in urls(vic, "")


def test_it_is_a_page_without_script(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """A form by GET; the dialog shows its part."""
    _, request = waiting
    page = signed_in(remy).get("/jump/", {"q": request.ref}).content.decode()
    assert f'href="/approvals/{request.ref}/"' in page
    part = signed_in(remy).get("/jump/", {"q": request.ref, "fragment": "found"}).content.decode()
    assert "<html" not in part
    assert f'href="/approvals/{request.ref}/"' in part


def test_odd_queries_find_nothing_and_break_nothing(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """Signs of patterns, of markup, of databases, very long ones."""
    for query in ("%", "_" * 50, "\0", "<script>", "'; DROP TABLE", "9" * 40, "AP-" + "9" * 18, "x" * 5000):
        assert signed_in(remy).get("/jump/", {"q": query}).status_code == 200
