"""A release that waits for a second person, in browsers: who asks waits, who agrees sees what it changes, and is told the end."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import expect

from agents.agents import apply_agent
from agents.prompts.asking import void_stale
from agents.prompts.releases import release
from agents.prompts.versions import add_version
from approvals.models import ApprovalRequest
from audit.actors import SYSTEM, Actor
from audit.index import index_log
from tests.browser.conftest import Visit
from tests.browser.house import House
from tests.browser.test_deciding import approve, stay
from tests.browser.visitor import NARROW, WIDE, Visitor

TEXT = "You stand at a counter.\nYou are brief."
PAUL = Actor("user", "0", "Paul")


@pytest.fixture
def slug(house: House) -> Iterator[str]:
    """A prompt of this test's own with a new version, 1.0.1, while policy asks a second person."""
    name = f"counter-{secrets.token_hex(3)}"
    agent = {"slug": name, "prompt": name, "prompt_text": TEXT, "model": "scripted-1", "tools": ["calculate"]}
    house.do(lambda: apply_agent(agent, actor=SYSTEM))
    write(house, name, TEXT.replace("brief", "brief, and kind"))
    with house.ruled_by("releases", second_person=True):
        yield name


def write(house: House, slug: str, text: str) -> None:
    """Paul writes another version."""
    house.do(lambda: add_version(slug=slug, text=text, actor=PAUL, user_id=None, note="Kinder words."))


def ask(paul: Visitor, slug: str) -> str:
    """Paul asks for a release on the version's page, and lands on the request; returns it."""
    paul.open(f"/prompts/{slug}/1.0.1/")
    paul.settle()
    paul.page.get_by_role("button", name="10%", exact=True).click()
    paul.page.wait_for_url("**/approvals/AP-*/")
    expect(paul.detail.locator(".bar-why")).to_contain_text("did not take part in it")
    expect(paul.detail.get_by_role("button", name="Approve")).to_have_count(0)
    return paul.page.url.rstrip("/").rpartition("/")[2]


def row_of(house: House, ref: str) -> ApprovalRequest:
    """The request of a short id."""
    return house.do(lambda: ApprovalRequest.objects.get(number=int(ref[3:])))


def test_a_second_person_sees_the_change_and_agrees_and_the_version_is_live(
    house: House, visit: Visit, slug: str, shots: Path | None
) -> None:
    """Refused first: the candidate stays as it was. Asked again and agreed to: a tenth of the sessions begin with it."""
    paul, ada = visit("paul"), visit("ada")
    first = row_of(house, ask(paul, slug))
    ada.open_request(first)
    expect(ada.detail).to_contain_text("Changes from 1.0.0")
    expect(ada.detail.locator(".diff tr.a")).to_contain_text("kind")
    expect(ada.detail).to_contain_text("No suite is held against this prompt.")
    expect(ada.detail).to_contain_text("10% of the sessions that start begin with")
    for width in (NARROW, WIDE):
        ada.page.set_viewport_size(width)
        ada.shoot(shots, f"release-asked-{width['width']}")
        ada.check()
    ada.page.keyboard.press("r")
    ada.page.get_by_label("Why not?").fill("Not before the sale is over.")
    ada.page.get_by_role("button", name="Reject Ctrl Enter").click()
    house.becomes(first, "rejected")
    paul.open(f"/prompts/{slug}/1.0.1/")
    expect(paul.page.locator("#traffic")).to_contain_text(f"{first.ref}: Rejected by Ada")
    expect(paul.page.locator(".pv-main .d-meta")).to_contain_text("Candidate")
    paul.shoot(shots, "release-refused")
    paul.check()

    second = row_of(house, ask(paul, slug))
    ada.open_request(second)
    stay(ada)
    approve(ada)
    expect(ada.detail.locator(".lede").first).to_contain_text("the version got its sessions")
    paul.open(f"/prompts/{slug}/1.0.1/")
    expect(paul.page.locator(".roll .big")).to_have_text("10%")
    paul.check()


def test_who_asked_takes_it_back_or_is_told_that_another_release_came_first(house: House, visit: Visit, slug: str) -> None:
    """The page of the prompt says both, and that of the request too, to whoever has it open."""
    paul, ada = visit("paul"), visit("ada")
    taken = row_of(house, ask(paul, slug))
    paul.open(f"/prompts/{slug}/1.0.1/")
    paul.settle()
    paul.page.get_by_role("button", name="Take it back").click()
    expect(paul.page.locator("#traffic")).to_contain_text(f"{taken.ref}: Withdrawn")
    paul.check()

    late = row_of(house, ask(paul, slug))
    ada.open_request(late)
    ada.live()
    write(house, slug, TEXT.replace("brief", "silent"))

    def overtake() -> None:
        release(slug=slug, version="1.0.2", share=100, actor=SYSTEM)
        void_stale(slug)
        index_log(patience_ms=2000)

    house.do(overtake)
    expect(ada.detail.locator(".lede").first).to_contain_text("has to be asked anew")
    expect(ada.detail.get_by_role("button", name="Approve")).to_have_count(0)
    ada.check()
    paul.open(f"/prompts/{slug}/1.0.1/")
    expect(paul.page.locator("#traffic")).to_contain_text(f"{late.ref}: Void")
