"""What a request says of itself: what will happen while it waits, what became of it afterwards."""

import pytest

from approvals.lifecycle import REQUEST
from approvals.models import KINDS, ApprovalRequest
from console.views.approval_lede import UNANSWERED, choices, heading, lede


def _request(status: str, kind: str = "tool_call") -> ApprovalRequest:
    return ApprovalRequest(
        kind=kind,
        status=status,
        agent="desk",
        tool="send_email",
        environment="production",
        facts={"consequence": "It is gone."},
    )


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("pending", "desk will call send_email in production. It is gone. If nobody decides, the call is refused."),
        ("held", "desk will call send_email in production. It is gone. It runs when the undo period is over."),
        ("rejected", "desk wanted to call send_email in production. It was refused and did not run."),
        ("expired", "desk wanted to call send_email in production. Its time ran out, so it did not run."),
    ],
)
def test_a_call_is_told_as_it_stands(status: str, told: str) -> None:
    """APPR-2, APPR-6: nothing is announced that cannot happen any more."""
    assert lede(_request(status)) == told


@pytest.mark.parametrize(
    ("status", "told"),
    [
        ("pending", "What will be sent"),
        ("held", "What will be sent"),
        ("approved", "What will be sent"),
        ("consumed", "What was sent"),
        ("rejected", "What would have been sent"),
        ("expired", "What would have been sent"),
        ("withdrawn", "What would have been sent"),
        ("void", "What would have been sent"),
    ],
)
def test_the_arguments_stand_under_what_became_of_them(status: str, told: str) -> None:
    """Nobody reads of a refused call that it will be sent, nor of one that was carried out."""
    assert heading(_request(status)) == told


def test_what_a_control_request_shows_was_never_sent() -> None:
    control = _request("consumed")
    control.facts = {"control": "planted"}
    assert heading(control) == "What would have been sent"


@pytest.mark.parametrize("kind", KINDS)
def test_only_what_waits_says_what_happens_if_nobody_decides(kind: str) -> None:
    """UI.md section 8, Expired or superseded: the outcome instead of the announcement."""
    for status in REQUEST.states - {"pending"}:
        assert "nobody decides" not in lede(_request(status, kind))
        assert choices(_request(status, kind)) == []


def test_an_unknown_outcome_says_what_is_known_and_what_each_verdict_does() -> None:
    """TOOL-3: whoever decides knows what follows."""
    waiting = _request("pending", "unknown_outcome")
    assert "its answer never came" in lede(waiting)
    does = {line["label"]: line["value"] for line in choices(waiting)}
    assert does.keys() == {"It happened", "Run it again", "Give up"}
    assert "twice" in does["Run it again"]


def test_what_the_end_of_its_time_meant_is_told_by_kind() -> None:
    """APPR-6: a question that nobody answered is no call that was refused."""
    assert set(UNANSWERED) == set(KINDS)
    assert [kind for kind, told in UNANSWERED.items() if "the call was refused" in told] == ["tool_call"]
