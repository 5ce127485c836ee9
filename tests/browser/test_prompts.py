"""A prompt in a browser: released by a click, rolled back by a key, checked while it is written."""

from playwright.sync_api import expect

from agents.prompts.releases import create_prompt
from agents.prompts.versions import add_version
from approvals.models import ApprovalRequest
from audit.actors import SYSTEM
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


def test_enter_in_a_reason_releases_nothing(house: House, visit: Visit) -> None:
    """A form of several shares has none that Enter could mean; a click afterwards is what is sent, and nothing before it."""
    house.do(lambda: _desk("asked-desk"))
    paul = visit("paul")
    paul.page.goto("/prompts/asked-desk/1.0.1/")
    paul.settle()
    paul.page.locator("#release-reason").fill("Kinder words")
    paul.page.locator("#release-reason").press("Enter")
    paul.page.get_by_role("button", name="10%", exact=True).click()
    expect(paul.page.locator(".roll .big")).to_have_text("10%")
    assert [post.post_data for post in paul.posts if "share=" in (post.post_data or "")] == [paul.posts[-1].post_data]
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


def test_a_rollout_in_steps_is_planned_mended_held_and_ended(house: House, visit: Visit) -> None:
    """What was typed stays beside what is wrong with it; held, let go on and cancelled from the same page. A prompt of its own."""
    house.do(lambda: _desk("planned-desk"))
    paul = visit("paul")
    paul.refusals.add(422)
    paul.page.goto("/prompts/planned-desk/1.0.1/?view=diff")
    paul.settle()
    paul.page.get_by_text("Release it in steps…").click()
    paul.page.locator("#plan-reason").fill("Kinder words")
    paul.page.get_by_label("after hours").nth(1).fill("soon")
    paul.check()
    paul.page.get_by_role("button", name="Release 1.0.1 in steps").click()
    expect(paul.page.locator("#hours-25-error")).to_contain_text("A number of hours")
    expect(paul.page.locator("#hours-25")).to_have_value("soon")
    expect(paul.page.locator("#plan-reason")).to_have_value("Kinder words")
    paul.check()
    paul.page.locator("#hours-25").fill("0.5")
    paul.page.get_by_role("button", name="Release 1.0.1 in steps").click()
    expect(paul.page.locator("#traffic")).to_contain_text("25% is taken from")
    paul.settle()
    paul.check()
    for button, then in (("Hold", "Held"), ("Go on", "Goes on"), ("Cancel the plan", "Cancelled")):
        paul.page.get_by_role("button", name=button, exact=True).click()
        expect(paul.page.locator("#traffic section", has_text="Rollout in steps").locator(".chip")).to_have_text(then)
        paul.settle()
    paul.check()


def _desk(slug: str) -> None:
    """A prompt that no agent uses, with a draft."""
    create_prompt(slug=slug, text="You are a desk.", actor=SYSTEM, note="For a plan")
    add_version(slug=slug, text="You are a kind desk.", actor=SYSTEM, user_id=None, note="Kinder")
