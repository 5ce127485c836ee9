"""The forms beside a version of a prompt: releasing it, and rolling back; what is refused comes back as it was typed."""

import re
from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.agents import apply_agent
from agents.prompts.releases import release, routed
from agents.prompts.versions import add_version
from approvals import policies
from approvals.policy import DEFAULT_POLICY
from audit.actors import SYSTEM, Actor
from tests.conftest import person
from tests.console.api.conftest import DESK

SignedIn = Callable[[User], Client]
PAGE = "/prompts/desk/"
PAUL = Actor("user", "7", "Paul")


@pytest.fixture(autouse=True)
def _versions(db: None) -> None:
    """A live version and a draft."""
    apply_agent(DESK, actor=SYSTEM)
    add_version(slug="desk", text="You are a desk.\nBe brief.", actor=PAUL, user_id=7, note="Shorter.")


def live() -> dict[str, int]:
    """What goes where."""
    return {row.version.version: row.share for row in routed("desk").rows}


def html(client_answer: object) -> str:
    """What the page says."""
    return client_answer.content.decode()  # type: ignore[attr-defined,no-any-return]


def test_a_version_is_released_by_its_stops_and_rolled_back(paul: User, olga: User, signed_in: SignedIn) -> None:
    """An operator rolls back and releases nothing."""
    client, operator = signed_in(paul), signed_in(olga)
    client.post(f"{PAGE}1.1.0/move/", {"event": "propose"})
    client.post(f"{PAGE}1.1.0/", {"share": "10", "reason": "Tried on a few."})
    assert live() == {"1.0.0": 90, "1.1.0": 10}
    shown = html(operator.get(f"{PAGE}1.1.0/"))
    assert "Roll back to 1.0.0" in shown
    assert "Tried on a few." in shown
    assert 'aria-label="Share of new sessions"' not in shown
    assert operator.post(f"{PAGE}1.1.0/", {"share": "100"}).status_code == 403
    operator.post(f"{PAGE}1.1.0/", {"reason": "Worse.", "running": "move"})
    assert live() == {"1.0.0": 100}
    told = '<span class="chip bad">Rolled back</span>'
    assert html(client.get(f"{PAGE}1.1.0/")).count(told) == 3  # at its name, among its sisters, and in the history
    assert html(client.get(f"{PAGE}1.0.0/")).count(told) == 2


def test_who_acts_on_what_was_shown_before_is_told(paul: User, signed_in: SignedIn) -> None:
    """409, and nothing changes."""
    shown = routed("desk").rows[0].pk
    release(slug="desk", version="1.1.0", share=10, actor=PAUL)
    answer = signed_in(paul).post(f"{PAGE}1.1.0/", {"share": "50", "shown": str(shown)})
    assert (answer.status_code, live()["1.1.0"]) == (409, 10)


def test_a_release_that_is_refused_leaves_what_was_typed(paul: User, signed_in: SignedIn) -> None:
    """On the page of its version, with why at its place; the page is as it is now, so the next press acts on what is there."""
    client, page = signed_in(paul), f"{PAGE}1.1.0/"
    shown = str(routed("desk").rows[0].pk)
    release(slug="desk", version="1.1.0", share=10, actor=PAUL)
    stale = client.post(page, {"share": "50", "shown": shown, "reason": "It answers <faster>."})
    assert (stale.status_code, live()["1.1.0"]) == (409, 10)
    assert 'value="It answers &lt;faster&gt;."' in html(stale)
    assert "release-form-error" in html(stale)
    assert "plan-form-error" not in html(stale)
    assert shown not in html(stale)
    for sent, place in (({"share": "7"}, "release-form"), ({"share": "50", "reason": "x" * 501}, "release-reason")):
        refused = client.post(page, sent)
        assert (refused.status_code, f'id="{place}-error"' in html(refused)) == (422, True), html(refused)
    now = re.findall(r'name="shown" value="([^"]+)"', html(stale))[0]
    assert client.post(page, {"share": "50", "shown": now, "reason": "It answers faster."}).status_code == 302
    assert live()["1.1.0"] == 50


def test_a_rollback_that_is_refused_leaves_what_was_typed(olga: User, signed_in: SignedIn) -> None:
    """On the page of its version, the form open, with why at its place; what it shows is what the next press acts on."""
    client, page, typed = signed_in(olga), f"{PAGE}1.1.0/", {"reason": "It is <slow>.", "running": "stop"}
    nothing = client.post(page, typed)
    assert (nothing.status_code, 'id="rollback-form-error"' in html(nothing)) == (409, True)
    shown = str(routed("desk").rows[0].pk)
    release(slug="desk", version="1.1.0", share=100, actor=PAUL)
    stale = client.post(page, {**typed, "shown": shown})
    assert (stale.status_code, live()) == (409, {"1.1.0": 100})
    assert '<details class="back" id="rollback" open>' in html(stale)
    assert 'value="It is &lt;slow&gt;."' in html(stale)
    assert 'value="stop" checked' in html(stale)
    assert shown not in html(stale)
    for wrong, place in (({"reason": "x"}, "reason"), ({"running": "away"}, "running")):
        refused = client.post(page, {**typed, **wrong})
        assert (refused.status_code, f'id="{place}-error"' in html(refused)) == (422, True), html(refused)
    now = re.findall(r'name="shown" value="([^"]+)"', html(stale))[0]
    assert client.post(page, {**typed, "shown": now}).status_code == 302
    assert live() == {"1.0.0": 100}


@pytest.mark.parametrize("role", ["viewer", "auditor", "reviewer"])
def test_who_may_not_roll_back_is_told_so(role: str, signed_in: SignedIn) -> None:
    """The form beside a version asks for the right to roll back, not for that to release."""
    release(slug="desk", version="1.1.0", share=100, actor=PAUL)
    answer = signed_in(person("probe", role)).post(f"{PAGE}1.1.0/", {"reason": "Worse.", "running": "finish"})
    assert (answer.status_code, live()) == (403, {"1.1.0": 100})


def test_a_release_that_needs_a_second_person_leads_to_its_request(paul: User, ada: User, signed_in: SignedIn) -> None:
    """The request says which version gets what; the traffic stays until somebody else agreed."""
    document = {**DEFAULT_POLICY.model_dump(mode="json"), "releases": {"second_person": True}}
    policies.save(document, note="Two of us.", actor=SYSTEM)
    sent = signed_in(paul).post(f"{PAGE}1.1.0/", {"share": "10", "reason": "It answers faster."})
    assert sent.headers["Location"].startswith("/approvals/AP-")
    assert live() == {"1.0.0": 100}
    shown = html(signed_in(ada).get(sent.headers["Location"]))
    assert "Release 1.1.0 of desk to 10% of new sessions" in shown
    assert "10%, beside 1.0.0" in shown
    assert "A prompt version waits for a second person" in shown
    page = html(signed_in(paul).get(f"{PAGE}1.1.0/"))
    assert "nothing else is released meanwhile" in page
    assert 'id="release-reason"' not in page


@pytest.mark.parametrize(
    ("form", "field"),
    [({"share": "50"}, "release"), ({"step-5": "on", "step-100": "on", "hours-100": "1", "minimum-100": "9"}, "plan")],
)
def test_who_releases_while_another_release_waits_keeps_what_was_typed(
    form: dict[str, str], field: str, paul: User, signed_in: SignedIn
) -> None:
    """Somebody asked meanwhile: why it is refused stands in the form, which is there to be sent again afterwards."""
    document = {**DEFAULT_POLICY.model_dump(mode="json"), "releases": {"second_person": True}}
    policies.save(document, note="Two of us.", actor=SYSTEM)
    client = signed_in(paul)
    client.post(f"{PAGE}1.1.0/", {"share": "10", "reason": "It answers faster."})
    refused = client.post(f"{PAGE}1.1.0/", {**form, "reason": "It answers <better>."})
    assert refused.status_code == 409
    assert "waits for a second person already" in html(refused)
    assert 'value="It answers &lt;better&gt;."' in html(refused).partition(f'id="{field}-reason"')[2].partition("</form>")[0]
