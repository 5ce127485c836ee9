"""Circles are found by what was called, with what, and what came of it; whatever brings news is none."""

from hypothesis import given
from hypothesis import strategies as st

from agents.config import Loops
from agents.guardrails.loops import Finished, Loop, Trail, detect, trail

LIMITS = Loops()


def ran(mark: str, *, tool: str = "look", outcome: str | None = None, done: bool = False) -> Finished:
    """A finished call; without an outcome of its own, one that belongs to its arguments."""
    return Finished("S-1/1.1", tool, mark, f"result of {mark}" if outcome is None else outcome, done)


def walked(*turns: Finished | list[Finished]) -> Trail:
    """A trail of turns, most of them with one call."""
    found = trail(LIMITS)
    for turn in turns:
        found.add(turn if isinstance(turn, list) else [turn])
    return found


def seen(*turns: Finished | list[Finished]) -> Loop | None:
    """What the guard says at the end of these turns."""
    return detect(walked(*turns), LIMITS)


def test_the_same_call_with_the_same_outcome_is_a_loop() -> None:
    """GUARD-2: the fourth time in a row."""
    assert seen(*[ran("a")] * (LIMITS.same_call - 1)) is None
    found = seen(ran("x"), *[ran("a")] * LIMITS.same_call)
    assert found is not None
    assert (found.kind, found.times, [one.call for one in found.window]) == ("same_call", LIMITS.same_call, ["a"])
    assert "same call 4 times" in found.text


def test_ping_pong_between_two_tools_is_a_loop() -> None:
    """GUARD-2: a window of two, named with both tools."""
    found = seen(*[ran("a", tool="read"), ran("b", tool="write")] * LIMITS.cycles)
    assert found is not None
    assert (found.kind, len(found.window)) == ("cycle", 2)
    assert "between read and write 3 times" in found.text


def test_polling_that_sees_something_new_is_no_loop() -> None:
    """The same call a hundred times, each with another result."""
    assert seen(*[ran("poll", outcome=f"{number} %") for number in range(100)]) is None


def test_waiting_and_looking_in_turn_is_no_loop_while_something_changes() -> None:
    """One of the two brings news each time."""
    turns = [one for number in range(50) for one in (ran("wait", outcome="waited"), ran("poll", outcome=f"{number} %"))]
    assert seen(*turns) is None


def test_turns_that_bring_only_what_was_known_are_a_loop_though_no_call_repeats() -> None:
    """GUARD-2: other words, the same answer."""
    found = seen(ran("first"), *[ran(f"search {number}", outcome="nothing found") for number in range(LIMITS.nothing_new + 1)])
    assert found is not None
    assert (found.kind, found.times) == ("nothing_new", LIMITS.nothing_new)


def test_different_writes_that_all_answer_alike_are_no_loop() -> None:
    """Ten letters are ten effects, though each answer only says that it was sent."""
    assert seen(*[ran(f"send {number}", outcome="sent", done=True) for number in range(20)]) is None


def test_reads_of_one_turn_count_as_one_step_without_news() -> None:
    """Breadth is not a circle: only turns are counted."""
    assert seen([ran(f"search {number}", outcome="nothing") for number in range(20)]) is None


def test_a_person_s_words_begin_anew() -> None:
    """Who is asked to look again looks again."""
    found = walked(*[ran("a")] * (LIMITS.same_call - 1))
    found.begin_anew()
    found.add([ran("a")])
    assert detect(found, LIMITS) is None


def test_after_a_hint_one_repeat_is_enough_and_something_else_is_not_held_against_it() -> None:
    """GUARD-2: the model was told; going on with it is what counts, from whatever place in the circle."""
    circle = [ran("a"), ran("b"), ran("c")]
    found = walked(*circle * LIMITS.cycles)
    found.hint([one.mark for one in circle])
    found.add([ran("d")])
    for one in (circle[1], circle[2]):
        found.add([one])
        assert detect(found, LIMITS) is None
    found.add([circle[0]])
    loop = detect(found, LIMITS)
    assert loop is not None
    assert (loop.hinted, loop.times) == (True, 1)
    assert loop.text == "The agent repeated the same 3 calls once more with the same outcomes after it was told so."


def test_after_a_hint_that_nothing_is_new_two_more_such_turns_are_enough() -> None:
    """GUARD-2."""
    found = walked(ran("a", outcome="x"))
    found.hint([])
    found.add([ran("b", outcome="x")])
    assert detect(found, LIMITS) is None
    found.add([ran("c", outcome="x")])
    assert detect(found, LIMITS) is not None


@given(st.lists(st.integers(), unique=True, max_size=40))
def test_calls_that_all_differ_are_never_a_loop(marks: list[int]) -> None:
    """No false alarm."""
    assert seen(*[ran(str(mark)) for mark in marks]) is None


@given(
    st.lists(st.text(max_size=2), min_size=1, max_size=LIMITS.longest_cycle),
    st.lists(st.text(max_size=2), max_size=6),
)
def test_a_repeated_window_is_always_found(window: list[str], before: list[str]) -> None:
    """Whatever went before it."""
    assert seen(*map(ran, [*before, *window * max(LIMITS.cycles, LIMITS.same_call)])) is not None


@given(st.lists(st.text(max_size=3), min_size=1, max_size=300))
def test_a_trail_keeps_no_more_calls_than_it_compares(calls: list[str]) -> None:
    """Turn 200 costs what turn 2 does."""
    assert len(walked(*map(ran, calls)).calls) <= LIMITS.cycles * LIMITS.longest_cycle
