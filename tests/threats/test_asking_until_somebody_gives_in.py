"""Asking people again: in another form, until they give in, or so much at once that one thing is buried (THREATS 18, 19, 55)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents import services
from agents.errors import NothingRefused
from agents.models import Session
from approvals import policies
from approvals.errors import NotYours
from approvals.likeness import aim
from approvals.models import ApprovalRequest
from approvals.policy import DEFAULT_POLICY
from audit.models import AuditEntry
from tests.console.api.calls import Program
from tests.flows.conftest import World, actor_of

SignedIn = Callable[[User | None], Client]


def reject(world: World, session: Session, by: User, why: str) -> ApprovalRequest:
    """Reject what waits, and let the session go on."""
    (request,) = world.pending(session)
    world.decide(request, by, "reject", instruction=why)
    world.work()
    return request


def asking(world: World, **limits: int) -> None:
    """Store the shipped policy with other bounds on asking."""
    document = DEFAULT_POLICY.model_dump(mode="json")
    document["asking"].update(limits)
    policies.save(document, note="For a test.", actor=actor_of(world.olga))


def codes(row: Any) -> list[str]:
    """Why policy judged a call as it did."""
    return [reason["code"] for reason in row.judgement["reasons"]]


def test_a_refused_action_by_another_tool_asks_and_shows_the_refusal(
    world: World, signed_in: SignedIn, remy: User, rosa: User
) -> None:
    """THREATS 18: a draft to the same recipient, which nobody would be asked about, waits; the page says who refused and why."""
    session = world.start("scenario: again-and-again")
    world.work()
    first = reject(world, session, remy, "Nobody asks customers for codes.")
    draft = world.calls(session)[1]
    assert (draft.tool, draft.status) == ("draft_message", "awaiting")
    assert "denied_before" in codes(draft)
    (request,) = world.pending(session)
    page = signed_in(rosa).get(f"/approvals/{request.ref}/").content.decode()
    assert "Refused before in this session" in page
    assert f"/approvals/{first.ref}/" in page
    assert "Nobody asks customers for codes." in page
    assert json.loads(Program(rosa).get(f"/approvals/{request.ref}").content)["refused_before"] == [first.ref]


def test_a_refused_text_in_pieces_asks_and_other_texts_do_not(world: World, remy: User) -> None:
    """THREATS 18: a sentence of what was refused is linked to it, whatever tool says it; what has nothing to do with it runs."""
    session = world.start("scenario: pieces")
    world.work()
    reject(world, session, remy, "This is not public.")
    piece = world.calls(session)[1]
    assert (piece.tool, piece.status) == ("write_file", "awaiting")
    reject(world, session, remy, "Not in pieces either.")
    assert world.calls(session)[2].status == "succeeded"


def test_what_people_refused_twice_is_not_asked_a_third_time_until_somebody_lifts_it(
    world: World, signed_in: SignedIn, remy: User, olga: User, rosa: User
) -> None:
    """THREATS 19: the third is denied with words for the agent, shown on the session's page, and another person can lift it."""
    session = world.start("scenario: again-and-again")
    world.work()
    reject(world, session, remy, "Nobody asks customers for codes.")
    reject(world, session, rosa, "Not as a draft either.")
    third = world.calls(session)[2]
    assert (third.status, third.error_type) == ("denied", "not_permitted")
    assert codes(third) == ["refused_often"]
    assert "refused this 2 times" in world.result(third)
    assert world.pending(session) == []
    address = f"/sessions/{session.ref}/"
    page = signed_in(rosa).get(address).content.decode()
    assert "The agent wants" in page
    assert "Let it ask again" in page
    assert "Let it ask again" not in signed_in(olga).get(address).content.decode()
    with pytest.raises(NotYours):
        services.lift_refusals(session=session.pk, call=third.key, actor=actor_of(olga), user_id=olga.pk)
    with pytest.raises(NothingRefused):
        services.lift_refusals(session=session.pk, call="S-1/9.9", actor=actor_of(rosa), user_id=rosa.pk)
    assert signed_in(rosa).post(f"{address}lift/", {"call": third.key}).status_code == 302
    session.refresh_from_db()
    assert len(session.lifted or ()) == 2
    assert "The agent wants" not in signed_in(rosa).get(address).content.decode()
    assert AuditEntry.objects.filter(kind="session.refusals_lifted").count() == 1
    world.work()
    services.add_message(session=session.pk, actor=actor_of(olga), user_id=olga.pk, content="You may ask again.")
    world.work()
    assert world.calls(session)[-1].status == "awaiting"  # asked again, with the refusals told
    assert world.log_is_whole()


def test_more_than_may_wait_is_answered_to_the_agent_and_nothing_is_lost(
    world: World, signed_in: SignedIn, olga: User, remy: User
) -> None:
    """THREATS 55: ten of a session wait, the other two come back as errors that say what to do; the page says so too."""
    session = world.start("scenario: many-mails")
    world.work()
    calls = world.calls(session)
    assert [call.status for call in calls] == ["awaiting"] * 10 + ["denied"] * 2
    assert {call.error_type for call in calls[10:]} == {"unavailable"}
    told = json.loads(world.result(calls[11]))
    assert "nobody was asked" in json.dumps(told)
    assert codes(calls[11])[0] == "too_many_waiting"
    assert "2 calls did not come before people" in signed_in(olga).get(f"/sessions/{session.ref}/").content.decode()
    for request in world.pending(session):
        world.decide(request, remy, "reject", instruction="One at a time.")
    world.work()
    session.refresh_from_db()
    assert session.status in ("waiting_input", "completed")
    assert world.log_is_whole()


def test_an_agent_has_no_more_open_than_policy_says_over_all_its_sessions(world: World, remy: User) -> None:
    """THREATS 55: the third session's question is answered to it; once people have decided, there is room again."""
    asking(world, open_per_agent=2)
    sessions = [world.start("scenario: mail-once") for _ in range(3)]
    world.work()
    waiting = [request for session in sessions for request in world.pending(session)]
    assert len(waiting) == 2
    assert sum(call.status == "denied" for session in sessions for call in world.calls(session)) == 1
    for request in waiting:
        world.decide(request, remy, "reject", instruction="Not now.")
    world.work()
    another = world.start("scenario: mail-once")
    world.work()
    assert len(world.pending(another)) == 1


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"to": ["kim@customer.example"]}, {"recipient": "Kim@Customer.Example"}),
        ({"url": "https://evil.example/a"}, {"url": "https://evil.example/b?x=1"}),
        ({"document": "DOC-7"}, {"id": "doc-7"}),
        ({"body": "In March four hundred people go."}, {"text": "So: in March  four hundred people go. More follows."}),
    ],
)
def test_the_same_intent_is_known_in_other_arguments(one: dict[str, Any], two: dict[str, Any]) -> None:
    """THREATS 18: by recipient, host, id, or by what is said."""
    assert aim(one).shares(aim(two))


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ({"to": ["kim@customer.example"]}, {"to": ["lee@customer.example"]}),
        ({"tone": "formal", "yes": True}, {"style": "formal", "no": True}),
        ({"cents": 40}, {"days": 40}),
        ({}, {}),
    ],
)
def test_what_two_calls_merely_have_in_common_is_no_intent(one: dict[str, Any], two: dict[str, Any]) -> None:
    """Plain words, small numbers, another recipient."""
    assert not aim(one).shares(aim(two))
    assert not aim(one).as_large(aim(two))
