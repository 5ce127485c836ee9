"""Deciding many requests in one go over the API: the same rule as the page's, each request with its own decision and result."""

from hashlib import sha256
from typing import Annotated, Self

from ninja import Router, Schema
from pydantic import Field, StringConstraints, model_validator

from agents.gate.decide import answer
from approvals import bulk, queries
from approvals.bulk import BulkVerdict
from approvals.errors import ApprovalNotFound, DecideAlone, InvalidVerdict, NotYours
from approvals.verdicts import Said, checked
from audit.errors import CountersignError
from console.api.approvals import ApprovalOut, whole
from console.api.deciding import Digest
from console.api.endpoint import ApiRequest, endpoint
from console.api.errors import status_of, told
from console.api.problems import Problem
from console.api.reading import Body
from console.rights import DECIDE_SCOPE, Right
from console.signin import reauthenticated
from console.standing import person_of
from console.views.bulk_lines import Line, lines_of

router = Router(tags=["approvals"])


class ManyItem(Body):
    """One request of the set, and the digest of what you were shown of it."""

    id: Annotated[str, StringConstraints(pattern=r"^AP-[1-9][0-9]{0,17}$")]
    digest: Digest


class ManyBody(Body):
    """What you say of all these requests. `instruction` belongs to `reject`."""

    verdict: BulkVerdict
    instruction: Annotated[str, StringConstraints(max_length=2000)] = ""
    items: Annotated[list[ManyItem], Field(min_length=1, max_length=bulk.MOST["reject"])]

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        if len({item.id for item in self.items}) < len(self.items):
            raise ValueError("the same request stands there twice")
        return self


class Result(Schema):
    """What came of one request: what it is now, or why nothing was decided."""

    id: str
    approval: ApprovalOut | None
    problem: Problem | None


class Results(Schema):
    """One result for each request, in the order of the set."""

    items: list[Result]


@endpoint(
    router, "POST", "/approvals/decisions", right=Right.DECIDE, scope=DECIDE_SCOPE, answer=Results,
    refuses=(413, 415, 422), creates=True, apart=True,
)  # fmt: skip
def decide_approvals(request: ApiRequest, body: ManyBody) -> Results:
    """Approve up to 20 harmless calls of one tool, or reject up to 50 requests, each in a transaction of its own.

    The answer is 200 whatever came of each. Nothing at all is decided where the set as a whole is refused (422).
    """
    found = lines_of(body.verdict, [item.id for item in body.items], request.auth, person_of(request.auth))
    lines = {line.row.ref: line for line in found}
    if wrong := bulk.refusal(body.verdict, [line.member for line in found if not line.why]):
        raise InvalidVerdict(field="items", reason=wrong)
    if body.verdict == "approve" and body.instruction:
        raise InvalidVerdict(field="instruction", reason="The verdict approve takes no instruction.")
    if body.verdict == "reject":
        checked("tool_call", Said("reject", instruction=body.instruction))
    return Results(items=[_result(request, body, item, lines.get(item.id)) for item in body.items])


def _result(request: ApiRequest, body: ManyBody, item: ManyItem, line: Line | None) -> Result:
    try:
        if line is None:
            raise ApprovalNotFound
        _decide(request, body, item, line)
    except CountersignError as error:
        if status_of(error) >= 500:
            raise
        return Result(id=item.id, approval=None, problem=Problem(**told(error)))
    return Result(id=item.id, approval=whole(request.auth, queries.get(item.id)), problem=None)


def _decide(request: ApiRequest, body: ManyBody, item: ManyItem, line: Line) -> None:
    """Decide one request of the set; what is decided already answers for itself, or as it did to the same key."""
    if line.row.status == "pending" and line.member.refusal:
        raise NotYours(refusal="bulk", reason=line.member.refusal)
    if line.row.status == "pending" and line.why:
        raise DecideAlone(ref=item.id, reason=line.why)
    caller = request.auth
    answer(
        request_id=line.row.id,
        person=caller.person(reauthenticated=caller.kind == "user" and reauthenticated(request, item.digest)),
        actor=caller.actor(),
        verdict=body.verdict,
        digest=item.digest,
        instruction=body.instruction,
        idempotency_key=_key(request.headers.get("Idempotency-Key", ""), item.id),
        hold=False,
    )


def _key(given: str, ref: str) -> str:
    """Return the key of one decision of the set, so that doing the set again decides nothing twice."""
    return f"{sha256(given.encode()).hexdigest()[:32]}-{ref}" if given else ""
