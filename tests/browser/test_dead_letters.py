"""Dead letters in the browser: another goal before a replay, and all that the list takes at once (LOOP-14)."""

from playwright.sync_api import expect

from agents.models import Session
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import Visitor

BROKEN = "Summarise the travel policy. (scenario: unreadable)"


def dead(house: House, visitor: Visitor) -> Session:
    """A session whose model was given up, its page open."""
    session = house.session(BROKEN)
    page = visitor.open(f"/sessions/{session.ref}/")
    expect(page.get_by_role("heading", name="Kept as a dead letter")).to_be_visible()
    visitor.live()
    return session


def test_an_operator_changes_the_goal_and_the_session_goes_on_with_it(house: House, olga: Visitor) -> None:
    """The field shows the goal as it is; the page says the new one, and the answer is about it."""
    dead(house, olga)
    page = olga.page
    page.get_by_text("Change the goal").click()
    field = page.get_by_label("The goal from now on")
    expect(field).to_have_value(BROKEN)
    olga.check()
    field.fill("Calculate 377 + 512.")
    page.get_by_role("button", name="Replay", exact=True).click()
    expect(page.locator("h1")).to_have_text("Calculate 377 + 512.")
    expect(page.locator("#messages")).to_contain_text("889")
    expect(page.locator("#messages")).to_contain_text("another goal")


def test_all_that_the_list_takes_go_on_without_scripts_too(house: House, olga: Visitor, visit: Visit) -> None:
    """Each has its own line in the answer; what failed since the page was opened stays."""
    first = dead(house, olga)
    plain = visit("olga", java_script_enabled=False)
    page = plain.open("/dead-letters/?category=model")
    later = dead(house, olga)
    page.get_by_label("that this list takes").check()
    page.get_by_role("button", name="Replay from the last good turn").click()
    results = page.get_by_role("table", name="What came of each")
    expect(results).to_contain_text(first.ref)
    expect(results).not_to_contain_text(later.ref)
    expect(results).to_contain_text("Queued again")
