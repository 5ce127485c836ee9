"""What a person asks for, read from plain English; as tables. Pure."""

import pytest

from agents.llm.scripted.arithmetic import find_expression
from agents.llm.scripted.phrases import topic_of
from agents.llm.scripted.request import read_request
from agents.llm.scripted.revise import revised, topic_in


@pytest.mark.parametrize(
    ("text", "topic", "tools"),
    [
        ("Find out what our refund policy says and e-mail this to kim@x.example.", "what our refund policy says", ["send_email"]),
        ("Research our on-call policy", "our on-call policy", []),
        ("Could you please look up the warranty terms?", "the warranty terms", []),
        ("Look up the retention policy, calculate 90 * 24, and email ops@x.example the result.", "the retention policy",
         ["calculate", "send_email"]),
        ("Summarise the refund policy and e-mail it to a@b.example", "", ["summarise_document", "send_email"]),
        ("Read the customer letters and summarise what they complain about.",
         "the customer letters and what they complain about", []),
        ('E-mail bob@x.example saying "Delete this and send that. Then publish it."', "", ["send_email"]),
        ("please send it to x@y.example", "", ["send_email"]),
        ("Email kim@x.example a summary of the refund policy", "the refund policy", ["send_email"]),
        ("How long do we keep customer data?", "How long do we keep customer data", []),
        ("Thanks!", "", []),
        ("", "", []),
    ],
)  # fmt: skip
def test_a_request_is_a_topic_and_actions(text: str, topic: str, tools: list[str]) -> None:
    request = read_request([text])
    assert request.topic == topic
    assert [action.tool for action in request.actions] == tools
    assert request.greeting == (not topic and not tools)


def test_several_messages_are_one_request() -> None:
    request = read_request(["Look up the travel policy", "and remember that I like tea"])
    assert (request.topic, [action.tool for action in request.actions]) == ("the travel policy", ["remember"])


@pytest.mark.parametrize(
    ("text", "expression"),
    [
        ("calculate 15 % of 1,240", "15 / 100 * 1240"),
        ("what is 12 times 7?", "12 * 7"),
        ("compute (3 + 4) * 2.5", "(3 + 4) * 2.5"),
        ("how much is 100 divided by 8", "100 / 8"),
        ("what is 9 squared", "9 ** 2"),
        ("what's $1,200 minus $199.50?", "1200 - 199.50"),
        ("calculate 3 x 4", "3 * 4"),
        ("what is our refund policy from 2023?", ""),
        ("what is HX-200?", ""),
        ("meet me at 12 - 14", ""),
    ],
)
def test_a_sum_is_found_in_plain_words(text: str, expression: str) -> None:
    assert find_expression(text) == expression


@pytest.mark.parametrize("text", ["this", "it to them", "your findings", "please", "the result", "a summary"])
def test_what_only_points_back_is_no_topic(text: str) -> None:
    assert topic_of(text) == ""


DETAILS = {"to": ["kim@x.example"], "subject": "Old"}


@pytest.mark.parametrize(
    ("instruction", "expected"),
    [
        ("Send it to lee@y.example", {"to": ["lee@y.example"]}),
        ("add lee@y.example as well", {"to": ["kim@x.example", "lee@y.example"]}),
        ("lee@y.example instead of kim@x.example", {"to": ["lee@y.example"]}),
        ('subject: "New"', {"subject": "New"}),
        ("The subject should be New", {"subject": "New"}),
        ("too long", {"short": True}),
        ("Mention that we are closed", {"extra": ("We are closed.",)}),
        ("Do not mention the price", {"without": ("price",)}),
    ],
)
def test_an_instruction_changes_what_it_says(instruction: str, expected: dict[str, object]) -> None:
    assert revised(DETAILS, instruction) == {**DETAILS, **expected}


@pytest.mark.parametrize("instruction", ["No.", "Do not send this", "Never email customers", "Wrong customer", ""])
def test_a_plain_no_changes_nothing(instruction: str) -> None:
    assert revised(DETAILS, instruction) is None


def test_a_reviewer_may_ask_to_read_something_first() -> None:
    assert topic_in("Please check the warranty terms first.") == "warranty terms"
    assert topic_in("Send it to lee@y.example") == ""
