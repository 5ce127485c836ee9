"""Which requests may be decided together (UI.md section 4, Bulk)."""

from dataclasses import replace
from typing import Any

import pytest

from approvals.bulk import MOST, Member, alone, refusal

FIT = Member("AP-1", "tool_call", "write_file", 2, tainted=False, failed=0)


def test_what_is_alike_and_harmless_is_approved_together() -> None:
    """Low and elevated risk, no taint, no failed check, nothing unusual."""
    assert alone("approve", FIT) == alone("approve", replace(FIT, risk=1)) == ""
    assert refusal("approve", [FIT] * MOST["approve"]) == ""


@pytest.mark.parametrize(
    "change",
    [
        {"risk": 3}, {"risk": 4}, {"tainted": True}, {"failed": 1}, {"kind": "question"}, {"kind": "budget"},
        {"unusual": ("The same call was made before.",)}, {"refusal": "You started this."}, {"reauthenticate": True}, {"long": True},
    ],
)  # fmt: skip
def test_everything_else_is_approved_alone(change: dict[str, Any]) -> None:
    """THREATS 55: one reason is enough."""
    assert alone("approve", replace(FIT, **change))


def test_only_calls_of_one_tool_and_twenty_at_most_are_approved_together() -> None:
    """THREATS 55: there is no "approve all"."""
    assert "send_email and write_file" in refusal("approve", [FIT, replace(FIT, tool="send_email")])
    assert refusal("approve", [FIT] * 21)


def test_any_set_up_to_fifty_is_rejected_together() -> None:
    """Rejecting lets nothing run; what this person may not decide is left out all the same."""
    grave = replace(FIT, risk=4, tainted=True, failed=3, tool="delete_document", unusual=("So.",), kind="question")
    assert alone("reject", grave) == ""
    assert alone("reject", replace(FIT, refusal="You started this.")) == "You started this."
    assert refusal("reject", [FIT, grave] * 25) == ""
    assert refusal("reject", [FIT] * 51)
