"""Standing approvals over the API: given with a decision, listed, revoked (APPR-3)."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from approvals.models import ApprovalRequest, StandingApproval
from tests.console.api.calls import Program
from tests.console.views.conftest import model_url, world
from tests.flows.conftest import World

__all__ = ["model_url", "world"]

SAME = {"count": 2, "minutes": 20, "vary": ["body"]}


@pytest.fixture
def asked(world: World) -> ApprovalRequest:
    """The first mail of a session that sends four."""
    session = world.start("scenario: mail-series to=kim@customer.example")
    world.work()
    return world.pending(session)[0]


def decide(program: Program, row: ApprovalRequest, key: str = "", **said: Any) -> Any:
    """Decide on what is asked."""
    return program.post(f"/approvals/{row.ref}/decisions", {"digest": row.digest, **said}, key=key)


def test_an_approval_stands_for_two_more_and_is_listed(world: World, asked: ApprovalRequest, remy: User) -> None:
    """APPR-3: the decisions that it gave say so, and the requests on which it was given."""
    program = Program(remy)
    assert decide(program, asked, verdict="approve", same=SAME).status_code == 200
    (one,) = program.get(f"/sessions/{asked.session_ref}/standing").json()["items"]
    assert (one["approval"], one["by"], one["count"], one["left"]) == (asked.ref, "Remy", 2, 2)
    assert (one["vary"], one["up_to"]) == (["body"], {})
    world.work()
    (one,) = program.get(f"/sessions/{asked.session_ref}/standing").json()["items"]
    assert (one["left"], one["ended"]) == (0, "All calls that it covers were made.")
    rows = ApprovalRequest.objects.filter(session_id=asked.session_id).order_by("number")
    shown = [program.get(f"/approvals/{row.ref}").json() for row in rows]
    assert [row["by_standing"] for row in shown] == [None, asked.ref, asked.ref, None]
    assert [vote["standing"] for row in shown for vote in row["decisions"]] == [False, True, True]


def test_it_is_revoked_once(asked: ApprovalRequest, remy: User, olga: User, vic: User) -> None:
    """GUARD-14: an operator may; a viewer may not; the second finds nothing."""
    decide(Program(remy), asked, verdict="approve", same=SAME)
    assert Program(vic).post(f"/approvals/{asked.ref}/revoke", {}).status_code == 403
    assert Program(olga).post(f"/approvals/{asked.ref}/revoke", {}).status_code == 200
    assert StandingApproval.objects.get().ended_name == "Olga"
    again = Program(olga).post(f"/approvals/{asked.ref}/revoke", {})
    assert (again.status_code, again.json()["code"]) == (409, "nothing_stands")


def test_the_same_key_gives_the_same_answer_and_other_bounds_do_not(asked: ApprovalRequest, remy: User) -> None:
    """THREATS 16: a retry is no second standing approval."""
    program = Program(remy)
    assert decide(program, asked, "k1", verdict="approve", same=SAME).status_code == 200
    assert decide(program, asked, "k1", verdict="approve", same=SAME).status_code == 200
    assert decide(program, asked, "k1", verdict="approve", same={**SAME, "count": 3}).status_code == 422
    assert decide(program, asked, "k1", verdict="approve").status_code == 422
    assert StandingApproval.objects.count() == 1


@pytest.mark.parametrize(
    "same",
    [
        {"count": 51, "minutes": 20}, {"count": 11, "minutes": 20}, {"count": 0, "minutes": 20}, {"count": 1, "minutes": 61},
        {"count": 1}, {"count": 1, "minutes": 5, "vary": ["to"]}, {"count": 1, "minutes": 5, "up_to": {"body": 1}},
        {"count": 1, "minutes": 5, "up_to": {"body": -1}}, {"count": 1, "minutes": 5, "more": 1},
    ],
)  # fmt: skip
def test_what_is_out_of_bounds_is_refused(asked: ApprovalRequest, remy: User, same: dict[str, Any]) -> None:
    """422, and nothing is decided."""
    assert decide(Program(remy), asked, verdict="approve", same=same).status_code == 422
    asked.refresh_from_db()
    assert asked.status == "pending"


def test_only_an_approval_can_stand(asked: ApprovalRequest, remy: User) -> None:
    """What a verdict would silently drop is refused."""
    answer = decide(Program(remy), asked, verdict="reject", instruction="No, thank you.", same=SAME)
    assert (answer.status_code, answer.json()["errors"][0]["loc"]) == (422, ["body", "same"])
