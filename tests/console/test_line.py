"""The line before the pages: bounded, in order, never in the way of what writes; and a page without its database."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import OperationalError
from django.http import HttpRequest, HttpResponse
from django.test import RequestFactory

from console.line import Line, Receive, Scope, Send
from console.rights import Right
from console.views.guard import guard


class Slow:
    """An application that answers when it is let, and counts how many it answers at once."""

    def __init__(self) -> None:
        self.let = asyncio.Event()
        self.inside: list[str] = []
        self.order: list[str] = []
        self.most = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.inside.append(scope["path"])
        self.order.append(scope["path"])
        self.most = max(self.most, len(self.inside))
        try:
            await self.let.wait()
        finally:
            self.inside.remove(scope["path"])
        await send({"type": "http.response.start", "status": 200, "headers": []})


async def _asked(line: Line, path: str, method: str = "GET") -> int:
    told: list[Mapping[str, Any]] = []

    async def send(message: Mapping[str, Any]) -> None:
        told.append(message)

    async def receive() -> Mapping[str, Any]:
        return {"type": "http.request"}

    await line({"type": "http", "method": method, "path": path}, receive, send)
    return int(told[0]["status"])


async def _settled() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_no_more_pages_than_places_are_made_at_once_and_each_gets_its_turn_in_order() -> None:
    async def story() -> None:
        app = Slow()
        line = Line(app, places=2)
        tasks = [asyncio.create_task(_asked(line, f"/{number}")) for number in range(6)]
        await _settled()
        assert app.inside == ["/0", "/1"]
        app.let.set()
        assert await asyncio.gather(*tasks) == [200] * 6
        assert app.most == 2
        assert app.order == [f"/{number}" for number in range(6)]

    asyncio.run(story())


@pytest.mark.parametrize(
    ("method", "path"),
    [("POST", "/approvals/AP-1/approve/"), ("GET", "/api/v1/approvals"), ("GET", "/readyz"), ("GET", "/metrics")],
)
def test_what_writes_and_programs_and_probes_never_stand_in_the_line(method: str, path: str) -> None:
    async def story() -> None:
        app = Slow()
        line = Line(app, places=1)
        page = asyncio.create_task(_asked(line, "/approvals/"))
        await _settled()
        other = asyncio.create_task(_asked(line, path, method))
        await _settled()
        assert app.inside == ["/approvals/", path]
        app.let.set()
        await asyncio.gather(page, other)

    asyncio.run(story())


def test_who_waits_too_long_is_told_to_come_again_and_the_place_is_not_lost() -> None:
    async def story() -> None:
        app = Slow()
        line = Line(app, places=1, patience_s=0.01)
        first = asyncio.create_task(_asked(line, "/a"))
        await _settled()
        assert await _asked(line, "/b") == 503
        app.let.set()
        assert await first == 200
        assert await _asked(line, "/c") == 200

    asyncio.run(story())


def test_a_page_whose_browser_left_gives_its_place_back() -> None:
    async def story() -> None:
        app = Slow()
        line = Line(app, places=1)
        gone = asyncio.create_task(_asked(line, "/a"))
        await _settled()
        gone.cancel()
        await asyncio.gather(gone, return_exceptions=True)
        app.let.set()
        assert await _asked(line, "/b") == 200

    asyncio.run(story())


@pytest.mark.django_db
@pytest.mark.parametrize(("method", "words"), [("GET", "Load the page again"), ("POST", "look before you send it again")])
def test_a_page_without_its_database_says_so_and_when_to_come_again(method: str, words: str) -> None:
    request = RequestFactory().generic(method, "/approvals/")
    request.user = User.objects.create_user("ada", is_active=True)

    @guard(Right.SIGNED_IN)
    def view(request: HttpRequest) -> HttpResponse:
        raise OperationalError("the connection is closed")

    answer = view(request)

    assert isinstance(answer, HttpResponse)
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "2")
    assert words in answer.content.decode()
