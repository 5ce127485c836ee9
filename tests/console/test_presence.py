"""Who looks at which request: told to the other pages of it, in every web process, and to nobody and nowhere else (UI.md 6)."""

import asyncio
import json
import threading
import time
from collections.abc import Callable, Coroutine
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.contrib.sessions.models import Session as BrowserSession

from audit.models import AuditEntry
from console import presence, sockets
from console.live import Hub
from console.presence import CHANNEL, Looker, Presence
from tests.conftest import FreshDatabase
from tests.console.test_live import Page, cookie_of, elsewhere, play

pytestmark = pytest.mark.usefixtures("fresh_database")
REF = "AP-20001"


@pytest.fixture(autouse=True)
def no_pings(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing is to be heard, a ping of a slow run is nothing either."""
    monkeypatch.setattr(sockets, "PING_S", 3600.0)


async def look(page: Page, ref: str) -> None:
    """Open a request's detail, as far as the server is concerned; "" closes it."""
    await page.wire.send_to(text_data=json.dumps({"look": ref}))


async def opened(key: str, ref: str) -> Page:
    """Open a page of requests with one of them open."""
    page = Page(key)
    await page.open()
    await look(page, ref)
    return page


async def names(page: Page, ref: str = REF) -> list[str]:
    """Wait until the page is told who looks at a request."""
    while True:
        message = await page.hear()
        if message["type"] == "presence" and ref in message["at"]:
            return [person["name"] for person in message["at"][ref]]


def test_who_opens_a_request_is_shown_to_the_others_and_gone_when_they_leave(remy: User, rosa: User) -> None:
    """Both are told of the other and not of themselves; each way to go ends it: another request, a closed page."""
    keys = cookie_of(remy), cookie_of(rosa)

    async def scene() -> None:
        hers = await opened(keys[1], REF)
        his = await opened(keys[0], REF)
        assert await names(his) == ["Rosa"]
        assert await names(hers) == ["Remy"]
        await look(his, "AP-20002")
        assert await names(hers, "AP-20002") == ["Remy"]
        assert await names(hers) == []
        await his.leave()
        assert await names(hers, "AP-20002") == []
        await hers.leave()

    play(scene)


def test_the_queue_is_told_of_everybody_and_looks_at_nothing(remy: User, rosa: User) -> None:
    """A page without an open request shows who looks, from its first moment on, and is not shown to anybody."""
    keys = cookie_of(remy), cookie_of(rosa)

    async def scene() -> None:
        his = await opened(keys[0], REF)
        again = await opened(keys[0], "")
        queue = await opened(keys[1], "")
        assert await names(queue) == ["Remy"]
        assert await his.wire.receive_nothing(timeout=1)
        assert await again.wire.receive_nothing(timeout=0.1)
        for page in (his, again, queue):
            await page.leave()

    play(scene)


def test_who_reloads_has_not_been_away(remy: User, rosa: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A page that closes and opens again within a moment, as long as the machine needs for it, changes nothing for the others."""
    keys = cookie_of(remy), cookie_of(rosa)
    monkeypatch.setattr(presence, "GRACE_S", 600.0)

    async def scene() -> None:
        hers = await opened(keys[1], "")
        his = await opened(keys[0], REF)
        assert await names(hers) == ["Remy"]
        await his.leave()
        his = await opened(keys[0], REF)
        assert await hers.wire.receive_nothing(timeout=2 * presence.GATHER_S + 1)
        monkeypatch.setattr(presence, "GRACE_S", 0.1)
        await his.leave()
        assert await names(hers) == []
        await hers.leave()

    play(scene)


def test_who_is_back_before_the_moment_is_over_has_never_left() -> None:
    """Its end does not come later either; who stays away is gone then."""
    here, remy = Presence(quiet), Looker(REF, "Remy", 7)
    here.enter(remy)
    here.leave(remy)
    here.enter(remy)
    here.look_around(time.monotonic() + 2 * presence.GRACE_S)
    assert here.here == {REF: (remy,)}
    here.leave(remy)
    here.look_around(time.monotonic() + 2 * presence.GRACE_S)
    assert here.here == {}


async def quiet(*_: Any) -> None:
    """Tell no other process anything."""


def test_who_signs_out_is_gone(remy: User, rosa: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 46: presence ends with the right to be there."""
    monkeypatch.setattr(sockets, "RECHECK_S", 0.2)
    keys = cookie_of(remy), cookie_of(rosa)

    async def scene() -> None:
        hers, his = await opened(keys[1], ""), await opened(keys[0], REF)
        assert await names(hers) == ["Remy"]
        await elsewhere(BrowserSession.objects.filter(session_key=keys[0]).delete)
        assert await his.closed_with() == sockets.SIGN_IN
        assert await names(hers) == []
        await hers.leave()

    play(scene)


def test_pages_that_did_not_ask_and_people_without_a_right_are_told_nothing(remy: User, rosa: User, sam: User) -> None:
    """Nothing goes to other pages, and who may see no approvals gets no socket to hear or say anything by."""
    keys = cookie_of(remy), cookie_of(rosa), cookie_of(sam)

    async def scene() -> None:
        elsewhere_on_the_site = Page(keys[1])
        await elsewhere_on_the_site.open()
        stranger = Page(keys[2])
        await stranger.wire.connect()
        await look(stranger, REF)
        his = await opened(keys[0], "")
        assert await stranger.closed_with() == sockets.FORBIDDEN
        assert await his.wire.receive_nothing(timeout=1)
        await look(his, REF)
        assert await elsewhere_on_the_site.wire.receive_nothing(timeout=1)
        await his.leave()
        await elsewhere_on_the_site.leave()

    play(scene)


def test_more_wishes_than_a_person_can_have_end_the_socket(remy: User) -> None:
    """THREATS 49: one request at a time, and so many changes in ten seconds."""
    key = cookie_of(remy)

    async def scene() -> None:
        page = Page(key)
        await page.open()
        for number in range(sockets.WISHES + 1):
            await look(page, f"AP-{number}")
        assert await page.closed_with() == sockets.NOT_UNDERSTOOD

    play(scene)


class OtherProcess:
    """A second web process: a hub of its own, in the event loop of another thread."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def do(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run something there."""
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    async def close(self) -> None:
        """End it in good order."""

        async def shut() -> None:
            await Hub.current().close()

        await self.do(shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        await asyncio.to_thread(self._thread.join)
        self._loop.close()


def test_people_at_different_web_processes_see_each_other(remy: User, rosa: User) -> None:
    """What one process knows it says to the others by NOTIFY, coming and going."""
    keys = cookie_of(remy), cookie_of(rosa)

    async def scene() -> None:
        other = OtherProcess()
        hers = await other.do(opened(keys[1], REF))
        his = await opened(keys[0], REF)
        assert await names(his) == ["Rosa"]
        assert await other.do(names(hers)) == ["Remy"]
        await other.do(hers.leave())
        assert await names(his) == []
        await his.leave()
        await other.close()

    play(scene)


def test_a_process_that_dies_takes_its_people_along(
    rosa: User, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is no longer said is over after a lease of seconds; what cannot be read is left out."""
    monkeypatch.setattr(presence, "LEASE_S", 600.0)
    key = cookie_of(rosa)

    def say(payload: str) -> None:
        with psycopg.connect(fresh_database.url, autocommit=True) as connection:
            connection.execute("SELECT pg_notify(%s, %s)", [CHANNEL, payload])

    async def scene() -> None:
        hers = await opened(key, "")
        for broken in ("nonsense", "[]", '{"p": "x", "here": [["AP-1"]], "gone": []}'):
            await elsewhere(say, broken)
        here = json.dumps({"p": "other", "here": [[REF, "Remy", 7]], "gone": []})
        await elsewhere(say, here)
        assert await names(hers) == ["Remy"]
        monkeypatch.setattr(presence, "LEASE_S", 1.0)
        await elsewhere(say, here)
        assert await names(hers) == []
        await hers.leave()

    play(scene)


def test_nothing_of_it_is_logged_and_an_idle_page_is_told_nothing(remy: User, rosa: User) -> None:
    """The log does not grow by looking, and who only sits there hears no more than the socket's ping."""
    keys = cookie_of(remy), cookie_of(rosa)
    before = AuditEntry.objects.count()

    async def scene() -> None:
        hers, his = await opened(keys[1], REF), await opened(keys[0], REF)
        assert await names(his) == ["Rosa"]
        assert await names(hers) == ["Remy"]
        assert await hers.wire.receive_nothing(timeout=presence.BEAT_S + 1)
        assert await his.wire.receive_nothing(timeout=0.1)
        await his.leave()
        await hers.leave()

    play(scene)
    assert AuditEntry.objects.count() == before


def said_by(people: Callable[[Presence], None]) -> list[str]:
    """Return what a process with these people says first to the others."""
    said: list[str] = []

    async def whole() -> None:
        done = asyncio.Event()

        async def call(_function: Any, payloads: list[str]) -> None:
            said.extend(payloads)
            done.set()

        here = Presence(call)
        people(here)
        running = asyncio.create_task(here.run())
        await asyncio.wait_for(done.wait(), 120)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    asyncio.run(whole())
    return said


def test_a_thousand_people_fit_into_notifications() -> None:
    """PostgreSQL takes less than 8,000 bytes in one; long names are cut."""

    def people(here: Presence) -> None:
        for number in range(1000):
            here.seat(lambda: None).look(REF, number, "\U0001f600" * 200)

    payloads = said_by(people)
    assert max(len(payload.encode()) for payload in payloads) < 7500
    assert sum(len(json.loads(payload)["here"]) for payload in payloads) == 1000


def test_what_other_processes_say_is_bounded() -> None:
    """A flood of looks takes so much memory and no more."""
    here = Presence(quiet)
    for start in range(0, presence.MOST + 100, 20):
        looks = [[f"AP-{start + number}", "Remy", 7] for number in range(20)]
        here.hear(json.dumps({"p": "other", "here": looks, "gone": []}))
    here.look_around(0.0)
    assert len(here.here) == presence.MOST


def test_a_page_is_told_of_so_many_requests_at_once_and_of_the_rest_next() -> None:
    """One message never grows with the number of people."""
    here, woken = Presence(quiet), []
    looks = [[f"AP-{number}", "Remy", 7] for number in range(presence.TOLD + 5)]
    here.hear(json.dumps({"p": "other", "here": looks, "gone": []}))
    here.look_around(0.0)
    seat = here.seat(lambda: woken.append(1))
    assert len(seat.take(1)) == presence.TOLD
    assert len(woken) == 2
    assert len(seat.take(1)) == 5
    assert seat.take(1) == {}
    assert Looker("AP-1", "Remy", 7) in here.here["AP-1"]
