"""Starting and steering sessions by form, and making tokens (THREATS 16, 27, 52)."""

import re
from collections.abc import Callable

from django.contrib.auth.models import User
from django.test import Client

from agents.models import Session
from approvals.models import ApprovalRequest
from console.models import ApiToken
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]
START = {"agent": "research-assistant", "goal": "Find the refund policy.", "idempotency_key": "k1"}


def test_a_session_is_started_once_however_often_the_form_is_sent(world: World, signed_in: SignedIn, remy: User) -> None:
    """THREATS 16: a double click leads to the one session."""
    client = signed_in(remy)
    first, second = client.post("/sessions/", START), client.post("/sessions/", START)
    assert first.status_code == second.status_code == 302
    assert first.headers["Location"] == second.headers["Location"]
    session = Session.objects.get()
    assert (session.started_user, session.on_behalf_of) == (remy.pk, "")


def test_acting_for_somebody_else_needs_its_right(world: World, signed_in: SignedIn, remy: User, olga: User) -> None:
    """Reviewers act for themselves, operators for others."""
    form = {**START, "on_behalf_of": "customer@example.org"}
    answer = signed_in(remy).post("/sessions/", form)
    assert answer.status_code == 403
    assert b"Find the refund policy." in answer.content
    assert not Session.objects.exists()
    signed_in(olga).post("/sessions/", form)
    assert Session.objects.get().on_behalf_of == "customer@example.org"


def test_a_priority_is_chosen_and_the_highest_is_an_operators_to_give(
    world: World, signed_in: SignedIn, remy: User, olga: User
) -> None:
    """GUARD-3: who waits first where a budget runs short; nothing chosen is the agent's own."""
    client = signed_in(remy)
    assert b'<option value="high"' not in client.get("/sessions/").content
    refused = client.post("/sessions/", {**START, "priority": "high"})
    assert refused.status_code == 403
    assert b'id="priority-error"' in refused.content
    assert client.post("/sessions/", {**START, "priority": "soon"}).status_code == 422
    assert not Session.objects.exists()
    for who, key, chosen, stored in ((remy, "k2", "low", "low"), (remy, "k3", "", None), (olga, "k4", "high", "high")):
        answer = signed_in(who).post("/sessions/", {**START, "idempotency_key": key, "priority": chosen})
        assert Session.objects.order_by("-number")[0].priority == stored
        page = signed_in(who).get(answer.headers["Location"]).content.decode()
        assert ("Priority" in page) == (stored is not None)


def test_what_cannot_be_started_comes_back_with_what_was_typed(world: World, signed_in: SignedIn, remy: User) -> None:
    """No goal, no such agent, too long, characters that cannot be stored: said at the field."""
    client = signed_in(remy)
    for wrong in ({"goal": " "}, {"agent": "nobody"}, {"goal": "x" * 20_001}, {"goal": "a\x00b"}):
        answer = client.post("/sessions/", {**START, **wrong})
        assert answer.status_code in (404, 422), wrong
        assert b'class="error"' in answer.content
    assert not Session.objects.exists()


def test_a_message_joins_the_session_and_widens_four_eyes(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """Who writes in a session decides nothing in it any more."""
    session, request = waiting
    client = signed_in(remy)
    answer = client.post(f"/sessions/{session.ref}/message/", {"content": "Please hurry."})
    assert answer.status_code == 302
    assert b"Please hurry." in client.get(f"/sessions/{session.ref}/").content
    request.refresh_from_db()
    assert remy.pk in request.excluded
    assert client.post(f"/approvals/{request.ref}/approve/", {"digest": request.digest}).status_code == 403


def test_one_cancels_ones_own_and_operators_any(
    waiting: Waiting, world: World, signed_in: SignedIn, remy: User, olga: User
) -> None:
    """A reviewer cannot end what somebody else started; what waited is withdrawn when it ends."""
    session, request = waiting
    assert signed_in(remy).post(f"/sessions/{session.ref}/cancel/").status_code == 403
    answer = signed_in(olga).post(f"/sessions/{session.ref}/cancel/", headers={"HX-Request": "true"})
    assert answer.status_code == 200
    assert b"<html" not in answer.content
    session.refresh_from_db()
    request.refresh_from_db()
    assert (session.status, request.status) == ("cancelled", "withdrawn")
    again = signed_in(olga).post(f"/sessions/{session.ref}/cancel/")
    assert again.status_code == 409


def test_an_operator_pauses_and_lets_go_on(waiting: Waiting, signed_in: SignedIn, olga: User) -> None:
    """The page offers what fits the state."""
    session, _ = waiting
    client = signed_in(olga)
    client.post(f"/sessions/{session.ref}/pause/")
    assert b"Let it go on" in client.get(f"/sessions/{session.ref}/").content
    client.post(f"/sessions/{session.ref}/resume/")
    session.refresh_from_db()
    assert session.status == "queued"


def test_a_token_is_shown_once_and_revoked(signed_in: SignedIn, remy: User, rosa: User) -> None:
    """The secret stands in one answer; somebody else's token cannot be revoked."""
    client = signed_in(remy)
    form = {"name": "My <b>script</b>", "scopes": ["sessions:read"], "days": "30"}
    made = client.post("/tokens/", form).content.decode()
    secret = re.search(r"ctk_[0-9a-f]{16}_[\w-]{43}", made)
    assert secret is not None
    listed = client.get("/tokens/").content.decode()
    assert secret[0] not in listed
    assert "<b>script" not in listed
    token = ApiToken.objects.get()
    assert signed_in(rosa).post(f"/tokens/{token.pk}/revoke/").status_code == 404
    client.post(f"/tokens/{token.pk}/revoke/")
    token.refresh_from_db()
    assert token.revoked_at is not None


def test_a_service_token_that_would_decide_is_not_made(signed_in: SignedIn, remy: User) -> None:
    """Said beside the scopes, and nothing is stored."""
    form = {"name": "bot", "service": "ci", "scopes": ["approvals:decide"], "days": "30"}
    answer = signed_in(remy).post("/tokens/", form)
    assert answer.status_code == 422
    assert b"service token cannot" in answer.content
    assert not ApiToken.objects.exists()
