"""Sessions in the browser: started by form, watched live, through lost lines and late answers."""

from playwright.sync_api import Page, Route, WebSocketRoute, expect

from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.visitor import Visitor

GOAL = "Find our refund policy and e-mail a short summary to {to}."
SHOWN = """region => {
    const copy = document.querySelector(region).cloneNode(true);
    for (const element of copy.querySelectorAll("time, input[type=hidden], .moving")) element.remove();
    for (const element of copy.querySelectorAll("[data-rev]")) element.removeAttribute("data-rev");
    return copy.innerText.split("\\n").map(line => line.trim()).filter(Boolean);
}"""


NOTE_GROWTH = """() => {
    window.grown = [];
    const box = document.querySelector("[data-stream]");
    new MutationObserver(() => window.grown.push(box.textContent)).observe(box, {childList: true});
}"""


def shown(page: Page, region: str) -> list[str]:
    """Return what stands in a region, but for times that go on by themselves."""
    lines: list[str] = page.evaluate(SHOWN, region)
    return lines


def start(visitor: Visitor, goal: str) -> str:
    """Start a session by the form and return its short id."""
    visitor.open("/sessions/")
    visitor.page.get_by_label("What should the agent do?").fill(goal)
    visitor.page.get_by_role("button", name="Start").click()
    visitor.page.wait_for_url("**/sessions/S-*/")
    return visitor.page.url.rstrip("/").rsplit("/", 1)[1]


def test_a_goal_is_started_by_form_watched_live_and_goes_on_after_the_approval(house: House, visit: Visit) -> None:
    """The main job, LOOP-1, APPR-1, UI.md 6: two people, two browsers, and no reload anywhere."""
    olga, remy = visit("olga"), visit("remy")
    remy.open("/approvals/?state=decided")
    remy.open("/approvals/")
    remy.live()
    ref = start(olga, GOAL.format(to="finance@halden.example"))
    loads: list[str] = []
    olga.page.on("framenavigated", lambda frame: loads.append(frame.url))
    callout = olga.page.get_by_label("Waiting for a decision")
    expect(callout).to_contain_text("finance@halden.example")
    expect(olga.page.locator("#messages")).to_contain_text("search_documents")
    olga.check()

    number = callout.get_by_role("link").inner_text().split()[1]
    remy.page.locator(f"#row-{number} a").click(timeout=60_000)
    remy.settle()
    expect(remy.page.locator("#what")).to_contain_text("finance@halden.example")
    remy.page.keyboard.press("a")
    confirm = remy.page.locator("#confirm [data-confirm]")
    expect(confirm).to_be_focused()
    expect(confirm).not_to_have_attribute("aria-disabled", "true")
    remy.page.keyboard.press("Enter")

    expect(olga.page.get_by_role("heading", name="Answer", exact=True)).to_be_visible(timeout=30_000)
    expect(olga.page.get_by_label("Waiting for a decision")).to_have_count(0)
    assert loads == []
    olga.check()
    remy.check_quiet()
    mail = olga.open("/mail/")
    mail.get_by_role("row", name="finance@halden.example").get_by_role("link").click()
    expect(mail.get_by_role("main")).to_contain_text(ref)
    assert "U+" not in mail.get_by_role("main").inner_text(), "line ends of a mail are nothing hidden"
    olga.check()


def test_a_follow_up_is_sent_in_place_and_answered(house: House, olga: Visitor) -> None:
    """LOOP-5: the same session goes on with the next message, and its box is empty again."""
    start(olga, "Calculate 2 + 3.")
    page = olga.page
    expect(page.get_by_role("heading", name="Answer", exact=True)).to_be_visible(timeout=30_000)
    box = page.get_by_label("Go on with the conversation")
    box.fill("Calculate 377 / 512 * 100.")
    page.get_by_role("button", name="Send").click()
    expect(page.locator(".answer").first).to_contain_text("73.6")
    expect(page.locator("#content")).to_have_value("")
    olga.check()


def test_a_line_on_which_nobody_answers_is_given_up_for_another(olga: Visitor) -> None:
    """A socket that was accepted and never greeted is no line: the page asks again instead of waiting for good."""
    silent: list[WebSocketRoute] = []

    def first_is_silent(socket: WebSocketRoute) -> None:
        if silent:
            socket.connect_to_server()
        else:
            silent.append(socket)

    olga.context.route_web_socket("**/ws/live/**", first_is_silent)
    olga.open("/approvals/")
    olga.live()
    assert silent


def test_a_lost_line_is_said_and_what_happened_meanwhile_is_replayed(house: House, olga: Visitor) -> None:
    """UI.md 6 "No lost updates": the server dies, 50 things happen, it comes back: the page equals a fresh one."""
    row = house.mail(subject="While the line was down")
    page = olga.open(f"/sessions/{row.session_ref}/?view=events")
    olga.live()
    before = page.locator("#session tbody tr").count()
    olga.allowed.append("WebSocket connection|ERR_CONNECTION_REFUSED")
    house.kill_web()
    olga.wait("document.getElementById('live').dataset.state === 'stale'")
    expect(page.locator("#live")).to_contain_text("Reconnecting, last update")
    expect(page.locator("[data-live-chip]")).to_be_hidden()
    house.happen(row.session_ref, 50)
    house.start_web()

    olga.live()
    expect(page.locator("#session tbody tr")).to_have_count(before + 50)
    expect(page.locator("[data-live-chip]")).to_be_visible()
    live = shown(page, "#session")
    fresh = olga.context.new_page()
    fresh.goto(page.url)
    assert live == shown(fresh, "#session")
    fresh.close()
    olga.check()


def test_an_answer_that_comes_late_does_not_undo_a_newer_one(house: House, olga: Visitor) -> None:
    """UI.md 6.7: a fragment with a lower revision than what stands there is dropped."""
    row = house.mail(subject="Out of order")
    page = olga.open(f"/sessions/{row.session_ref}/?view=events")
    olga.live()
    old = page.context.request.get(f"{page.url}&fragment=session").text()
    head = house.happen(row.session_ref, 3)
    olga.wait_for_rev("#session", head)
    newer = shown(page, "#session")

    answered: list[str] = []

    def late(route: Route) -> None:
        route.fulfill(body=old, content_type="text/html")
        answered.append(route.request.url)

    page.route("**/*fragment=session*", late)
    page.evaluate("document.getElementById('session').dispatchEvent(new CustomEvent('console:refresh', {bubbles: true}))")
    while not answered:
        page.wait_for_timeout(20)
    page.wait_for_timeout(300)
    page.unroute_all()
    assert olga.rev("#session") >= head
    assert shown(page, "#session") == newer


def test_what_is_being_typed_survives_an_update_with_its_caret(house: House, olga: Visitor) -> None:
    """UI.md 6 "Do not move what people are reading": text, focus and caret stay while the page changes around them."""
    row = house.mail(subject="Typing")
    page = olga.open(f"/sessions/{row.session_ref}/?view=events")
    olga.live()
    box = page.locator("#content")
    box.fill("Wait for the other one")
    box.evaluate("element => element.setSelectionRange(5, 8)")
    for _ in range(3):
        olga.wait_for_rev("#session", house.happen(row.session_ref))
    page.keyboard.type("until")
    expect(box).to_be_focused()
    expect(box).to_have_value("Wait until the other one")
    assert box.evaluate("element => element.selectionStart") == 10
    olga.check()


def test_a_session_is_read_in_peace_and_followed_again(house: House, olga: Visitor) -> None:
    """UI.md 5: F stops following live, and F again brings all that happened meanwhile."""
    row = house.mail(subject="In peace")
    page = olga.open(f"/sessions/{row.session_ref}/?view=events")
    olga.live()
    olga.settle()
    rows = page.locator("#session tbody tr")
    before = rows.count()
    page.keyboard.press("f")
    follow = page.locator("[data-follow]")
    expect(follow).to_have_text("Not following")
    head = house.happen(row.session_ref, 3)
    olga.wait(f"Number(document.querySelector('#live .live-text').textContent.replace(/\\D/g, '')) >= {head}")
    page.wait_for_timeout(500)
    assert rows.count() == before
    olga.check()
    page.keyboard.press("f")
    expect(follow).to_have_text("Following live")
    expect(rows).to_have_count(before + 3)
    olga.check()


def test_new_requests_wait_behind_a_button_while_somebody_is_in_the_list(house: House, remy: Visitor) -> None:
    """UI.md 6: rows that a person has under the pointer do not move; the button brings what is new."""
    house.mail(subject="Already there")
    page = remy.open("/approvals/")
    remy.live()
    page.locator("#queue a.q").first.hover()
    order = page.locator("#queue li").evaluate_all("rows => rows.map(row => row.id)")
    row = house.mail(subject="Came later")
    fresh = page.locator("#queue > .fresh")
    expect(fresh).to_have_text("1 new")
    assert page.locator("#queue li").evaluate_all("rows => rows.map(row => row.id)") == order
    remy.check()
    fresh.click()
    expect(page.locator(f"#row-{row.ref}")).to_be_visible()
    remy.check()


def test_a_session_is_cancelled_and_its_request_withdrawn_for_the_reviewer_who_looks_at_it(house: House, visit: Visit) -> None:
    """LOOP-11, THREATS 17: the stop is final, and the reviewer's page says so by itself."""
    row = house.mail(subject="Called off")
    olga, remy = visit("olga"), visit("remy")
    remy.open_request(row)
    remy.live()
    page = olga.open(f"/sessions/{row.session_ref}/")
    page.locator("summary", has_text="Cancel").click()
    page.get_by_role("button", name="End this session").click()
    expect(page.locator("#session")).to_contain_text("Cancelled")
    house.becomes(row, "withdrawn")
    expect(remy.page.locator(".bar")).to_contain_text("nothing is asked any more")
    expect(remy.page.locator(".bar form")).to_have_count(0)
    for visitor in (olga, remy):
        visitor.check()


def streams(olga: Visitor) -> bool:
    """Start a session, go on with it, and say whether pieces of the second answer were seen."""
    start(olga, "scenario: slowly")
    page = olga.page
    expect(page.locator(".answer").first).to_contain_text("I am ready.")
    olga.live()
    page.evaluate(NOTE_GROWTH)
    page.get_by_label("Go on with the conversation").fill("Go on.")
    page.get_by_role("button", name="Send").click()
    # Pieces may be lost; that the session is run and its answer comes may not. What was seen on the way is noted by the page.
    expect(page.locator(".answer").first).to_contain_text("while it is being written.")
    grown: list[str] = page.evaluate("window.grown")
    return any("slowly, one word" in text for text in grown)


def test_an_answer_appears_while_it_is_written_and_gives_way_to_the_stored_one(house: House, olga: Visitor) -> None:
    """UI.md 6, LOOP-10: pieces come over the socket to the page that watches; lossy, so one session of three must show them."""
    assert any(streams(olga) for _ in range(3))
    page = olga.page
    olga.check()
    expect(page.locator(".answer").first).to_contain_text("while it is being written.")
    grown: list[str] = page.evaluate("window.grown")
    assert len({text for text in grown if text}) > 1, grown
    expect(page.locator("[data-stream]")).to_be_hidden()
    olga.check()
