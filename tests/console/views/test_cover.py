"""Naming who decides in one's place, deciding for them, and ending it, on the pages (APPR-6, THREATS 29)."""

from collections.abc import Callable
from datetime import timedelta
from html import unescape

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.models import Session
from approvals.claims import assign
from approvals.models import ApprovalRequest, Cover
from tests.approvals.conftest import as_person, by
from tests.approvals.test_covers import covered
from tests.conftest import person
from tests.console.views.test_deciding import say, shown

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]


def until(days: int = 7) -> str:
    """Return a moment as a browser's form sends it."""
    return (timezone.now() + timedelta(days=days)).strftime("%Y-%m-%dT%H:%M")


def text_of(client: Client, path: str) -> str:
    """Return the text of a page."""
    return unescape(client.get(path).content.decode())


def test_a_person_names_their_cover_and_ends_it(signed_in: SignedIn, remy: User, rosa: User) -> None:
    """By plain form; both see it, the trail has it, and either ends it."""
    client = signed_in(remy)
    form = {"deputy": rosa.username, "until": until(), "roles": ["reviewer"], "reason": "On leave"}
    assert client.post("/cover/", form).status_code == 302
    assert "Rosa decides for you" in text_of(client, "/cover/")
    assert "You decide for Remy" in text_of(signed_in(rosa), "/cover/")
    cover = Cover.objects.get()
    assert signed_in(rosa).post(f"/cover/{cover.pk}/end/").status_code == 302
    cover.refresh_from_db()
    assert (cover.status, cover.ended_by) == ("ended", "Rosa")
    assert "Ended by Rosa" in text_of(client, "/cover/")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"until": until(91)}, "90 days at most"),
        ({"until": ""}, "This field is required"),
        ({"until": "tomorrow"}, "Enter a valid date/time"),
        ({"deputy": "remy@demo.example"}, "Nobody covers themselves"),
        ({"deputy": "nobody@demo.example"}, "no active account"),
        ({"roles": ["admin"]}, "Remy is not in: admin"),
        ({"absent": "rosa@demo.example"}, "only an admin names covers of others"),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    changed: dict[str, object], told: str, signed_in: SignedIn, remy: User, rosa: User
) -> None:
    """What was typed stays."""
    form = {"deputy": rosa.username, "until": until(), "roles": ["reviewer"], "reason": "On leave", **changed}
    answer = signed_in(remy).post("/cover/", form)
    assert answer.status_code in (403, 404, 422)
    body = unescape(answer.content.decode())
    assert told in body
    assert 'value="On leave"' in body
    assert not Cover.objects.exists()


def test_an_admin_names_and_sees_covers_of_others(signed_in: SignedIn, ada: User, remy: User, rosa: User, paul: User) -> None:
    """Somebody fell ill: Ada names who decides for Remy; Paul, who is neither, sees nothing of it."""
    form = {"absent": remy.username, "deputy": rosa.username, "until": until()}
    assert signed_in(ada).post("/cover/", form).status_code == 302
    assert "<b>Rosa</b> for <b>Remy</b>" in text_of(signed_in(ada), "/cover/")
    assert "<b>Remy</b>" not in text_of(signed_in(paul), "/cover/")
    cover = Cover.objects.get()
    assert (cover.agreed_by, cover.roles) == ("Ada", ["reviewer"])
    assert signed_in(paul).post(f"/cover/{cover.pk}/end/").status_code == 404


def test_what_was_given_to_the_absent_stands_among_the_deputys(
    waiting: Waiting, signed_in: SignedIn, remy: User, rosa: User, ada: User
) -> None:
    """In the queue's "mine" with a mark, and on the detail with whose place it is; the decision names both."""
    _, request = waiting
    assign(request_id=request.id, to=as_person(rosa), **by(ada))
    client = signed_in(remy)
    assert "for Rosa" not in text_of(client, "/approvals/?state=mine")
    covered(rosa, remy)
    shown = text_of(client, "/approvals/?state=mine")
    assert request.ref in shown
    assert "for Rosa" in shown
    detail = text_of(client, f"/approvals/{request.ref}/")
    assert "You cover Rosa, so it is yours to decide" in detail
    assert "You decide in the place of <b>Rosa</b>" in detail
    assert say(client, request.ref, "approve").status_code == 302
    assert "by Remy in the place of Rosa" in text_of(client, f"/approvals/{request.ref}/")


def test_somebody_of_another_role_decides_by_cover_alone(waiting: Waiting, signed_in: SignedIn, rosa: User) -> None:
    """Otto operates, and did not start this: the buttons come with the cover, and with what it lends."""
    _, request = waiting
    otto = person("otto", "operator")
    client = signed_in(otto)
    assert "/approve/" not in text_of(client, f"/approvals/{request.ref}/")
    covered(rosa, otto)
    assert f"/approvals/{request.ref}/approve/" in text_of(client, f"/approvals/{request.ref}/")
    assert client.get(f"/approvals/{request.ref}/edit/").status_code == 200
    assert request.ref in text_of(client, "/approvals/?can=1")
    fields = shown(client, request.ref)
    rosa.groups.clear()
    assert "/approve/" not in text_of(client, f"/approvals/{request.ref}/")
    assert say(client, request.ref, "approve", fields=fields).status_code == 403


def test_the_list_of_people_holds_who_may_by_cover(waiting: Waiting, signed_in: SignedIn, rosa: User, remy: User) -> None:
    """It can be given to whoever stands in for one who may decide it."""
    _, request = waiting
    otto = person("otto", "operator")
    assert "otto@demo.example" not in text_of(signed_in(remy), f"/approvals/{request.ref}/")
    covered(rosa, otto)
    assert "otto@demo.example" in text_of(signed_in(remy), f"/approvals/{request.ref}/")
