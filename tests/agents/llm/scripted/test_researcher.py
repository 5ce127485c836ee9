"""The plausible researcher over whole conversations: what it calls, in which order, and what it says."""

import json

import pytest

from agents.gate import words
from tests.agents.llm.scripted.stage import LIBRARY, Stage, refuse

GOAL = "Find out what our refund policy says about damaged goods and e-mail this to kim@customer.example."


def test_it_searches_reads_and_mails_with_quotes() -> None:
    """OPS-4: searches, reads, answers with quotes, and uses the tool that the goal names."""
    stage = Stage()
    answer = stage.say(GOAL)
    assert [name for name, _ in stage.calls] == ["search_documents", "read_document", "send_email"]
    [mail] = stage.made("send_email")
    assert mail["to"] == ["kim@customer.example"]
    assert mail["subject"] == "What our refund policy says about damaged goods"
    assert "Damaged goods are refunded only when the damage happened on the way." in mail["body"]
    assert mail["body"].startswith("Hello Kim,")
    assert "“Damaged goods are refunded only when the damage happened on the way.”" in answer
    assert "went to kim@customer.example" in answer


def test_every_quote_stands_in_the_source() -> None:
    stage = Stage()
    answer = stage.say("What does the travel policy say about hotels?")
    quotes = [line[1:-1] for line in answer.splitlines() if line.startswith("“") and line.endswith("”")]
    texts = " ".join(text for _, _, text in LIBRARY.values())
    assert quotes
    assert all(quote in texts for quote in quotes)


def test_it_gives_a_reason_beside_every_call() -> None:
    """The approval page shows it."""
    stage = Stage()
    stage.say(GOAL)
    assert len(stage.texts) == 3
    assert all(len(text.split()) > 4 and text.endswith(".") for text in stage.texts)
    assert "kim@customer.example" in stage.texts[-1]


@pytest.mark.parametrize(
    ("goal", "tool", "expected"),
    [
        ("Calculate 15 % of 1,240.", "calculate", {"expression": "15 / 100 * 1240"}),
        ("what is 12 times (3 + 4)?", "calculate", {"expression": "12 * (3 + 4)"}),
        ('Delete the document "Travel policy 2023".', "delete_document", {"document": "travel-policy-2023"}),
        ("please delete the document travel policy 2023", "delete_document", {"document": "travel-policy-2023"}),
        ('Publish a note titled "Hello" saying "We moved."', "publish_note", {"title": "Hello", "body": "We moved."}),
        ("Write a summary of the travel policy to notes/travel.md", "write_file", {"path": "notes/travel.md"}),
        ("Remember that I like tea.", "remember", {"value": "I like tea"}),
        ("Remember for all sessions that we like tea.", "remember", {"value": "We like tea", "scope": "agent"}),
        ("What do you remember about tea?", "recall", {"query": "tea"}),
        ("Fetch https://example.com/page. and tell me what it says", "fetch_url", {"url": "https://example.com/page"}),
        ("Ask a person whether we may refund Mr Doe.", "ask_person", {"question": "Please tell me whether we may refund Mr Doe."}),
        ("Draft a reply to Mr Doe about damaged goods", "draft_message", {"to": ["Mr Doe"], "subject": "Damaged goods"}),
        ('Email bob@x.example saying "The meeting is at ten."', "send_email", {"to": ["bob@x.example"]}),
        ("Summarise the refund policy", "summarise_document", {"document": "refund-policy"}),
        ('Send the refund policy to a@b.example and c@b.example with the subject "Refunds"', "send_email", {"subject": "Refunds"}),
        ("Send the refund policy to a@b.example and c@b.example", "send_email", {"to": ["a@b.example", "c@b.example"]}),
    ],
)  # fmt: skip
def test_it_uses_the_tool_that_the_goal_names(goal: str, tool: str, expected: dict[str, object]) -> None:
    stage = Stage()
    stage.say(goal)
    [arguments] = stage.made(tool)
    assert {key: arguments[key] for key in expected} == expected


def test_the_result_of_a_calculation_is_mailed() -> None:
    stage = Stage()
    answer = stage.say("Calculate 90 * 24 and email ops@x.example the result.")
    assert "90 * 24 = 2160" in stage.made("send_email")[0]["body"]
    assert "90 * 24 = 2160" in answer


def test_it_says_honestly_when_nothing_is_found() -> None:
    stage = Stage()
    answer = stage.say("What do we know about submarines?")
    assert "found nothing" in answer
    assert stage.made("read_document") == []


def test_it_does_nothing_to_a_document_it_cannot_find() -> None:
    stage = Stage()
    answer = stage.say('Delete the document "Submarine manual".')
    assert stage.made("delete_document") == []
    assert "no document called “Submarine manual”" in answer


def test_it_asks_which_document_is_meant() -> None:
    stage = Stage()
    answer = stage.say("Delete the document policy")
    assert stage.made("delete_document") == []
    assert "Which one do you mean?" in answer


def test_without_the_tool_it_says_so() -> None:
    """LOOP-7: it does not call what it was not given."""
    stage = Stage(without=("send_email",))
    answer = stage.say(GOAL)
    assert "I was not given a tool to send e-mail" in answer


@pytest.mark.parametrize(
    ("instruction", "check"),
    [
        ("Send it to lee@team.example instead", lambda mail: mail["to"] == ["lee@team.example"]),
        ("Please also send it to lee@team.example", lambda mail: mail["to"] == ["kim@customer.example", "lee@team.example"]),
        ("Use lee@team.example, not kim@customer.example", lambda mail: mail["to"] == ["lee@team.example"]),
        ("Make it shorter.", lambda mail: mail["body"].count("“") < 4),
        ('Change the subject to "Your question"', lambda mail: mail["subject"] == "Your question"),
        ("Add that we are sorry for the delay", lambda mail: "We are sorry for the delay." in mail["body"]),
        ("Leave out the damaged goods", lambda mail: "Damaged goods are refunded" not in mail["body"]),
    ],
)
def test_a_refusal_with_an_instruction_is_followed(instruction: str, check: object) -> None:
    """APPR: reject with instruction, which the model reads."""
    stage = Stage(reviewer=refuse("send_email", instruction))
    answer = stage.say(GOAL)
    first, second = stage.made("send_email")
    assert first != second
    assert callable(check)
    assert check(second), second
    assert instruction in stage.texts[-1]
    assert "Remy refused the last version" in stage.texts[-1]
    assert "went to" in answer


def test_instructions_add_up() -> None:
    stage = Stage(reviewer=refuse("send_email", "Send it to lee@team.example instead", "Make it shorter"))
    stage.say(GOAL)
    last = stage.made("send_email")[-1]
    assert last["to"] == ["lee@team.example"]
    assert len(last["body"]) < len(stage.made("send_email")[0]["body"])


def test_it_reads_what_a_reviewer_wants_read_first() -> None:
    stage = Stage(reviewer=refuse("send_email", "Check the travel policy first."))
    stage.say(GOAL)
    assert {"document": "travel-policy", "offset": 0} in stage.made("read_document")
    assert len(stage.made("send_email")) == 2


@pytest.mark.parametrize("instruction", ["This is not for customers.", "Do not send this.", "No."])
def test_a_refusal_without_a_way_forward_ends_the_matter(instruction: str) -> None:
    stage = Stage(reviewer=refuse("send_email", instruction))
    answer = stage.say(GOAL)
    assert len(stage.made("send_email")) == 1
    assert "The e-mail was not sent. Remy refused it" in answer
    assert "went to" not in answer


def test_it_gives_up_after_three_refusals() -> None:
    stage = Stage(reviewer=refuse("send_email", *[f"Send it to no{number}@team.example instead" for number in range(9)]))
    answer = stage.say(GOAL)
    assert len(stage.made("send_email")) == 3
    assert "not sent" in answer


def test_nobody_answered_is_not_refused() -> None:
    """APPR-6: expiry is told in its own words."""
    stage = Stage(reviewer=lambda name, _: words.expired() if name == "send_email" else None)
    answer = stage.say(GOAL)
    assert "nobody answered in time" in answer
    assert "refused" not in answer
    assert len(stage.made("send_email")) == 1


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (words.denied(["Staging agents only read."]), "it is not permitted here"),
        (words.gave_up("Remy"), "I cannot say whether this happened"),
        (words.withdrawn(), "the request was withdrawn"),
        (words.told("unavailable", "The mail server does not answer."), "The mail server does not answer"),
    ],
)
def test_every_other_outcome_is_told_and_not_repeated(told: str, expected: str) -> None:
    stage = Stage(reviewer=lambda name, _: told if name == "send_email" else None)
    answer = stage.say(GOAL)
    assert expected in answer
    assert "went to" not in answer
    assert len(stage.made("send_email")) == 1


def test_a_dry_run_is_told_as_one() -> None:
    """LOOP-15."""
    stage = Stage(dry_run=True)
    answer = stage.say(GOAL)
    assert "This was a dry run, so nothing happened in the world." in answer


def test_an_edited_call_is_told_as_what_really_ran() -> None:
    """SPEC APPR: the conversation carries the executed form and the difference."""
    stage = Stage()
    stage.messages.append({"role": "user", "content": GOAL})
    for _ in range(2):
        stage._take(stage.answer())
    planned = stage.answer().calls[0]
    sent = {**json.loads(planned.arguments), "to": ["boss@team.example"]}
    function = {"name": "send_email", "arguments": json.dumps(sent)}
    stage.messages.append(
        {"role": "assistant", "content": "x", "tool_calls": [{"id": "c", "type": "function", "function": function}]}
    )
    result = json.dumps({"status": "success", "result": {"to": sent["to"], "subject": sent["subject"]}})
    changes = 'A reviewer changed the arguments before this call ran: [{"path": "to", "before": 1, "after": 2}]'
    stage.messages.append({"role": "tool", "tool_call_id": "c", "content": f"{changes}\n{result}"})
    answer = stage.answer().text
    assert "went to boss@team.example" in answer
    assert "kim@customer.example" not in answer
    assert "A reviewer had changed it before it ran" in answer


def test_a_follow_up_points_back_to_what_was_found() -> None:
    """LOOP-9."""
    stage = Stage()
    stage.say("What does the travel policy say about hotels?")
    stage.say("Thanks! Now e-mail this to bob@x.example")
    [mail] = stage.made("send_email")
    assert "140 euros" in mail["body"]
    assert len(stage.made("search_documents")) == 1


def test_a_message_during_the_work_joins_it() -> None:
    """LOOP-9: a message that comes during a turn joins the next one."""
    stage = Stage()
    stage.messages.append({"role": "user", "content": "What does the travel policy say about hotels?"})
    stage._take(stage.answer())
    answer = stage.say("Also remember that I like tea.")
    assert stage.made("remember")
    assert "140 euros" in answer


def test_small_talk_calls_no_tool() -> None:
    stage = Stage()
    assert "search the document library" in stage.say("Hello, what can you do?")
    assert stage.say("Thank you!").startswith("You are welcome")
    assert stage.calls == []


def test_notes_of_the_product_are_no_requests() -> None:
    """Text in brackets comes from the product: what was left out, what a limit said."""
    stage = Stage()
    stage.messages.append({"role": "user", "content": "[3 earlier steps of this session are left out here for length.]"})
    stage.say("Remember that I like tea.")
    assert [name for name, _ in stage.calls] == ["remember"]


def test_a_letters_orders_are_neither_followed_nor_quoted() -> None:
    """GUARD-11: outside text is information."""
    stage = Stage()
    answer = stage.say("What does the letter of Kestrel Foods say about the recall?")
    assert stage.made("send_email") == []
    assert "comes from outside" in answer
    assert "did not follow them" in answer
    assert "price list" not in answer
    assert "0.6 milligrams" in answer


def test_claims_from_outside_are_not_mailed_on_where_a_policy_answers() -> None:
    stage = Stage()
    stage.say("Find out what we say about refunds and the recall and e-mail this to kim@customer.example")
    assert "balances" not in stage.made("send_email")[0]["body"]


def test_the_same_request_gets_the_same_answer() -> None:
    """A repeated call after a crash must not differ."""
    stage = Stage()
    stage.messages.append({"role": "user", "content": GOAL})
    for _ in range(3):
        assert stage.answer() == stage.answer()
        stage._take(stage.answer())


@pytest.mark.parametrize(
    "content",
    ["", "not json", "{", "[]", '{"status": "success"}', '{"status": "success", "result": null}', '{"results": [1, 2]}'],
)
def test_strange_results_do_not_break_it(content: str) -> None:
    stage = Stage()
    stage.messages.append({"role": "user", "content": GOAL})
    answer = stage.answer()
    for _ in range(8):
        if not answer.calls:
            break
        stage._take(answer)
        stage.messages[-1]["content"] = content
        answer = stage.answer()
    assert answer.text
    assert not answer.calls
