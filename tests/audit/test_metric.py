"""Labels of metrics: every known value, and no more lines than those and one."""

from audit.metric import by


def test_what_was_not_found_is_nought_and_what_is_not_known_is_one_line() -> None:
    told = by("calls", "Calls.", "status", ("open", "done"), {"done": 3, "strange": 1, "stranger": 2})
    assert told.samples == {("open",): 0, ("done",): 3, ("other",): 3}
    assert by("calls", "Calls.", "status", ("open", "done"), {}).samples == {("open",): 0, ("done",): 0}
