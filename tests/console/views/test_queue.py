"""The queue as a workbench: filters in the address, numbers beside them, views of one's own, the next one within them."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals.facts import Judgement, Reason
from approvals.models import ApprovalRequest
from approvals.services import decide
from console.models import SavedView
from tests.approvals.conftest import ask, by

SignedIn = Callable[[User | None], Client]
pytestmark = pytest.mark.django_db


@pytest.fixture
def three(db: None) -> list[ApprovalRequest]:
    """Two e-mails, one of them after untrusted content, and a low fetch; the soonest first."""
    mark = {"source": "read_document", "title": "A letter", "ref": "letter", "quote": ""}

    def one(risk: int, ttl_s: int, **more: object) -> ApprovalRequest:
        return ask(
            Judgement("ask", (Reason("tier_asks", "So."),), risk=risk, ttl_s=ttl_s), session_id=None, session_ref="", **more
        )

    return [
        one(3, 200, summary="Send the first e-mail"),
        one(3, 4000, summary="Send the second e-mail", taint=(mark,)),
        one(1, 8000, summary="Fetch a page", tool="fetch_url", tier="read_only"),
    ]


def text(client: Client, address: str) -> str:
    """Return a page's text."""
    answer = client.get(address)
    assert answer.status_code == 200, address
    return unescape(answer.content.decode())


def rows(client: Client, address: str) -> list[str]:
    """Return the requests that the queue shows, in order."""
    return re.findall(r'id="row-(AP-\d+)"', text(client, address))


def test_filters_narrow_the_queue_together(three: list[ApprovalRequest], signed_in: SignedIn, remy: User) -> None:
    """APPR-8: each alone, two together, and none that fits, named with a way out."""
    client, (first, second, third) = signed_in(remy), three
    for query, expected in (
        ("", three),
        ("risk=3", [first, second]),
        ("tool=fetch_url", [third]),
        ("taint=1", [second]),
        ("due=soon", [first]),
        ("can=1&risk=3", [first, second]),
        ("hand=free&kind=tool_call", three),
        ("risk=3&taint=1", [second]),
        ("q=second", [second]),
    ):
        assert rows(client, f"/approvals/?{query}") == [row.ref for row in expected], query
    empty = text(client, "/approvals/?risk=1&taint=1")
    assert "Nothing matches" in empty
    assert "risk “1”" in empty


def test_every_facet_says_how_many_there_are(three: list[ApprovalRequest], signed_in: SignedIn, remy: User) -> None:
    """With the other filters on; following the link shows so many."""
    page = text(signed_in(remy), "/approvals/?risk=3")
    facets = dict(
        re.findall(r'href="/approvals/\?risk=3&(tool=\w+|taint=1|due=\w+)"[^>]*>.*?<span class="num"[^>]*>(\d+)</span>', page)
    )
    assert facets == {"tool=send_email": "2", "taint=1": "1", "due=soon": "1", "due=escalated": "0"}
    assert re.search(r'aria-current="true">.*?High risk.*?<span class="num"[^>]*>2</span>', page, re.DOTALL)


def test_rows_are_grouped_by_urgency(three: list[ApprovalRequest], signed_in: SignedIn, remy: User) -> None:
    """What expires soon, what is escalated, the rest; each with how many there are of it in all."""
    ApprovalRequest.objects.filter(pk=three[2].pk).update(escalated_at=three[2].created_at)
    page = text(signed_in(remy), "/approvals/")
    groups = re.findall(r'<h2>([A-Z][a-z ]+)<span class="num">(\d+)</span></h2>', page)
    assert groups == [("Expiring soon", "1"), ("Escalated", "1"), ("Waiting", "1")]


def test_what_was_approved_a_moment_ago_stays_in_its_group_and_is_not_counted(
    three: list[ApprovalRequest], signed_in: SignedIn, remy: User, rosa: User
) -> None:
    """UI.md 6: decided rows stay where they were; the number says how many still wait."""
    held, client = ask(), signed_in(remy)
    assert '<h2>Waiting<span class="num">3</span></h2>' in text(client, "/approvals/")
    decide(request_id=held.id, verdict="approve", digest=held.digest, hold=True, **by(rosa))
    assert held.ref in rows(client, "/approvals/")
    assert '<h2>Waiting<span class="num">2</span></h2>' in text(client, "/approvals/")


def test_an_open_request_keeps_the_filters(three: list[ApprovalRequest], signed_in: SignedIn, remy: User) -> None:
    """Links of rows, tabs and the way back carry them, and so does what opens next after a decision."""
    client, (first, second, _) = signed_in(remy), three
    page = text(client, f"/approvals/{first.ref}/?risk=3")
    assert f'href="/approvals/{second.ref}/?risk=3"' in page
    assert f"/approvals/{first.ref}/?tab=json&risk=3" in page
    fields = {"digest": first.digest, "within": "risk=3&nonsense=1", "open_next": "1", "idempotency_key": "k"}
    answer = client.post(f"/approvals/{first.ref}/approve/", fields)
    assert answer.headers["Location"] == f"/approvals/{second.ref}/?risk=3"


def test_a_filter_that_there_is_not_is_named_and_left_out(
    three: list[ApprovalRequest], signed_in: SignedIn, remy: User
) -> None:
    """A link from an older page still shows something."""
    page = text(signed_in(remy), "/approvals/?risk=9&due=never&hand=x")
    assert "Shown without the filter" in page
    assert len(re.findall(r'id="row-', page)) == 3


def test_the_numbers_of_the_facets_can_be_asked_for_alone(
    three: list[ApprovalRequest], signed_in: SignedIn, remy: User
) -> None:
    """UI.md 6: an open queue asks for them with its own filters; other pages and decided requests have none."""
    client = signed_in(remy)
    page = text(client, "/approvals/?risk=3")
    assert 'data-counts="/approvals/?risk=3&facets=1"' in page
    numbers = re.findall(r'data-count="(\w+=[^"]*)">([^<]*)<', page)
    assert ("risk=3", "2") in numbers
    assert (
        re.findall(r'data-count="(\w+=[^"]*)">([^<]*)<', text(client, "/approvals/?risk=3&facets=1&fragment=counts")) == numbers
    )
    assert "data-facets" not in text(client, "/approvals/?fragment=counts")
    assert "data-facets" not in text(client, "/approvals/?state=decided&facets=1&fragment=counts")


def test_a_view_is_saved_shown_with_its_number_and_removed(
    three: list[ApprovalRequest], signed_in: SignedIn, remy: User, rosa: User
) -> None:
    """A name and the address; the same name replaces; nobody else has it or can remove it, but the address works for all."""
    client = signed_in(remy)
    client.post("/approvals/views/", {"name": "Grave", "query": "risk=4"})
    answer = client.post("/approvals/views/", {"name": "Grave", "query": "risk=3&cursor=x&nonsense=1"})
    assert answer.headers["Location"] == "/approvals/?risk=3"
    view = SavedView.objects.get()
    assert (view.name, view.query) == ("Grave", "risk=3")
    assert re.search(
        r'href="/approvals/\?risk=3">Grave <span class="num" data-count="view-\d+">2</span>', text(client, "/approvals/")
    )
    assert f"/approvals/views/{view.pk}/remove/" in text(client, "/approvals/?risk=3")
    assert f'data-count="view-{view.pk}">2' in text(client, "/approvals/?fragment=counts")
    other = signed_in(rosa)
    assert "Grave" not in text(other, "/approvals/")
    assert rows(other, answer.headers["Location"]) == [three[0].ref, three[1].ref]
    other.post(f"/approvals/views/{view.pk}/remove/")
    assert SavedView.objects.exists()
    client.post(f"/approvals/views/{view.pk}/remove/")
    assert not SavedView.objects.exists()


def test_a_view_needs_a_name_and_a_filter(three: list[ApprovalRequest], signed_in: SignedIn, remy: User) -> None:
    """Else it is said what is missing; twenty are enough."""
    client = signed_in(remy)
    for name, query in (("", "risk=3"), ("Everything", ""), ("Nonsense", "risk=9"), ("Broken", "risk=3\r\nX: y")):
        client.post("/approvals/views/", {"name": name, "query": query})
    assert not SavedView.objects.filter(name__in=["", "Everything", "Nonsense", "Broken"]).exists()
    for number in range(22):
        client.post("/approvals/views/", {"name": f"View {number}", "query": "risk=3"})
    assert SavedView.objects.count() == 20


def test_mine_is_what_i_have_in_hand(three: list[ApprovalRequest], signed_in: SignedIn, remy: User, rosa: User) -> None:
    """Claimed or assigned; the tab's number is that of its rows."""
    client = signed_in(remy)
    client.post(f"/approvals/{three[1].ref}/claim/")
    signed_in(rosa).post(f"/approvals/{three[2].ref}/assign/", {"to": "remy@demo.example"})
    assert rows(client, "/approvals/?state=mine") == [three[1].ref, three[2].ref]
    assert '<span class="num" data-count="mine">2</span>' in text(client, "/approvals/")
    assert rows(signed_in(rosa), "/approvals/?state=mine") == []
    assert "Nothing is in your hand" in text(signed_in(rosa), "/approvals/?state=mine")
    assert "Nothing is waiting" not in text(signed_in(rosa), "/approvals/?state=mine")  # three are


def test_a_page_costs_the_same_number_of_queries_however_much_waits(signed_in: SignedIn, remy: User) -> None:
    """No query per row, per facet or per view."""
    client = signed_in(remy)
    client.post("/approvals/views/", {"name": "One", "query": "risk=3"})
    counted = []
    for _ in range(2):
        for _ in range(4):
            ask(session_id=None, session_ref="")
        client.get("/approvals/?fragment=queue")
        with CaptureQueriesContext(connection) as queries:
            client.get("/approvals/?fragment=queue")
        counted.append(len(queries))
        client.post("/approvals/views/", {"name": "Two", "query": "tool=send_email"})
    assert counted[0] == counted[1]
    assert counted[0] <= 14
