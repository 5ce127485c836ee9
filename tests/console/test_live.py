"""The websocket of the live feed: cursor, resync, rights, bounds (UI.md section 6; THREATS 45-49)."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import psycopg
import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth.models import Group, User
from django.contrib.sessions.models import Session as BrowserSession
from django.db import connections
from django.test import Client

from audit import feed
from audit.actors import SYSTEM
from audit.events import EventKind
from audit.index import index_log
from audit.services import Entry, record
from console import sockets
from console.asgi import application
from console.live import BACKLOG, Hub
from tests.conftest import FreshDatabase

pytestmark = pytest.mark.usefixtures("fresh_database")
HOST = b"127.0.0.1:8000"


def write(count: int = 1, kind: EventKind = EventKind.SESSION_CLAIMED, stream: str = "session:S-1") -> int:
    """Write entries and give them their place; return the head of the log."""
    record([Entry(stream=stream, kind=kind, actor=SYSTEM, facts={"i": i}, ids=("S-1",), rev=i) for i in range(count)])
    return index_log(patience_ms=2000) or 0


def cookie_of(user: User) -> str:
    """Sign a person in and return the key of the browser session."""
    client = Client()
    client.force_login(user)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


class Page:
    """An open page with its socket."""

    def __init__(self, key: str, since: int | None = None, origin: bytes | None = b"http://" + HOST) -> None:
        headers = [(b"host", HOST), (b"cookie", f"{settings.SESSION_COOKIE_NAME}={key}".encode())]
        if origin is not None:
            headers.append((b"origin", origin))
        query = "" if since is None else f"?since={since}"
        self.wire = WebsocketCommunicator(application, f"/ws/live/{query}", headers=headers)
        self.told: list[dict[str, Any]] = []

    async def open(self) -> dict[str, Any]:
        """Open the socket and return its `hello`."""
        accepted, _ = await self.wire.connect(timeout=120)
        assert accepted
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        """Return the next message."""
        if not self.told:
            told = await self.wire.receive_json_from(timeout=120)
            self.told += told if isinstance(told, list) else [told]
        return self.told.pop(0)

    async def hear_until(self, n: int) -> list[dict[str, Any]]:
        """Return the messages up to the event with this number."""
        heard = [await self.hear()]
        while heard[-1]["n"] < n:
            heard.append(await self.hear())
        return heard

    async def closed_with(self) -> int:
        """Wait for the server to close and return the code."""
        while (output := await self.wire.receive_output(timeout=120))["type"] != "websocket.close":
            pass
        return int(output["code"])

    async def leave(self) -> None:
        """Close the page."""
        await self.wire.disconnect()


def play(scene: Callable[[], Awaitable[None]]) -> None:
    """Run a scene and put the hub away after it."""

    async def whole() -> None:
        try:
            await scene()
        finally:
            await Hub.current().close()

    asyncio.run(whole())


def _closing(function: Callable[..., Any], *args: Any) -> Any:
    try:
        return function(*args)
    finally:
        connections.close_all()


async def elsewhere(function: Callable[..., Any], *args: Any) -> Any:
    """Do something with the database in another thread, as another process would."""
    return await asyncio.to_thread(_closing, function, *args)


async def in_thread(*args: Any) -> int:
    """Write entries, in another thread; return the head of the log."""
    head: int = await elsewhere(write, *args)
    return head


def numbers(messages: Sequence[dict[str, Any]]) -> list[int]:
    """Return the numbers of the events."""
    return [message["n"] for message in messages]


def assert_chained(messages: Sequence[dict[str, Any]], start: int) -> None:
    """Each message names the cursor that the client had before it."""
    assert [message["prev"] for message in messages] == [start, *numbers(messages)[:-1]]


def test_an_event_reaches_an_open_page(remy: User) -> None:
    """What is committed is told, with number, ids and revision; `prev` is the cursor before."""
    start, key = write(), cookie_of(remy)

    async def scene() -> None:
        page = Page(key)
        assert await page.open() == {"type": "hello", "n": start, "build": settings.VERSION}
        head = await in_thread(3)
        told = await page.hear_until(head)
        assert numbers(told) == [start + 1, start + 2, start + 3]
        assert_chained(told, start)
        assert told[1] == {"n": start + 2, "prev": start + 1, "type": "session.claimed", "ids": ["S-1"], "rev": 1}
        await page.leave()

    play(scene)


def test_what_happened_while_away_is_told_at_reconnect(remy: User) -> None:
    """A page that comes back with its cursor misses nothing and hears nothing twice."""
    start, key = write(), cookie_of(remy)

    async def scene() -> None:
        first = Page(key, start)
        await first.open()
        await first.leave()
        head = await in_thread(50)
        again = Page(key, start)
        await again.open()
        told = await again.hear_until(head)
        assert numbers(told) == list(range(start + 1, head + 1))
        assert_chained(told, start)
        await again.leave()

    play(scene)


@pytest.mark.parametrize("since", ["far behind", "from the future"])
def test_a_cursor_out_of_reach_means_reload(remy: User, since: str) -> None:
    """More than 500 behind, or a cursor of another database: resync, and on from the head."""
    start = write()
    head, key = write(BACKLOG + 1), cookie_of(remy)

    async def scene() -> None:
        page = Page(key, start if since == "far behind" else head + 10)
        await page.open()
        assert await page.hear() == {"type": "resync", "reason": "behind", "n": head}
        head_after = await in_thread()
        assert_chained(await page.hear_until(head_after), head)
        await page.leave()

    play(scene)


def test_what_a_person_may_not_see_is_not_told(vic: User, audrey: User) -> None:
    """Entries about tokens and accounts are the log's; the numbers skip, and `prev` says so."""
    start, keys = write(), (cookie_of(vic), cookie_of(audrey))

    async def scene() -> None:
        viewer, auditor = Page(keys[0]), Page(keys[1])
        await viewer.open()
        await auditor.open()
        await in_thread(1, EventKind.TOKEN_CREATED, "user:999")
        head = await in_thread(1)
        told = await viewer.hear_until(head)
        assert numbers(told) == [head]
        assert_chained(told, start)
        assert [m["type"] for m in await auditor.hear_until(head)] == ["token.created", "session.claimed"]
        await viewer.leave()
        await auditor.leave()

    play(scene)


def test_events_of_one_moment_come_in_one_frame_and_to_each_only_their_own(vic: User, audrey: User) -> None:
    """Put into words once for all who stand at the same event and may see the same."""
    start, keys = write(), (cookie_of(vic), cookie_of(vic), cookie_of(audrey))

    def mixed() -> int:
        kinds = (
            ("session:S-1", EventKind.SESSION_CLAIMED),
            ("user:999", EventKind.TOKEN_CREATED),
            ("session:S-1", EventKind.SESSION_CLAIMED),
        )
        record([Entry(stream=stream, kind=kind, actor=SYSTEM, facts={}, ids=("S-1",), rev=1) for stream, kind in kinds])
        return index_log(patience_ms=2000) or 0

    async def scene() -> None:
        pages = [Page(key) for key in keys]
        for page in pages:
            await page.open()
        head = await elsewhere(mixed)
        heard = [await page.wire.receive_json_from(timeout=120) for page in pages]
        assert head == start + 3
        assert {one["type"] for frame in heard[:2] for one in frame} == {"session.claimed"}
        assert [len(frame) for frame in heard] == [2, 2, 3]
        assert heard[0] == heard[1]
        for frame in heard:
            assert_chained(frame, start)
        for page in pages:
            await page.leave()

    play(scene)


def test_without_a_session_the_socket_says_sign_in() -> None:
    """Unauthenticated: accepted, then closed with 4401, so that the page can tell it from a lost network."""

    async def scene() -> None:
        page = Page("nosuchsession")
        await page.wire.connect()
        assert await page.closed_with() == sockets.SIGN_IN

    play(scene)


def test_without_a_role_the_socket_is_closed(sam: User) -> None:
    """An account that may see nothing is told 4403 and does not try again."""
    key = cookie_of(sam)

    async def scene() -> None:
        page = Page(key)
        await page.wire.connect()
        assert await page.closed_with() == sockets.FORBIDDEN

    play(scene)


def _sign_out(user: User) -> None:
    BrowserSession.objects.all().delete()


def _take_roles(user: User) -> None:
    user.groups.set(list[Group]())


def _close_account(user: User) -> None:
    User.objects.filter(pk=user.pk).update(is_active=False)


def _change_password(user: User) -> None:
    user.set_password("another one, quite long")
    user.save()


@pytest.mark.parametrize(
    ("what", "code"),
    [
        (_sign_out, sockets.SIGN_IN),
        (_take_roles, sockets.FORBIDDEN),
        (_close_account, sockets.SIGN_IN),
        (_change_password, sockets.SIGN_IN),
    ],
)
def test_who_loses_the_right_is_cut_off(
    remy: User, what: Callable[[User], None], code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 46: signed out, without roles, closed or with a new password: the open socket ends within seconds."""
    monkeypatch.setattr(sockets, "RECHECK_S", 0.2)
    key = cookie_of(remy)

    async def scene() -> None:
        page = Page(key)
        await page.open()
        await elsewhere(what, remy)
        assert await page.closed_with() == code

    play(scene)


@pytest.mark.parametrize("origin", [None, b"http://evil.example", b"http://127.0.0.1:9999", b"null"])
def test_a_foreign_page_cannot_open_the_socket(remy: User, origin: bytes | None) -> None:
    """THREATS 45: without an Origin, or from another site or another port of this machine, there is no handshake."""
    key = cookie_of(remy)

    async def scene() -> None:
        page = Page(key, origin=origin)
        accepted, _ = await page.wire.connect()
        assert not accepted

    play(scene)


@pytest.mark.parametrize(
    ("frame", "code"),
    [
        ('{"approve": "AP-20001", "digest": "0"}', sockets.NOT_UNDERSTOOD),
        ('{"watch": 5}', sockets.NOT_UNDERSTOOD),
        ('{"look": 5}', sockets.NOT_UNDERSTOOD),
        ('{"look": "S-1"}', sockets.NOT_UNDERSTOOD),
        ('{"look": "AP-1", "watch": "S-1"}', sockets.NOT_UNDERSTOOD),
        ("{}", sockets.NOT_UNDERSTOOD),
        ("[1]", sockets.NOT_UNDERSTOOD),
        ("nonsense", sockets.NOT_UNDERSTOOD),
        (" " * (sockets.FRAME + 1), sockets.TOO_LARGE),
    ],
)
def test_anything_but_a_wish_to_watch_ends_the_socket(remy: User, frame: str, code: int) -> None:
    """THREATS 48, 49: no decision is taken by socket, and no large frame is read."""
    key = cookie_of(remy)

    async def scene() -> None:
        page = Page(key)
        await page.open()
        await page.wire.send_to(text_data=frame)
        assert await page.closed_with() == code

    play(scene)


def test_streamed_text_reaches_only_who_watches_that_session(
    remy: User, rosa: User, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    """THREATS 47: deltas go to the watchers of their session; they carry no number, for they are not in the log."""
    monkeypatch.setattr(sockets, "PING_S", 3600.0)
    start, keys = write(), (cookie_of(remy), cookie_of(rosa))

    def say(session: str, text: str) -> None:
        with psycopg.connect(fresh_database.url, autocommit=True) as connection:
            connection.execute("SELECT pg_notify('countersign_delta', %s)", [json.dumps({"s": session, "t": text, "at": 7})])

    async def scene() -> None:
        watching, other = Page(keys[0]), Page(keys[1])
        await watching.open()
        await other.open()
        await watching.wire.send_to(text_data='{"watch": "S-1"}')
        while await watching.wire.receive_nothing(timeout=0.2):  # the wish has no answer, and what is said before it is lost
            await elsewhere(say, "S-1", "Refunds ")
        await elsewhere(say, "S-2", "not yours")
        await elsewhere(say, "S-1", "are ")
        heard = [await watching.hear()]
        while heard[-1]["text"] != "are ":
            heard.append(await watching.hear())
        assert {one["text"] for one in heard} == {"Refunds ", "are "}
        assert all(one == {"type": "session.delta", "ids": ["S-1"], "text": one["text"], "at": 7} for one in heard)
        head = await in_thread()
        assert numbers(await other.hear_until(head)) == [start + 1]
        await watching.leave()
        await other.leave()

    play(scene)


def test_the_feed_goes_on_after_the_listener_was_cut(remy: User, fresh_database: FreshDatabase) -> None:
    """The database ends all connections; what is written meanwhile still arrives, once."""
    start, key = write(), cookie_of(remy)

    def cut() -> None:
        with psycopg.connect(fresh_database.superuser_url, autocommit=True) as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

    async def scene() -> None:
        page = Page(key)
        await page.open()
        await elsewhere(cut)
        head = await in_thread(3)
        told = await page.hear_until(head)
        assert numbers(told) == list(range(start + 1, head + 1))
        await page.leave()

    play(scene)


def test_a_page_that_opens_while_the_hub_is_ending_is_served(remy: User) -> None:
    """The hub stops when nobody followed for a while; who comes in that moment starts it anew."""
    start, key = write(), cookie_of(remy)

    async def scene() -> None:
        first = Page(key)
        await first.open()
        await first.leave()
        ending = asyncio.create_task(Hub.current().close())
        await asyncio.sleep(0)  # it has begun to end, and waits for its parts
        second = Page(key, since=start)
        await second.open()
        await ending
        head = await in_thread(2)
        assert numbers(await second.hear_until(head)) == [start + 1, start + 2]
        await second.leave()

    play(scene)


def test_who_comes_while_the_hub_starts_is_served_though_others_left_long_before(
    remy: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each who left had set off the hub's stopping; what was set off before somebody came stops nothing under him."""
    start = write()
    monkeypatch.setattr("console.live.LINGER_S", 0.2)
    head = feed.head

    def slow_head() -> int:
        time.sleep(0.6)  # longer than the hub lingers
        return head()

    async def scene() -> None:
        hub = Hub.current()
        (await hub.follow()).leave()
        await hub.close()
        monkeypatch.setattr(feed, "head", slow_head)
        follower = await asyncio.wait_for(hub.follow(), 120)
        assert follower.cursor == start
        assert hub.followers == {follower}
        follower.leave()

    play(scene)


def test_who_comes_while_the_log_cannot_be_read_is_told_to_come_again(remy: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wait has a limit: the page connects again by itself after this code."""
    key = cookie_of(remy)
    monkeypatch.setattr("console.live.READY_S", 0.1)

    def down() -> int:
        raise psycopg.OperationalError("the database is away")

    monkeypatch.setattr(feed, "head", down)

    async def scene() -> None:
        page = Page(key)
        accepted, _ = await page.wire.connect(timeout=120)
        assert accepted
        assert await page.closed_with() == sockets.TRY_LATER

    play(scene)


def test_an_error_in_the_hub_costs_a_moment_and_not_the_feed(remy: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reading of the log raises once, the next reading goes on from where the page stands."""
    start, key = write(), cookie_of(remy)
    monkeypatch.setattr("console.live.TICK_S", 0.1)
    read = feed.read

    def fails_once(*args: Any) -> Any:
        monkeypatch.setattr(feed, "read", read)
        raise RuntimeError("nobody thought of this")

    async def scene() -> None:
        page = Page(key)
        await page.open()
        monkeypatch.setattr(feed, "read", fails_once)
        head = await in_thread(2)
        assert numbers(await page.hear_until(head)) == [start + 1, start + 2]
        await page.leave()

    play(scene)


def test_a_page_that_lags_is_told_to_reload_and_costs_no_memory(remy: User) -> None:
    """THREATS 49: nothing queues per follower; behind the ring it takes a resync and goes on from the head."""
    start = write()

    async def scene() -> None:
        hub = Hub.current()
        slow = await hub.follow()
        assert slow.cursor == start
        head = await in_thread(BACKLOG)
        head = await in_thread(BACKLOG)
        head = await in_thread(BACKLOG)
        while hub.head < head:
            await slow.wait(120)
        assert await slow.take() is None
        assert slow.cursor == head
        head = await in_thread(2)
        while hub.head < head:
            await slow.wait(120)
        assert [event.n for event in await slow.take() or ()] == [head - 1, head]
        slow.leave()

    play(scene)


def test_pings_name_the_cursor(remy: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ping says where the client must stand, so a gap or a dead line is noticed."""
    monkeypatch.setattr(sockets, "PING_S", 0.1)
    start, key = write(), cookie_of(remy)

    async def scene() -> None:
        page = Page(key)
        await page.open()
        assert await page.hear() == {"n": start, "prev": start, "type": "ping"}
        await page.leave()

    play(scene)
