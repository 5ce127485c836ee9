"""Differences show exactly what changed, and stay quick on texts made to be slow."""

import time

from hypothesis import given
from hypothesis import strategies as st

from console import diff

LINES = st.lists(st.sampled_from(["a", "b", "c d", "", "e\r", "\u00e9", "e\u0301"]), max_size=12).map("\n".join)


def _side(found: diff.Diff, kind: str) -> list[str]:
    return ["".join(part.text for part in row.segments) for row in found.rows if row.kind in ("same", kind)]


@given(LINES, LINES)
def test_each_side_can_be_read_off_the_rows(before: str, after: str) -> None:
    """No line is lost, invented or changed by showing it (THREATS 40)."""
    if before != after:
        found = diff.line_diff(before, after, context=100)
        assert "\n".join(_side(found, "del")) == before
        assert "\n".join(_side(found, "add")) == after


@given(st.text(alphabet="ab ,\r", max_size=30), st.text(alphabet="ab ,\r", max_size=30))
def test_each_side_can_be_read_off_the_words(before: str, after: str) -> None:
    """The same holds inside a line."""
    parts = diff.word_diff(before, after)
    assert "".join(part.text for part in parts if part.kind != "add") == before
    assert "".join(part.text for part in parts if part.kind != "del") == after


def test_a_carriage_return_and_a_normal_form_are_differences() -> None:
    """What looks the same but is not, is shown as changed (THREATS 40)."""
    assert diff.line_diff("pay now", "pay now\r").added == 1
    assert diff.line_diff("caf\u00e9", "cafe\u0301").removed == 1


def test_unchanged_stretches_are_folded() -> None:
    """A fold says how many lines it stands for."""
    before = "\n".join(map(str, range(50)))
    folds = [row.count for row in diff.line_diff(before, before.replace("25", "x")).rows if row.kind == "fold"]
    assert folds == [22, 21]


def test_one_unchanged_line_alone_is_shown() -> None:
    """Its fold would take as much room."""
    lines = [str(i) for i in range(12)]
    before, after = "\n".join(lines), "\n".join(lines).replace("4", "x").replace("\n11", "\ny")
    rows = diff.line_diff(before, after).rows
    assert [row.kind for row in rows if row.kind == "fold"] == []
    assert rows[0].before == 1


def test_long_texts_are_counted_and_not_compared() -> None:
    """Above 2,000 lines or 200 KB only the counts are given; one new first line is one line."""
    assert diff.line_diff("a\n" * 3000, "b\n" * 2500) == diff.Diff((), 2500, 3000, too_big=True)
    assert diff.line_diff("a" * 200_001, "b").too_big
    long = "\n".join(map(str, range(20_000)))
    assert diff.line_diff(long, f"first\n{long}") == diff.Diff((), 1, 0, too_big=True)
    assert diff.line_diff(long, long.replace("\n77\n", "\nother\n")) == diff.Diff((), 1, 1, too_big=True)


def test_repetitive_texts_do_not_hold_a_page_up() -> None:
    """Equal ends are cut off first, so that the worst text still answers in time."""
    began = time.process_time()
    diff.line_diff("same\n" * 1900, "same\n" * 900 + "new\n" + "same\n" * 999)
    diff.word_diff("x " * 5000, "x " * 4000 + "y")
    assert time.process_time() - began < 2


def test_lines_in_which_hardly_a_word_is_alike_do_not_hold_a_page_up() -> None:
    """The worst for comparing words is one that comes back among others that never do; 200 KB of that answer in time."""
    before, after = ("\n".join(_hostile(letter) for _ in range(15)) for letter in "pq")
    assert 120_000 < len(before) <= diff.MAX_BYTES
    began = time.process_time()
    found = diff.line_diff(before, after)
    assert time.process_time() - began < 5
    assert "\n".join(_side(found, "del")) == before


def _hostile(letter: str) -> str:
    return " ".join(f"{letter}{number} the" for number in range(990))


def test_a_word_in_a_long_paragraph_is_still_found() -> None:
    """What costs little is compared however long the line is."""
    words = [f"word{number % 300}" for number in range(3000)]
    changed = [*words[:1500], "another", *words[1501:]]
    parts = diff.word_diff(" ".join(words), " ".join(changed))
    assert [(part.kind, part.text) for part in parts if part.kind != "same"] == [("del", words[1500]), ("add", "another")]


def test_of_a_long_difference_the_beginning_is_shown() -> None:
    """It says how many rows it leaves out; a single long row stands whole."""
    found = diff.line_diff("\n".join(map(str, range(1500))), "\n".join(f"x{number}" for number in range(1500)))
    first = diff.begun(found)
    assert (len(first.rows), first.more) == (diff.ROWS, 3000 - diff.ROWS)
    assert (first.added, first.removed) == (1500, 1500)
    long = diff.begun(diff.line_diff("a " * 50_000, "b " * 50_000))
    assert (len(long.rows), long.more) == (1, 1)
