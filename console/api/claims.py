"""Having a request in hand over the API: claim, release, assign, extend. The same services as the pages'."""

from typing import Annotated, Any

from ninja import Router
from pydantic import AfterValidator, StringConstraints

from approvals import claims, queries
from approvals.people import person_named
from console.api.approvals import ApprovalOut, read_whole
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import ApprovalRef, Body, storable
from console.auth import Caller
from console.rights import Right

router = Router(tags=["approvals"])
Email = Annotated[str, StringConstraints(min_length=3, max_length=254), AfterValidator(storable)]
REFUSES = (404, 409, 410, 422)


class AssignBody(Body):
    """Whom to give the request to, by the e-mail address that they sign in with."""

    to: Email


@endpoint(
    router, "POST", "/approvals/{ref}/claim", right=Right.DECIDE, scope="approvals:write", answer=ApprovalOut, refuses=REFUSES
)
def claim_approval(request: ApiRequest, ref: ApprovalRef) -> ApprovalOut:
    """Take a request in hand for as long as policy says, ten minutes by default, or renew it. Others are told, and may still decide."""
    claims.claim(**_who(request.auth, ref))
    return read_whole(request.auth, queries.get(ref))


@endpoint(
    router, "POST", "/approvals/{ref}/release", right=Right.DECIDE, scope="approvals:write", answer=ApprovalOut, refuses=REFUSES
)
def release_approval(request: ApiRequest, ref: ApprovalRef) -> ApprovalOut:
    """Give a request back; an operator or admin also what somebody else has."""
    claims.release(**_who(request.auth, ref))
    return read_whole(request.auth, queries.get(ref))


@endpoint(
    router, "POST", "/approvals/{ref}/assign", right=Right.DECIDE, scope="approvals:write", answer=ApprovalOut,
    refuses=(*REFUSES, 413, 415),
)  # fmt: skip
def assign_approval(request: ApiRequest, ref: ApprovalRef, body: AssignBody) -> ApprovalOut:
    """Give a request to somebody who may decide it."""
    claims.assign(**_who(request.auth, ref), to=person_named(body.to))
    return read_whole(request.auth, queries.get(ref))


@endpoint(
    router, "POST", "/approvals/{ref}/extend", right=Right.DECIDE, scope="approvals:write", answer=ApprovalOut, refuses=REFUSES
)
def extend_approval(request: ApiRequest, ref: ApprovalRef) -> ApprovalOut:
    """Let a request expire later by as much time as it had at first; policy bounds how much and how often."""
    claims.extend(**_who(request.auth, ref))
    return read_whole(request.auth, queries.get(ref))


def _who(caller: Caller, ref: str) -> dict[str, Any]:
    return {"request_id": queries.get(ref).id, "person": caller.person(), "actor": caller.actor()}
