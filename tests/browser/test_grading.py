"""Grading in a browser: digits choose a step and go on, Enter gives the grade, and what the judge gave is shown only then."""

from playwright.sync_api import expect

from agents.models import GradingItem
from tests.browser.conftest import Visit
from tests.browser.house import House


def newest(house: House) -> str:
    """The item that waits and was taken last."""
    return house.do(lambda: GradingItem.objects.filter(status="waiting").latest("number").ref)


def test_an_item_is_graded_by_digits(house: House, visit: Visit) -> None:
    """Each digit chooses the step of the next criterion; the last one hands over to the button."""
    ref = newest(house)
    remy = visit("remy")
    remy.page.goto(f"/evals/grading/items/{ref}/")
    remy.settle()
    expect(remy.page.locator(".sp-side")).not_to_contain_text("scripted-mini")
    for digit in "332":
        remy.page.keyboard.press(digit)
    for name, value in (("right", "3"), ("careful", "3"), ("short", "2")):
        expect(remy.page.locator(f"input[name=score-{name}][value='{value}']")).to_be_checked()
    expect(remy.page.locator("[data-grade]")).to_be_focused()
    remy.check()
    remy.page.keyboard.press("Enter")
    expect(remy.page.locator(".sp-side")).to_contain_text("So, with gaps")
    expect(remy.page.locator(".sp-side")).to_contain_text("scripted-mini")
    remy.settle()
    remy.check()
    remy.page.keyboard.press("u")
    remy.page.wait_for_url("**/evals/grading/")


def test_an_item_is_graded_without_keys(house: House, visit: Visit) -> None:
    """Radio buttons and a button; what is missing is said by the browser before anything is sent."""
    ref = newest(house)
    rosa = visit("rosa")
    rosa.page.goto(f"/evals/grading/items/{ref}/")
    rosa.settle()
    rosa.page.get_by_label("3 So, with gaps").check()
    rosa.page.get_by_label("2 Mostly careful").check()
    rosa.page.get_by_label("1 No").check()
    rosa.page.get_by_label("Note on It was right").fill("One figure is missing.")
    rosa.page.get_by_role("button", name="Give this grade").click()
    expect(rosa.page.locator(".sp-side")).to_contain_text("One figure is missing.")
    rosa.check()
