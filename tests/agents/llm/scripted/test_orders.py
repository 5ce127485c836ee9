"""Calls that people name with their arguments: how a tool of one's own is tried without a provider."""

from agents.gate import words
from tests.agents.llm.scripted.stage import Stage


def test_a_call_that_the_goal_names_is_made_as_it_stands() -> None:
    """The scripted model knows no phrase for a tool of somebody's own."""
    stage = Stage()
    said = stage.say('Please call calculate {"expression": "6 * 7"}, and then call calculate with {"expression": "1 + 1"}')
    assert stage.calls == [("calculate", {"expression": "6 * 7"}), ("calculate", {"expression": "1 + 1"})]
    assert "42" in said


def test_what_a_reviewer_said_is_told() -> None:
    """A refusal ends the call, and is no reason to make it again."""
    stage = Stage(reviewer=lambda name, _: words.rejected("Remy", "Ask finance first."))
    said = stage.say('call publish_note {"title": "Hello", "body": "All is well."}')
    assert len(stage.calls) == 1
    assert said == "publish_note was not carried out: Ask finance first."


def test_a_tool_that_was_not_granted_is_not_called() -> None:
    """An honest model calls what it was given."""
    stage = Stage(without=("calculate",))
    stage.say('call calculate {"expression": "6 * 7"}')
    assert stage.made("calculate") == []
