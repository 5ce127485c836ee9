"""The kill switch in real browsers: pressed on its page, seen at once on every other, lifted with one press (GUARD-14)."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from agents import stops
from audit.actors import SYSTEM
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import NARROW, WIDE, Visitor

TOOL = "publish_note"  # no other test here needs it


@pytest.fixture(autouse=True)
def _lifted(house: House) -> Iterator[None]:
    """Whatever a test leaves stopped is lifted for the next one."""
    yield
    house.do(lambda: stops.lift(scope=f"tool:{TOOL}", actor=SYSTEM))


def press(visitor: Visitor) -> None:
    """Choose the tool, say why, type its name, press."""
    page = visitor.open("/stop/")
    page.get_by_role("link", name=f"Stop… {TOOL}").click()
    page.get_by_label("Why? Everybody reads it").fill("It publishes drafts.")
    page.get_by_label(f"Type {TOOL} to confirm").fill(TOOL)
    page.get_by_role("button", name="Stop this tool now").click()
    expect(page.locator("#stops")).to_contain_text(f"Tool {TOOL} stopped by Olga")


def test_a_stop_is_seen_at_once_on_an_open_page_and_gone_when_it_is_lifted(
    house: House, visit: Visit, shots: Path | None
) -> None:
    """UI.md 6 and 8: `stop.set` and `stop.lifted` reach every page; axe with the red line, both widths and themes."""
    remy, olga = visit("remy"), visit("olga")
    page = remy.open("/approvals/")
    remy.live()
    press(olga)
    expect(page.locator("#stops .notice")).to_contain_text("It publishes drafts.")
    assert page.locator("#stops form").count() == 0
    for visitor, name in ((remy, "stopped-approvals"), (olga, "stopped-stop")):
        for theme in ("light", "dark"):
            visitor.page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
            for width in (WIDE, NARROW):
                visitor.page.set_viewport_size(width)
                visitor.shoot(shots, f"{name}-{width['width']}-{theme}")
                visitor.check()
    olga.page.set_viewport_size(WIDE)
    olga.open("/sessions/").get_by_role("button", name="Resume").click()
    expect(olga.page.locator("#stops .notice")).to_have_count(0)
    assert olga.page.url.endswith("/sessions/")
    expect(page.locator("#stops .notice")).to_have_count(0)


def test_it_is_pressed_and_lifted_without_scripts(house: House, visit: Visit) -> None:
    """UI.md 2: plain links and forms."""
    visitor = visit("olga", java_script_enabled=False)
    press(visitor)
    visitor.page.get_by_role("button", name="Resume").click()
    expect(visitor.page.locator("#stops .notice")).to_have_count(0)
