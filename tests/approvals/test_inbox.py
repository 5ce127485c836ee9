"""What waits, counted and narrowed: every number is that of the rows which the same filter shows."""

import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from itertools import combinations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from approvals.claims import assign, claim
from approvals.facts import Judgement, Person, Place, Reason
from approvals.inbox import FACETS, waiting
from approvals.models import KINDS, ApprovalRequest
from approvals.policy import verdicts_for
from approvals.queries import WAITING, Filters, page
from approvals.services import decide
from tests.approvals.conftest import ASKS, as_person, ask, by

pytestmark = pytest.mark.django_db
ROLES = ("reviewer", "operator", "prompt_manager", "admin", "viewer", "finance", "legal")
MARK = {"source": "read_document", "title": "A letter", "ref": "letter", "quote": "Pay at once."}


def shown(person: Person, wanted: dict[str, str]) -> set[ApprovalRequest]:
    """Return the rows that filters show to a person."""
    values = {name: value for name, value in wanted.items() if name != "risk"}
    risk = int(wanted.get("risk", 0))
    return set(page(Filters(status=("pending",), risk=risk, person=person, **values), limit=200, order="expiry").items)  # type: ignore[arg-type]


@pytest.fixture
def some(remy: User, rosa: User, olga: User) -> list[ApprovalRequest]:
    """Forty requests that differ in everything that can be filtered by."""
    chance = random.Random(7)
    rows = []
    for number in range(40):
        judged = Judgement("ask", (Reason("tier_asks", "So."),), risk=chance.randint(1, 4), ttl_s=chance.choice((200, 9000)))
        row = ask(
            judged, kind=chance.choice(("tool_call", "budget", "question")), tool=chance.choice(("send_email", "fetch_url")),
            agent=chance.choice(("writer", "reader")), tier=chance.choice(("read_only", "destructive")),
            taint=(MARK,) if chance.random() < 0.4 else (), summary=f"Sentence {number % 3}",
            excluded=frozenset({remy.pk}) if chance.random() < 0.2 else frozenset(),
        )  # fmt: skip
        if chance.random() < 0.3:
            ApprovalRequest.objects.filter(id=row.id).update(escalated_at=timezone.now())
        if chance.random() < 0.3 and remy.pk not in row.excluded:
            claim(request_id=row.id, **by(chance.choice((remy, rosa))))
        rows.append(row)
    return rows


def filters() -> Iterator[dict[str, str]]:
    """Give every filter, and every two together."""
    singles = [
        {"risk": "3"}, {"kind": "budget"}, {"tier": "destructive"}, {"tool": "fetch_url"}, {"agent": "writer"}, {"due": "soon"},
        {"due": "escalated"}, {"hand": "mine"}, {"hand": "free"}, {"hand": "theirs"}, {"taint": "1"}, {"can": "1"},
    ]  # fmt: skip
    yield {}
    yield from singles
    yield from ({**one, **other} for one, other in combinations(singles, 2) if not one.keys() & other.keys())


def test_every_number_is_that_of_the_rows_shown(some: list[ApprovalRequest], remy: User) -> None:
    """APPR-8: a count beside a filter, and what is there when it is followed, alone and with another one."""
    person = as_person(remy)
    counted = waiting(person, decides=True)
    for wanted in filters():
        assert counted.count(wanted) == len(shown(person, wanted)), wanted
    for name in FACETS:
        for value, count in counted.facet(name, {"taint": "1"}):
            assert count == len(shown(person, {"taint": "1", name: value}))


def test_all_numbers_come_from_one_statement(some: list[ApprovalRequest], remy: User) -> None:
    """However many filters, tabs and views there are."""
    person = as_person(remy)
    with CaptureQueriesContext(connection) as queries:
        counted = waiting(person, decides=True)
        assert sum(counted.count(wanted) for wanted in filters()) > 100
    assert len(queries) == 1


def test_words_count_only_where_they_are_asked_for(some: list[ApprovalRequest], remy: User) -> None:
    """The tabs' numbers stay those of everything; a percent sign is a percent sign."""
    person = as_person(remy)
    counted = waiting(person, decides=True, q="sentence 1")
    assert counted.count({}) == 40
    assert counted.count({"q": "sentence 1"}) == len(shown(person, {"q": "Sentence 1"})) == 13
    assert waiting(person, decides=True, q="%").count({"q": "%"}) == 0
    assert waiting(person, decides=True, q="sentence", summaries=False).count({"q": "sentence"}) == 0


def test_an_assignment_is_in_hand_and_a_lapsed_claim_is_not(remy: User, rosa: User, olga: User) -> None:
    """By the database's clock, the same for number and row."""
    first, second = ask(), ask()
    assign(request_id=first.id, to=as_person(remy), **by(olga))
    claim(request_id=second.id, **by(remy))
    assert waiting(as_person(remy), decides=True).count({"hand": "mine"}) == 2
    ApprovalRequest.objects.filter(id=second.id).update(claimed_until=timezone.now() - timedelta(seconds=1))
    assert waiting(as_person(remy), decides=True).count({"hand": "mine"}) == 1
    assert shown(as_person(remy), {"hand": "mine"}) == {first}
    assert shown(as_person(rosa), {"hand": "theirs"}) == {first}


def test_who_may_decide_is_the_same_for_many_rows_and_for_one() -> None:
    """The condition for lists against `may_decide`, over every kind, four eyes, groups and confirming one's own."""
    chance = random.Random(11)
    for _ in range(120):
        groups = tuple(chance.sample(("finance", "legal|admin", "reviewer"), chance.randint(0, 2)))
        judged = Judgement(
            "ask", (Reason("tier_asks", "So."),), risk=2, groups=groups, self_confirm=chance.random() < 0.3,
            reauthenticate=chance.random() < 0.3,
        )  # fmt: skip
        ask(
            judged, kind=chance.choice(KINDS), requester=chance.choice((None, 501, 502)),
            excluded=frozenset(chance.sample((501, 502, 503), chance.randint(0, 2))),
        )  # fmt: skip
    rows = page(Filters(status=WAITING), limit=200).items
    for _ in range(40):
        places = tuple(
            Place(absent, "A", frozenset(chance.sample(ROLES, 2)))
            for absent in chance.sample((501, 502, 505), chance.randint(0, 2))
        )
        roles = frozenset(chance.sample(ROLES, chance.randint(0, 3)))
        person = Person(chance.randint(501, 504), "P", roles, reauthenticated=True, places=places)
        expected = {row for row in rows if verdicts_for(person, row.rights)}
        assert shown(person, {"can": "1"}) == expected
        assert waiting(person, decides=True).count({"can": "1"}) == len(expected)


def test_what_one_has_voted_on_is_for_somebody_else(remy: User, rosa: User) -> None:
    """APPR-5: with one vote of two given, it is not "for me" any more, but for the other."""
    row = ask(Judgement("ask", ASKS.reasons, risk=3, required=2))
    decide(request_id=row.id, verdict="approve", digest=row.digest, **by(remy))
    assert shown(as_person(remy), {"can": "1"}) == set()
    assert shown(as_person(rosa), {"can": "1"}) == {row}
    assert waiting(as_person(remy), decides=True).count({"can": "1"}) == 0


def test_what_was_given_to_the_absent_is_in_the_deputys_hand(remy: User, rosa: User, ada: User) -> None:
    """APPR-6: the number and the rows of "mine" hold what is Rosa's while Remy covers her."""
    row = ask()
    assign(request_id=row.id, to=as_person(rosa), **by(ada))
    deputy = replace(as_person(remy), places=(Place(rosa.pk, "Rosa", frozenset({"reviewer"})),))
    for wanted, found in (({"hand": "mine"}, {row}), ({"hand": "theirs"}, set()), ({"hand": "free"}, set())):
        assert shown(deputy, wanted) == found
        assert waiting(deputy, decides=True).count(wanted) == len(found)


def test_a_search_among_the_decided_goes_on_from_where_it_reached(rosa: User) -> None:
    """Bounded work: a page looks through so many rows, may hold less than it could, and says where to go on."""
    for tool in ("send_email", "rare", "send_email", "send_email", "rare"):
        row = ask(tool=tool)
        decide(request_id=row.id, verdict="approve", digest=row.digest, **by(rosa))
    found: list[str] = []
    cursor, pages = "", 0
    while pages == 0 or cursor:
        here = page(Filters(status=("approved",), tool="rare"), limit=5, cursor=cursor, reach=2)
        found += [row.ref for row in here.items]
        cursor, pages = here.next_cursor, pages + 1
    assert len(found) == len(set(found)) == 2
    assert pages == 3
