"""Ctrl+K and a person's own settings in a browser (UI.md 5, 8; WCAG 2.1.4)."""

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import Visitor

GOAL = "scenario: mail-once to=lee@customer.example token=jump"


def test_ctrl_k_leads_to_a_request_by_keyboard_alone(house: House, remy: Visitor) -> None:
    """Open, type the id, Enter: there; axe finds nothing in the dialog."""
    row = house.asked(house.session(GOAL, "olga"))
    page = remy.open("/sessions/")
    page.keyboard.press("Control+k")
    expect(page.locator("#jump")).to_be_visible()
    page.keyboard.type(row.ref)
    expect(page.locator(f"#jump a[href='/approvals/{row.ref}/']")).to_be_visible()
    remy.check()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/approvals/{row.ref}/")
    remy.live()


def test_enter_before_the_answer_still_leads_there(house: House, remy: Visitor) -> None:
    """Who types fast is not sent to what stood there before."""
    session = house.session(GOAL, "olga")
    page = remy.open("/approvals/")
    page.keyboard.press("Control+k")
    page.keyboard.insert_text(session.ref)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/sessions/{session.ref}/")
    remy.live()


def test_arrows_go_through_what_was_found_and_escape_leaves(remy: Visitor) -> None:
    """Down to the results, up to the field again, typing goes on in the field; the page stays."""
    page = remy.open("/sessions/")
    page.locator("a.search").click()
    page.keyboard.type("prompt")
    expect(page.locator("#jump a").first).to_contain_text("Prompts")  # not the list of before anything was typed
    page.keyboard.press("ArrowDown")
    expect(page.locator("#jump a").first).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(page.locator("#jump input")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.type("s")
    expect(page.locator("#jump input")).to_have_value("prompts")
    page.keyboard.press("Escape")
    expect(page.locator("#jump")).to_be_hidden()
    assert page.url.endswith("/sessions/")


def test_letters_that_are_turned_off_do_nothing(remy: Visitor) -> None:
    """Set by the form of the settings; Ctrl+K and ? stay, as they need no single letter or only open a list."""
    page = remy.open("/settings/")
    page.get_by_label("Single letters are keys").uncheck()
    page.locator("form", has_text="How the console looks").get_by_role("button", name="Save").click()
    page.wait_for_load_state()
    remy.settle()
    page.keyboard.press("g")
    page.keyboard.press("a")
    page.keyboard.press("Control+k")
    expect(page.locator("#jump")).to_be_visible()
    assert page.url.endswith("/settings/")
    page.keyboard.press("Escape")
    page.get_by_label("Single letters are keys").check()
    page.locator("form", has_text="How the console looks").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_theme_and_a_density_hold_in_every_browser(visit: Visit, *, scripts: bool) -> None:
    """They stand with the account; also without script."""
    first = visit("rosa", java_script_enabled=scripts)
    page = first.open("/settings/")
    page.get_by_label("Dark", exact=True).check()
    page.get_by_label("Comfortable").check()
    page.locator("form", has_text="How the console looks").get_by_role("button", name="Save").click()
    other = visit("rosa").open("/approvals/")
    assert other.evaluate("document.documentElement.dataset.theme") == "dark"
    assert other.evaluate("document.documentElement.dataset.density") == "comfortable"
    page.get_by_label("As this computer").check()
    page.get_by_label("Compact").check()
    page.locator("form", has_text="How the console looks").get_by_role("button", name="Save").click()


def test_a_page_in_the_background_counts_and_notifies(house: House, visit: Visit) -> None:
    """The title counts what this person may decide; a notification comes only where it was asked for and allowed."""
    rosa = visit("rosa", permissions=["notifications"])
    page = rosa.open("/settings/")
    page.get_by_label("Notifications of this browser").check()
    page.locator("form", has_text="What reaches you").get_by_role("button", name="Save").click()
    expect(page.get_by_text("Saved.")).to_be_visible()
    rosa.live()
    page.evaluate(
        """() => {
            window.told = [];
            window.Notification = class {
                static permission = "granted";
                constructor(title) { window.told.push(title); }
                addEventListener() {}
            };
            Object.defineProperty(document, "hidden", { get: () => window.away, configurable: true });
            window.away = true;
        }"""
    )
    row = house.asked(house.session("scenario: mail-once to=lee@customer.example token=told", "olga"))
    rosa.wait("window.told.length > 0")
    assert f"{row.ref} waits for a decision" in page.evaluate("window.told")
    assert page.title().startswith("(")
    page.evaluate("() => { window.away = false; document.dispatchEvent(new Event('visibilitychange')); }")
    assert not page.title().startswith("(")


def test_a_printed_request_is_whole_and_says_where_it_stands(house: House, remy: Visitor) -> None:
    """UI.md 8: light, no navigation, everything unfolded, the digest and the place in the log at its foot."""
    row = house.asked(house.session("scenario: mail-once to=lee@customer.example token=paper", "olga"))
    page = remy.open_request(row)
    page.evaluate("document.documentElement.dataset.theme = 'dark'")
    page.emulate_media(media="print")
    for gone in (".rail", ".top", ".bar", ".queue"):
        expect(page.locator(gone).first).to_be_hidden()
    expect(page.locator("#detail .print-foot")).to_contain_text(row.digest)
    expect(page.locator(".main > .print-foot")).to_contain_text("with the log at event")
    assert page.evaluate("getComputedStyle(document.body).color.startsWith('oklch(0.24')")
    assert page.evaluate("getComputedStyle(document.querySelector('.scroll')).overflow") == "visible"
