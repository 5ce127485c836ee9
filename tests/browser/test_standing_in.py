"""Deciding in somebody's place, and breaking the glass, in real browsers at both widths in both themes (APPR-6, THREATS 29, 60)."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from approvals import breaking, covers
from approvals.facts import Person
from approvals.models import Cover
from audit.actors import SYSTEM
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import NARROW, WIDE, Visitor

REASON = "The customer waits for this before the recall, and no second reviewer can be reached tonight."
NOTE = "Read the session and the mail: it was right, and Rosa agreed with it the next morning."


@pytest.fixture(autouse=True)
def _tidied(house: House) -> Iterator[None]:
    """Whatever a test leaves agreed or to be reviewed is over for the next one."""
    yield

    def work() -> None:
        somebody = Person(0, "Nobody", frozenset({"admin"}))
        for cover in Cover.objects.filter(status="agreed"):
            covers.end(cover.pk, person=somebody, actor=SYSTEM)
        for use in breaking.open_uses():
            breaking.review(use.pk, note="For the next test, which begins afresh.", person=somebody, actor=SYSTEM)

    house.do(work)


def look(visitor: Visitor, shots: Path | None, name: str) -> None:
    """Check a page and take its picture at both widths in both themes."""
    for theme in ("light", "dark"):
        visitor.page.evaluate("theme => { document.documentElement.dataset.theme = theme }", theme)
        for width in (NARROW, WIDE):
            visitor.page.set_viewport_size(width)
            visitor.shoot(shots, f"{name}-{width['width']}-{theme}")
            visitor.check()


def test_a_deputy_decides_what_was_given_to_the_absent(house: House, visit: Visit, shots: Path | None) -> None:
    """Remy names Rosa; what is his stands among hers, is decided in his place, and the record names both."""
    remy, rosa = visit("remy"), visit("rosa")
    page = remy.open("/cover/")
    page.get_by_label("Who decides meanwhile").select_option("rosa@demo.example")
    page.get_by_label("Until, UTC").fill((datetime.now(UTC) + timedelta(days=3)).strftime("%Y-%m-%dT%H:%M"))
    page.get_by_label("Why").fill("On leave")
    page.get_by_role("button", name="Name the cover").click()
    expect(page.get_by_text("Rosa decides for you")).to_be_visible()
    look(remy, shots, "cover-given")
    request = house.mail("lee@customer.example")
    house.assign(request, "remy", "olga")
    page = rosa.open("/approvals/?state=mine")
    expect(page.locator(f"#row-{request.ref}")).to_contain_text("for Remy")
    page = rosa.open_request(request)
    expect(page.locator(".bar-place")).to_contain_text("You decide in the place of Remy")
    look(rosa, shots, "cover-deciding")
    rosa.settle()
    page.locator("[data-open-next]").uncheck()
    page.locator(".bar").get_by_role("button", name="Approve").first.click()
    page.locator("[data-confirm]").first.click()
    expect(page.get_by_text("in the place of Remy").first).to_be_visible()
    house.becomes(request, "consumed")


def number_stays_whole(visitor: Visitor) -> None:
    """On no phone is the request's number in the banner broken in two."""
    for width in range(320, 420, 10):
        visitor.page.set_viewport_size({"width": width, "height": 844})
        link = visitor.page.locator("#glass .notice .link")
        assert link.evaluate("link => link.getClientRects().length") == 1
        visitor.check_width()
    visitor.page.set_viewport_size(WIDE)


def test_a_broken_glass_is_seen_by_everybody_until_it_is_reviewed(house: House, visit: Visit, shots: Path | None) -> None:
    """Ada approves alone; a page that is open shows it at once, and is quiet again once Audrey wrote what she found."""
    with house.emergencies():
        request = house.mail("lee@customer.example")
        ada, vic, audrey = visit("ada"), visit("vic"), visit("audrey")
        watched = vic.open("/sessions/")
        vic.live()
        page = ada.open_request(request)
        page.get_by_text("Break the glass…").click()
        page.get_by_label("Why? Everybody reads it").fill(REASON)
        page.get_by_label(f"Type {request.ref} to confirm").fill(request.ref)
        look(ada, shots, "glass-form")
        ada.refusals.add(401)
        page.get_by_label("Your password").fill("not hers")
        page.get_by_role("button", name="Break the glass and approve").click()
        expect(page.get_by_text("The password does not match")).to_be_in_viewport()
        expect(page.get_by_label("Your password")).to_be_focused()
        page.get_by_label("Your password").fill(house.passwords["ada"])
        page.get_by_role("button", name="Break the glass and approve").click()
        expect(page.locator("#glass")).to_contain_text("Ada broke the glass")
        expect(watched.locator("#glass")).to_contain_text(REASON)
        number_stays_whole(vic)
        look(vic, shots, "glass-told")
        house.becomes(request, "consumed")
        found = audrey.open("/break-glass/")
        look(audrey, shots, "glass-review")
        found.get_by_label("What you found").fill(NOTE)
        found.get_by_role("button", name="Review it").click()
        expect(found.locator("#glass .notice")).to_have_count(0)
        expect(watched.locator("#glass .notice")).to_have_count(0)
        expect(found.get_by_text(NOTE)).to_be_visible()
