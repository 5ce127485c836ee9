"""The axis of a session's waterfall."""

from console.views.waterfall import scale, ticks


def test_a_short_session_has_an_axis_whose_marks_differ() -> None:
    """A tenth of a second is told in milliseconds: no mark says what the one before it says."""
    labels = [tick["label"] for tick in ticks(scale([(0.0, 0.14)], 0.14))]
    assert labels == ["0 ms", "35 ms", "70 ms", "105 ms"]


def test_a_longer_session_is_told_in_seconds_and_minutes() -> None:
    """What takes longer is written in the units that people count it in."""
    assert [tick["label"] for tick in ticks(scale([(0.0, 8.0)], 8.0))] == ["0.0 s", "2.0 s", "4.0 s", "6.0 s"]
    assert ticks(scale([(0.0, 800.0)], 800.0))[-1]["label"] == "10 min"
