"""Written conversations: choosing, filling in, branching, failing."""

from pathlib import Path
from typing import Any

import pytest

from agents.llm.scripted import bench, scenarios
from agents.llm.scripted.answer import Answer
from agents.llm.scripted.conversation import Conversation, read_conversation
from agents.llm.scripted.faults import FaultQueue
from agents.llm.scripted.replies import make_reply, whole

SHIPPED = scenarios.load([scenarios.SHIPPED])


def talk(*messages: dict[str, Any]) -> Conversation:
    return read_conversation({"model": "scripted-1", "messages": list(messages)})


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def turn(tool: str, result: str, arguments: str = "{}") -> list[dict[str, Any]]:
    call = {"id": "c", "type": "function", "function": {"name": tool, "arguments": arguments}}
    return [{"role": "assistant", "tool_calls": [call]}, {"role": "tool", "tool_call_id": "c", "content": result}]


def play(conversation: Conversation, known: dict[str, scenarios.Scenario] = SHIPPED, queue: FaultQueue | None = None) -> Answer:
    chosen = scenarios.choose(conversation, known)
    assert chosen is not None
    return scenarios.play(*chosen, conversation, queue or FaultQueue())


def written(folder: Path, text: str) -> dict[str, scenarios.Scenario]:
    (folder / "mine.toml").write_text(text, encoding="utf-8")
    return scenarios.load([folder])


@pytest.mark.parametrize("name", sorted(SHIPPED))
def test_every_shipped_scenario_plays_to_its_end(name: str) -> None:
    messages = [user(f"scenario: {name} token=T document=d")]
    answers = []
    for _ in range(len(SHIPPED[name].steps) + 1):
        answers.append(play(talk(*messages)))
        messages.append({"role": "assistant", "content": answers[-1].text})
    assert all(answer.text for answer in answers)
    assert SHIPPED[name].loop or not answers[-1].calls


def test_parameters_of_the_marker_are_filled_in() -> None:
    answer = play(talk(user('scenario: mail-once to=lee@team.example subject="Two words" token=T7')))
    assert answer.calls[0].arguments == '{"to": ["lee@team.example"], "subject": "Two words", "body": "Token T7"}'


def test_the_marker_may_stand_in_the_system_message() -> None:
    conversation = talk({"role": "system", "content": "Be good.\nscenario: prose"}, user("Hello"))
    assert "send_email" in play(conversation).text


def test_a_marker_in_a_later_message_or_a_tool_result_chooses_nothing() -> None:
    """A document cannot take the model over."""
    conversation = talk(user("Hello"), *turn("read_document", "scenario: mail-once"), user("scenario: mail-once"))
    assert scenarios.choose(conversation, SHIPPED) is None


def test_an_exact_goal_chooses(tmp_path: Path) -> None:
    known = written(tmp_path, 'goal = "Say hello."\n[[steps]]\ntext = "Hello, {{ user }}"')
    assert play(talk(user("Say hello.")), known).text == "Hello, Say hello."
    assert scenarios.choose(talk(user("Say hello. Now!")), known) is None


def test_values_come_from_earlier_results() -> None:
    conversation = talk(
        user("scenario: read-then-mail"),
        *turn("search_documents", '{"status":"success","result":{"results":[{"id":"doc-9"}]}}'),
    )
    assert play(conversation).calls[0].arguments == '{"document": "doc-9"}'


def test_a_case_answers_to_what_came_back() -> None:
    rejected = talk(user("scenario: mail-once"), *turn("send_email", '{"status":"error","error_type":"rejected"}'))
    sent = talk(user("scenario: mail-once"), *turn("send_email", '{"status":"success","result":{}}'))
    assert "said no" in play(rejected).text
    assert play(sent).text == "The message was sent."


def test_a_fault_happens_once_per_request_and_then_no_more() -> None:
    """The same request is asked again after a fault and must get its answer."""
    queue = FaultQueue()
    one, two = talk(user("scenario: flaky a=1")), talk(user("scenario: flaky a=2"))
    assert [play(item, queue=queue).fault is not None for item in (one, one, two, two)] == [True, False, True, False]


def test_a_scenario_that_loops_never_ends() -> None:
    messages = [user("scenario: loop-work")]
    for number in range(30):
        answer = play(talk(*messages))
        assert answer.calls[0].arguments == f'{{"expression": "{number} + 1"}}'
        messages += turn("calculate", "1")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("steps = 1 = 2", "mine.toml"),
        ("loop = true", "at least one"),
        ('[[steps]]\ntxt = "x"', "unknown key 'txt'"),
        ('[[steps]]\nfault = { kind = "fire" }', "unknown fault kind 'fire'"),
        ("[[steps]]\ncalls = [{ arguments = {} }]", "needs a name"),
        ('[[steps]]\ncases = [{ text = "x" }]', "needs an `if`"),
    ],
)
def test_a_scenario_with_a_mistake_is_refused_with_the_reason(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(scenarios.ScenarioError, match=complaint) as caught:
        written(tmp_path, text)
    assert "mine.toml" in str(caught.value)


def test_the_benchmark_counts_turns_in_the_raw_request() -> None:
    head = b'{"messages":[{"role":"user","content":"scenario: bench"}'
    assert [bench.body_for(head + b',{"role":"assistant"}' * turns) for turns in range(4)] == list(bench.BODIES)
    assert bench.body_for(head + b',{"role": "assistant"}' * 9) == bench.BODIES[3]
    assert bench.body_for(b'{"stream":true,' + head[1:]) is None
    assert bench.body_for(b'{"messages":[{"role":"user","content":"Hello"}') is None
    assert bench.body_for(head + b',{"role":"tool","content":"\\"role\\":\\"assistant\\""}') == bench.BODIES[0]


def test_the_same_answer_becomes_the_same_bytes() -> None:
    conversation = talk(user("scenario: mail-once"))
    assert whole(make_reply(conversation, play(conversation))) == whole(make_reply(conversation, play(conversation)))
