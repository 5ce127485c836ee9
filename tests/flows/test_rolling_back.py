"""A rollback reaches sessions that run and that rest: they finish, move or stop, as was said (PROMPT-3)."""

import json
import threading
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.gate.sweep import sweep
from agents.models import PromptVersion, Recall, Session, ToolCall
from agents.prompts.releases import release
from agents.prompts.rollback import rollback
from agents.prompts.versions import add_version
from agents.services import pause
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of, text

SLUG = "research-assistant"
MAIL = "scenario: mail-once to=kim@customer.example token=T1"
GOOD, BAD = f"{SLUG} 1.0.0", f"{SLUG} 1.0.1"


@pytest.fixture(autouse=True)
def _bad_version(world: World, olga: User) -> None:
    """A version that will turn out to be bad has all traffic."""
    add_version(slug=SLUG, text="You do the wrong thing.", actor=actor_of(olga), user_id=olga.pk, note="Wrong.")
    release(slug=SLUG, version="1.0.1", share=100, actor=actor_of(olga))


def press(olga: User, running: str) -> None:
    """Olga rolls back."""
    rollback(slug=SLUG, reason="It does the wrong thing.", running=running, actor=actor_of(olga))


def asked(world: World) -> tuple[Session, ApprovalRequest]:
    """A session of the bad version that waits for a person."""
    session = world.start(MAIL)
    world.work(until=lambda: ApprovalRequest.objects.filter(status="pending").exists())
    return session, ApprovalRequest.objects.get()


def pinned(session: Session) -> str:
    """The version that it goes on with."""
    session.refresh_from_db()
    return PromptVersion.objects.get(pk=session.prompt_version_id).version


def test_sessions_that_are_to_finish_keep_their_version(world: World, olga: User, remy: User, mailoutbox: list[Any]) -> None:
    """Only new ones start with what was restored."""
    session, request = asked(world)
    press(olga, "finish")
    world.decide(request, remy, "approve")
    world.work()
    assert (pinned(session), len(mailoutbox)) == ("1.0.1", 1)
    assert pinned(world.start("Another.")) == "1.0.0"


def test_a_session_that_rests_moves_and_plans_again(world: World, olga: User, remy: User, mailoutbox: list[Any]) -> None:
    """What was put up by the bad version is void; its call has its one answer, and the next request names the good one."""
    session, request = asked(world)
    press(olga, "move")
    assert sweep() >= 1
    request.refresh_from_db()
    assert (request.status, pinned(session)) == ("void", "1.0.0")
    call = ToolCall.objects.get()
    assert (call.status, "instructions changed" in text(call.result_id)) == ("withdrawn", True)
    world.work(until=lambda: world.idle() or ApprovalRequest.objects.filter(status="pending").exists())
    for again in world.pending(session):
        assert json.loads(bytes(again.body))["prompt_version"] == GOOD
        world.decide(again, remy, "approve")
    world.work()
    assert set(session.turn_rows.values_list("prompt_version", flat=True)) == {BAD, GOOD}
    moved = AuditEntry.objects.get(stream=f"session:{session.ref}", kind="session.moved")
    assert (moved.body_json["facts"]["from"], moved.body_json["facts"]["prompt_version"]) == (BAD, GOOD)
    assert world.log_is_whole()


def test_a_session_that_rests_stops(world: World, olga: User) -> None:
    """Nothing of it waits any more, and its entry says why."""
    session, request = asked(world)
    press(olga, "stop")
    sweep()
    request.refresh_from_db()
    session.refresh_from_db()
    assert (session.status, request.status) == ("cancelled", "withdrawn")
    assert world.log_is_whole()


@pytest.mark.parametrize(("running", "status"), [("move", "waiting_input"), ("stop", "cancelled")])
def test_a_session_that_runs_follows_before_its_next_question(world: World, olga: User, running: str, status: str) -> None:
    """Its open question is abandoned, and no turn of the bad version is written after the press."""
    session = world.start("scenario: slow")
    pressed = threading.Event()

    def follow() -> bool:
        session.refresh_from_db()
        if session.status == "running" and not pressed.is_set():
            pressed.set()
            press(olga, running)
        return session.status == status

    world.work(until=follow)
    recalled = AuditEntry.objects.filter(stream=f"prompt:{SLUG}", kind="prompt.rolled_back").latest("seq")
    late = [turn for turn in session.turn_rows.all() if turn.prompt_version == BAD and turn.created_at > recalled.at]
    assert late == []
    assert pinned(session) == ("1.0.0" if running == "move" else "1.0.1")
    assert world.log_is_whole()


def test_a_paused_session_moves_while_it_is_paused(world: World, olga: User) -> None:
    """It goes on with the good version when somebody lets it."""
    session, _ = asked(world)
    pause(session=session, actor=actor_of(olga))
    press(olga, "move")
    sweep()
    session.refresh_from_db()
    assert (session.status, pinned(session)) == ("paused", "1.0.0")


def test_a_session_that_starts_while_the_rollback_is_written_follows_too(world: World, olga: User) -> None:
    """It was pinned to the bad version by a transaction that began before; the recall is still open."""
    bad = PromptVersion.objects.get(version="1.0.1")
    press(olga, "move")
    session = world.start("scenario: prose")
    Session.objects.filter(pk=session.pk).update(prompt_version=bad)
    world.work()
    assert pinned(session) == "1.0.0"
    assert set(session.turn_rows.values_list("prompt_version", flat=True)) == {GOOD}


def test_a_recall_ends_by_itself_once_nobody_is_left(world: World, olga: User) -> None:
    """Not before every start that was under way is over."""
    press(olga, "move")
    sweep()
    assert Recall.objects.get().status == "open"
    Recall.objects.update(started_at=Recall.objects.get().started_at.replace(year=2020))
    sweep()
    assert Recall.objects.get().status == "ended"
