"""The same again in the browser: one approval stands for the next mails, is seen on every page, and is revoked."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import Visitor

SERIES = "scenario: mail-series to=kim@customer.example other=eve{number}@customer.example"
SAME = "Approve the same for the rest of this session"


def offered(visitor: Visitor, scope: str) -> None:
    """Tick that the same may run again, twice, with another text."""
    box = visitor.page.locator(scope)
    box.get_by_label(SAME).check()
    box.get_by_label("more calls of").fill("2")
    box.get_by_label("may be another text").check()


def test_a_reviewer_lets_two_more_run_looks_at_them_and_revokes_the_rest(house: House, remy: Visitor) -> None:
    """APPR-3: in the panel of the confirmation; the next mail runs by itself, the one to somebody else asks and says why."""
    with house.undo_period(0):
        session = house.session(SERIES.format(number=1))
        first = house.asked(session)
        page = remy.open_request(first)
        page.locator("[data-open-next]").uncheck()
        page.keyboard.press("a")
        expect(page.locator("#confirm [data-confirm]")).to_be_focused()
        expect(page.get_by_label("more calls of")).to_be_hidden()
        offered(remy, "#confirm")
        remy.check()
        expect(page.locator("#confirm [data-confirm]")).not_to_have_attribute("aria-disabled", "true")
        page.locator("#confirm [data-confirm]").click()
        expect(remy.detail.locator(".lede b", has_text="Remy")).to_be_visible()
        house.becomes(first, "consumed")
        third = house.asked(session)
        remy.open_request(third)
        expect(remy.detail).to_contain_text(f"The standing approval of {first.ref}")
        expect(remy.detail).to_contain_text("The argument to is another.")

        page = remy.open(f"/sessions/{session.ref}/")
        remy.live()
        expect(page.locator(".standing")).to_contain_text("1 of 2 more calls of send_email run without asking")
        remy.check()
        page.get_by_role("button", name="Revoke").click()
        expect(page.locator(".standing")).to_contain_text("Remy revoked it.")
        expect(page.get_by_role("button", name="Revoke")).to_have_count(0)
        remy.open_request(first)
        expect(remy.detail.locator(".standing")).to_contain_text("revoked it")
        remy.check()


def test_a_refreshed_request_has_each_field_once(house: House, remy: Visitor) -> None:
    """A fragment is parsed as if there were no scripts: what stands for them must not be sent with what was typed."""
    page = remy.open_request(house.mail(subject="Looked at for long"))
    fields = "document.querySelectorAll('#detail form [name=same]').length"
    assert page.evaluate(fields) == 1
    with page.expect_response(lambda answer: "fragment=detail" in answer.url):
        page.evaluate("document.getElementById('detail').dispatchEvent(new CustomEvent('console:refresh', {bubbles: true}))")
    remy.wait("!document.querySelector('.htmx-request')")
    assert page.evaluate(fields) == 1


def test_on_a_phone_and_without_a_script_it_is_the_same_form(house: House, visit: Visit) -> None:
    """UI.md 2: what is ticked is plain inputs; a number that policy does not give comes back with what it gives."""
    with house.undo_period(0):
        first = house.asked(house.session(SERIES.format(number=2)))
        visitor = visit("remy", narrow=True, java_script_enabled=False)
        page = visitor.open(f"/approvals/{first.ref}/")
        expect(page.locator("noscript fieldset")).to_be_visible()
        visitor.check_width()
        offered(visitor, "noscript")
        visitor.refusals.add(422)
        page.locator("noscript").get_by_role("spinbutton", name="for minutes").fill("7")
        page.get_by_role("button", name="Approve").click()
        expect(page.locator(".bar")).to_contain_text("Approved")
        house.becomes(first, "consumed")
        page.reload()
        expect(page.locator(".standing")).to_contain_text("more calls of send_email")
        expect(page.locator(".standing")).to_contain_text("May differ: body.")
        visitor.check_width()
