"""The overview in the browser: what it shows follows what happens (OBS-4)."""

from playwright.sync_api import expect

from agents.lately import lately
from tests.browser.house import House
from tests.browser.visitor import Visitor


def test_the_charts_follow_what_happens_and_what_was_opened_stays_open(house: House, olga: Visitor) -> None:
    """No reload: the hour is asked for again, if less often than the rest of the page; a table that is open stays so."""
    page = olga.open("/overview/")
    olga.live()
    page.get_by_text("As a table").click()
    requests = page.locator("#hour section section").filter(has=page.get_by_role("heading", name="New requests")).locator("b")
    before = requests.inner_text()
    house.mail(subject="Seen by the charts")
    now = str(house.do(lambda: lately().whole.requests))
    assert now != before
    expect(requests).to_have_text(now, timeout=90_000)
    expect(page.get_by_role("table", name="The last hour, by two minutes")).to_be_visible()
    olga.check()
