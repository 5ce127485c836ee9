"""Rehearsals: an agent's loop in memory, judged as a live session is, and without any effect."""

import asyncio
from importlib import import_module
from typing import Any

import pytest
from django.db import connections

from agents import loading, stops
from agents.budgets import create as create_budget
from agents.gate import rehearsing
from agents.llm.openai import OpenAIProvider
from agents.models import AgentRevision, Meter, Session, ToolCall, WorkspaceFile
from agents.rehearsals.document import Done, Line, Recorded, unfit
from agents.rehearsals.play import Bounds, Play, Transcript, transcript
from agents.rehearsals.recording import recording
from agents.rehearsals.rehearse import rehearse
from agents.rehearsals.stage import Interrupted, staged
from audit.ids import uuid7
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of

rehearse_module = import_module("agents.rehearsals.rehearse")
POLICY = "Refunds are paid within 14 days. The share is 15 percent."


def played(world: World, *plays: Play) -> list[Transcript]:
    """Rehearse one after the other."""

    async def run() -> list[Transcript]:
        async with staged(OpenAIProvider(world.model_url, "none"), run=uuid7(), ref="E-1") as stage:
            return [await rehearse(play, stage) for play in plays]

    try:
        return asyncio.run(run())
    finally:
        connections.close_all()


def play_of(world: World, goal: str, **more: Any) -> Play:
    """A rehearsal of the research assistant as it is live."""
    agent = loading.agent_config(_revision())
    known: dict[str, Any] = {
        "id": more.pop("id", uuid7()), "agent": "research-assistant", "config": agent, "prompt": "You research questions.",
        "prompt_version": "research-assistant 1.0.0", "model": "scripted-1", "parameters": {}, "start": (Line(text=goal),),
    }  # fmt: skip
    return Play(**{**known, **more})


def _revision() -> Any:
    return AgentRevision.objects.get(agent__slug="research-assistant", current=True).pk


def test_what_a_person_would_be_asked_is_told_and_nothing_is_run(world: World) -> None:
    """PROMPT-5: the judgement of the moment, a dry run in place of the effect, and not one row or entry of it."""
    before = AuditEntry.objects.count()
    (told,) = played(
        world, play_of(world, 'call send_email {"to": ["kim@customer.example"], "subject": "Hi", "body": "Hello"}')
    )
    (call,) = told.calls
    assert (call.tool, call.judged, call.by, call.value["subject"]) == ("send_email", "would ask", "dry run", "Hi")
    assert told.ended == "answered"
    assert told.answer
    assert told.tokens > 0
    assert told.cost_microusd >= 0
    assert (Session.objects.count(), ToolCall.objects.count(), AuditEntry.objects.count()) == (0, 0, before)
    assert transcript(told.as_json()) == told


def test_a_tool_with_an_effect_is_never_entered_whatever_a_case_says(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what declares that it reads and carries nothing out runs, and only if it is named; the gate is asked, not the case."""
    entered: list[str] = []
    real = rehearsing.execute  # type: ignore[attr-defined]  # what the gate calls

    async def watched(tool: Any, value: Any, context: Any) -> Any:
        entered.append(tool.name)
        return await real(tool, value, context)

    monkeypatch.setattr(rehearsing, "execute", watched)
    world.agent(tools=["calculate", "write_file", "fetch_url", "delete_document"])
    everything = frozenset({"calculate", "write_file", "fetch_url", "delete_document"})
    goals = [
        'call write_file {"path": "a.txt", "content": "x"}', 'call fetch_url {"url": "https://example.com/"}',
        'call delete_document {"document": "policy"}', 'call calculate {"expression": "2 + 3"}',
    ]  # fmt: skip
    told = played(world, *(play_of(world, goal, sandbox=everything) for goal in goals))
    assert [one.calls[0].by for one in told] == ["dry run", "nothing", "dry run", "sandbox"]
    assert entered == ["calculate"]
    assert '"result":5' in told[3].calls[0].result.replace(" ", "") or "5" in told[3].calls[0].result
    assert not WorkspaceFile.objects.exists()
    (unnamed,) = played(world, play_of(world, goals[3]))
    assert unnamed.calls[0].by == "nothing"


def test_the_same_seed_gives_the_same_transcript(world: World) -> None:
    """Ids, marks around what strangers wrote, and the order of results follow from the rehearsal alone."""
    results = (
        Recorded(tool="search_documents", result='{"status":"success","result":{"results":[]}}'),
        Recorded(tool="read_document", result=POLICY, trust="untrusted", sources=({"source": "a letter", "title": "Letter"},)),
    )
    id_ = uuid7()
    one, two = played(world, *(play_of(world, "Find our refund policy", recorded=results, id=id_) for _ in range(2)))
    assert one.fingerprint == two.fingerprint
    assert one.calls


def test_recorded_results_answer_by_arguments_and_then_by_order(world: World) -> None:
    """A call that was made before gets what it got; another one of the tool the next that is left; then nothing is said to be."""
    results = (
        Recorded(tool="calculate", arguments={"expression": "2 * 2"}, result="four"),
        Recorded(tool="calculate", arguments={"expression": "1 + 1"}, result="two"),
    )
    start = (Line(text='call calculate {"expression": "1 + 1"}'),)
    (told,) = played(world, play_of(world, "", start=start, recorded=results))
    assert (told.calls[0].result, told.calls[0].by) == ("two", "record")
    (other,) = played(world, play_of(world, 'call calculate {"expression": "9 + 9"}', recorded=results))
    assert (other.calls[0].result, other.calls[0].by) == ("four", "record")


def test_what_a_transcript_cuts_is_whole_for_its_checks(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer longer than what is stored is held against what is expected as it was given."""
    (whole,) = played(world, play_of(world, "Hello"))
    monkeypatch.setattr(rehearse_module, "shortened", lambda text: text[:5])
    (told,) = played(world, play_of(world, "Hello"))
    assert told.answer == whole.answer
    assert told.turns[-1].text == whole.answer[:5]


def test_it_begins_in_the_middle_of_a_conversation(world: World) -> None:
    """A turn that is past stands before the model with its results; an answer alone leaves nothing to say."""
    past = Line(source="agent", text="I look.", calls=(Done(tool="calculate", arguments='{"expression":"1"}', result="1"),))
    goal = Line(text="Hello")
    assert unfit((goal, past)) == ""
    assert unfit((goal, Line(source="agent", text="Done."))) != ""
    assert unfit((past,)) != ""
    (told,) = played(world, play_of(world, "", start=(goal, past)))
    assert told.turns[0].number == 2


def test_it_is_broken_off_at_its_bounds(world: World) -> None:
    """Turns, money and time end it, and it says which."""
    goal = "scenario: loop-same"
    turns, cost, time = played(
        world, play_of(world, goal, bounds=Bounds(turns=3)), play_of(world, goal, bounds=Bounds(cost_microusd=1), model="gpt-5"),
        play_of(world, goal, bounds=Bounds(seconds=0.0)),
    )  # fmt: skip
    assert (turns.ended, len(turns.turns)) == ("turns", 3)
    assert (cost.ended, len(cost.turns)) == ("cost", 0)
    assert time.ended == "time"


def test_a_session_that_was_is_played_again_from_its_record(world: World) -> None:
    """LOOP-16, PROMPT-7: the same model with the same version and the recorded results does the same once more."""
    session = world.start("Calculate 15 / 100 * 1240 and remember it")
    world.work()
    (state,) = loading.load([session.pk], None)
    was = recording(state)
    assert was.start[0].text.startswith("Calculate")
    assert [one.tool for one in was.recorded] == [call.tool for call in world.calls(session)]
    (told,) = played(world, play_of(world, "", start=was.start, recorded=was.recorded, prompt=state.prompt))
    assert [(call.tool, call.by) for call in told.calls] == [(call.tool, "record") for call in world.calls(session)]
    assert told.answer == world.answer_of(session)


def test_the_kill_switch_holds_rehearsals_and_budgets_count_them(world: World) -> None:
    """GUARD-3, GUARD-14: money is taken from the agent's budget, and what is stopped asks no model."""
    create_budget(
        scope="all", period="day", cap_microusd=50_000_000, at_cap="halt", reason="For a test.", actor=actor_of(world.olga)
    )
    played(world, play_of(world, "Hello", model="gpt-5"))
    assert Meter.objects.get().spent_microusd > 0
    assert Meter.objects.get().reserved_microusd == 0
    stops.press(scope="agent:research-assistant", reason="For a test.", actor=actor_of(world.olga))
    with pytest.raises(Interrupted) as held:
        played(world, play_of(world, "Hello"))
    assert held.value.wait_s is not None
