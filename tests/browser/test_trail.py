"""The audit trail in the browser: its live tail, paused and gone on with by keyboard; the story of a session on paper."""

from pathlib import Path

from playwright.sync_api import expect

from agents.models import Session
from approvals.models import ApprovalRequest
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import NARROW
from tests.waiting import wait_until

SCROLLED = """() => [...document.querySelectorAll(".sp, .sp *")].filter(one => one.checkVisibility()
    && getComputedStyle(one).overflowY === "auto" && one.scrollHeight > one.clientHeight + 1).map(one => one.className)"""
"""What is scrolled on the screen, and cut off on paper."""
SHOWN_AS = """() => ["thead", "tbody tr", "tbody td"]
    .map(one => getComputedStyle(document.querySelector(".sp-main table " + one)).display)"""
"""How the parts of a story's table are laid out."""
TWICE = """() => [...document.querySelectorAll("time")].filter(one => one.title && one.title === one.textContent).map(one => one.title)"""
"""Moments that are exact already: paper would say them twice."""


def resting(house: House, subject: str) -> ApprovalRequest:
    """A request whose session rests and writes nothing more; all that it wrote has its place in the log."""
    row = house.mail(subject=subject)
    there = Session.objects.filter(number=int(row.session_ref.removeprefix("S-")), status="waiting_approval")
    wait_until(lambda: house.do(there.exists), seconds=60)
    house.happen(row.session_ref)
    return row


def test_the_tail_of_the_trail_is_live_and_read_in_peace(house: House, visit: Visit) -> None:
    """New entries come to the top by themselves; F stops that and counts what came meanwhile, F again brings it all."""
    row = resting(house, "A live tail")
    audrey = visit("audrey")
    page = audrey.open(f"/audit/?session={row.session_ref}")
    audrey.live()
    audrey.settle()
    rows = page.locator("#entries tbody tr")
    before = rows.count()
    head = house.happen(row.session_ref)
    expect(page.locator(f"#entry-{head}")).to_be_visible()
    expect(rows).to_have_count(before + 1)
    expect(rows.first).to_have_attribute("id", f"entry-{head}")
    follow = page.locator("[data-follow]")
    expect(follow).to_have_text("Following live")
    page.keyboard.press("f")
    expect(follow).to_have_text("Not following")
    head = house.happen(row.session_ref, 3)
    audrey.wait(f"Number(document.querySelector('#live .live-text').textContent.replace(/\\D/g, '')) >= {head}")
    expect(follow).to_have_text("Not following, 3 events since")
    expect(follow).to_have_attribute("aria-label", "Not following, 3 events since, turn on")
    assert rows.count() == before + 1
    audrey.check()
    page.keyboard.press("f")
    expect(follow).to_have_text("Following live")
    expect(rows).to_have_count(before + 4)
    expect(rows.first).to_have_attribute("id", f"entry-{head}")
    audrey.check()


def test_rows_of_the_tail_do_not_move_under_somebodys_hands_and_are_walked_by_key(house: House, visit: Visit) -> None:
    """What is new waits behind a button while the keys are in the list; J and Enter open an entry."""
    row = resting(house, "Under the hands")
    audrey = visit("audrey")
    page = audrey.open(f"/audit/?session={row.session_ref}")
    audrey.live()
    audrey.settle()
    rows = page.locator("#entries tbody tr")
    before, first = rows.count(), rows.first.get_attribute("id")
    page.keyboard.press("j")
    expect(page.locator("#entries tbody tr a[data-row]").first).to_be_focused()
    house.happen(row.session_ref, 2)
    fresh = page.locator("#entries > .fresh")
    expect(fresh).to_have_text("2 new")
    assert (rows.count(), rows.first.get_attribute("id")) == (before, first)
    audrey.check()
    fresh.focus()
    page.keyboard.press("Enter")
    expect(rows).to_have_count(before + 2)
    expect(fresh).to_have_count(0)
    newest = rows.first.locator("a[data-row]").get_attribute("href")
    page.keyboard.press("j")
    expect(rows.first.locator("a[data-row]")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{house.address}{newest}")


def test_a_story_on_paper_says_all_that_the_page_says(house: House, visit: Visit, shots: Path | None) -> None:
    """Printed on A4: nothing is cut off at the edge, and it ends with the chain's length and last hash."""
    row = resting(house, "On paper")
    audrey = visit("audrey", viewport={"width": 680, "height": 980})  # A4 within its margins
    page = audrey.open(f"/audit/sessions/{row.session_ref}/")
    page.emulate_media(media="print")
    audrey.shoot(shots, "story-on-paper")
    page.locator(".sp .print-foot").scroll_into_view_if_needed()
    audrey.shoot(shots, "story-on-paper-end")
    expect(page.locator(".sp > :last-child")).to_contain_text("Hash of the last")
    for part in ("What happened", "Session", "Chain", "Who took part"):
        expect(page.get_by_role("heading", name=part, exact=True)).to_be_visible()
    for button in page.locator("button").all():
        expect(button).to_be_hidden()
    audrey.check_width()
    assert page.evaluate(SCROLLED) == []
    assert page.evaluate(TWICE) == []
    # A table with its head, not a card for each entry: what one entry takes is a few lines.
    assert page.evaluate(SHOWN_AS) == ["table-header-group", "table-row", "table-cell"]
    expect(page.locator(".sp > .print-foot")).not_to_contain_text("This is a part")


def test_the_period_and_the_button_of_the_filters_stand_together_at_both_widths(visit: Visit) -> None:
    """From and Until are side by side where there is room, one below the other on a phone, and lie on nothing else."""
    for narrow in (False, True):
        audrey = visit("audrey", narrow=narrow)
        page = audrey.open("/audit/")
        since, until = (page.get_by_label(name, exact=True).bounding_box() for name in ("From (UTC)", "Until (UTC)"))
        assert since is not None
        assert until is not None
        if narrow:
            assert until["y"] >= since["y"] + since["height"]
        else:
            assert since["y"] == until["y"]
            assert until["x"] >= since["x"] + since["width"]
        audrey.check()


def test_a_drill_is_chosen_and_held_without_scrolling(visit: Visit) -> None:
    """All ways to tamper and the button are on the first screen."""
    audrey = visit("audrey")
    page = audrey.open("/audit/drill/")
    expect(page.get_by_role("button", name="Hold the drill")).to_be_in_viewport()
    audrey.check()


def test_a_phone_shows_entries_before_filters_and_opens_them_without_scripts(house: House, visit: Visit) -> None:
    """UI.md 8: the fields stand behind one summary that says how many are set; a wide window shows them as they are."""
    row = resting(house, "Folded filters")
    path = f"/audit/?session={row.session_ref}&kind=session.started"
    phone = visit("audrey", viewport=NARROW, java_script_enabled=False)
    page = phone.open(path)
    expect(page.get_by_label("Principal")).to_be_hidden()
    expect(page.locator(".top .demo-tag")).to_be_visible()
    page.locator("summary", has_text="Filters · 2 set").click()
    expect(page.get_by_label("Principal")).to_be_visible()
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("#entries tbody tr")).to_have_count(1)
    wide = visit("audrey")
    page = wide.open(path)
    expect(page.get_by_label("Principal")).to_be_visible()
    expect(page.locator("summary", has_text="Filters")).to_be_hidden()
    page.set_viewport_size(NARROW)
    wide.live()
    wide.settle()
    page.keyboard.press("/")
    expect(page.get_by_label("Text or id")).to_be_focused()
    wide.check()
