"""The pages and the socket as an attacker's way in: markup, frames, links, the live channel (THREATS 31, 44, 47, 48, 52, 53)."""

import dataclasses
from collections.abc import Callable
from html.parser import HTMLParser

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.models import Session
from agents.tools import registry
from approvals.models import Decision
from console import sockets
from tests.console.test_live import Page, cookie_of, play
from tests.console.views.test_pages import pages_of
from tests.flows.conftest import World
from tests.threats.conftest import Asked, ask, status

SignedIn = Callable[[User | None], Client]
ATTACK = "<script>alert(1)</script><img src=x onerror=alert(2)><svg onload=alert(3)></svg>[x](javascript:alert(4))</textarea></title>"


class Dangers(HTMLParser):
    """Collects what a browser would run or fetch because of somebody's text."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name.startswith("on") or (value or "").strip().lower().startswith(("javascript:", "data:text")):
                self.found.append(f"<{tag} {name}={value}>")
        given = dict(attrs)
        if tag == "script" and not (given.get("src") or "").startswith("/"):
            self.found.append(f"<script {given}>")
        if tag == "img" and not (given.get("src") or "").startswith("/"):
            self.found.append(f"<img {given}>")


def dangers_of(html: str) -> list[str]:
    """What a page would run or fetch that is not ours."""
    parser = Dangers()
    parser.feed(html)
    return parser.found


def test_the_check_itself_sees_an_attack() -> None:
    """The test below could not fail if this one did."""
    assert len(dangers_of(ATTACK)) == 4


def test_stored_text_becomes_markup_on_no_page(
    world: World, signed_in: SignedIn, remy: User, ada: User, audrey: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 31, 52: names of people, agents, tools and tokens, goals, arguments, subjects and instructions are text everywhere."""
    for user in (world.olga, remy, ada):
        user.first_name = ATTACK[:150]
        user.save()
    known = registry.all_tools()["send_email"]
    hostile = dataclasses.replace(known, description=ATTACK, summary=ATTACK + "{subject}", consequence=ATTACK)
    monkeypatch.setitem(registry._tools, "send_email", hostile)
    agent = world.agent(slug="hostile", name=ATTACK[:100], description=ATTACK, prompt="hostile", prompt_text=ATTACK)
    session, request = ask(world, f'scenario: mail-once subject="{ATTACK}" {ATTACK}', agent=agent, on_behalf_of=ATTACK[:100])
    other, rejected = ask(world, f'scenario: mail-once subject="{ATTACK}"', agent=agent)
    world.decide(rejected, remy, "reject", instruction=ATTACK)
    world.work()
    signed_in(ada).post("/tokens/", {"name": ATTACK, "scopes": ["sessions:read"], "days": "30"})
    shown = 0
    for user in (remy, ada, audrey):
        client = signed_in(user)
        addresses = [*pages_of((session, request)), *pages_of((other, rejected)), "/agents/hostile/", "/prompts/hostile/1.0.0/"]
        addresses += ["/audit/", "/audit/1/"] if user is not remy else []
        for address in addresses:
            html = client.get(address).content.decode()
            assert dangers_of(html) == [], address
            shown += "&lt;script&gt;alert(1)" in html
    assert shown > 20


def test_nobody_frames_a_page_that_decides(asked: Asked, signed_in: SignedIn, remy: User) -> None:
    """THREATS 44: pages, parts of pages, errors and the API forbid every frame."""
    _, request = asked
    client = signed_in(remy)
    for address in (
        f"/approvals/{request.ref}/",
        f"/approvals/{request.ref}/?fragment=detail",
        "/approvals/AP-1/",
        "/api/v1/approvals",
    ):
        headers = client.get(address).headers
        assert "frame-ancestors 'none'" in headers["Content-Security-Policy"], address
        assert headers["X-Frame-Options"] == "DENY", address


def test_no_link_decides(asked: Asked, signed_in: SignedIn, remy: User) -> None:
    """THREATS 53: whatever a mail or a page makes a reviewer open, nothing is decided by it, and without signing in nothing is shown."""
    _, request = asked
    query = f"digest={request.digest}&revision={request.revision}&verdict=approve&idempotency_key=k"
    for verdict in ("approve", "reject", "edit"):
        address = f"/approvals/{request.ref}/{verdict}/"
        signed_in(remy).get(f"{address}?{query}")
        signed_in(remy).head(f"{address}?{query}")
        answer = signed_in(None).post(address, {"digest": request.digest})
        assert answer.status_code == 302
        assert answer.headers["Location"].startswith("/sign-in/")
    assert (status(request), Decision.objects.count()) == ("pending", 0)


@pytest.mark.parametrize("header", ["host", "x-forwarded-host", "forwarded"])
def test_a_forged_host_reaches_no_link(asked: Asked, signed_in: SignedIn, remy: User, header: str) -> None:
    """THREATS 53: a foreign name is refused where it counts and ignored where it does not; no page carries it."""
    _, request = asked
    value = "host=evil.example" if header == "forwarded" else "evil.example"
    answer = signed_in(remy).get(f"/approvals/{request.ref}/", headers={header: value})
    assert answer.status_code == (400 if header == "host" else 200)
    assert b"evil.example" not in answer.content
    signed_out = signed_in(None).get(f"/approvals/{request.ref}/", headers={header: value})
    assert "evil.example" not in signed_out.headers.get("Location", "")


def test_who_may_see_nothing_watches_nobodys_session(asked: Asked, sam: User) -> None:
    """THREATS 47: without a role the wish is refused, and the session is not even marked as watched."""
    session, _ = asked
    key = cookie_of(sam)

    async def scene() -> None:
        page = Page(key)
        await page.wire.connect()
        await page.wire.send_to(text_data=f'{{"watch": "{session.ref}"}}')
        assert await page.closed_with() == sockets.FORBIDDEN

    play(scene)
    assert Session.objects.get(pk=session.pk).watched_until is None


@pytest.mark.parametrize("frame", [
    '{{"type": "decide", "approval": "{ref}", "verdict": "approve", "digest": "{digest}"}}',
    '{{"watch": "{ref}", "verdict": "approve", "digest": "{digest}"}}',
    '{{"watch": ["{ref}"]}}',
])  # fmt: skip
def test_a_decision_by_socket_decides_nothing(asked: Asked, remy: User, frame: str) -> None:
    """THREATS 48: a reviewer's own socket with the right digest; the socket ends and the request still waits."""
    _, request = asked
    key, text = cookie_of(remy), frame.format(ref=request.ref, digest=request.digest)

    async def scene() -> None:
        page = Page(key)
        await page.open()
        await page.wire.send_to(text_data=text)
        assert await page.closed_with() == sockets.NOT_UNDERSTOOD

    play(scene)
    assert (status(request), Decision.objects.count()) == ("pending", 0)
