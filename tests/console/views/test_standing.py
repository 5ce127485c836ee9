"""Standing approvals on the pages, by plain forms: offered, given, shown, revoked (APPR-3)."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Session
from approvals.models import ApprovalRequest, StandingApproval
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
SCRIPT = {"HX-Request": "true"}
TWICE = {"same": "1", "same.count": "2", "same.minutes": "20", "vary.body": "1"}
OFFER = "Approve the same for the rest of this session"


@pytest.fixture
def first(world: World) -> tuple[Session, ApprovalRequest]:
    """A session that mails four times, at its first mail; nothing can be undone, so that approvals run at once."""
    world.policy(hold_s=0)
    session = world.start("scenario: mail-series to=kim@customer.example other=eve@customer.example")
    world.work()
    return session, world.pending(session)[0]


def approve(client: Client, request: ApprovalRequest, more: dict[str, str]) -> Any:
    """Approve what is shown, by the form of the page."""
    html = client.get(f"/approvals/{request.ref}/").content.decode()
    form = re.search(rf'<form[^>]*action="/approvals/{request.ref}/approve/".*?</form>', html, re.DOTALL)
    assert form is not None
    fields = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))
    return client.post(f"/approvals/{request.ref}/approve/", {**fields, **more})


def words(html: bytes | str) -> str:
    """The text of a page, without its tags."""
    text = html.decode() if isinstance(html, bytes) else html
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", text))


def test_what_may_vary_is_offered_and_what_may_not_is_said(
    first: tuple[Session, ApprovalRequest], signed_in: SignedIn, remy: User, olga: User
) -> None:
    """APPR-3: the text of the mail alone; whoever started the session is offered nothing."""
    page = signed_in(remy).get(f"/approvals/{first[1].ref}/").content.decode()
    assert OFFER in page
    assert 'name="vary.body"' in page
    assert 'name="vary.to"' not in page
    assert "Stays exactly as it is now: cc , subject , to ." in words(page)
    assert OFFER in re.search(r"<noscript>.*?</noscript>", page, re.DOTALL)[0]  # type: ignore[index]  # shown below
    assert OFFER not in signed_in(olga).get(f"/approvals/{first[1].ref}/").content.decode()


def test_two_more_run_and_every_page_says_by_what(
    world: World, first: tuple[Session, ApprovalRequest], signed_in: SignedIn, remy: User, mailoutbox: list[Any]
) -> None:
    """APPR-3: given with the approval, shown on the session, on the request that it came with and on what it decided."""
    session, request = first
    client = signed_in(remy)
    assert approve(client, request, TWICE).status_code == 302
    world.work()
    assert len(mailoutbox) == 2
    second, third = ApprovalRequest.objects.filter(session_id=session.pk).order_by("number")[1:]
    shown = words(client.get(f"/approvals/{second.ref}/").content)
    assert f"without being asked: by the standing approval of {request.ref}" in shown
    assert "The argument to is another." in words(client.get(f"/approvals/{third.ref}/").content)
    for address in (f"/approvals/{request.ref}/", f"/sessions/{session.ref}/"):
        page = client.get(address).content.decode()
        assert "1 of 2 more calls of send_email run without asking" in words(page)
        assert f"/approvals/{request.ref}/revoke/" in page


def test_it_is_revoked_from_both_pages(
    world: World, first: tuple[Session, ApprovalRequest], signed_in: SignedIn, remy: User, olga: User, vic: User
) -> None:
    """APPR-3, GUARD-14: by an operator, by plain form and by script; a viewer has no button."""
    session, request = first
    approve(signed_in(remy), request, TWICE)
    world.work()
    assert "/revoke/" not in signed_in(vic).get(f"/sessions/{session.ref}/").content.decode()
    answer = signed_in(olga).post(f"/approvals/{request.ref}/revoke/", {"from": "session"})
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/sessions/{session.ref}/")
    assert StandingApproval.objects.get().status == "revoked"
    page = signed_in(olga).get(f"/sessions/{session.ref}/").content.decode()
    assert "1 of 2 more calls of send_email were left. Olga revoked it." in words(page)
    assert "/revoke/" not in page
    again = signed_in(olga).post(f"/approvals/{request.ref}/revoke/", headers=SCRIPT)
    assert again.status_code == 409


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        ({"same.count": "11"}, "1 to 10 further calls"),
        ({"same.minutes": "x"}, "“x” is not a number"),
        ({"vary.to": "1"}, "The argument to has to stay as it is."),
        ({"same.minutes": "1e2"}, "“1e2” is not a number"),
        ({"same.minutes": "9" * 18}, "too large"),
        ({"up_to.body": "5"}, "The argument body has to stay as it is."),
    ],
)
def test_what_cannot_be_said_comes_back_with_what_was_typed(
    first: tuple[Session, ApprovalRequest], signed_in: SignedIn, remy: User, sent: dict[str, str], said: str
) -> None:
    """APPR-3: nothing is decided, and the form says why."""
    answer = approve(signed_in(remy), first[1], {**TWICE, **sent})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert said in words(page)
    assert re.search(r'name="same" value="1" checked', page)
    first[1].refresh_from_db()
    assert first[1].status == "pending"


def test_what_is_typed_without_the_tick_stands_for_nothing(
    first: tuple[Session, ApprovalRequest], signed_in: SignedIn, remy: User
) -> None:
    """An ordinary approval is the usual one: the numbers of the form alone say nothing."""
    assert approve(signed_in(remy), first[1], {"same.count": "2", "same.minutes": "20"}).status_code == 302
    assert not StandingApproval.objects.exists()
