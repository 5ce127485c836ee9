"""Control requests in the browser: switched on with a reason, and told before anything else (APPR-11)."""

from playwright.sync_api import expect

from tests.approvals.test_controls import plant
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.test_deciding import approve
from tests.browser.visitor import Visitor


def test_an_operator_switches_control_requests_on_and_off(house: House, visit: Visit) -> None:
    """With a reason; the page says by whom. Rare enough that no other test meets one."""
    olga = visit("olga")
    page = olga.open("/measures/")
    for on in (True, False):
        page.get_by_text("Set control requests").click()
        page.get_by_label("Plant control requests").set_checked(on)
        page.get_by_label("About one for so many real requests").fill("10000")
        page.get_by_label("Why?").fill("For a month.")
        olga.check()
        page.get_by_role("button", name="Set", exact=True).click()
        expect(page.locator(".notices, main").first).to_contain_text(f"Control requests are {'on' if on else 'off'}.")
        section = page.locator("section", has=page.locator("#controls-h"))
        expect(section.locator("header .chip")).to_have_text("On" if on else "Off")
        expect(section.get_by_text("For a month.")).to_be_visible()
    olga.check()


def test_who_approves_a_control_request_is_told_before_the_next_one_opens(house: House, remy: Visitor) -> None:
    """The page stays, the telling has the focus, and nothing can be undone, since nothing was begun."""
    house.mail(subject="A real one")
    row = house.do(plant)
    page = remy.open_request(row)
    expect(page.get_by_text("control request")).to_have_count(0)
    approve(remy)
    expect(page.locator("#control")).to_be_focused()
    expect(page.locator("#control")).to_have_text("This was a control request, and you approved it")
    expect(remy.detail).to_contain_text(
        "It goes to examp1e.com, which only looks like example.com. Nothing was sent or changed."
    )
    expect(page.get_by_role("button", name="Undo")).to_have_count(0)
    assert page.url == f"{house.address}/approvals/{row.ref}/"
    assert house.status_of(row) == "void"
    remy.check()
