"""A case written in a browser: rows that come and go, what is wrong beside its field, and nothing that was typed lost."""

import re

from playwright.sync_api import expect

from agents.evals.suites import create_suite, end_suite
from audit.actors import SYSTEM
from tests.browser.conftest import Visit
from tests.browser.house import House

PROMPT, AGENT = "research-assistant", "research-assistant-staging"
SUITE = "/evals/suites/for-the-form/"
ASKED = "What do our policies say about refunds?"


def test_a_case_is_written_in_a_form(house: House, visit: Visit) -> None:
    """In a suite of its own: a wrong expectation is told at its field, both views hold the same, and the case is taken out again."""
    house.do(_suite)
    paul = visit("paul")
    paul.refusals.add(422)
    page = paul.page
    page.goto(f"{SUITE}new/")
    paul.settle()
    page.locator("#name").fill("keeps-quiet")
    page.locator("#title").fill("It sends nothing unasked")
    page.locator("#s-start").get_by_label("What is said").fill(ASKED)
    page.locator("#s-expect").get_by_role("button", name="Never calls a tool").click()
    expect(page.locator("#s-expect").get_by_label("Tool", exact=True)).to_be_visible()
    expect(page.locator("#title")).to_have_value("It sends nothing unasked")
    paul.settle()
    paul.check()
    page.get_by_role("button", name="Save the case").click()
    expect(page.locator("section[role=alert]")).to_contain_text("nothing was saved")
    expect(page.locator("#s-start").get_by_label("What is said")).to_have_value(ASKED)
    paul.settle()
    paul.check()
    page.locator("#s-expect").get_by_label("Tool", exact=True).fill("send_email")
    page.get_by_role("button", name="Save the case").click()
    expect(page.locator(f"a[href='{SUITE}cases/keeps-quiet/']")).to_be_visible()
    page.goto(f"{SUITE}cases/keeps-quiet/?mode=json")
    expect(page.locator("#document")).to_have_value(re.compile("send_email"))
    paul.settle()
    paul.check()
    page.get_by_text("Take it out of the suite").click()
    page.get_by_role("button", name="Take keeps-quiet out").click()
    page.wait_for_url(f"**{SUITE}")
    expect(page.locator(f"a[href='{SUITE}cases/keeps-quiet/']")).to_have_count(0)
    house.do(lambda: end_suite(slug="for-the-form", actor=SYSTEM))


def _suite() -> None:
    create_suite(slug="for-the-form", title="For the form", prompt=PROMPT, agent=AGENT, actor=SYSTEM, gate=False)
