"""Model output is input like any other: malformed, truncated, invented calls become errors that the model reads."""

import json
from typing import Any

from tests.flows.conftest import World


def test_malformed_arguments_are_told_and_corrected(world: World) -> None:
    """LOOP-7: a structured error, then a call that runs."""
    session = world.start("scenario: malformed")
    world.work()
    bad, good = world.calls(session)
    assert (bad.status, bad.error_type) == ("invalid", "invalid_input")
    assert json.loads(world.result(bad))["status"] == "error"
    assert good.status == "succeeded"
    assert world.answer_of(session) == "The result is 4."


def test_every_way_to_be_wrong_ends_as_an_error_and_nothing_runs(world: World, mailoutbox: list[Any]) -> None:
    """LOOP-7, THREATS 7: one strict parser; every call id has exactly one answer."""
    session = world.start("scenario: malformed-many")
    world.work()
    calls = world.calls(session)
    assert len(calls) == 11
    assert {call.status for call in calls} == {"invalid"}
    assert all(world.result(call) for call in calls)
    assert mailoutbox == []
    session.refresh_from_db()
    assert session.status == "waiting_input"


def test_calls_of_a_truncated_answer_are_never_run(world: World, mailoutbox: list[Any]) -> None:
    """LOOP-7: what was cut may mean something else."""
    session = world.start("scenario: truncated-whole")
    world.work()
    assert {call.status for call in world.calls(session)} == {"invalid"}
    assert mailoutbox == []


def test_a_tool_that_is_not_granted_reads_like_one_that_does_not_exist(world: World) -> None:
    """TOOL-5, LOOP-7."""
    session = world.start("scenario: unknown-tool")
    world.work()
    (call,) = world.calls(session)
    assert (call.status, call.error_type) == ("invalid", "not_permitted")
    assert "launch_rocket" in world.result(call)


def test_fifty_parallel_calls_each_have_one_answer(world: World) -> None:
    """LOOP-8: all calls of one plan, side by side."""
    session = world.start("scenario: fifty-calls", agent=world.agent(slug="wide", limits={"tool_calls": 60}))
    world.work()
    calls = world.calls(session)
    assert [call.status for call in calls] == ["succeeded"] * 50
    assert len({call.provider_id for call in calls}) == 50
    assert world.answer_of(session) == "All fifty have an outcome."


def test_duplicate_and_empty_call_ids_get_ids_of_their_own(world: World) -> None:
    """LOOP-7: every call id gets exactly one tool message."""
    for name in ("duplicate-ids", "empty-ids"):
        session = world.start(f"scenario: {name}")
        world.work()
        ids = [call.provider_id for call in world.calls(session)]
        assert all(ids)
        assert len(ids) == len(set(ids)) > 0
