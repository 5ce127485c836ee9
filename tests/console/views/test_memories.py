"""What agents remember, on its page and over the API: who sees what, who deletes, and that a deletion is told of."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models.library import Memory
from audit.content import read_texts
from audit.events import EventKind
from audit.models import AuditEntry, Content
from tests.console.api.calls import Program, refused

SignedIn = Callable[[User | None], Client]


@pytest.fixture
def facts(db: None, olga: User) -> list[Memory]:
    """Three facts of different owners, one of them poisoned."""
    rows = [
        ("agent", "research-assistant", "trusted"),
        ("principal", f"user:{olga.pk}", "untrusted"),
        ("session", "S-88001", "trusted"),
    ]
    return [
        Memory.objects.create(
            scope=scope, owner=owner, name=f"{scope}-fact", value=f"value {scope}", trust=trust, session="S-88001"
        )
        for scope, owner, trust in rows
    ]


def test_readers_see_each_fact_with_whose_it_is_and_its_trust(facts: list[Memory], olga: User, signed_in: SignedIn) -> None:
    """LOOP-6: a person's memory under their name; what strangers had a part in is marked."""
    shown = signed_in(olga).get("/memory/").content.decode()
    assert all(fact.value in shown for fact in facts)
    assert olga.first_name in shown
    assert shown.count("Untrusted</span>") == 1


def test_others_see_that_something_is_remembered_and_not_what(facts: list[Memory], vic: User, signed_in: SignedIn) -> None:
    """THREATS 27: raw content is for those who may read it."""
    shown = signed_in(vic).get("/memory/").content.decode()
    assert "Your role does not read raw content." in shown
    assert not any(fact.value in shown or fact.name in shown for fact in facts)
    assert [one["value"] for one in Program(vic).get("/memories").json()["items"]] == [None] * 3


def test_it_is_narrowed_to_one_owner_and_read_page_by_page(facts: list[Memory], olga: User, signed_in: SignedIn) -> None:
    """Keyset, over the API and on the page."""
    shown = signed_in(olga).get("/memory/?scope=session&owner=S-88001").content.decode()
    assert "value session" in shown
    assert "value agent" not in shown
    first = Program(olga).get("/memories?limit=2").json()
    rest = Program(olga).get(f"/memories?limit=2&cursor={first['next_cursor']}").json()
    assert [one["scope"] for one in (*first["items"], *rest["items"])] == ["agent", "principal", "session"]
    assert rest["next_cursor"] is None


def test_a_deletion_is_told_of_without_the_value(facts: list[Memory], olga: User, signed_in: SignedIn) -> None:
    """Whose it was and who deleted it stand in the trail; what it said is gone."""
    signed_in(olga).post(f"/memory/{facts[1].pk}/delete/", {"next": "/memory/?scope=principal"})
    assert Program(olga)("DELETE", f"/memories/{facts[0].pk}").status_code == 200
    assert [fact.scope for fact in Memory.objects.all()] == ["session"]
    entries = AuditEntry.objects.filter(kind=EventKind.MEMORY_DELETED)
    assert entries.count() == 2
    kept = read_texts(Content.objects.values_list("id", flat=True)).values()
    assert not any("value principal" in text for text in kept)
    refused(Program(olga)("DELETE", f"/memories/{facts[0].pk}"), 404, "unknown_memory")


def test_a_page_of_memory_asks_the_database_a_bounded_number_of_times(
    facts: list[Memory], olga: User, signed_in: SignedIn, django_assert_max_num_queries: Callable[[int], object]
) -> None:
    """However much is remembered."""
    Memory.objects.bulk_create(
        Memory(scope="agent", owner=f"agent-{number}", name="n", value="v", session="S-1") for number in range(120)
    )
    client = signed_in(olga)
    client.get("/memory/")
    with django_assert_max_num_queries(20):  # type: ignore[attr-defined]
        assert "Show more" in client.get("/memory/").content.decode()
