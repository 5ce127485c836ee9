"""The policy's pages in a browser: nothing is saved unseen, nothing typed is lost, and it judges at once."""

from pathlib import Path

from playwright.sync_api import expect

from approvals import policies
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import NARROW, WIDE


def number(house: House) -> int:
    """Return the revision that judges now."""
    return house.do(lambda: policies.current(fresh=True).number)


def test_an_admin_sees_what_changes_and_what_loosens_before_it_is_saved(house: House, visit: Visit, shots: Path | None) -> None:
    """TOOL-6, OPS-1: form, difference with a warning, tick, saved; then an old revision is restored the same way."""
    house.ruled()
    before, ada = number(house), visit("ada")
    page = ada.open("/policies/")
    ada.settle()
    page.keyboard.press("e")
    page.get_by_role("group", name="Destructive").get_by_label("Undo period, seconds").fill("2")
    page.get_by_label("Why").fill("Two seconds are enough")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_role("heading", name=f"Save revision {before + 1}?")).to_be_visible()
    expect(page.get_by_text("This loosens the policy in 1 place")).to_be_visible()
    for theme in ("light", "dark"):
        page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        for width in (WIDE, NARROW):
            page.set_viewport_size(width)
            ada.shoot(shots, f"policy-review-{width['width']}-{theme}")
            ada.check()
    page.set_viewport_size(WIDE)
    ada.refusals.add(422)
    page.get_by_role("button", name="Save revision").click()
    expect(page.get_by_text("Tick that you mean to loosen the policy.")).to_be_visible()
    assert number(house) == before
    page.get_by_label("I mean to loosen the policy in these places.").check()
    page.get_by_role("button", name="Save revision").click()
    expect(page.get_by_text(f"Revision {before + 1} of the policy judges from now on.")).to_be_visible()
    assert number(house) == before + 1
    page = ada.open(f"/policies/{before}/")
    page.get_by_role("button", name="Restore this revision").click()
    expect(page.get_by_text("This only tightens")).to_be_visible()
    page.get_by_role("button", name="Save revision").click()
    expect(page.get_by_text(f"Revision {before + 2} of the policy judges from now on.")).to_be_visible()


def test_what_one_admin_typed_outlives_what_another_saved(house: House, visit: Visit) -> None:
    """Two at once: the second is told who saved what and why, and finds everything as it was typed."""
    ada = visit("ada", java_script_enabled=False)
    page = ada.open("/policies/edit/")
    page.get_by_label("Known hosts").fill("docs.halden.example")
    page.get_by_label("Why").fill("Our own documents")
    house.ruled()
    latest = number(house)
    ada.refusals.add(409)
    page.get_by_role("button", name="Show what changes").click()
    expect(page.locator("#conflict")).to_contain_text(f"saved revision {latest} while you wrote")
    expect(page.get_by_label("Known hosts")).to_have_value("docs.halden.example")
    expect(page.get_by_label("Why")).to_have_value("Our own documents")
    page.get_by_role("button", name="Show what changes").click()
    expect(page.get_by_role("heading", name=f"Save revision {latest + 1}?")).to_be_visible()
    page.get_by_role("button", name="Back to editing").click()
    expect(page.get_by_label("Known hosts")).to_have_value("docs.halden.example")
    assert number(house) == latest
