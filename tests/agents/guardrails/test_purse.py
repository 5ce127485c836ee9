"""What a question can use at most, and what a session's limit leaves for it (GUARD-1)."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from agents.guardrails.purse import Counted, Pocket, Purse, worst
from agents.llm.provider import Completion, Question, Usage
from agents.llm.tokens import most_request

SYSTEM = {"role": "system", "content": "You help."}
GOAL = {"role": "user", "content": "Find the größte contract."}
TOOLS = [{"type": "function", "function": {"name": "look"}}]


def said(role: str, content: str) -> dict[str, Any]:
    """A message."""
    return {"role": role, "content": content}


def question(*messages: dict[str, Any], tools: list[dict[str, Any]] = TOOLS, model: str = "m") -> Question:
    """What is asked."""
    return Question(model, messages, tools)


def answer(given: int, made: int, *, estimated: bool = False) -> Completion:
    """What came back, as the server counted it."""
    return Completion("ok", (), "stop", Usage(given, made, estimated=estimated), "m", "", 1, None)


def counted(asked: Question, tokens: int) -> Counted | None:
    """The question as its server counted it."""
    purse = Purse(Pocket(10_000, 0), Pocket(10_000, 0))
    purse.learn(asked, answer(tokens, 1), 7)
    return purse.last


def test_what_nobody_counted_is_taken_by_its_bytes_and_all_the_output_it_allows() -> None:
    """No tokenizer makes more tokens than there are bytes."""
    asked = question(SYSTEM, GOAL)
    assert worst(asked, 100, None) == most_request([SYSTEM, GOAL], TOOLS) + 100


def test_of_a_conversation_that_was_counted_only_what_is_new_is_taken_by_its_bytes() -> None:
    """The server's own count stands for what it has read before."""
    told = [SYSTEM, GOAL, *(said("user", f"fact {n}") for n in range(20))]
    before, news = question(*told), said("tool", "42")
    assert worst(question(*told, news), 100, counted(before, 90)) == 90 + most_request([news]) + 100


def test_a_message_that_is_said_twice_is_new_the_second_time() -> None:
    """Equal messages are counted one by one."""
    told = [SYSTEM, GOAL, said("user", "again"), said("user", "more")]
    last = counted(question(*told), 50)
    assert worst(question(*told, said("user", "again")), 0, last) > 50


def test_another_model_or_other_tools_count_anew() -> None:
    """Their counts say nothing of each other."""
    told = (SYSTEM, GOAL)
    last = counted(question(*told), 1)
    for other in (question(*told, model="n"), question(*told, tools=[])):
        assert worst(other, 0, last) == most_request(other.messages, other.tools)


def test_an_estimate_is_no_count_to_build_on() -> None:
    """A server that tells no usage is taken by bytes each time; its estimate is what counts as spent."""
    purse = Purse(Pocket(1_000, 100), Pocket(900, 10))
    purse.learn(question(SYSTEM), answer(20, 5, estimated=True), 40)
    assert (purse.last, purse.tokens.used, purse.tokens.left) == (None, 125, 875)
    assert (purse.cost.used, purse.cost.left) == (50, 850)


def test_what_is_held_and_what_was_lost_is_not_left() -> None:
    """Two calls side by side never get the same tokens."""
    purse = Purse(Pocket(1_000, 100), Pocket(90, 10))
    purse.lose(50, 5)
    purse.hold(300, 30)
    assert (purse.tokens.used, purse.tokens.left) == (150, 550)
    assert (purse.cost.used, purse.cost.left) == (15, 45)
    purse.hold(2_000, 200)
    assert (purse.tokens.left, purse.cost.left) == (0, 0)
    purse.hold(-2_300, -230)
    assert (purse.tokens.left, purse.cost.left) == (850, 75)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=12), st.data())
def test_whatever_comes_and_goes_the_bound_holds_for_a_server_that_counts_bytes(texts: list[str], data: st.DataObject) -> None:
    """The worst server there is counts every byte of every message and of every tool."""

    def count(asked: Question) -> int:
        return sum(most_request([message]) for message in asked.messages) + most_request([], asked.tools)

    before = question(*(said("user", text) for text in texts))
    kept = [dict(message) for message in before.messages if data.draw(st.booleans())]
    after = question(*kept, *(said("tool", text) for text in data.draw(st.lists(st.text(max_size=30), max_size=5))))
    pure = sum(len(str(message["content"]).encode("utf-8", "replace")) for message in after.messages)
    assert pure <= worst(after, 0, counted(before, count(before)))
