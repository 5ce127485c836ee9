"""A prompt in a browser: released by a click, rolled back by a key, checked while it is written."""

from playwright.sync_api import expect

from approvals.models import ApprovalRequest
from tests.browser.conftest import Visit
from tests.browser.house import House

PAGE = "/prompts/research-assistant/1.0.1/"


def test_a_canary_is_started_by_a_click_and_rolled_back_by_keys(house: House, visit: Visit) -> None:
    """`b` opens the rollback with its reason in focus; Enter does it."""
    for row in house.do(lambda: list(ApprovalRequest.objects.filter(kind="prompt_release", status="pending"))):
        house.decide(row, "ada", "reject", instruction="Not this one.")  # while one waits no other release is offered
    paul = visit("paul")
    paul.page.goto(PAGE)
    paul.settle()
    paul.page.get_by_role("button", name="10%", exact=True).click()
    expect(paul.page.locator(".roll .big")).to_have_text("10%")
    paul.settle()
    paul.page.keyboard.press("b")
    paul.wait("document.activeElement.id === 'reason'")
    paul.check()
    paul.page.keyboard.press("Enter")
    expect(paul.page.locator("#traffic")).to_contain_text("Rolled back")
    paul.check()


def test_what_a_version_would_be_is_said_while_it_is_written(visit: Visit) -> None:
    """The server is asked; nothing is stored by that."""
    paul = visit("paul")
    paul.page.goto("/prompts/research-assistant/new/")
    paul.settle()
    paul.page.fill("#text", "For {{nobody}}.")
    paul.wait("document.querySelector('#check').textContent.includes('not declared')")
    paul.page.fill("#text", "For everybody.")
    paul.wait("document.querySelector('#check').textContent.includes('Would be')")
    paul.check()
