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


def test_long_texts_are_counted_and_not_compared() -> None:
    """Above 2,000 lines or 200 KB only the counts are given."""
    assert diff.line_diff("a\n" * 3000, "b\n" * 2500) == diff.Diff((), 2501, 3001, too_big=True)
    assert diff.line_diff("a" * 200_001, "b").too_big


def test_repetitive_texts_do_not_hold_a_page_up() -> None:
    """Equal ends are cut off first, so that the worst text still answers in time."""
    began = time.process_time()
    diff.line_diff("same\n" * 1900, "same\n" * 900 + "new\n" + "same\n" * 999)
    diff.word_diff("x " * 5000, "x " * 4000 + "y")
    assert time.process_time() - began < 2
