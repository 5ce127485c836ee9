"""Following what happens: server-sent events, and waiting for a session to rest."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, cast

import pytest
from asgiref.sync import ThreadSensitiveContext, sync_to_async
from django.contrib.auth.models import User
from django.db import connection, connections
from django.http import StreamingHttpResponse
from django.test import AsyncClient

from agents.models import Session
from agents.services import apply_agent, cancel
from audit.actors import SYSTEM
from audit.index import index_log
from console.api import events
from console.live import Hub
from console.models import ApiToken
from console.tokens import create_token
from tests.console.api.calls import ROOT
from tests.console.api.conftest import DESK
from tests.waiting import PATIENCE_S

NEW = {"agent": "desk", "goal": "Calculate 6 * 7"}


def headers(user: User, *scopes: str) -> dict[str, str]:
    """The headers of a program of `user`."""
    return {"Authorization": f"Bearer {create_token(user=user, scopes=scopes, actor=SYSTEM).secret}"}


def run(scenario: Callable[[], Any]) -> None:
    """Run a scenario in a loop of its own, and leave no connection behind."""

    async def whole() -> None:
        try:
            await asyncio.wait_for(scenario(), PATIENCE_S)
        finally:
            await Hub.current().close()
            await sync_to_async(connections.close_all)()

    connection.close()
    asyncio.run(whole())


async def lines(answer: Any) -> AsyncIterator[dict[str, Any]]:
    """The events of a stream."""
    async for part in cast(StreamingHttpResponse, answer).streaming_content:  # type: ignore[union-attr]  # ours is asynchronous
        text = part.decode() if isinstance(part, bytes) else part
        yield json.loads(text.split("data: ", 1)[1])


async def until(done: Callable[[], Awaitable[bool]]) -> None:
    """Ask again until it is so."""
    for _ in range(6000):
        if await done():
            return
        await asyncio.sleep(0.02)
    raise AssertionError("it never was")


async def start(given: dict[str, str], **changed: Any) -> dict[str, Any]:
    """Start a session."""
    answer = await AsyncClient().post(f"{ROOT}/sessions", {**NEW, **changed}, content_type="application/json", headers=given)
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_events_are_told_from_the_cursor_on_without_a_gap(fresh_database: Any, olga: User) -> None:
    """API.md, Resources: GET /events?since=; `prev` shows a gap."""
    apply_agent(DESK, actor=SYSTEM)
    given = headers(olga, "sessions:read", "sessions:write")
    since = index_log(patience_ms=2000)

    async def scenario() -> None:
        answer = await AsyncClient().get(f"{ROOT}/events?since={since}", headers=given)
        assert (answer.status_code, answer["Content-Type"]) == (200, "text/event-stream")
        told = lines(answer)
        assert await anext(told) == {"n": since, "prev": since, "type": "hello"}
        session = await start(given)
        event = await anext(told)
        assert (event["type"], event["ids"], event["prev"]) == ("session.started", [session["id"]], since)
        await told.aclose()  # type: ignore[attr-defined]  # a generator, named by its protocol

    run(scenario)


def test_a_client_that_reconnects_goes_on_where_it_was(fresh_database: Any, olga: User) -> None:
    """Last-Event-ID wins over the address, which a browser repeats."""
    apply_agent(DESK, actor=SYSTEM)
    given = headers(olga, "sessions:read", "sessions:write")
    since = index_log(patience_ms=2000)

    async def scenario() -> None:
        await start(given)
        client = AsyncClient()
        told = lines(await client.get(f"{ROOT}/events?since=0", headers={**given, "Last-Event-ID": str(since)}))
        assert (await anext(told))["n"] == since
        assert (await anext(told))["prev"] == since
        assert (await client.get(f"{ROOT}/events", headers={**given, "Last-Event-ID": "x"})).status_code == 422
        await told.aclose()  # type: ignore[attr-defined]  # a generator, named by its protocol

    run(scenario)


def test_who_is_too_far_behind_is_told_to_read_anew(fresh_database: Any, olga: User) -> None:
    """THREATS 49: bounded, whatever was missed."""
    given = headers(olga, "sessions:read")

    async def scenario() -> None:
        told = lines(await AsyncClient().get(f"{ROOT}/events?since=999999999", headers=given))
        assert (await anext(told))["type"] == "hello"
        assert (await anext(told))["type"] == "resync"
        await told.aclose()  # type: ignore[attr-defined]  # a generator, named by its protocol

    run(scenario)


def test_a_revoked_token_is_cut_off_within_seconds(fresh_database: Any, olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 46: each stream is looked at again."""
    monkeypatch.setattr(events, "RECHECK_S", 0.1)
    given = headers(olga, "sessions:read")

    async def scenario() -> None:
        told = lines(await AsyncClient().get(f"{ROOT}/events", headers=given))
        await anext(told)
        await sync_to_async(ApiToken.objects.all().delete)()
        began = time.monotonic()
        assert [event async for event in told] == []
        assert time.monotonic() - began < 5

    run(scenario)


def test_streams_are_bounded(fresh_database: Any, olga: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """THREATS 49: 429 with Retry-After."""
    monkeypatch.setattr(events, "STREAMS_EACH", 1)
    given = headers(olga, "sessions:read")

    async def scenario() -> None:
        client = AsyncClient()
        told = lines(await client.get(f"{ROOT}/events", headers=given))
        await anext(told)
        refused = await client.get(f"{ROOT}/events", headers=given)
        assert (refused.status_code, refused["Retry-After"]) == (429, "30")
        await told.aclose()  # type: ignore[attr-defined]  # a generator, named by its protocol

    run(scenario)


def test_a_program_hears_only_of_what_its_scopes_name(fresh_database: Any, ada: User) -> None:
    """A token for approvals does not hear of sessions, though its admin may."""
    apply_agent(DESK, actor=SYSTEM)
    whole, narrow = headers(ada, "sessions:write", "sessions:read"), headers(ada, "tokens:write", "audit:read")
    since = index_log(patience_ms=2000)

    async def scenario() -> None:
        told = lines(await AsyncClient().get(f"{ROOT}/events?since={since}", headers=narrow))
        await anext(told)
        await start(whole)
        made = await AsyncClient().post(
            f"{ROOT}/tokens", {"scopes": ["audit:read"]}, content_type="application/json", headers=narrow
        )
        assert made.status_code == 201
        assert (await anext(told))["type"] == "token.created"
        await told.aclose()  # type: ignore[attr-defined]  # a generator, named by its protocol

    run(scenario)


def test_waiting_ends_when_the_session_rests(fresh_database: Any, olga: User) -> None:
    """API.md, Resources: wait_s answers when it rests, long before the time is over."""
    apply_agent(DESK, actor=SYSTEM)
    given = headers(olga, "sessions:read", "sessions:write")

    def end() -> bool:
        for row in Session.objects.all():
            cancel(session=row.id, actor=SYSTEM)
            return True
        return False

    async def scenario() -> None:
        began = time.monotonic()
        waiting = asyncio.create_task(start({**given, "Idempotency-Key": "k"}, wait_s=60))
        await until(lambda: Hub.current().call(end))
        session = await waiting
        assert session["status"] == "cancelled"
        assert time.monotonic() - began < 10
        again = await start({**given, "Idempotency-Key": "k"}, wait_s=60)
        assert again == session

    run(scenario)


def test_waiting_ends_with_its_time(fresh_database: Any, olga: User) -> None:
    """The answer is the session as it is then."""
    apply_agent(DESK, actor=SYSTEM)
    given = headers(olga, "sessions:read", "sessions:write")

    async def scenario() -> None:
        began = time.monotonic()
        session = await start(given, wait_s=0.5)
        assert session["status"] == "queued"
        assert 0.5 <= time.monotonic() - began < 5

    run(scenario)


def connected() -> int:
    """How many connections there are to the test's database, the one that asks included."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
        return int(cursor.fetchone()[0])


def test_neither_an_open_stream_nor_a_waiting_start_holds_a_connection(fresh_database: Any, olga: User) -> None:
    """DESIGN.md 7: two connections a process, its listener and its reader, whatever the number of those who wait."""
    apply_agent(DESK, actor=SYSTEM)
    given = headers(olga, "sessions:read", "sessions:write")

    async def only_the_hub() -> bool:
        return await Hub.current().call(connected) == 2

    async def stream() -> Any:
        async with ThreadSensitiveContext():
            told = lines(await AsyncClient().get(f"{ROOT}/events", headers=given))
            await anext(told)
            return told

    async def wait() -> None:
        async with ThreadSensitiveContext():
            await start(given, wait_s=2)
            await sync_to_async(connections.close_all)()

    async def scenario() -> None:
        streams = [await stream() for _ in range(3)]
        waiting = asyncio.create_task(wait())
        await until(lambda: Hub.current().call(Session.objects.exists))
        await until(only_the_hub)
        assert not waiting.done()
        await waiting
        for told in streams:
            await told.aclose()

    run(scenario)
