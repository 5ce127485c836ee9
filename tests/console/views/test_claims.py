"""A request in somebody's hand, as the pages show it: taken, given back, assigned, given more time; never in the way."""

from collections.abc import Callable
from html import unescape

from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from agents.models import Session
from approvals.models import ApprovalRequest
from tests.console.views.test_deciding import say

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]
SCRIPT = {"HX-Request": "true"}


def page(client: Client, request: ApprovalRequest) -> str:
    """Return the text of a request's page."""
    return unescape(client.get(f"/approvals/{request.ref}/").content.decode())


def test_a_claim_by_plain_form_shows_the_others_who_has_it(
    waiting: Waiting, signed_in: SignedIn, remy: User, rosa: User
) -> None:
    """UI.md 6: the avatar in the queue, a notice on the detail, and every button still there."""
    client, (_, request) = signed_in(remy), waiting
    assert client.post(f"/approvals/{request.ref}/claim/").headers["Location"] == f"/approvals/{request.ref}/"
    assert "You have it" in page(client, request)
    theirs = page(signed_in(rosa), request)
    assert "<b>Remy</b> has it" in theirs
    assert f"/approvals/{request.ref}/approve/" in theirs
    assert 'class="av' in signed_in(rosa).get("/approvals/?fragment=queue").content.decode()
    assert say(signed_in(rosa), request.ref, "approve").status_code == 302
    request.refresh_from_db()
    assert request.decided_name == "Rosa"


def test_who_comes_second_is_told_in_place(waiting: Waiting, signed_in: SignedIn, remy: User, rosa: User) -> None:
    """409 with the name, as a part with script and as a page without."""
    _, request = waiting
    signed_in(remy).post(f"/approvals/{request.ref}/claim/")
    for headers, whole in ((SCRIPT, False), (None, True)):
        answer = signed_in(rosa).post(f"/approvals/{request.ref}/claim/", headers=headers)
        assert answer.status_code == 409
        assert "Remy has" in answer.content.decode()
        assert (b"<html" in answer.content) is whole


def test_it_is_given_back_and_assigned(waiting: Waiting, signed_in: SignedIn, remy: User, rosa: User, ada: User) -> None:
    """The list of people holds only those who may decide it; the one who started it is not among them."""
    client, (_, request) = signed_in(remy), waiting
    client.post(f"/approvals/{request.ref}/claim/")
    client.post(f"/approvals/{request.ref}/release/", headers=SCRIPT)
    shown = page(client, request)
    assert "rosa@demo.example" in shown
    assert "olga@demo.example" not in shown
    client.post(f"/approvals/{request.ref}/assign/", {"to": "rosa@demo.example"})
    assert "<b>Rosa</b> has it, given by Remy" in page(signed_in(ada), request)
    assert client.post(f"/approvals/{request.ref}/assign/", {"to": "olga@demo.example"}).status_code == 403
    assert client.post(f"/approvals/{request.ref}/assign/", {"to": "nobody"}).status_code == 404


def test_it_is_given_more_time_and_shows_when_it_is_urgent(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """WCAG 2.2.1: the button says by how much, and is gone after the third time."""
    client, (_, request) = signed_in(remy), waiting
    ApprovalRequest.objects.filter(pk=request.pk).update(escalated_at=timezone.now())
    assert "nobody has decided" in page(client, request)
    for _ in range(3):
        assert 'data-key="h"' in page(client, request)
        client.post(f"/approvals/{request.ref}/expiry/")
    assert 'data-key="h"' not in page(client, request)
    assert "nobody has decided" not in page(client, request)
    assert client.post(f"/approvals/{request.ref}/expiry/").status_code == 409


def test_who_may_not_decide_has_no_such_button(waiting: Waiting, signed_in: SignedIn, vic: User, paul: User) -> None:
    """Neither the viewer nor somebody of another role; an address tried by hand is refused."""
    _, request = waiting
    for user in (vic, paul):
        assert "d-acts" not in page(signed_in(user), request)
        assert signed_in(user).post(f"/approvals/{request.ref}/claim/").status_code == 403
