"""The pages about rows and log: the check on request, what it found, and the drill."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Session
from approvals.models import ApprovalRequest
from audit.index import index_log
from audit.models import AuditEntry
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]


@pytest.mark.django_db
def test_before_the_first_check_the_page_says_when_it_comes(audrey: User, signed_in: SignedIn) -> None:
    assert b"Nothing was checked yet" in signed_in(audrey).get("/audit/agreement/").content


def test_what_disagrees_is_named_with_both_sides_and_the_entry(waiting: Waiting, audrey: User, signed_in: SignedIn) -> None:
    session, _ = waiting
    index_log()
    client = signed_in(audrey)
    page = client.post("/audit/agreement/check/", follow=True).content.decode()
    assert "Rows and log agree" in page
    Session.objects.filter(pk=session.pk).update(tenant="harmless", started_by="4711")
    page = client.post("/audit/agreement/check/", follow=True).content.decode()
    assert "2 rows are not what the log says" in page
    entry = AuditEntry.objects.get(stream=f"session:{session.ref}", kind="session.started")
    assert f'href="/audit/{entry.place.log_index}/"' in page
    for said in (session.ref, "harmless", "4711", "All agree", "2 disagree"):
        assert said in page


def test_a_drill_shows_what_is_found_and_what_to_do(
    world: World, waiting: Waiting, remy: User, audrey: User, signed_in: SignedIn
) -> None:
    client = signed_in(audrey)
    page = client.post("/audit/drill/", {"tampering": "cut"}).content.decode()
    assert "No drill was held" in page
    world.decide(waiting[1], remy, "reject", instruction="Ask the customer first.")
    page = client.post("/audit/drill/", {"tampering": "cut"}).content.decode()
    assert "Cut the end off: found" in page
    assert "it is missing: the stream&#x27;s head is after it" in page
    assert "When it fails" in page
    page = client.post("/audit/drill/", {"tampering": "decider"}).content.decode()
    assert "decided by" in page
    assert str(remy.pk + 1000) in page
    assert b"Choose how to tamper" in client.get("/audit/drill/").content
    assert AuditEntry.objects.filter(kind="audit.drilled", actor_id=str(audrey.pk)).count() == 2


@pytest.mark.django_db
def test_a_drill_that_there_is_not_is_told_with_those_that_there_are(audrey: User, signed_in: SignedIn) -> None:
    answer = signed_in(audrey).post("/audit/drill/", {"tampering": "wish<b>"})
    page = answer.content.decode()
    assert answer.status_code == 404
    assert "`wish&lt;b&gt;` is no way to tamper" in page
    assert "change, delete, insert" in page
    assert "Choose how to tamper" in page
    assert signed_in(audrey).post("/audit/drill/").status_code == 404
    assert signed_in(audrey).post("/audit/drill/", {"tampering": "cut"}).status_code == 409


def test_the_page_takes_as_many_queries_whatever_was_found(
    waiting: Waiting, audrey: User, signed_in: SignedIn, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    client = signed_in(audrey)
    for _ in range(3):
        client.post("/audit/agreement/check/")
    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]  # pytest-django's, not exported
        client.get("/audit/agreement/")
