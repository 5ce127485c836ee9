"""The queue as a workbench in the browser: filters, claims, and one decision on many by keyboard and without script."""

import re

from playwright.sync_api import expect

from approvals.models import ApprovalRequest
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import Visitor


def notes(house: House, token: str, count: int) -> list[ApprovalRequest]:
    """Let the agent ask to write so many files, which it may otherwise do without asking."""
    with house.tiers(narrow="ask"):
        return [house.asked(house.session(f"scenario: writes token={token}{number}")) for number in range(count)]


def test_many_are_selected_and_approved_by_keyboard_alone(house: House, remy: Visitor) -> None:
    """UI.md 4 and 5: x, Shift+x for a range, A opens the table of every value, Enter commits; one result for each."""
    rows = notes(house, "many", 4)
    page = remy.open("/approvals/?risk=2&q=many")
    remy.settle()
    expect(page.locator(".pick")).to_have_count(4)
    expect(page.locator(".q-bulk")).to_be_hidden()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(page.locator(".q-bulk [data-chosen]").first).to_have_text("1")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Shift+X")
    expect(page.locator(".pick:checked")).to_have_count(3)
    page.keyboard.press("k")
    page.keyboard.press("x")
    expect(page.locator(".q-bulk [data-chosen]").first).to_have_text("2")
    reach = page.evaluate("(bar => [bar.scrollWidth, bar.clientWidth])(document.querySelector('.q-bulk'))")
    assert reach[0] == reach[1], "a button of the bar is cut off"
    remy.check()
    page.keyboard.press("a")
    expect(page.get_by_role("heading", level=1)).to_have_text("Approve 2 requests")
    confirm = page.locator("[data-confirm]")
    expect(confirm).to_be_focused()
    chosen = page.locator("input[name=ref]").evaluate_all("fields => fields.map(field => field.value)")
    for ref in chosen:
        expect(page.get_by_role("row").filter(has_text=ref)).to_contain_text("A line.")
    remy.check()
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("What came of each")
    for row in rows:
        if row.ref in chosen:
            expect(page.get_by_role("row").filter(has_text=row.ref)).to_contain_text("Approved")
            house.becomes(row, "held", "consumed")
        else:
            assert house.status_of(row) == "pending"
    remy.check()
    remy.settle()
    page.keyboard.press("u")
    expect(page).to_have_url(f"{house.address}/approvals/?risk=2&q=many")


def test_the_open_request_is_in_view_in_its_list(house: House, visit: Visit) -> None:
    """UI.md 3: a link to a request far down the queue shows where in the queue it stands."""
    rows = [house.mail(subject=f"Far down {number}") for number in range(4)]
    visitor = visit("remy", viewport={"width": 1440, "height": 480})
    page = visitor.open_request(rows[-1])
    row = page.locator(f"#row-{rows[-1].ref} a.q")
    expect(row).to_have_attribute("aria-current", "true")
    expect(row).to_be_in_viewport(ratio=0.9)
    assert page.evaluate("scrollY") == 0


def test_what_is_selected_stays_so_while_the_list_changes(house: House, remy: Visitor) -> None:
    """A new request comes, another one is decided: the selection is kept, without what is over."""
    first, second = notes(house, "kept", 2)
    page = remy.open("/approvals/?q=kept")
    remy.live()
    for row in (first, second):
        page.locator(f"#row-{row.ref}").hover()
        page.locator(f"#row-{row.ref} .pick").check()
    expect(page.locator(".q-bulk [data-chosen]").first).to_have_text("2")
    house.decide(second, "rosa", "reject", instruction="Not this one.")
    expect(page.locator(f"#row-{second.ref}")).to_have_class("done")
    expect(page.locator(".q-bulk [data-chosen]").first).to_have_text("1")
    expect(page.locator(f"#row-{first.ref} .pick")).to_be_checked()
    remy.check_quiet()


def test_a_line_stops_saying_that_it_can_be_undone(house: House, remy: Visitor) -> None:
    """UI.md 6: what was decided stays where it is, and says nothing that is over."""
    row = house.mail(subject="Undone no more")
    page = remy.open(f"/approvals/{row.ref}/")
    remy.live()
    remy.settle()
    page.keyboard.press("a")
    expect(page.locator("#confirm [data-confirm]")).to_be_focused()
    remy.settle()
    page.locator("#confirm [data-confirm]").click()
    house.becomes(row, "consumed")
    line = page.locator(f"#row-{row.ref}")
    expect(line).to_contain_text("Approved by Remy")
    expect(line).not_to_contain_text("can be undone")
    remy.check_quiet()


def test_many_are_decided_without_scripts(house: House, visit: Visit) -> None:
    """Checkboxes and forms: select, look at every value, confirm, read the results."""
    rows = notes(house, "plain", 2)
    visitor = visit("remy", java_script_enabled=False)
    page = visitor.open("/approvals/?q=plain")
    for row in rows:
        page.locator(f"#row-{row.ref}").hover()
        page.locator(f"#row-{row.ref} .pick").check()
    page.locator(".q-bulk").get_by_role("button", name="Reject").click()
    page.get_by_label("What should the agents do instead?").fill("Write nothing, please.")
    page.get_by_role("button", name="Reject 2").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("What came of each")
    assert [house.status_of(row) for row in rows] == ["rejected", "rejected"]


def test_a_claim_is_seen_by_the_other_at_once_and_stops_nobody(house: House, visit: Visit) -> None:
    """UI.md 6: C claims, the other page says who has it without a reload, and can decide all the same; H gives time."""
    row = house.mail(subject="Claimed")
    remy, rosa = visit("remy"), visit("rosa")
    theirs = rosa.open_request(row)
    rosa.live()
    page = remy.open_request(row)
    page.keyboard.press("c")
    expect(remy.detail.locator(".mine")).to_have_text("You have it")
    expect(theirs.locator("#detail .notice")).to_contain_text("Remy has it")
    expect(theirs.locator(f"#row-{row.ref} .av")).to_have_count(1)
    expect(theirs.locator("#detail").get_by_role("button", name="Approve")).to_be_visible()
    rosa.check()
    remy.check()
    remy.wait("Date.now() > window.console_shown + 650")
    page.keyboard.press("h")
    expect(page.locator(".d-meta .clock time")).to_have_text("47 h")
    assert house.do(lambda: ApprovalRequest.objects.get(pk=row.pk).extensions) == 1
    page.keyboard.press("c")
    expect(remy.detail.get_by_role("button", name="Claim")).to_be_visible()
    expect(theirs.locator("#detail .notice")).to_have_count(0)


def test_who_has_a_request_open_is_seen_beside_it_and_gone_when_they_leave(house: House, visit: Visit) -> None:
    """UI.md 6: "Remy is looking" on the other's page, as an avatar on the row; hidden, left and closed pages look at nothing."""
    row, other = house.mail(subject="Looked at"), house.mail(subject="Left for")
    remy, rosa = visit("remy"), visit("rosa")
    theirs = rosa.open_request(row)
    rosa.live()
    beside, on_row = theirs.locator(".d-meta .lookers"), theirs.locator(f"#row-{row.ref} .lookers")
    page = remy.open_request(row)
    expect(beside).to_have_text(re.compile("Remy is looking"))
    expect(on_row.locator(".av")).to_have_count(1)
    expect(remy.detail.locator(".lookers")).to_have_text(re.compile("Rosa is looking"))
    rosa.check()
    page.keyboard.press("c")  # the list is fetched anew and shows it again
    expect(theirs.locator("#detail .notice")).to_contain_text("Remy has it")
    expect(beside).to_have_text(re.compile("Remy is looking"))
    remy.open_request(other)
    expect(beside).to_be_empty()
    expect(theirs.locator(f"#row-{other.ref} .lookers .av")).to_have_count(1)
    remy.page.close()
    expect(theirs.locator(f"#row-{other.ref} .lookers")).to_be_empty()
    rosa.check_quiet()


def test_filters_are_chosen_with_numbers_and_stay_in_the_address(house: House, remy: Visitor) -> None:
    """UI.md 3: a facet is a link, what is on can be taken out one by one, an opened request keeps them."""
    row = house.mail(subject="Filtered away")
    page = remy.open("/approvals/?q=Filtered")
    page.get_by_role("button", name="Search and filter the queue").click()
    remy.check()
    page.locator("#filter").get_by_role("link", name="High risk").click()
    expect(page).to_have_url(f"{house.address}/approvals/?risk=3&q=Filtered")
    page.locator(f"#row-{row.ref} a").click()
    expect(page).to_have_url(f"{house.address}/approvals/{row.ref}/?risk=3&q=Filtered")
    remy.check()
    page.get_by_role("link", name="Without the filter Risk: High risk").click()
    expect(page).to_have_url(f"{house.address}/approvals/?q=Filtered")


def test_slash_searches_the_queue_and_u_leads_back_to_the_list(house: House, remy: Visitor) -> None:
    """UI.md 5: the search opens with the caret in it; from an open request U and Esc go to its row; the help says both."""
    row = house.mail(subject="Searched by key")
    page = remy.open("/approvals/")
    remy.settle()
    page.keyboard.press("/")
    expect(page.get_by_label("Words in the sentence")).to_be_focused()
    page.keyboard.type("Searched by key")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    expect(page.locator("#queue .q")).to_have_count(1)
    remy.open_request(row)
    for key in ("u", "Escape"):
        page.locator("#what").focus()
        page.keyboard.press(key)
        expect(page.locator(f"#row-{row.ref} a.q")).to_be_focused()
    page.keyboard.press("?")
    names = page.locator("#help dd")
    expect(names.filter(has_text="Search and filter the queue")).to_have_count(1)
    expect(names.filter(has_text="Back to the list")).to_have_count(1)
    expect(names.filter(has_text=re.compile("^Go to your settings$"))).to_have_count(1)
    remy.check()


def test_the_numbers_beside_filters_and_views_follow_what_happens(house: House, remy: Visitor) -> None:
    """UI.md 6: a new request is counted by the facets and views of an open queue; what is being looked at stays where it is."""
    row = house.mail(subject="Counted")
    page = remy.open("/approvals/?q=Counted")
    remy.live()
    page.get_by_role("button", name="Search and filter the queue").click()
    risk = page.locator('#filter [data-count="risk=3"]')
    expect(risk).to_have_text("1")
    places = page.locator("#filter .facet a").evaluate_all("links => links.map(link => link.getAttribute('href'))")
    house.mail(subject="Counted too")
    expect(risk).to_have_text("2")
    assert page.locator("#filter .facet a").evaluate_all("links => links.map(link => link.getAttribute('href'))") == places
    remy.check()
    house.decide(row, "rosa", "reject", instruction="Not this one.")
    expect(risk).to_have_text("1")
    remy.check_quiet()
