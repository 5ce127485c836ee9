"""What is covered until somebody asks for it, and what a session's page says of calls that came before nobody."""

from importlib import import_module
from pathlib import Path

import pytest
from playwright.sync_api import expect

from agents.agents import apply_agent
from agents.tools import registry
from audit.actors import SYSTEM
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.test_standing_in import look
from tests.browser.visitor import Visitor
from tests.flows.conftest import config

IBAN = "DE89370400440532013000"
SHOWN = "[IBAN, 22 characters, hidden]"
LETTER = 'call read_document with {"document": "letter-kestrel-foods"}'


@pytest.fixture(scope="module", autouse=True)
def agents(house: House) -> None:
    """An agent that pays, and one that does what any text tells it; this process forgets the tool again."""
    import_module("tests.browser.tools")
    house.do(lambda: apply_agent(config("payer", tools=["transfer"]), actor=SYSTEM))
    registry._tools.pop("transfer", None)
    house.do(lambda: apply_agent(config("gullible", model="scripted-gullible"), actor=SYSTEM))


def test_what_is_hidden_is_shown_by_a_key_to_who_asked_and_then_approved(
    house: House, visit: Visit, shots: Path | None
) -> None:
    """GUARD-12, THREATS 58: a mark until V is pressed, in place and for one person; only then it can be approved."""
    with house.undo_period(0):
        row = house.asked(house.session("scenario: transfer", agent="payer"))
        remy, rosa = visit("remy"), visit("rosa")
        for visitor in (rosa, remy):
            visitor.open_request(row)
            expect(visitor.detail).to_contain_text(SHOWN)
            expect(visitor.detail).to_contain_text("Approve once you have seen what is hidden.")
            expect(visitor.detail.get_by_role("button", name="Approve")).to_have_count(0)
            assert IBAN not in visitor.page.content()
        page = remy.page
        look(remy, shots, "approval-covered")
        page.keyboard.press("v")
        expect(remy.detail).to_contain_text(IBAN)
        expect(remy.detail).to_contain_text("shown to you; others see a mark in its place")
        look(remy, shots, "approval-revealed")
        rosa.page.reload()
        assert IBAN not in rosa.page.content()
        rosa.check()

        page.locator("[data-open-next]").uncheck()
        remy.settle()
        page.keyboard.press("a")
        confirm = page.locator("#confirm [data-confirm]")
        expect(confirm).to_be_focused()
        expect(confirm).not_to_have_attribute("aria-disabled", "true")
        remy.check()
        page.keyboard.press("Enter")
        house.becomes(row, "consumed")


def test_on_a_phone_and_without_a_script_it_is_a_button(house: House, visit: Visit) -> None:
    """UI.md 2: a plain form; the page that comes back shows it."""
    row = house.asked(house.session("scenario: transfer", agent="payer"))
    visitor = visit("remy", narrow=True, java_script_enabled=False)
    page = visitor.open(f"/approvals/{row.ref}/")
    visitor.check_width()
    page.get_by_role("button", name="Show what is hidden").click()
    expect(visitor.detail).to_contain_text(IBAN)
    visitor.check_width()


def test_a_result_that_is_kept_from_the_model_is_read_and_given_to_it_by_a_person(
    house: House, visit: Visit, shots: Path | None
) -> None:
    """GUARD-11: the session's page says what it looks like and what it says; one press gives it to the model."""
    with house.ruled_by("tainted", quarantine="flagged"):
        session = house.session(LETTER, agent="gullible")
        remy, olga = visit("remy"), visit("olga")
        page = olga.open(f"/sessions/{session.ref}/")
        kept = page.get_by_label("Kept from the model")
        expect(kept).to_contain_text("A result of read_document is kept from the model")
        kept.locator("summary").click()
        expect(kept.get_by_label("The result that is kept back")).to_contain_text("ignore your previous instructions")
        look(olga, shots, "session-kept-back")
        blind = remy.open(f"/sessions/{session.ref}/").get_by_label("Kept from the model")
        expect(blind).to_contain_text("Only who may read it can give it to the model.")
        expect(blind.get_by_role("button")).to_have_count(0)
        remy.check()
        kept.get_by_role("button", name="Give it to the model").click()
        expect(kept).to_have_count(0)
        expect(page.locator("#messages")).to_contain_text("read_document, released by Olga")
        olga.check()


def test_a_call_that_was_refused_before_is_not_asked_again_until_a_person_lets_it(
    house: House, visit: Visit, shots: Path | None
) -> None:
    """GUARD-14, THREATS 56: the page names what was refused, and whoever may opens the way again."""
    with house.ruled_by("asking", refusals=1):
        session = house.session("scenario: repeat-mail token=asked-once")
        house.decide(house.asked(session), "rosa", "reject", instruction="Not to Kim, please.")
        remy = visit("remy")
        page = remy.open(f"/sessions/{session.ref}/")
        refused = page.get_by_label("Not asked again")
        expect(refused).to_contain_text("The agent wants send_email again")
        look(remy, shots, "session-not-asked-again")
        refused.get_by_role("button", name="Let it ask again").click()
        expect(refused).to_have_count(0)
        remy.check()


def test_calls_beyond_what_may_wait_at_once_are_counted_on_the_page(house: House, olga: Visitor, shots: Path | None) -> None:
    """THREATS 55: a session that asks too much is told so, and so is whoever looks at it."""
    with house.ruled_by("asking", open_per_session=1):
        session = house.session("scenario: two-approvals token=crowd")
        page = olga.open(f"/sessions/{session.ref}/")
        expect(page.get_by_label("Too many requests")).to_contain_text("1 call did not come before people")
        look(olga, shots, "session-too-many")
