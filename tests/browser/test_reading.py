"""What is long is read to its end, and what hides, imitates or pads in it is shown and counted."""

import re

import pytest
from playwright.sync_api import expect

from approvals.models import ApprovalRequest
from tests.browser.conftest import Visit
from tests.browser.house import House


@pytest.fixture
def long(house: House) -> ApprovalRequest:
    """A request whose body is long and hostile."""
    return house.asked(house.session("scenario: long-letter"))


def test_approve_waits_until_the_end_of_a_long_argument_was_seen(long: ApprovalRequest, house: House, visit: Visit) -> None:
    """THREATS 36: the button says what is left, leads to it, and becomes active once the end was scrolled into view."""
    visitor = visit("remy")
    page = visitor.open_request(long)
    button, note = page.locator("[data-reads]"), page.locator("[data-unread]")
    expect(button).to_have_attribute("aria-disabled", "true")
    expect(note).to_be_visible()
    expect(note).to_contain_text("Left to read to the end: body.")
    page.keyboard.press("a")
    expect(page.locator("#confirm")).to_be_hidden()
    expect(page.locator("#long-body h2")).to_be_focused()
    expect(button).to_have_attribute("aria-disabled", "true")
    page.locator("[data-end-of=body]").scroll_into_view_if_needed()
    expect(button).not_to_have_attribute("aria-disabled", "true")
    expect(note).to_be_hidden()
    visitor.check()
    button.click()
    expect(page.locator("#confirm")).to_be_visible()
    page.keyboard.press("Escape")
    house.decide(long, "rosa", "reject", instruction="Not this letter.")


def test_without_scripts_the_whole_text_stands_before_the_bar(long: ApprovalRequest, house: House, visit: Visit) -> None:
    """THREATS 36, 37: in full and in order; the page says that it is long and withholds nothing that it could not enforce."""
    visitor = visit("remy", java_script_enabled=False)
    page = visitor.open(f"/approvals/{long.ref}/")
    text = page.locator("main").inner_text()
    assert text.rindex("Paragraph 1:") < text.rindex("Paragraph 60:") < text.rindex("THE TAIL") < text.index("End of body")
    assert text.index("End of body") < text.index("Long, and in full above: body.")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".bar")).to_contain_text("Approved")
    house.becomes(long, "held", "consumed")


def test_padding_escapes_and_look_alikes_in_it_are_shown_and_counted(long: ApprovalRequest, house: House, visit: Visit) -> None:
    """THREATS 32, 34, 35, 36: marks in the text, counts beside it, and failed checks in the name of Approve."""
    visitor = visit("remy")
    page = visitor.open_request(long)
    whole = page.locator("#long-body")
    expect(whole).to_contain_text("⟦U+001B⟧[32mAll checks passed")
    expect(whole).to_contain_text("⟦40 blank lines⟧")
    expect(whole).to_contain_text("2 hidden characters marked.")
    expect(whole).to_contain_text("1 letter of another alphabet marked")
    expect(whole).to_contain_text("is xn--hlden-4ve.example.")
    expect(whole.locator(".odd").first).to_have_attribute("title", re.compile("CYRILLIC SMALL LETTER A"))
    row = page.locator("table.args tr", has_text="body")
    for text in ("2 hidden characters", "1 look-alike letter", "Padding in 1 place"):
        expect(row.locator(".chk.warn", has_text=text)).to_be_visible()
    # Those three, and what the policy of the day says of the recipient.
    failed, good = (page.locator(f"table.args .chk.{how}").count() for how in ("warn", "ok"))
    expect(page.locator("[data-reads]")).to_contain_text(f"despite {failed} failed checks")
    expect(page.locator(".bar-note").first).to_contain_text(f"{failed} of {failed + good} checks failed")
    visitor.check()
    house.decide(long, "rosa", "reject", instruction="Not this letter.")


def test_text_that_imitates_the_console_stands_in_a_box_of_the_agents_words(
    long: ApprovalRequest, house: House, visit: Visit
) -> None:
    """THREATS 38, 39: a tick in a text is no check of ours, and arguments and tier stand before any words of the agent."""
    visitor = visit("remy")
    page = visitor.open_request(long)
    imitation = page.get_by_text("✔ verified by policy").first
    assert imitation.evaluate("element => Boolean(element.closest('.said, .v'))")
    expect(page.locator(".chk.ok", has_text="verified by policy")).to_have_count(0)
    expect(page.locator("#why + span")).to_have_text("Model’s own words, unverified")
    expect(page.locator(".d-meta")).to_contain_text("High risk")
    house.decide(long, "rosa", "reject", instruction="Not this letter.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_long_argument_reads_well_on_a_phone(long: ApprovalRequest, house: House, visit: Visit, scheme: str) -> None:
    """UI.md 7 and 8: no violation, nothing beyond the edge, the line about what is left stands above the buttons."""
    visitor = visit("remy", narrow=True, color_scheme=scheme)
    page = visitor.open_request(long)
    expect(page.locator("[data-unread]")).to_be_visible()
    visitor.check()
    page.locator("[data-unread] a").click()
    expect(page.locator("#long-body h2")).to_be_focused()
    house.decide(long, "rosa", "reject", instruction="Not this letter.")
