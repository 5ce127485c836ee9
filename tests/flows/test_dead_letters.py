"""Sessions that failed for good: kept whole, replayed from the last good turn, changed before that, or closed with a note."""

from datetime import timedelta
from typing import Any

import httpx2
import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from agents import dead_letters
from agents.errors import BadText, NotDead
from agents.loading import load
from agents.models import Session, ToolCall
from agents.state import Said
from approvals.errors import NotYours
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of
from tests.flows.test_unknown_outcomes import DONE, LOST, _pay_once  # noqa: F401  the tool whose answer is lost

MAIL = "scenario: mail-once to=kim@customer.example token={}"


def fail(world: World, match: str) -> None:
    """Let no answer to a request that holds this text be readable, until the model is given up."""
    root = world.model_url.removesuffix("/v1")
    httpx2.post(f"{root}/_faults", json={"kind": "not_json", "match": match, "count": 3}).raise_for_status()


def dead(world: World, goal: str, match: str, **more: Any) -> Session:
    """A session whose model was given up."""
    fail(world, match)
    session = world.start(goal, **more)
    world.work()
    session.refresh_from_db()
    assert session.status == "dead_letter"
    return session


def kinds(session: Session) -> list[str]:
    """The kinds of the session's entries, in order."""
    return list(AuditEntry.objects.filter(stream=f"session:{session.ref}").order_by("seq").values_list("kind", flat=True))


def test_a_replay_goes_on_from_the_last_good_turn(world: World) -> None:
    """LOOP-14: what the session said and did stands; only the turn that failed is done anew, and the log says by whom."""
    session = dead(world, "What does the refund policy say? DL-1", "DL-1")
    assert dead_letters.kept() == [dead_letters.Kept("model", "model_broken_answer", 1, session.ended_at)]  # type: ignore[arg-type]
    replayed = dead_letters.replay(session=session, actor=actor_of(world.olga), user_id=world.olga.pk)
    assert (replayed.status, replayed.error, replayed.ended_at, replayed.attempts) == ("queued", None, None, 0)
    assert replayed.expires_at > session.expires_at
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert world.answer_of(session)
    told = kinds(session)
    assert told.index("session.dead_lettered") < told.index("session.replayed") < told.index("turn.planned")
    assert dead_letters.kept() == []
    assert world.log_is_whole()


def test_what_was_done_before_it_failed_is_not_done_again(world: World, remy: User) -> None:
    """LOOP-14, TOOL-3: the call that ran keeps its row, its key and its result; the mail goes out once."""
    session = world.start(MAIL.format("DL-2"))
    world.work()
    (request,) = world.pending(session)
    fail(world, "DL-2")
    world.decide(request, remy, "approve")
    world.work(until=lambda: Session.objects.filter(pk=session.pk, status="dead_letter").exists())
    (call,) = world.calls(session)
    before = (call.key, call.status, call.result_id)
    assert before[1] == "succeeded"
    dead_letters.replay(session=session, actor=actor_of(world.olga), user_id=world.olga.pk)
    world.work()
    (call,) = world.calls(session)
    assert (call.key, call.status, call.result_id) == before
    assert AuditEntry.objects.filter(kind="tool_call.executing", body_json__facts__key=call.key).count() <= 1
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert world.log_is_whole()


def test_whether_a_call_happened_is_asked_again_and_never_guessed(world: World, remy: User) -> None:
    """LOOP-14, TOOL-3: its question fell away with the session; a replay puts it anew, and nothing runs before it is answered."""
    session = world.start("scenario: pay", agent=world.agent(slug="payer", tools=["pay_once"]))
    world.work()
    world.decide(world.pending(session)[0], remy, "approve")
    world.work()
    (question,) = world.pending(session)
    Session.objects.filter(pk=session.pk).update(status="queued", attempts=6)
    world.work()
    session.refresh_from_db()
    question.refresh_from_db()
    assert (session.status, session.error and session.error["code"], question.status) == ("dead_letter", "poison", "withdrawn")
    dead_letters.replay(session=session, actor=actor_of(world.olga), user_id=world.olga.pk)
    world.work()
    session.refresh_from_db()
    (again,) = world.pending(session)
    assert (session.status, again.kind, again.number > question.number) == ("waiting_approval", "unknown_outcome", True)
    assert len(DONE) == 1
    LOST.clear()
    world.decide(again, remy, "run_again")
    world.work()
    world.decide(world.pending(session)[0], remy, "approve")
    world.work()
    (call,) = world.calls(session)
    assert call.status == "succeeded"
    assert len({line.split()[1] for line in DONE}) == 1, "run again, it carried the same key"
    assert world.log_is_whole()


def test_who_says_something_before_a_replay_decides_nothing_in_it(world: World, remy: User, rosa: User) -> None:
    """LOOP-14, APPR-5: an instruction is a message, and its author takes part."""
    session = dead(world, MAIL.format("DL-3"), "DL-3")
    dead_letters.replay(session=session, actor=actor_of(remy), user_id=remy.pk, instruction="Write it kindly.")
    world.work()
    (request,) = world.pending(session)
    with pytest.raises(NotYours):
        world.decide(request, remy, "approve")
    world.decide(request, rosa, "approve")
    assert "message" in AuditEntry.objects.get(kind="session.replayed").body_json["facts"]


def test_it_can_be_replayed_with_the_agent_as_it_is_now(world: World) -> None:
    """LOOP-14: another model and other limits are another revision; the log says that it moved."""
    session = dead(world, "What does the refund policy say? DL-4", "DL-4")
    before = session.revision.number
    world.agent(model="scripted-2", prompt_text=None, limits={"turns": 7, "session_ttl_s": 3600})
    kept = dead_letters.replay(session=session, actor=actor_of(world.olga), user_id=world.olga.pk, as_now=True)
    assert kept.revision.number == before + 1
    assert kept.revision.document["model"] == "scripted-2"
    assert (kept.expires_at - kept.updated_at).total_seconds() == pytest.approx(3600, abs=1)
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert set(session.turn_rows.values_list("model", flat=True)) == {"scripted-2"}
    assert "session.moved" in kinds(session)
    assert world.log_is_whole()


def test_a_dead_letter_is_closed_with_a_note_and_stays_closed(world: World) -> None:
    """LOOP-14: it has failed then, for good; the log's stream ends with who said so and why."""
    session = dead(world, "Anything. DL-5", "DL-5")
    with pytest.raises(BadText, match="note"):
        dead_letters.close(session=session, actor=actor_of(world.olga), note=" ")
    closed = dead_letters.close(session=session, actor=actor_of(world.olga), note="The key was revoked on purpose.")
    assert (closed.status, closed.error and closed.error["code"]) == ("failed", "model_broken_answer")
    entry = AuditEntry.objects.get(kind="session.closed")
    assert entry.body_json["facts"]["note"] == "The key was revoked on purpose."
    for act in (dead_letters.replay, dead_letters.close):
        with pytest.raises(NotDead):
            act(
                session=session,
                actor=actor_of(world.olga),
                **({"user_id": 1} if act is dead_letters.replay else {"note": "x y z"}),
            )
    assert world.log_is_whole()


def test_only_dead_letters_are_replayed(world: World) -> None:
    """A session that lives, or ended otherwise, is left alone."""
    session = world.start("What does the refund policy say?")
    with pytest.raises(NotDead):
        dead_letters.replay(session=session, actor=actor_of(world.olga), user_id=world.olga.pk)
    assert not ApprovalRequest.objects.exists()
    assert not ToolCall.objects.exists()


def test_a_goal_is_put_in_the_place_of_the_first_before_a_replay(world: World, remy: User, rosa: User) -> None:
    """LOOP-14, APPR-5: the model reads the new one alone, its author takes part, what was asked before stays in the trail."""
    session = dead(world, "What does the refund policy say? DL-6", "DL-6")
    replayed = dead_letters.replay(session=session, actor=actor_of(remy), user_id=remy.pk, goal=MAIL.format("DL-7"))
    assert replayed.title == MAIL.format("DL-7")
    world.work()
    (request,) = world.pending(session)
    with pytest.raises(NotYours):
        world.decide(request, remy, "approve")
    world.decide(request, rosa, "approve")
    state = load([session.pk], None)[0]
    said = [item.text for item in state.items if isinstance(item, Said)]
    assert said == [MAIL.format("DL-7")]
    assert [message.index for message in session.messages.order_by("index")] == [0, 1]
    entry = AuditEntry.objects.get(kind="session.replayed")
    assert (entry.body_json["facts"]["goal"], entry.texts.count()) == (1, 1)
    assert world.log_is_whole()


def test_the_newest_of_several_goals_counts_and_the_same_goal_is_no_change(world: World) -> None:
    """LOOP-14: each replay may change it again; whoever sends it back as it was takes no part."""
    session = dead(world, "First. DL-8", "DL-8")
    for goal in ("Second. DL-9", "Third. DL-9"):
        dead_letters.replay(
            session=session, actor=actor_of(world.olga), user_id=world.olga.pk, goal=goal, instruction="Kindly."
        )
        Session.objects.filter(pk=session.pk).update(status="dead_letter", ended_at=Now())
    dead_letters.replay(session=session, actor=actor_of(world.olga), user_id=world.olga.pk, goal="Third. DL-9\n")
    state = load([session.pk], None)[0]
    assert [item.text for item in state.items if isinstance(item, Said)] == ["Third. DL-9", "Kindly.", "Kindly."]
    assert state.next_index == session.messages.count() == 5
    *_, last = AuditEntry.objects.filter(stream=f"session:{session.ref}", kind="session.replayed").order_by("seq")
    assert "goal" not in last.body_json["facts"]


def test_all_of_a_filter_are_chosen_until_a_moment_the_oldest_first(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """LOOP-14: what fails again after a replay failed later, so going on with the same moment takes nothing up twice."""
    monkeypatch.setattr(dead_letters, "MOST", 2)
    sessions = [world.start(f"What does the refund policy say? {number}") for number in range(3)]
    why = {"category": "model", "code": "model_timeout", "detail": ""}
    for session in sessions:
        Session.objects.filter(pk=session.pk).update(status="dead_letter", error=why, ended_at=Now())
    until = Session.objects.get(pk=sessions[-1].pk).ended_at
    assert until is not None
    first = dead_letters.every(category="model", until=until)
    assert (first.refs, first.left) == ([session.ref for session in sessions[:2]], 1)
    for session in sessions[:2]:
        dead_letters.replay(session=session, actor=actor_of(world.olga), user_id=world.olga.pk)
        Session.objects.filter(pk=session.pk).update(status="dead_letter", error=why, ended_at=until + timedelta(seconds=1))
    assert dead_letters.every(category="model", until=until) == dead_letters.Every([sessions[2].ref], 0)
    assert dead_letters.every(category="tool", until=until) == dead_letters.Every([], 0)
