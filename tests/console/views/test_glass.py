"""Breaking the glass on the pages: offered to admins alone where policy allows it, loud for everybody, reviewed (THREATS 60)."""

from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Session
from approvals.document import DEFAULT_POLICY
from approvals.models import ApprovalRequest, Decision, GlassUse
from approvals.policies import save
from tests.approvals.conftest import as_actor
from tests.approvals.test_break_glass import REASON
from tests.conftest import PASSWORD
from tests.console.views.conftest import MAIL
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
NOTE = "The call was right, and the legal department agreed with it the next morning."


@pytest.fixture
def hard(world: World, ada: User) -> ApprovalRequest:
    """A request that waits for two people, where the policy allows to break the glass."""
    document: Any = DEFAULT_POLICY.model_dump(mode="json")
    document["tiers"]["irreversible_write"]["required"] = 2
    save({**document, "break_glass": {"enabled": True}}, note="Emergencies", actor=as_actor(ada))
    session: Session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    return request


def text_of(client: Client, path: str) -> str:
    """Return the text of a page."""
    return unescape(client.get(path).content.decode())


def form(request: ApprovalRequest, **changed: str) -> dict[str, str]:
    """Return what an admin sends who breaks the glass."""
    return {"digest": request.digest, "reason": REASON, "confirm": request.ref, "password": PASSWORD, **changed}


def broken(client: Client, request: ApprovalRequest, **changed: str) -> Any:
    """Send it."""
    return client.post(f"/approvals/{request.ref}/break-glass/", form(request, **changed))


def test_it_is_offered_to_admins_alone(hard: ApprovalRequest, signed_in: SignedIn, ada: User, remy: User, olga: User) -> None:
    """With what is missing; not to a reviewer, and not once the policy forbids it."""
    page = text_of(signed_in(ada), f"/approvals/{hard.ref}/")
    assert "Break the glass and approve" in page
    assert "Missing: <b>1 more person</b>" in page
    for other in (remy, olga):
        assert "Break the glass…" not in text_of(signed_in(other), f"/approvals/{hard.ref}/")
        assert broken(signed_in(other), hard).status_code == 403
    save(DEFAULT_POLICY.model_dump(mode="json"), note="No more", actor=as_actor(ada))
    assert "Break the glass…" not in text_of(signed_in(ada), f"/approvals/{hard.ref}/")
    assert broken(signed_in(ada), hard).status_code == 403
    assert not Decision.objects.exists()


def test_everybody_sees_it_until_somebody_else_reviewed_it(
    hard: ApprovalRequest, signed_in: SignedIn, ada: User, vic: User, audrey: User
) -> None:
    """A red line on every page, with the reason; held as any approval; the note ends it."""
    assert broken(signed_in(ada), hard).status_code == 302
    hard.refresh_from_db()
    assert hard.status == "held"
    for path in ("/approvals/", "/sessions/", "/settings/", "/break-glass/", "/break-glass/?fragment=banner"):
        page = text_of(signed_in(vic), path)
        assert "Ada broke the glass" in page
        assert REASON in page
    assert "Broke the glass" in text_of(signed_in(vic), f"/approvals/{hard.ref}/")
    use = GlassUse.objects.get()
    for own in (ada, vic):
        assert signed_in(own).post(f"/break-glass/{use.pk}/review/", {"note": NOTE}).status_code == 403
    assert "What you found" not in text_of(signed_in(ada), "/break-glass/")
    answer = signed_in(audrey).post(f"/break-glass/{use.pk}/review/", {"note": "Fine."})
    assert answer.status_code == 422
    assert "in 20 to 2,000 characters" in answer.content.decode()
    assert signed_in(audrey).post(f"/break-glass/{use.pk}/review/", {"note": NOTE}).status_code == 302
    assert "broke the glass</b>" not in text_of(signed_in(vic), "/approvals/")
    assert NOTE in text_of(signed_in(vic), "/break-glass/")


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"reason": "Because."}, "Say why, in 20 to 2,000 characters"),
        ({"confirm": "AP-1"}, "as it stands here"),
        ({"password": ""}, "password again"),
        ({"password": "wrong"}, "password"),
    ],
)
def test_what_is_missing_is_said_and_what_was_typed_stays(
    changed: dict[str, str], told: str, hard: ApprovalRequest, signed_in: SignedIn, ada: User
) -> None:
    """Nothing is decided."""
    answer = broken(signed_in(ada), hard, **changed)
    assert answer.status_code in (401, 403, 422)
    body = unescape(answer.content.decode())
    assert told in body
    assert changed.get("reason", REASON) in body
    assert not GlassUse.objects.exists()


def test_an_admin_allows_it_in_the_policy_s_form(signed_in: SignedIn, ada: User) -> None:
    """A box of the form; the page before saving says that it loosens."""
    page = text_of(signed_in(ada), "/policies/edit/")
    assert 'name="break_glass.enabled"' in page
