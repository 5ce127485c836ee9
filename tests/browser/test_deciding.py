"""Deciding in the browser: with the keyboard, in a hurry, after somebody else, and with a password."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from playwright.sync_api import expect

from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import Visitor


def confirm_is_armed(visitor: Visitor) -> None:
    """Wait until Confirm may be pressed."""
    expect(visitor.page.locator("#confirm [data-confirm]")).not_to_have_attribute("aria-disabled", "true")


def approve(visitor: Visitor) -> None:
    """Approve by two keys."""
    visitor.page.keyboard.press("a")
    expect(visitor.page.locator("#confirm [data-confirm]")).to_be_focused()
    confirm_is_armed(visitor)
    visitor.page.keyboard.press("Enter")


def reject(visitor: Visitor) -> None:
    """Open the form of a rejection by its key."""
    visitor.page.keyboard.press("r")
    expect(visitor.page.get_by_label("What should the agent do instead?")).to_be_focused()


def stay(visitor: Visitor) -> None:
    """Turn "Open next" off, so that the decided request stays open."""
    visitor.page.locator("[data-open-next]").uncheck()


def test_a_request_is_found_opened_and_approved_by_keyboard_alone(house: House, remy: Visitor) -> None:
    """UI.md 4 and 5, APPR-1: j and k move, Enter opens, A asks, Confirm rests for high risk, Enter commits."""
    first, second = house.mail(subject="Older"), house.mail(subject="Younger")
    page = remy.open("/approvals/")
    remy.settle()
    row = page.locator(f"#row-{second.ref} a")
    for _ in range(page.locator(".q-list a.q").count()):
        page.keyboard.press("j")
        if row.evaluate("element => element === document.activeElement"):
            break
    expect(row).to_be_focused()
    page.keyboard.press("k")
    expect(row).not_to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page).to_have_url(f"{house.address}/approvals/{second.ref}/")
    remy.settle()
    stay(remy)

    page.keyboard.press("a")
    confirm = page.locator("#confirm [data-confirm]")
    expect(confirm).to_be_focused()
    confirm_is_armed(remy)
    page.keyboard.press("Enter")
    expect(remy.detail.locator(".lede b", has_text="Remy")).to_be_visible()
    house.becomes(second, "held", "consumed")
    assert house.status_of(first) == "pending"
    assert len(remy.posts) == 1
    remy.check()


def test_after_a_decision_the_next_request_is_opened_and_fetched_once(house: House, remy: Visitor) -> None:
    """UI.md 5: "Open next" goes on by itself, the next request's sentence has the focus, and nothing is loaded twice."""
    first, second = house.mail(subject="This first"), house.mail(subject="Then this")
    page = remy.open_request(first)
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "GET" else None)
    approve(remy)
    page.wait_for_url(lambda url: f"/{first.ref}/" not in url)
    expect(page.locator("#what")).to_be_focused()
    remy.settle()
    assert house.status_of(first) in ("held", "consumed")
    assert asked.count(page.url) == 1, asked
    assert second.ref
    remy.check()


def test_confirm_does_nothing_until_a_grave_request_has_been_on_display(house: House, remy: Visitor) -> None:
    """UI.md 4: with high risk two quick keys decide nothing; Confirm rests for 1.2 s."""
    row = house.mail()
    shown = datetime(2030, 1, 1, tzinfo=UTC)
    remy.page.clock.set_fixed_time(shown)
    page = remy.open_request(row)
    page.keyboard.press("a")
    confirm = page.locator("#confirm [data-confirm]")
    expect(confirm).to_be_focused()
    expect(confirm).to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Enter")
    assert remy.posts == []
    remy.page.clock.set_fixed_time(shown + timedelta(seconds=1.3))
    expect(confirm).not_to_have_attribute("aria-disabled", "true")
    page.keyboard.press("Enter")
    house.becomes(row, "held", "consumed")
    assert len(remy.posts) == 1


def test_a_held_key_decides_once_and_never_on_the_next_request(house: House, remy: Visitor) -> None:
    """UI.md 4: key repeat acts once; the request that opens next hears nothing of the keys that are still down."""
    row, following = house.mail(subject="This one"), house.mail(subject="Not this one")
    page = remy.open_request(row)
    page.keyboard.down("a")
    confirm_is_armed(remy)
    for _ in range(5):
        page.keyboard.down("a")
    page.keyboard.down("Enter")
    for _ in range(20):
        page.keyboard.down("Enter")
    house.becomes(row, "held", "consumed")
    page.wait_for_url(lambda url: row.ref not in url)
    remy.settle()
    for _ in range(20):
        page.keyboard.down("Enter")
        page.keyboard.down("a")
    expect(page.locator("#confirm")).to_be_hidden()
    assert len(remy.posts) == 1
    assert house.status_of(following) == "pending"


def test_the_end_of_an_undo_period_leaves_the_open_request_alone(house: House, remy: Visitor) -> None:
    """UI.md 4: whose approval of another request can no longer be undone, goes on with this one: no button is dimmed."""
    with house.undo_period(30):
        before, row = house.mail(subject="Before"), house.mail(subject="Open")
    house.decide(before, "remy", "approve", hold=True)
    page = remy.open_request(row)
    expect(page.locator(".notice.hold", has_text=before.ref)).to_be_visible()
    page.evaluate("""() => {
        window.dimmed = 0;
        new MutationObserver((changes) => { window.dimmed += changes.length; })
            .observe(document.getElementById("detail"), { subtree: true, attributeFilter: ["data-sending"] });
    }""")
    with page.expect_response(lambda answer: "fragment=detail" in answer.url):
        page.clock.set_fixed_time(datetime.now(UTC) + timedelta(seconds=40))
    assert page.evaluate("window.dimmed") == 0
    remy.check()


def test_an_approval_is_taken_back_within_the_undo_period(house: House, remy: Visitor) -> None:
    """UI.md 4 "Undo is real": Z returns it to the queue, nothing was sent, and it can be decided again."""
    with house.undo_period(30):
        row = house.mail(subject="Taken back")
    page = remy.open_request(row)
    stay(remy)
    approve(remy)
    expect(page.locator(".notice.hold")).to_contain_text(row.ref)
    remy.check_quiet()
    remy.wait("Date.now() > window.console_shown + 650")
    with page.expect_navigation():
        page.keyboard.press("z")
    house.becomes(row, "pending")
    expect(remy.detail.get_by_role("button", name="Approve")).to_be_visible()
    expect(page.locator(".notice.hold", has_text=row.ref)).to_have_count(0)
    remy.check()


def test_an_approval_that_has_run_is_not_taken_back(house: House, remy: Visitor) -> None:
    """UI.md 4 "Undo is real": after the undo period its button is refused with the reason, and what was sent stays sent."""
    with house.undo_period(3):
        row = house.mail(subject="Gone")
    remy.refusals.add(409)
    remy.context.route_web_socket("**/ws/live/**", lambda socket: socket.close())
    page = remy.open_request(row)
    stay(remy)
    approve(remy)
    expect(page.locator(".notice.hold", has_text=row.ref)).to_be_visible()
    page.clock.set_fixed_time(page.evaluate("window.console_shown + 1000"))
    house.becomes(row, "consumed")
    with page.expect_response(lambda answer: answer.request.method == "POST"):
        page.locator(".notice.hold", has_text=row.ref).get_by_role("button", name="Undo").click()
    expect(page.locator(".notice.bad")).to_contain_text(f"{row.ref} cannot be undone: it has run.")
    assert house.status_of(row) == "consumed"
    remy.check_quiet()


def test_an_expiry_while_confirming_decides_nothing_and_says_so(house: House, remy: Visitor) -> None:
    """UI.md 10, THREATS 14: the panel is open when the time runs out; Confirm is answered by the database's clock."""
    row = house.mail(subject="Too late")
    remy.refusals.add(410)
    remy.context.route_web_socket("**/ws/live/**", lambda socket: socket.close())
    page = remy.open_request(row)
    stay(remy)
    page.keyboard.press("a")
    confirm_is_armed(remy)
    house.expire(row)
    page.keyboard.press("Enter")
    expect(remy.detail.locator(".bar")).to_contain_text("The time to decide is over")
    expect(remy.detail.locator("form[data-decide]")).to_have_count(0)
    house.becomes(row, "expired")
    remy.check()


def test_a_rejection_needs_words_and_keeps_what_was_typed(house: House, remy: Visitor) -> None:
    """APPR-3, UI.md 4: too short is said beside the field with the text kept; the real one goes to the agent."""
    row = house.mail(subject="Refused")
    page = remy.open_request(row)
    stay(remy)
    remy.refusals.add(422)
    page.keyboard.press("r")
    box = page.get_by_label("What should the agent do instead?")
    expect(box).to_be_focused()
    remy.check()
    page.keyboard.type("No    ")
    page.keyboard.press("Control+Enter")
    expect(page.locator("#instruction-error")).to_be_visible()
    expect(box).to_have_value("No    ")
    remy.check()

    box.fill("Ask the customer first.")
    page.keyboard.press("Control+Enter")
    house.becomes(row, "rejected")
    expect(remy.detail.locator(".bar")).to_contain_text("Rejected")
    expect(remy.detail.get_by_text("“Ask the customer first.”")).to_be_visible()
    remy.check()


def test_a_question_is_answered_by_keyboard_alone(house: House, remy: Visitor) -> None:
    """APPR-3, UI.md 5: its panel stands open; A writes into it instead of shutting it, and no letter of the answer is a key."""
    row = house.asked(house.session('scenario: ask-person question="Which office do you mean?"'))
    until = row.expires_at
    page = remy.open_request(row)
    stay(remy)
    page.keyboard.press("a")
    expect(page.get_by_label("Your answer")).to_be_focused()
    page.keyboard.type("The other one, here")
    page.keyboard.press("Control+Enter")
    house.becomes(row, "answered")
    house.do(row.refresh_from_db)
    assert row.expires_at == until, "a letter of the answer extended the time"
    remy.check()


def test_an_edit_shows_what_is_wrong_beside_its_field_and_then_what_changed(house: House, remy: Visitor) -> None:
    """APPR-3, UI.md 4: the form from the schema; the server's word beside the field; the difference afterwards."""
    row = house.mail(to="kim@customer.example", subject="To be edited")
    page = remy.open_request(row)
    remy.refusals.add(422)
    page.keyboard.press("e")
    expect(page).to_have_url(f"{house.address}/approvals/{row.ref}/edit/")
    expect(page.get_by_role("heading", level=1)).to_be_focused()
    remy.check()
    to = page.get_by_label("to", exact=True)
    to.fill("nobody at all")
    page.get_by_label("subject").fill("Edited by Remy")
    page.keyboard.press("Control+Enter")
    expect(page.locator("[id$='to-error']")).to_be_visible()
    expect(to).to_be_focused()
    expect(page.locator("#edit").get_by_role("alert")).to_contain_text("What is wrong stands beside each field below.")
    expect(to).to_have_value("nobody at all")
    expect(page.get_by_label("subject")).to_have_value("Edited by Remy")
    remy.check()

    to.fill("lee@customer.example")
    page.get_by_role("button", name="Save and approve").click()
    expect(page).to_have_url(f"{house.address}/approvals/{row.ref}/")
    house.becomes(row, "held", "consumed")
    changes = remy.detail.get_by_role("table").filter(has_text="Before and after")
    expect(changes).to_contain_text("lee@customer.example")
    remy.check()


def test_an_edit_that_raises_the_judgement_asks_another_person_too(house: House, visit: Visit) -> None:
    """APPR-3, UI.md 4, THREATS 10: a stranger as recipient needs two people; the editor counts as one of them."""
    remy, rosa = visit("remy"), visit("rosa")
    with house.ruling({
        "name": "Strangers need two", "tool": "send_email", "then": "ask", "required": 2,
        "when": {"path": "to.*", "op": "outside", "value": "recipients"},
    }):  # fmt: skip
        row = house.mail(to="kim@halden.example", subject="To a colleague")
        page = remy.open_request(row)
        expect(remy.detail.locator(".facts")).to_contain_text("1 needed")
        page.keyboard.press("e")
        page.get_by_label("to", exact=True).fill("lee@customer.example")
        page.get_by_role("button", name="Save and approve").click()
        expect(page.get_by_role("heading", name="Not saved yet: this asks more than before")).to_be_focused()
        expect(page.locator("#edit")).to_contain_text("2 reviewers have to agree instead of 1; you would be one of them.")
        expect(page.locator("#edit ins")).to_contain_text("lee@customer.example")
        assert house.status_of(row) == "pending"
        remy.check()
        remy.settle()
        page.keyboard.press("Control+Enter")
        expect(page).to_have_url(f"{house.address}/approvals/{row.ref}/")
        expect(remy.detail.locator(".bar")).to_contain_text("You have approved this. 1 of 2 reviewers have")
        assert house.status_of(row) == "pending"
        remy.check()

        other = rosa.open_request(row)
        stay(rosa)
        expect(rosa.detail).to_contain_text("lee@customer.example")
        approve(rosa)
        house.becomes(row, "held", "consumed")
        expect(other.locator("#what")).to_contain_text("lee@customer.example")
        rosa.check()


def test_the_slower_of_two_reviewers_is_told_who_was_faster_and_keeps_the_words(house: House, visit: Visit) -> None:
    """APPR-4, UI.md 6 "Two reviewers at once", THREATS 16: 409 with who, what and when; no button left, nothing lost."""
    row = house.mail(subject="Fought over")
    rosa = visit("rosa")
    rosa.refusals.add(409)
    rosa.context.route_web_socket("**/ws/live/**", lambda socket: socket.close())
    page = rosa.open_request(row)
    stay(rosa)
    reject(rosa)
    page.keyboard.type("Finance has to see this first.")
    house.decide(row, "remy", "approve")
    page.keyboard.press("Control+Enter")
    conflict = page.locator("#conflict")
    expect(conflict.get_by_role("heading")).to_contain_text("Remy approved this")
    expect(page.locator("#kept")).to_have_text("Finance has to see this first.")
    expect(rosa.detail.locator("form[data-decide]")).to_have_count(0)
    rosa.check()


def test_words_are_kept_when_somebody_else_decides_while_one_writes(house: House, visit: Visit) -> None:
    """UI.md 6: the page follows the other's decision live, and what was being typed stands there to be copied."""
    row = house.mail(subject="Followed")
    rosa = visit("rosa")
    page = rosa.open_request(row)
    rosa.live()
    reject(rosa)
    page.keyboard.type("I was about to say this.")
    house.decide(row, "remy", "approve", hold=True)
    expect(rosa.detail.locator(".lede b", has_text="Remy")).to_be_visible()
    expect(rosa.detail.locator(".bar")).to_contain_text("Approved and carried out once")
    expect(page.locator("#kept")).to_have_text("I was about to say this.")
    expect(rosa.detail.locator("form[data-decide]")).to_have_count(0)
    rosa.check()


def test_words_go_back_into_the_form_when_the_decision_is_undone(house: House, visit: Visit) -> None:
    """UI.md 6: who was slower loses no word, also when the faster one takes the decision back."""
    with house.undo_period(30):
        row = house.mail(subject="Decided and not")
    rosa = visit("rosa")
    page = rosa.open_request(row)
    rosa.live()
    reject(rosa)
    page.keyboard.type("Ask the customer first.")
    house.decide(row, "remy", "approve", hold=True)
    expect(page.locator("#kept")).to_have_text("Ask the customer first.")
    house.undo(row, "remy")
    expect(page.get_by_label("What should the agent do instead?")).to_have_value("Ask the customer first.")
    expect(page.get_by_label("What should the agent do instead?")).to_be_visible()
    expect(page.locator("#kept")).to_have_count(0)
    rosa.check()


def test_destroying_something_asks_for_the_password_again(house: House, remy: Visitor) -> None:
    """UI.md 4, APPR-5: without the right password nothing is decided; with it the document goes."""
    row = house.asked(house.session("scenario: delete-document document=price-list-2026"))
    page = remy.open_request(row)
    stay(remy)
    remy.refusals |= {401, 403}
    password = page.get_by_label("Your password")
    remy.check()
    page.keyboard.press("a")
    expect(password).to_be_focused()
    assert remy.posts == []
    page.keyboard.type("not my password")
    page.get_by_role("button", name="Approve").click()
    confirm_is_armed(remy)
    page.keyboard.press("Enter")
    expect(page.locator("#password-error")).to_be_visible()
    assert house.status_of(row) == "pending"
    remy.check()

    password.fill(house.passwords["remy"])
    page.get_by_role("button", name="Approve").click()
    confirm_is_armed(remy)
    page.keyboard.press("Enter")
    house.becomes(row, "held", "consumed")


def test_who_may_not_decide_reads_why_and_sees_no_button(house: House, visit: Visit) -> None:
    """UI.md 4, APPR-5: a viewer by role, and the one who asked for it by four eyes."""
    row = house.mail(by="ada")
    for name in ("vic", "ada"):
        visitor = visit(name)
        visitor.open(f"/approvals/{row.ref}/")
        expect(visitor.page.locator(".bar-why")).to_be_visible()
        assert len(visitor.page.locator(".bar-why").inner_text().strip()) > 20
        expect(visitor.page.locator(".bar form, .bar [data-key]")).to_have_count(0)
        visitor.check()


def test_a_narrow_screen_decides_too(house: House, visit: Visit) -> None:
    """UI.md 8 "Phone": the request alone on its page, the bar in view, nothing to scroll sideways."""
    row = house.mail(subject="By phone")
    visitor = visit("remy", narrow=True, has_touch=True)
    page = visitor.open("/approvals/")
    visitor.check()
    page.locator(f"#row-{row.ref} a").click()
    visitor.settle()
    expect(page.locator(".bar")).to_be_in_viewport()
    expect(page.locator(".q-list")).to_be_hidden()
    visitor.check()
    page.get_by_role("button", name="Approve").click()
    visitor.check()
    confirm_is_armed(visitor)
    page.get_by_role("button", name="Confirm").click()
    house.becomes(row, "held", "consumed")


def test_the_first_of_two_is_promised_no_undo_and_can_still_stop_it(house: House, visit: Visit, shots: Path | None) -> None:
    """APPR-5: what runs only after a second person has nothing to be undone; whoever sees a mistake in time rejects."""
    with house.tiers(required=2):
        row = house.mail(subject="Two people")
        remy, rosa = visit("remy"), visit("rosa")
        page = remy.open_request(row)
        stay(remy)
        page.keyboard.press("a")
        expect(page.locator("#confirm")).to_contain_text("Nothing runs yet: 1 more person has to approve after you.")
        expect(page.locator("#confirm")).not_to_contain_text("undo")
        confirm_is_armed(remy)
        page.keyboard.press("Enter")
        expect(page.locator(".bar-place")).to_contain_text("You have approved this. 1 of 2 reviewers have")
        expect(page.locator(".bar").get_by_role("button", name="Approve")).to_have_count(0)
        remy.shoot(shots, "voted")
        remy.check()
        other = rosa.open_request(row)
        expect(rosa.detail.locator(".facts")).to_contain_text("2 needed, 1 approved")
        other.keyboard.press("a")
        expect(other.locator("#confirm")).to_contain_text("You can undo this for")
        other.keyboard.press("Escape")
        remy.settle()
        reject(remy)
        page.keyboard.type("I misread the sum.")
        page.keyboard.press("Control+Enter")
        house.becomes(row, "rejected")
