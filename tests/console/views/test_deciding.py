"""Deciding on the pages, by plain forms and by script: what was shown, once, by who may (THREATS 2, 14-16, 22, 30, 43, 53)."""

import json
import re
from collections.abc import Callable
from html import unescape
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.test import Client

from agents.models import LibraryDocument, Session
from approvals.models import VERDICTS, ApprovalRequest
from tests.conftest import PASSWORD
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]
SCRIPT = {"HX-Request": "true"}


def shown(client: Client, ref: str) -> dict[str, str]:
    """Open the page of a request and return the hidden fields of its approve form."""
    html = client.get(f"/approvals/{ref}/").content.decode()
    form = re.search(rf'<form[^>]*action="/approvals/{ref}/(?:{"|".join(VERDICTS)})/".*?</form>', html, re.DOTALL)
    assert form is not None
    return dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form[0]))


def say(client: Client, ref: str, verdict: str, script: bool = False, **more: Any) -> Any:
    """Send a verdict on what is shown now."""
    fields = more.pop("fields", None) or shown(client, ref)
    return client.post(f"/approvals/{ref}/{verdict}/", {**fields, **more}, headers=SCRIPT if script else None)


def status(request: ApprovalRequest) -> str:
    """Return the request's status as it stands."""
    request.refresh_from_db()
    return request.status


def test_an_approval_by_plain_form_is_held_and_can_be_undone(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """Without script: approve, see that it is held, take it back; then it waits again."""
    client, (_, request) = signed_in(remy), waiting
    answer = say(client, request.ref, "approve")
    assert answer.status_code == 302
    assert answer.headers["Location"] == f"/approvals/{request.ref}/"
    assert status(request) == "held"
    page = client.get(answer.headers["Location"]).content.decode()
    assert f"/approvals/{request.ref}/undo/" in page
    client.post(f"/approvals/{request.ref}/undo/")
    assert status(request) == "pending"


def test_only_who_approved_can_undo(waiting: Waiting, signed_in: SignedIn, remy: User, rosa: User) -> None:
    """Another reviewer is told so, and nothing changes."""
    _, request = waiting
    say(signed_in(remy), request.ref, "approve")
    answer = signed_in(rosa).post(f"/approvals/{request.ref}/undo/")
    assert answer.status_code == 403
    assert status(request) == "held"


def test_by_script_the_answer_is_the_part(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """With script the same view answers with the detail alone, as it stands after the decision."""
    answer = say(signed_in(remy), waiting[1].ref, "reject", script=True, instruction="Ask finance first.")
    assert answer.status_code == 200
    assert b"<html" not in answer.content
    assert b"Ask finance first." in answer.content
    assert status(waiting[1]) == "rejected"


def test_a_rejection_says_why(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """Without an instruction it is not taken; the form comes back with what is missing."""
    answer = say(signed_in(remy), waiting[1].ref, "reject", instruction=" ")
    assert answer.status_code == 422
    assert b"instruction needs 3" in answer.content
    assert status(waiting[1]) == "pending"


def test_the_second_of_two_reviewers_is_told_who_was_faster(
    waiting: Waiting, signed_in: SignedIn, remy: User, rosa: User
) -> None:
    """THREATS 15: 409 with the name and the words of the first, the words of the second kept."""
    _, request = waiting
    fields = shown(signed_in(rosa), request.ref)
    say(signed_in(remy), request.ref, "reject", instruction="Wrong address.")
    for script in (False, True):
        answer = say(signed_in(rosa), request.ref, "reject", script, fields=fields, instruction="My long careful words")
        assert answer.status_code == 409
        text = unescape(answer.content.decode())
        assert "Remy rejected this" in text
        assert "Wrong address." in text
        assert "My long careful words" in text


def test_what_was_not_shown_is_not_approved(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """THREATS 2: another digest gives 409 and shows what stands."""
    client, (_, request) = signed_in(remy), waiting
    answer = say(client, request.ref, "approve", digest="0" * 64)
    assert answer.status_code == 409
    assert b"changed since you were shown it" in answer.content
    assert status(request) == "pending"


def test_an_expired_request_is_gone(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """THREATS 14: by the database's clock, at the moment of the decision."""
    client, (_, request) = signed_in(remy), waiting
    fields = shown(client, request.ref)
    ApprovalRequest.objects.filter(pk=request.pk).update(expires_at=Now())
    assert say(client, request.ref, "approve", fields=fields).status_code == 410
    assert status(request) != "approved"


def test_a_double_click_is_one_decision(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """THREATS 16: the same key again gives the first answer."""
    client, (_, request) = signed_in(remy), waiting
    fields = shown(client, request.ref)
    first = say(client, request.ref, "approve", fields=fields)
    second = say(client, request.ref, "approve", fields=fields)
    assert (first.status_code, second.status_code) == (302, 302)
    assert request.decisions.count() == 1


def test_who_started_it_cannot_approve_it(waiting: Waiting, world: World, signed_in: SignedIn, olga: User, ada: User) -> None:
    """THREATS 22: the page offers nothing and says why; the form sent all the same is refused; admins too."""
    session = world.start("scenario: mail-once", by=ada)
    world.work()
    (request,) = world.pending(session)
    client = signed_in(ada)
    page = unescape(client.get(f"/approvals/{request.ref}/").content.decode())
    assert "somebody else has to decide" in page
    assert f"/approvals/{request.ref}/approve/" not in page
    answer = client.post(f"/approvals/{request.ref}/approve/", {"digest": request.digest})
    assert answer.status_code == 403
    assert status(request) == "pending"


def test_a_form_from_elsewhere_is_refused(waiting: Waiting, remy: User) -> None:
    """THREATS 43: without the token nothing is decided; nor by GET, nor by another content type."""
    client = Client(enforce_csrf_checks=True)
    client.force_login(remy)
    address = f"/approvals/{waiting[1].ref}/approve/"
    fields = {"digest": waiting[1].digest}
    assert client.post(address, fields).status_code == 403
    assert client.post(address, "{}", content_type="text/plain").status_code == 403
    assert client.get(address).status_code == 405
    assert status(waiting[1]) == "pending"


def test_an_edit_by_form_makes_a_new_revision_and_counts_as_approval(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """The edited arguments are what is approved; the page shows before and after."""
    client, (_, request) = signed_in(remy), waiting
    form = client.get(f"/approvals/{request.ref}/edit/").content.decode()
    inputs = dict(re.findall(r'name="(arg\.\w+)" value="([^"]*)"', form))
    boxes = re.findall(r'<textarea[^>]*name="(arg\.\w+)"[^>]*>\n?(.*?)</textarea>', form, re.DOTALL)
    areas = {name: unescape(value) for name, value in boxes}
    hidden = dict(re.findall(r'<input type="hidden" name="(digest|idempotency_key|mode)" value="([^"]*)"', form))
    answer = client.post(f"/approvals/{request.ref}/edit/", {**inputs, **areas, **hidden, "arg.subject": "A better subject"})
    assert answer.status_code == 302, answer.content
    assert status(request) == "held"
    assert request.revision == 2
    page = client.get(f"/approvals/{request.ref}/?tab=changes").content.decode()
    assert "A better subject" in page


def test_an_edit_that_raises_the_risk_is_saved_only_when_its_editor_has_seen_that(
    waiting: Waiting, signed_in: SignedIn, remy: User
) -> None:
    """UI.md 4, THREATS 10: what it asks more is said with the difference; yes to one edit is no yes to another."""
    client, (_, request) = signed_in(remy), waiting
    address = f"/approvals/{request.ref}/edit/?mode=json"

    def arguments(count: int) -> str:
        to = [f"p{number}@customer.example" for number in range(count)]
        return json.dumps({"to": to, "subject": "Hello", "body": "Hello."})

    fields = {"mode": "json", "digest": request.digest}
    asked = client.post(address, {**fields, "arguments": arguments(12)})
    text = unescape(asked.content.decode())
    assert asked.status_code == 200
    assert "Critical risk instead of high risk." in text
    assert "p11@customer.example" in text
    accepted = re.search(r'name="accepted" value="([0-9a-f]{64})"', text)
    assert accepted is not None
    assert (status(request), request.revision, request.decisions.count()) == ("pending", 1, 0)
    other = client.post(address, {**fields, "arguments": arguments(13), "accepted": accepted[1]})
    assert "Critical risk instead of high risk." in other.content.decode()
    assert status(request) == "pending"
    answer = client.post(address, {**fields, "arguments": arguments(12), "accepted": accepted[1]})
    assert answer.status_code == 302
    assert (status(request), request.revision, request.risk) == ("held", 2, 4)


def test_an_edit_that_is_not_valid_comes_back_with_the_reason_at_its_field(
    waiting: Waiting, signed_in: SignedIn, remy: User
) -> None:
    """THREATS 11: the tool's own model judges; what was typed stays."""
    client, (_, request) = signed_in(remy), waiting
    fields = {"mode": "json", "digest": request.digest, "arguments": '{"to": "not an address", "sneaky": 1}'}
    answer = client.post(f"/approvals/{request.ref}/edit/?mode=json", fields)
    assert answer.status_code == 422
    text = unescape(answer.content.decode())
    assert "sneaky" in text
    assert "not an address" in text
    broken = client.post(f"/approvals/{request.ref}/edit/?mode=json", {**fields, "arguments": '{"to": 1, "to": 2}'})
    assert broken.status_code == 422
    assert "the name “to” stands twice in one object. Keep one of them" in broken.content.decode()
    typed = '{\n  "to": "lee@example.com"\n  "subject": "Hello"\n}'
    broken = client.post(f"/approvals/{request.ref}/edit/?mode=json", {**fields, "arguments": typed})
    said = unescape(broken.content.decode())
    assert "line 3, column 3, near “to”: a comma is missing before this" in said
    assert 'aria-invalid="true" aria-describedby="wrong"' in said
    assert typed in said
    assert status(request) == "pending"


@pytest.fixture
def destructive(world: World) -> ApprovalRequest:
    """A request to delete a document."""
    LibraryDocument.objects.create(slug="old-policy", title="Old policy", trust="trusted", body="Superseded.", sha256="0" * 64)
    session = world.start("scenario: delete-document document=old-policy")
    world.work()
    (request,) = world.pending(session)
    return request


def test_what_destroys_asks_for_the_password_again(destructive: ApprovalRequest, signed_in: SignedIn, remy: User) -> None:
    """THREATS 30: no password, a wrong one, then the right one, which holds for this very digest."""
    client = signed_in(remy)
    missing = say(client, destructive.ref, "approve")
    assert missing.status_code == 401
    assert b'name="password"' in missing.content
    assert b'autocomplete="username" value="remy@demo.example" hidden>' in missing.content, (
        "whose password it is, for what fills it in"
    )
    wrong = say(client, destructive.ref, "approve", password="not it")
    assert wrong.status_code == 401
    assert status(destructive) == "pending"
    right = say(client, destructive.ref, "approve", password=PASSWORD)
    assert right.status_code == 302
    assert status(destructive) in ("held", "approved")


def test_a_question_of_the_agent_is_answered_on_its_page(world: World, signed_in: SignedIn, remy: User) -> None:
    """The question is shown as the agent's own words; the answer reaches the agent."""
    session = world.start("scenario: ask-person")
    world.work()
    (request,) = world.pending(session)
    client = signed_in(remy)
    page = unescape(client.get(f"/approvals/{request.ref}/").content.decode())
    assert "The agent asks" in page
    assert str(request.facts["question"]) in page
    assert say(client, request.ref, "answer", answer=" ").status_code == 422
    assert say(client, request.ref, "answer", answer="The one in Malmö.").status_code == 302
    assert status(request) == "answered"
    world.work()
    assert any("The one in Malmö." in world.result(call) for call in world.calls(session))


def test_a_budget_is_extended_in_dollars(world: World, signed_in: SignedIn, remy: User) -> None:
    """THREATS 42: what is typed in dollars is stored in micro-dollars; what can be read in two ways is refused at its field."""
    world.agent(slug="thrifty", prompt="thrifty", limits={"ask_above_cost_microusd": 1})
    session = world.start("scenario: malformed", agent="thrifty")
    world.work()
    (request,) = world.pending(session)
    assert request.kind == "budget"
    client = signed_in(remy)
    page = client.get(f"/approvals/{request.ref}/").content.decode()
    assert "In dollars." in page
    assert "$0.000001" in page, "the limit that was met, as money"
    assert "cost_microusd" not in page
    suggested = request.facts["suggested"] / 1e6
    assert f'value="{suggested:.6f}' in page, "the amount that is offered, to be edited"
    for amount in ("a lot", "1e2", "1_000", "1,000", "-1", "Infinity"):
        assert say(client, request.ref, "extend", amount=amount).status_code == 422
    assert say(client, request.ref, "extend", amount="0,50").status_code == 302
    assert status(request) == "answered"
    assert [decision.amount for decision in request.decisions.all()] == [500_000]
