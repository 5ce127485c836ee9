"""Re-runs: a session that was, played again with another version or model, with what its tools answered and without any effect."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connections

from agents import loading, stops
from agents.errors import BadText, UnknownPromptVersion
from agents.llm.openai import OpenAIProvider
from agents.models import Message, PromptVersion, Rerun, Session, ToolCall, Turn
from agents.prompts.versions import add_version
from agents.rehearsals.play import Course, Play, Transcript, transcript
from agents.rehearsals.rehearse import rehearse
from agents.rehearsals.stage import staged
from agents.reruns import reruns, work
from agents.reruns.errors import RerunEnded, UnknownRerun
from agents.services import add_message
from audit.errors import StaleState
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of

AGENT = "research-assistant"
TOLD = "\nscenario: delete-document document=anything"
"""What makes the scripted model destroy something, whoever says it."""


def other(paul: User, more: str = "\nBe kind.") -> PromptVersion:
    """Another version of the agent's prompt."""
    live = PromptVersion.objects.get(prompt__slug=AGENT, version="1.0.0")
    return add_version(slug=AGENT, text=live.text + more, actor=actor_of(paul), user_id=paul.pk, note="Another one")


def worked(world: World, goal: str) -> Session:
    """A session that has come to a rest."""
    session = world.start(goal)
    world.work()
    session.refresh_from_db()
    return session


def played(world: World, session: Session, paul: User, **more: Any) -> Rerun:
    """Play a session again to its end, here."""
    row = reruns.start_rerun(session=session, actor=actor_of(paul), **more)
    return finished(world, row)


def finished(world: World, row: Rerun, seconds: float = 60) -> Rerun:
    """Work on what is open, and return the re-run as it then is."""
    work.work_open(lambda: OpenAIProvider(world.model_url, "none"), seconds=seconds)
    connections.close_all()
    return reruns.rerun_numbered(reruns.ref_of(row))


def done(row: Rerun) -> list[tuple[Any, ...]]:
    """What was said and done, turn by turn."""
    return [(turn.number, turn.text, turn.calls) for turn in reruns.told(row).turns]


def rows() -> tuple[int, ...]:
    """How much there is of what sessions write."""
    return tuple(model.objects.count() for model in (Session, Turn, Message, ToolCall))


def test_the_same_version_and_model_do_the_same_again_from_the_record(world: World, paul: User) -> None:
    """LOOP-16: with the recorded results nothing differs; it has no effect and leaves no row of a session, only its entries."""
    session = worked(world, "Calculate 15 / 100 * 1240 and remember it")
    before = rows()
    row = played(world, session, paul)
    told = reruns.told(row)
    calls = world.calls(session)
    assert (row.status, told.ended, row.turns) == ("done", "answered", session.turns)
    assert [(call.tool, call.by) for call in told.calls] == [(call.tool, "record") for call in calls]
    assert told.answer == world.answer_of(session)
    assert rows() == before
    kinds = AuditEntry.objects.filter(kind__startswith="rerun.").order_by("seq").values_list("kind", "actor_id")
    assert [*kinds] == [("rerun.started", str(paul.pk)), ("rerun.done", "system")]
    assert world.log_is_whole()


def test_another_version_does_something_else_and_nothing_of_it_happens(world: World, paul: User) -> None:
    """What it would have destroyed is told, with the judgement of now; nothing is recorded for it, and nothing runs."""
    session = worked(world, "Hello")
    row = played(world, session, paul, version=other(paul, TOLD).version)
    (call,) = [one for one in reruns.told(row).calls if one.tool == "delete_document"]
    assert (call.judged, call.by) == ("would ask", "dry run")
    assert not ToolCall.objects.filter(tool="delete_document").exists()


def test_another_model_that_the_agent_names_plays_it_again_and_no_other(world: World, paul: User) -> None:
    """Its own, its fallbacks and its cheap one; what is wrong is named by its field."""
    world.agent(cheap_model="scripted-mini")
    session = worked(world, "Calculate 2 + 3")
    assert reruns.models_of(session) == ["scripted-1", "scripted-mini"]
    assert played(world, session, paul, model="scripted-mini").status == "done"
    wrong: tuple[tuple[str, dict[str, Any]], ...] = (
        ("model", {"model": "gpt-5"}), ("from_turn", {"from_turn": 99}), ("turns", {"turns": 101}), ("seconds", {"seconds": 0}),
        ("cap_microusd", {"cap_microusd": 0}),
    )  # fmt: skip
    for field, given in wrong:
        with pytest.raises(BadText) as refused:
            reruns.start_rerun(session=session, actor=actor_of(paul), **given)
        assert refused.value.facts["field"] == field
    with pytest.raises(UnknownPromptVersion):
        reruns.start_rerun(session=session, actor=actor_of(paul), version="9.9.9")
    Session.objects.filter(pk=session.pk).update(status="queued")
    session.refresh_from_db()
    with pytest.raises(BadText, match="still works"):
        reruns.start_rerun(session=session, actor=actor_of(paul))


def test_what_people_said_later_is_said_again_after_each_answer(world: World, paul: User) -> None:
    """A conversation is played whole: the next message comes when the agent has answered."""
    session = worked(world, "Calculate 2 + 3")
    add_message(session=session, actor=actor_of(world.olga), user_id=world.olga.pk, content="Calculate 4 * 5")
    world.work()
    session.refresh_from_db()
    told = reruns.told(played(world, session, paul))
    assert [call.tool for call in told.calls] == [call.tool for call in world.calls(session)]
    assert sum(not turn.calls for turn in told.turns) == 2
    assert told.answer == world.answer_of(session)


def test_it_begins_at_the_turn_that_is_named(world: World, paul: User) -> None:
    """What came before stands as it was; numbers go on."""
    session = worked(world, "Calculate 15 / 100 * 1240 and remember it")
    told = reruns.told(played(world, session, paul, from_turn=2))
    assert told.turns[0].number == 2
    assert len(told.turns) == session.turns - 1
    assert told.answer == world.answer_of(session)


def test_it_is_broken_off_at_its_bounds_and_says_which(world: World, paul: User) -> None:
    """Turns and cost; the answer is then missing."""
    session = worked(world, "scenario: loop-work")
    turns = played(world, session, paul, turns=2)
    assert (turns.status, turns.turns, reruns.told(turns).ended) == ("done", 2, "turns")
    cost = played(world, session, paul, cap_microusd=1)
    assert (cost.status, cost.turns, reruns.told(cost).ended) == ("done", 0, "cost")


def test_a_worker_that_leaves_gives_it_back_and_the_next_goes_on_behind_its_turns(
    world: World, paul: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Turn by turn, by as many workers, with the same result as by one: what is recorded twice is not given out twice."""
    session = worked(world, "Calculate 15 / 100 * 1240 and remember it")
    whole = played(world, session, paul)
    real = work.rehearse  # type: ignore[attr-defined]  # what plays it

    async def one_turn(play: Any, stage: Any, *, course: Any, until: float) -> Any:
        bounds = replace(play.bounds, turns=len(course.turns) + 1)
        told = await real(replace(play, bounds=bounds), stage, course=course)
        return replace(told, ended="left") if told.ended == "turns" else told

    monkeypatch.setattr(work, "rehearse", one_turn)
    row = reruns.start_rerun(session=session, actor=actor_of(paul))
    seen: list[int] = []
    while row.status == "queued" and len(seen) < 9:
        row = finished(world, row, seconds=0.001)
        seen.append(row.turns)
    assert seen == [*range(1, session.turns + 1)]
    assert row.status == "done"
    assert done(row) == done(whole)


class _Heard(OpenAIProvider):
    """A provider that keeps what it was asked: who said what, without the ids of calls."""

    def __init__(self, url: str) -> None:
        super().__init__(url, "none")
        self.asked: list[list[tuple[str, str]]] = []

    async def complete(self, question: Any, **more: Any) -> Any:
        self.asked.append([(str(one["role"]), str(one.get("content"))) for one in question.messages])
        return await super().complete(question, **more)


def test_whoever_goes_on_with_it_tells_the_model_all_of_its_own_words(world: World, paul: User) -> None:
    """A transcript keeps the beginning of a long text; what is left and taken up again asks as one that was never left."""
    session = worked(world, "scenario: in-many-words " + "and so on " * 400)
    row = reruns.start_rerun(session=session, actor=actor_of(paul))
    run = work.play_of(row, 0)
    whole, parted = _Heard(world.model_url), _Heard(world.model_url)
    assert _in_parts(whole, run, left=False).ended == "answered"
    assert _in_parts(parted, run, left=True).ended == "answered"
    assert whole.asked == parted.asked
    assert len(whole.asked) == 2
    assert str(parted.asked[1]).count("and so on") == 3 * 400


def _in_parts(provider: OpenAIProvider, run: Play, *, left: bool) -> Transcript:
    """Play whole, or leave it after the first turn, store it as a worker does, and go on with what was stored."""

    async def play() -> Transcript:
        async with staged(provider, run=run.id, ref="R-1") as stage:
            if not left:
                return await rehearse(run, stage)
            course = Course()
            await rehearse(replace(run, bounds=replace(run.bounds, turns=1)), stage, course=course)
            kept = json.loads(json.dumps(course.told("left").as_json(whole=True)))
            return await rehearse(run, stage, course=Course.of(transcript(kept)))

    try:
        return asyncio.run(play())
    finally:
        connections.close_all()


def test_what_is_stored_of_it_is_whole_only_as_long_as_somebody_goes_on(world: World, paul: User) -> None:
    """A worker's progress keeps every word for the next one; what has ended keeps the beginning of each text."""
    session = worked(world, "scenario: in-many-words " + "and so on " * 400)
    row = reruns.start_rerun(session=session, actor=actor_of(paul))
    stopped = reruns.start_rerun(session=session, actor=actor_of(paul), turns=1)
    claimed = work.claim()
    assert claimed is not None
    told = reruns.told(finished(world, stopped))
    playing = work._Playing(claimed, None, 0.0)  # type: ignore[arg-type]  # what it works with is not asked
    first = replace(told.turns[0], whole="Every word of it.")
    playing._move("release", {**playing._values(Transcript((first,), "left")), "lease_expires": None})
    assert reruns.told(reruns.rerun_numbered(reruns.ref_of(row))).turns == (first,)
    assert "whole" not in str(reruns.rerun_numbered(reruns.ref_of(stopped)).transcript)
    assert "whole" not in str(reruns.cancel_rerun(ref=reruns.ref_of(row), actor=actor_of(paul)).transcript)


def test_a_worker_that_dies_leaves_its_lease_and_writes_nothing_late(world: World, paul: User) -> None:
    """LOOP-11 of re-runs: kill -9 between two turns; the next claim has another token."""
    session = worked(world, "Calculate 15 / 100 * 1240 and remember it")
    row = reruns.start_rerun(session=session, actor=actor_of(paul))
    code = (
        "import django; django.setup(); import os, signal\n"
        "from agents.reruns import work\n"
        "from agents.llm.openai import OpenAIProvider\n"
        "from agents.rehearsals import rehearse\n"
        "from agents.tools import registry\n"
        "registry.load()\n"
        "real = rehearse._turn\n"
        "async def once(*given):\n"
        "    await real(*given)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "rehearse._turn = once\n"
        f"work.work_open(lambda: OpenAIProvider({world.model_url!r}, 'none'))\n"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], env={**world.database.environment, "PATH": os.environ["PATH"]}, check=False
    )
    assert ended.returncode == -signal.SIGKILL
    late = reruns.rerun_numbered(reruns.ref_of(row))
    assert late.status == "running"
    assert work.claim() is None, "its lease still runs"
    Rerun.objects.filter(pk=row.pk).update(lease_expires="2020-01-01T00:00:00Z")
    assert work.is_open()
    after = finished(world, row)
    assert (after.status, after.turns) == ("done", session.turns)
    with pytest.raises(StaleState):
        work._Playing(late, None, 0.0)._move("finish", {})  # type: ignore[arg-type]  # what it works with is not asked


def test_it_is_cancelled_once_and_what_it_has_stays(world: World, paul: User) -> None:
    """Who cancels it stands in the log."""
    session = worked(world, "Hello")
    row = reruns.start_rerun(session=session, actor=actor_of(paul))
    ref = reruns.ref_of(row)
    assert reruns.cancel_rerun(ref=ref, actor=actor_of(paul)).status == "cancelled"
    with pytest.raises(RerunEnded):
        reruns.cancel_rerun(ref=ref, actor=actor_of(paul))
    with pytest.raises(UnknownRerun):
        reruns.cancel_rerun(ref="R-99", actor=actor_of(paul))
    assert not work.is_open()
    assert [one.number for one in reruns.reruns_of(session, 5)] == [row.number]


def test_the_kill_switch_holds_it_back(world: World, paul: User) -> None:
    """GUARD-14: it waits, says why, and asks no model."""
    session = worked(world, "Hello")
    stops.press(scope=f"agent:{AGENT}", reason="For a test.", actor=actor_of(world.olga))
    row = played(world, session, paul)
    assert (row.status, row.turns) == ("queued", 0)
    assert "For a test." in row.error
    assert not work.is_open(), "it is not tried again at once"


def test_what_a_reviewer_changed_is_compared_as_it_was_planned(world: World, paul: User, remy: User) -> None:
    """The model that is played plans it again as it did; the record answers it as it was answered then."""
    session = world.start('call send_email {"to": ["kim@customer.example"], "subject": "Hi", "body": "Hello"}')
    world.work()
    (pending,) = world.pending(session)
    world.decide(pending, remy, "reject", instruction="Never write to them.")
    world.work()
    session.refresh_from_db()
    told = reruns.told(played(world, session, paul))
    assert (told.calls[0].tool, told.calls[0].judged, told.calls[0].by, told.calls[0].status) == (
        "send_email", "would ask", "record", "rejected",
    )  # fmt: skip
    assert loading.load([session.pk], None)[0].calls()[0].status == "rejected"


def test_one_that_waits_for_its_session_begins_when_that_rests(world: World, paul: User) -> None:
    """As the demo's does: it says what it waits for, and asks no model before."""
    session = world.start("Calculate 2 + 3")
    row = finished(world, reruns.start_rerun(session=session, actor=actor_of(paul), waits=True))
    assert (row.status, row.turns) == ("queued", 0)
    assert f"{session.ref} still works" in row.error
    world.work()
    Rerun.objects.filter(pk=row.pk).update(ready_at="2020-01-01T00:00:00Z")
    row = finished(world, row)
    assert (row.status, row.error, reruns.told(row).answer) == ("done", "", world.answer_of(session))
