"""What was done then beside what is done now: each turn and each call once, in order, and the first difference."""

import json

from hypothesis import given
from hypothesis import strategies as st

from agents.reruns.sides import Row, Step, first_difference, key, sides

CALLS = st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(['{"x":1}', '{"x":2}', "no JSON"])), max_size=4)
STEPS = st.lists(st.builds(Step, st.sampled_from(["", "Yes.", "No."]), CALLS.map(tuple)), max_size=9)


def places(rows: tuple[Row, ...], side: str) -> list[int]:
    """The turns of one side, as they stand in the comparison."""
    return [place for row in rows if (place := getattr(row, side)) is not None]


@given(STEPS, STEPS)
def test_every_turn_and_every_call_stands_there_once_and_turns_stand_in_order(then: list[Step], now: list[Step]) -> None:
    """Whatever both sides did."""
    rows = sides(then, now)
    assert places(rows, "then") == list(range(len(then)))
    assert places(rows, "now") == list(range(len(now)))
    for row in rows:
        for side, steps in (("then", then), ("now", now)):
            turn = getattr(row, side)
            found = sorted(getattr(call, side) for call in row.calls if getattr(call, side) is not None)
            assert found == (list(range(len(steps[turn].calls))) if turn is not None else [])


@given(STEPS, STEPS)
def test_calls_that_are_said_to_be_the_same_are(then: list[Step], now: list[Step]) -> None:
    """A pair has one tool; one that is the same has the same arguments, and none is left over that would have fitted."""
    for row in sides(then, now):
        left: list[tuple[str, str]] = []
        right: list[tuple[str, str]] = []
        for call in row.calls:
            before = then[row.then or 0].calls[call.then] if call.then is not None else None
            after = now[row.now or 0].calls[call.now] if call.now is not None else None
            if before and after:
                assert before[0] == after[0]
                assert call.same == (key(before[1]) == key(after[1]))
            left += [before] if before and not after else []
            right += [after] if after and not before else []
        assert not {tool for tool, _ in left} & {tool for tool, _ in right}


@given(STEPS)
def test_the_same_once_more_differs_nowhere(steps: list[Step]) -> None:
    """Compared with itself."""
    assert first_difference(sides(steps, steps)) is None


@given(STEPS, STEPS)
def test_the_first_difference_is_the_first(then: list[Step], now: list[Step]) -> None:
    """All before it is the same, and it is not."""
    rows = sides(then, now)
    first = first_difference(rows)
    assert not any(row.differs for row in rows[:first])
    assert first is None or rows[first].differs


def test_a_turn_more_moves_the_others_down_and_is_all_that_differs() -> None:
    """What is asked besides does not make all that follows look different."""
    search, read, answer = Step("", (("search", "{}"),)), Step("", (("read", "{}"),)), Step("Done.")
    rows = sides([search, answer], [search, read, answer])
    assert [(row.then, row.now, row.differs) for row in rows] == [(0, 0, False), (None, 1, True), (1, 2, False)]


def test_other_words_beside_the_same_calls_are_no_difference_but_another_answer_is() -> None:
    """What an agent does counts, and what it says in the end."""
    assert first_difference(sides([Step("I look.", (("a", "{}"),))], [Step("Let me look.", (("a", "{}"),))])) is None
    assert first_difference(sides([Step("Yes.")], [Step("No.")])) == 0


def test_arguments_are_compared_as_json() -> None:
    """The order of names does not count, nor do blanks; what is no JSON is compared as it stands."""
    assert key('{"b": 1, "a": [2]}') == key(json.dumps({"a": [2], "b": 1}))
    assert key("") == key("{}")
    assert key("not JSON") != key("not  JSON")
