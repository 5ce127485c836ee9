"""Numbers that come as texts: what is no plain whole number of bounded length is none."""

import pytest

from console.whole import whole


@pytest.mark.parametrize(
    ("text", "number"),
    [("0", 0), (" 17 ", 17), ("9" * 18, 10**18 - 1), ("9" * 19, None), ("", None), ("-1", None), ("1.0", None), ("²", None),
     ("١", None), ("1_0", None), ("0x1", None)],
)  # fmt: skip
def test_a_whole_number_is_read_or_none(text: str, number: int | None) -> None:
    """Digits of other scripts and raised ones are none, though Python calls some of them digits."""
    assert whole(text) == number


def test_the_longest_is_named_where_the_column_is_shorter() -> None:
    """An `integer` of the database has nine digits for sure."""
    assert (whole("999999999", digits=9), whole("1000000000", digits=9)) == (999_999_999, None)
