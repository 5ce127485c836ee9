"""What was given to a model, and what would be, in a browser: turns walked by keys, a draft seen in a session that was."""

from playwright.sync_api import expect

from agents.models import Session
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.waiting import wait_until


def answered(house: House, session: Session) -> None:
    """Wait until a session has its answer and rests."""
    wait_until(lambda: house.do(lambda: Session.objects.get(pk=session.pk).status == "waiting_input"))


def test_a_draft_is_looked_at_in_a_session_that_was(visit: Visit, house: House) -> None:
    """What it would give the model stands below the form, with all that was typed."""
    session = house.session("Calculate 377 / 512 * 100", "paul")
    answered(house, session)
    paul = visit("paul")
    paul.page.goto("/prompts/research-assistant/new/")
    paul.settle()
    paul.page.fill("#text", "You look things up for {{customer}}, and say where it stands.")
    paul.page.get_by_label("Name of variable 1").fill("customer")
    paul.page.get_by_label("What variable 1 takes").select_option("tenant")
    paul.page.get_by_label("What stands for variable 1 where that is empty").fill("whoever asks")
    paul.page.fill("#session", session.ref)
    paul.page.get_by_role("button", name="Preview", exact=True).click()
    expect(paul.page.locator("#preview .diff")).to_contain_text("whoever asks")
    expect(paul.page.locator("#preview")).to_contain_text("Calculate 377")
    expect(paul.page.locator("#text")).to_have_value("You look things up for {{customer}}, and say where it stands.")
    paul.settle()
    paul.check()


def test_turns_are_walked_by_keys(visit: Visit, house: House) -> None:
    """`j` goes to the turn after, `k` to the one before, `u` back to the session."""
    session = house.session("Calculate 377 / 512 * 100")
    answered(house, session)
    olga = visit("olga")
    olga.page.goto(f"/sessions/{session.ref}/turns/")
    olga.settle()
    expect(olga.page.get_by_role("heading", level=1)).to_contain_text("Turn 1 of")
    olga.page.keyboard.press("j")
    expect(olga.page.get_by_role("heading", level=1)).to_contain_text("Turn 2 of")
    olga.settle()
    olga.page.keyboard.press("k")
    expect(olga.page.get_by_role("heading", level=1)).to_contain_text("Turn 1 of")
    olga.settle()
    olga.page.keyboard.press("u")
    olga.page.wait_for_url(f"**/sessions/{session.ref}/")
    olga.check()


def test_a_session_is_played_again_and_stands_beside_itself(visit: Visit, house: House) -> None:
    """`p` from a turn, the form as it comes, and then the two sides; the same answers, so nothing differs."""
    session = house.session("Calculate 377 / 512 * 100")
    answered(house, session)
    ada = visit("ada")
    ada.page.goto(f"/sessions/{session.ref}/turns/")
    ada.settle()
    ada.page.keyboard.press("p")
    ada.page.wait_for_url(f"**/sessions/{session.ref}/reruns/?turn=1")
    ada.settle()
    ada.page.get_by_label("Version of research-assistant").select_option("1.0.0")
    ada.page.get_by_role("button", name="Play it again").click()
    ada.page.wait_for_url("**/reruns/R-*/")
    house.play_suites()
    ada.page.reload()
    expect(ada.page.locator("#rerun")).to_contain_text("Answered")
    expect(ada.page.get_by_role("heading", name="The final answer")).to_be_visible()
    expect(ada.page.locator("#pair-1")).to_contain_text("Answered from the record")
    ada.settle()
    ada.check()
