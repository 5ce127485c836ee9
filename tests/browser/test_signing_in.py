"""Coming in and going out."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit, email
from tests.browser.house import House
from tests.browser.visitor import Visitor


def sign_in(visitor: Visitor, name: str, password: str) -> None:
    """Fill the form in and send it."""
    visitor.page.get_by_label("E-mail address").fill(email(name))
    visitor.page.get_by_label("Password").fill(password)
    visitor.page.get_by_role("button", name="Sign in").click()


def test_a_person_signs_in_comes_back_to_the_page_asked_for_and_signs_out(house: House, visit: Visit) -> None:
    """OPS-3: the form, the page behind it, and the way out, after which the page is closed again."""
    visitor = visit()
    page = visitor.open("/sessions/")
    expect(page).to_have_title("Sign in · Countersign")
    visitor.check()

    sign_in(visitor, "olga", house.passwords["olga"])
    expect(page).to_have_url(f"{house.address}/sessions/")
    expect(page.locator(".me .who")).to_contain_text("Olga")
    visitor.live()
    visitor.check()

    page.get_by_role("button", name="Sign out").click()
    expect(page).to_have_url(f"{house.address}/sign-in/")
    visitor.open("/sessions/")
    expect(page.get_by_role("heading", name="Sign in")).to_be_visible()


def test_a_wrong_password_is_refused_without_saying_which_part_was_wrong(visit: Visit) -> None:
    """OPS-3: one sentence for a wrong password; the address that was typed stays."""
    visitor = visit()
    visitor.refusals.add(403)
    visitor.open("/sign-in/")
    sign_in(visitor, "vic", "not the password")
    expect(visitor.page.get_by_role("alert")).to_be_visible()
    expect(visitor.page.get_by_label("E-mail address")).to_have_value(email("vic"))
    expect(visitor.page.get_by_label("Password")).to_be_empty()
    visitor.check()
