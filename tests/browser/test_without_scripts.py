"""Everything that matters, with JavaScript off: plain links, plain forms, whole pages."""

from playwright.sync_api import expect

from tests.browser.conftest import Visit, email
from tests.browser.house import House


def test_a_person_without_scripts_signs_in_starts_a_session_and_reads_it(house: House, visit: Visit) -> None:
    """UI.md 2, OPS-3: the whole way in, and the answer after a reload."""
    visitor = visit(java_script_enabled=False)
    page = visitor.open("/")
    page.get_by_label("E-mail address").fill(email("paul"))
    page.get_by_label("Password").fill(house.passwords["paul"])
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{house.address}/sessions/")
    page.get_by_label("What should the agent do?").fill("scenario: mail-once to=kim@customer.example token=plain")
    page.get_by_role("button", name="Start").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("mail-once")
    for _ in range(100):
        if page.get_by_label("Waiting for a decision").count():
            break
        page.wait_for_timeout(200)
        page.reload()
    expect(page.get_by_label("Waiting for a decision")).to_be_visible()
    page.get_by_label("Send a message").fill("Make it short.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("#messages")).to_contain_text("Make it short.")


def test_a_reviewer_without_scripts_approves_rejects_and_edits(house: House, visit: Visit) -> None:
    """UI.md 4, APPR-3: the same forms without a script; a refusal is a page with what was typed."""
    approved, rejected, edited = (house.mail(subject=f"Plain {number}") for number in range(3))
    visitor = visit("remy", java_script_enabled=False)
    page = visitor.open(f"/approvals/{approved.ref}/")
    page.get_by_role("button", name="Approve").click()
    expect(page.locator(".bar")).to_contain_text("Approved")
    house.becomes(approved, "held", "consumed")

    visitor.open(f"/approvals/{rejected.ref}/")
    page.locator("summary", has_text="Reject").click()
    visitor.refusals.add(422)
    page.get_by_label("What should the agent do instead?").fill("No    ")
    page.locator(".bar .btn.danger").click()
    expect(page.locator("#instruction-error")).to_be_visible()
    page.get_by_label("What should the agent do instead?").fill("Ask the customer first.")
    page.locator(".bar .btn.danger").click()
    expect(page.locator(".bar")).to_contain_text("Rejected")
    house.becomes(rejected, "rejected")

    visitor.open(f"/approvals/{edited.ref}/")
    page.locator(".bar").get_by_role("link", name="Edit").click()
    page.get_by_label("subject").fill("Written without a script")
    page.get_by_role("button", name="Save and approve").click()
    expect(page.locator("#what")).to_contain_text("Written without a script")
    house.becomes(edited, "held", "consumed")


def test_nothing_that_needs_a_script_is_shown_without_one(house: House, visit: Visit) -> None:
    """UI.md 2: no button that would do nothing, and no key that nobody hears."""
    row = house.mail()
    visitor = visit("remy", java_script_enabled=False)
    visitor.open(f"/approvals/{row.ref}/")
    expect(visitor.page.locator(":is(.js, kbd, .q-keys):visible")).to_have_count(0)
    expect(visitor.page.locator("#confirm")).to_be_hidden()
