"""An agent that makes no progress is told so; if it goes on, people are asked; it ends honestly where nobody helps."""

import pytest
from django.contrib.auth.models import User

from agents import services
from agents.models import Session
from approvals.models import ApprovalRequest
from audit.events import EventKind
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of, text


def error_of(session: Session) -> dict[str, str]:
    """Why the session ended."""
    assert session.error is not None
    return dict(session.error)


def hints(session: Session) -> list[str]:
    """What the system said to the model."""
    return [text(message.text_id) for message in session.messages.filter(source="system").order_by("index")]


def stuck(world: World, scenario: str = "loop-same", **more: object) -> tuple[Session, ApprovalRequest]:
    """A session that was told, went on, and rests."""
    session = world.start(f"scenario: {scenario}", agent=world.agent(slug="circling", **more))
    world.work()
    session.refresh_from_db()
    (request,) = world.pending(session)
    return session, request


def test_the_model_is_told_first_and_people_are_asked_when_it_goes_on(world: World) -> None:
    """GUARD-2: four times, the hint, twice more."""
    session, request = stuck(world)
    assert session.status == "waiting_approval"
    assert session.tool_calls == 6
    (told,) = hints(session)
    assert told.startswith("The agent made the same call 4 times in a row with the same outcome.")
    assert (request.kind, request.facts["loop"], request.facts["times"], request.facts["told"]) == (
        "stuck",
        "same_call",
        2,
        True,
    )
    assert [call["what"] for call in request.facts["calls"]] == ["Calculate 1 + 1"]
    assert request.facts["cost_microusd"] == session.cost_microusd > 0
    kinds = AuditEntry.objects.filter(stream=session_stream(session)).values_list("kind", flat=True)
    assert {EventKind.SESSION_WARNED, EventKind.SESSION_STUCK} <= set(kinds)
    assert world.log_is_whole()


def session_stream(session: Session) -> str:
    """The stream of its entries."""
    return f"session:{session.ref}"


def test_ping_pong_is_told_with_both_tools(world: World) -> None:
    """GUARD-2: a window of two calls; one more round after the hint is enough."""
    session, request = stuck(world, "loop-pair")
    assert session.tool_calls == 8
    assert "between calculate and search_documents" in request.summary
    assert [call["tool"] for call in request.facts["calls"]] == ["calculate", "search_documents"]


def test_an_answer_is_an_instruction_and_the_session_goes_on(world: World, remy: User) -> None:
    """API.md: `answer`; whoever gave it takes no part in the session, as with the instruction of a rejection."""
    session, request = stuck(world)
    world.decide(request, remy, "answer", instruction="Search the library for the refund policy instead.")
    world.work()
    session.refresh_from_db()
    message = session.messages.get(source="operator")
    assert (message.author, message.author_name, message.trust) == (None, remy.first_name, "trusted")
    assert text(message.text_id) == "Search the library for the refund policy instead."
    assert session.tool_calls > 6
    assert world.log_is_whole()


def test_people_are_asked_three_times_at_most(world: World, remy: User) -> None:
    """THREATS 55: an agent that cannot be helped ends, and does not ask for ever."""
    session, _ = stuck(world, limits={"turns": 100})
    for _ in range(3):
        (request,) = world.pending(session)
        world.decide(request, remy, "answer", answer="Try something else.")
        world.work()
    session.refresh_from_db()
    assert (session.status, error_of(session)["code"], world.pending(session)) == ("halted", "loop", [])


def test_giving_up_ends_it_with_what_it_has(world: World, remy: User) -> None:
    """API.md: `give_up`."""
    session, request = stuck(world)
    world.decide(request, remy, "give_up")
    world.work()
    session.refresh_from_db()
    assert (session.status, error_of(session)["code"], session.partial) == ("halted", "stuck", True)
    assert f"{remy.first_name} looked at it and gave it up." in error_of(session)["detail"]
    assert world.log_is_whole()


def test_a_stuck_session_that_nobody_answers_ends_and_says_so(world: World) -> None:
    """APPR-6: "nobody answered" is not "given up"."""
    session, request = stuck(world)
    ApprovalRequest.objects.filter(id=request.id).update(expires_at="2026-01-01T00:00:00Z")
    world.work(until=lambda: Session.objects.filter(id=session.id, status="halted").exists())
    session.refresh_from_db()
    assert "Nobody answered the request about it in time." in error_of(session)["detail"]


@pytest.mark.parametrize("hint", [True, False])
def test_a_person_s_message_begins_anew(world: World, hint: bool) -> None:
    """LOOP-9: who is asked the same thing five times may do the same thing five times."""
    session = world.start("calculate 6 * 7", agent=world.agent(slug="patient", loops={"hint": hint}))
    world.work()
    for _ in range(4):
        services.add_message(session=session, actor=actor_of(world.olga), user_id=world.olga.pk, content="calculate 6 * 7")
        world.work()
    session.refresh_from_db()
    assert (session.status, hints(session)) == ("waiting_input", [])
