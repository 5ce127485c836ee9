"""Standing approvals over the API: what people approved for the rest of a session, and revoking it."""

from datetime import datetime
from typing import Any

from ninja import Router, Schema

from agents.gate.standing import standing_in
from agents.services import get_session
from approvals import queries, standing
from console.api.approvals import ApprovalOut, whole
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import ApprovalRef, SessionRef
from console.rights import Right

router = Router(tags=["approvals"])


class StandingOut(Schema):
    """What one approval stands for. `ended` says why it covers nothing more; null while it stands."""

    approval: str
    tool: str
    by: str
    at: datetime
    count: int
    left: int
    ends_at: datetime
    vary: list[str]
    up_to: dict[str, Any]
    ended: str | None


class StandingList(Schema):
    """The newest standing approvals of a session."""

    items: list[StandingOut]


@endpoint(
    router, "GET", "/sessions/{ref}/standing", right=Right.SEE, scope="approvals:read", answer=StandingList, refuses=(404, 422)
)
def list_standing(request: ApiRequest, ref: SessionRef) -> StandingList:
    """List what people approved for the rest of a session: the newest twenty."""
    return StandingList(items=[_shape(one) for one in standing_in(get_session(ref))])


@endpoint(
    router, "POST", "/approvals/{ref}/revoke", right=Right.DECIDE, scope="approvals:write", answer=ApprovalOut,
    refuses=(404, 409, 422),
)  # fmt: skip
def revoke_standing(request: ApiRequest, ref: ApprovalRef) -> ApprovalOut:
    """End the standing approval that was given with this request's. What it approved and has not run yet asks again."""
    caller = request.auth
    standing.revoke(request_id=queries.get(ref).id, person=caller.person(), actor=caller.actor())
    return whole(caller, queries.get(ref))


def _shape(one: standing.Standing) -> StandingOut:
    given = one.given
    return StandingOut(
        approval=given.ref, tool=str(given.asked.get("tool", "")), by=given.by, at=one.made_at, count=given.count,
        left=given.left, ends_at=one.ends_at, vary=list(given.vary), up_to=dict(given.up_to), ended=one.ended or None,
    )  # fmt: skip
