"""The queue's rows as open pages ask for them: drawn once for those who see them alike, never for anybody else (THREATS 58)."""

import re
from collections.abc import Callable
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from approvals import claims
from approvals.facts import Judgement, Reason
from approvals.models import ApprovalRequest
from approvals.services import decide
from audit import feed
from audit.index import index_log
from console.kept import Shelf
from console.models import Reading, SavedView
from console.views import approval_numbers, approval_rows
from tests.approvals.conftest import ask, by
from tests.approvals.test_covers import covered
from tests.conftest import person

SignedIn = Callable[[User | None], Client]
pytestmark = pytest.mark.django_db
SECRET = "Send the verdict to kim@example.com"
ADDRESSES = ("", "state=mine", "hand=mine", "hand=theirs", "can=1", "tool=fetch_url", "taint=1", "risk=3&due=escalated", "state=decided",
             "q=verdict", "q=fetch", "state=nonsense", "risk=9", "cursor=")  # fmt: skip


@pytest.fixture(autouse=True)
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    """One on which nothing of another test's database stands, and on which all stays for the whole test."""
    new = Shelf(for_s=600)
    monkeypatch.setattr(approval_rows, "_shelf", new)
    monkeypatch.setattr(approval_numbers, "_shelf", Shelf(for_s=600))
    return new


@pytest.fixture
def queue(remy: User, rosa: User) -> list[ApprovalRequest]:
    """Requests that are not the same to everybody: in somebody's hand, not for one who shares in it, for a group, decided, after a mark."""
    mark = {"source": "read_document", "title": "A letter", "ref": "letter", "quote": ""}

    def one(summary: str, *groups: str, risk: int = 3, **more: object) -> ApprovalRequest:
        judgement = Judgement("ask", (Reason("tier_asks", "So."),), risk=risk, groups=groups)
        return ask(judgement, session_id=None, session_ref="", summary=summary, **more)

    fetch = one("Fetch a page", risk=1, tool="fetch_url", excluded=(rosa.pk,))
    rows = [one(SECRET), one("Pay twelve", taint=(mark,)), one("Sign it", "legal"), fetch, one("Say no"), one("Close it")]
    claims.claim(request_id=rows[0].id, **by(remy))
    claims.claim(request_id=rows[1].id, **by(rosa))
    decide(request_id=rows[4].id, verdict="reject", digest=rows[4].digest, instruction="Not to this customer.", **by(rosa))
    index_log(patience_ms=2000)
    return rows


def rows_of(client: Client, query: str, *, knows: int | None = None) -> str:
    """Return the rows as a page asks for them that knows the log up to an event; without one they are drawn for it alone."""
    told = {} if knows is None else {"Live-Cursor": str(knows)}
    answer = client.get(f"/approvals/?{query}&fragment=queue", headers={"HX-Request": "true", **told})
    assert answer.status_code == 200, query
    return re.sub(r"<live-clock.*?</live-clock>|\d+ (s|min) ago", "", unescape(answer.content.decode()), flags=re.DOTALL)


def numbers_of(client: Client, query: str, *, knows: int | None = None) -> dict[str, str]:
    """Return the numbers around the rows as a page asks for them that knows the log up to an event."""
    told = {} if knows is None else {"Live-Cursor": str(knows)}
    answer = client.get(f"/approvals/?{query}&facets=1&fragment=counts", headers={"HX-Request": "true", **told})
    assert answer.status_code == 200, query
    return dict(re.findall(r'data-count="([^"]+)">([^<]*)<', unescape(answer.content.decode())))


def test_nobody_is_given_rows_that_they_would_not_have_been_drawn(
    queue: list[ApprovalRequest], signed_in: SignedIn, remy: User, rosa: User, vic: User, audrey: User, ada: User, olga: User
) -> None:
    """Each person and each address, one after the other: whatever others had drawn before, everybody has what is theirs."""
    lea = person("lea", "reviewer", "legal")
    deputy = person("dora", "reviewer")
    covered(rosa, deputy)
    people = [signed_in(one) for one in (remy, vic, rosa, lea, audrey, deputy, ada, olga)]
    index_log(patience_ms=2000)
    opened = [f"open={ref}" for ref in (queue[1].ref, "AP-1", '"><script>')]
    for query in (*ADDRESSES, *opened):
        for one in people:
            assert rows_of(one, query, knows=0) == rows_of(one, query), query


def test_what_only_some_may_read_stays_with_them(
    queue: list[ApprovalRequest], signed_in: SignedIn, remy: User, rosa: User, vic: User
) -> None:
    """A viewer between two reviewers; and each reviewer leaves a note of having read it, drawn anew or not."""
    assert SECRET in rows_of(signed_in(remy), "", knows=0)
    assert SECRET not in rows_of(signed_in(vic), "", knows=0)
    assert SECRET in rows_of(signed_in(rosa), "", knows=0)
    readers = set(Reading.objects.filter(item="approvals").values_list("reader", flat=True))
    assert readers == {f"user:{remy.pk}", f"user:{rosa.pk}"}


def test_who_loses_a_role_loses_what_was_kept_for_it(queue: list[ApprovalRequest], signed_in: SignedIn, remy: User) -> None:
    client = signed_in(remy)
    assert SECRET in rows_of(client, "", knows=0)
    remy.groups.set([person("vera", "viewer").groups.get()])
    assert SECRET not in rows_of(client, "", knows=0)


def test_the_second_who_asks_costs_no_reading_of_the_queue(
    queue: list[ApprovalRequest], signed_in: SignedIn, remy: User, rosa: User
) -> None:
    first, second = signed_in(remy), signed_in(rosa)
    rows_of(second, "state=decided", knows=0)  # notes that she reads
    drawn = rows_of(first, "", knows=feed.head())
    with CaptureQueriesContext(
        connection,
    ) as asked:
        assert rows_of(second, f"open={queue[0].ref}", knows=feed.head()).count('aria-current="true"') == 1
    assert not [one["sql"] for one in asked.captured_queries if "approvals_approvalrequest" in one["sql"]]
    assert SECRET in drawn


def test_who_heard_of_an_event_sees_it(queue: list[ApprovalRequest], signed_in: SignedIn, remy: User, rosa: User) -> None:
    """What was kept before it is not given to a page that knows of it."""
    first, second = signed_in(remy), signed_in(rosa)
    rows_of(first, "", knows=feed.head())
    claims.release(request_id=queue[1].id, **by(rosa))
    claims.claim(request_id=queue[5].id, **by(rosa))
    assert rows_of(first, "", knows=feed.head()) == rows_of(second, "", knows=0)
    index_log(patience_ms=2000)
    fresh = rows_of(second, "", knows=feed.head())
    assert fresh == rows_of(first, "")
    assert re.search(rf'id="row-{queue[5].ref}".*?Rosa', fresh, re.DOTALL)


def test_nobody_is_given_numbers_that_are_not_theirs(
    queue: list[ApprovalRequest], signed_in: SignedIn, remy: User, rosa: User, vic: User, audrey: User, ada: User, olga: User
) -> None:
    """Who has something in hand, may not decide, decided, stands in for somebody, or saved a view, between those who did not."""
    others = [person(name, "reviewer") for name in ("rita", "rob")]
    lea, deputy, boss = person("lea", "reviewer", "legal"), person("dora", "reviewer"), person("rick", "reviewer", "admin")
    covered(rosa, deputy)
    asked = [person("rene", "reviewer"), person("ruth", "reviewer")]
    waits = {"session_id": None, "session_ref": ""}
    ask(Judgement("ask", (Reason("tier_asks", "So."),), risk=2), requester=asked[0].pk, **waits)
    twice = ask(Judgement("ask", (Reason("tier_asks", "So."),), risk=2, required=2), **waits)
    decide(request_id=twice.id, verdict="approve", digest=twice.digest, **by(asked[1]))
    SavedView.objects.create(user_id=others[1].pk, of="approvals", name="Mine", query="risk=3")
    people = [signed_in(one) for one in (others[0], remy, others[1], rosa, vic, *asked, lea, audrey, deputy, boss, ada, olga)]
    index_log(patience_ms=2000)
    for query in ADDRESSES:
        for one in people:
            assert numbers_of(one, query, knows=0) == numbers_of(one, query), query
    apart = {tuple(numbers_of(one, "", knows=0).items()) for one in people}
    assert len(apart) > 5


def test_the_second_who_asks_costs_no_counting(queue: list[ApprovalRequest], signed_in: SignedIn) -> None:
    first, second = (signed_in(person(name, "reviewer")) for name in ("rita", "rob"))
    drawn = numbers_of(first, "", knows=feed.head())
    with CaptureQueriesContext(connection) as asked:
        assert numbers_of(second, "", knows=feed.head()) == drawn
    assert not [one["sql"] for one in asked.captured_queries if "approvals_approvalrequest" in one["sql"]]


def test_the_numbers_are_never_older_than_the_rows_they_come_with(
    queue: list[ApprovalRequest], signed_in: SignedIn, remy: User
) -> None:
    """Both are kept, each for itself; a page that gets them in one answer takes the rows' event for both."""
    first, second = (signed_in(person(name, "reviewer")) for name in ("rita", "rob"))
    before = feed.head()
    assert numbers_of(first, "", knows=before)["hand=theirs"] == "2"
    claims.claim(request_id=queue[5].id, **by(remy))
    index_log(patience_ms=2000)
    rows_of(first, "", knows=feed.head())
    answer = rows_of(second, "facets=1", knows=before)
    assert f'data-rev="{feed.head()}"' in answer
    assert 'data-count="hand=theirs">3<' in answer
    assert "data-counted" not in rows_of(second, "", knows=before)
