"""A session turn by turn: its page and its endpoint, for those who may read it and those who may not."""

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.models import Session
from approvals.models import ApprovalRequest
from tests.console.api.calls import Program, refused
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]


def shown(client: Client, session: Session, query: str = "") -> str:
    """What the page says."""
    answer = client.get(f"/sessions/{session.ref}/turns/{query}")
    assert answer.status_code == 200
    return answer.content.decode()


def test_a_turn_shows_what_the_model_was_given_and_what_followed(
    world: World, waiting: Waiting, signed_in: SignedIn, rosa: User
) -> None:
    """LOOP-16: system prompt, goal, answer, call, judgement, request and what people said, on one page with an address."""
    session, request = waiting
    world.decide(request, rosa, "approve")
    world.work()
    page = shown(signed_in(world.olga), session)
    assert "Turn 1 of 2" in page
    assert "You research questions" in page
    assert "scenario: mail-once" in page
    assert "Asked people" in page
    assert request.ref in page
    assert "Rosa: Approve" in page
    assert f"/sessions/{session.ref}/turns/?turn=2" in page
    after = shown(signed_in(world.olga), session, "?turn=2")
    assert "Turn 2 of 2" in after
    assert 'data-key="k"' in after
    assert 'data-key="j"' not in after


def test_who_may_not_read_a_session_sees_that_there_is_something(waiting: Waiting, signed_in: SignedIn, vic: User) -> None:
    """Right REVEAL: how many messages and tokens, what was called and how it was judged; no word of it."""
    session, _ = waiting
    page = shown(signed_in(vic), session)
    assert "Your role does not read raw content." in page
    assert "2 messages" in page
    assert "send_email" in page
    assert "You research questions" not in page
    assert "mail-once" not in page


def test_the_api_gives_a_turn_whole(world: World, waiting: Waiting, vic: User) -> None:
    """The same over REST; null where a text may not be read."""
    session, request = waiting
    mine: dict[str, Any] = Program(world.olga).get(f"/sessions/{session.ref}/turns/1").json()
    assert [message["role"] for message in mine["given"]["messages"]] == ["system", "user"]
    assert mine["given"]["count"] == 2
    assert mine["outcomes"][0]["asked"][0]["approval"] == request.ref
    assert "subject" in mine["outcomes"][0]["arguments"]
    others: dict[str, Any] = Program(vic).get(f"/sessions/{session.ref}/turns/1").json()
    assert others["given"]["messages"] is None
    assert others["answer"] is others["outcomes"][0]["raw_arguments"] is others["outcomes"][0]["arguments"] is None
    assert others["given"]["tokens"] == mine["given"]["tokens"] > 0
    refused(Program(vic).get(f"/sessions/{session.ref}/turns/9"), 404, "unknown_turn")


def test_turns_are_listed_page_by_page(world: World, waiting: Waiting, rosa: User) -> None:
    """Keyset paged, oldest first."""
    session, request = waiting
    world.decide(request, rosa, "approve")
    world.work()
    program = Program(world.olga)
    first = program.get(f"/sessions/{session.ref}/turns?limit=1").json()
    assert [turn["number"] for turn in first["items"]] == [1]
    second = program.get(f"/sessions/{session.ref}/turns?limit=1&cursor={first['next_cursor']}").json()
    assert [turn["number"] for turn in second["items"]] == [2]
    assert second["next_cursor"] is None


def test_a_session_without_a_turn_says_so(world: World, signed_in: SignedIn) -> None:
    """An empty page says what it will show; a turn that is not there is not found."""
    session = world.start("Nothing has run.")
    assert "No turn yet" in shown(signed_in(world.olga), session)
    world.work()
    assert signed_in(world.olga).get(f"/sessions/{session.ref}/turns/?turn=99").status_code == 404


def test_any_turn_costs_the_same_number_of_queries(world: World, signed_in: SignedIn) -> None:
    """However many turns came before it."""
    session = world.start("scenario: loop-work")
    world.work()
    client = signed_in(world.olga)
    counts = set()
    for number in (2, 9):
        shown(client, session, f"?turn={number}")
        with CaptureQueriesContext(connection) as asked:
            shown(client, session, f"?turn={number}")
        counts.add(len(asked))
    assert len(counts) == 1
    assert counts.pop() < 40
