"""The policy over the API: the document that judges now, its revisions and how they differ, and making the next one."""

from datetime import datetime
from typing import Annotated, Any

from ninja import Query, Router, Schema
from pydantic import Field

from approvals import policies, queries
from approvals.loosening import loosened
from approvals.models import PolicyRevision
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Against, Body, NumberPath, Word
from console.policy_words import lines
from console.rights import Right

router = Router(tags=["policies"])


class Revision(Schema):
    """One revision of the policy."""

    number: int
    document: dict[str, Any]
    checksum: str
    note: str
    created_by: str
    created_at: datetime
    current: bool


class Policies(Schema):
    """The policy that judges now (number 0: the shipped one), and its revisions, newest first."""

    number: int
    document: dict[str, Any]
    items: list[Revision]
    next_cursor: str | None


class NewPolicy(Body):
    """The next revision."""

    document: dict[str, Any]
    note: Annotated[Word, Field(min_length=3, max_length=200)]
    base: Annotated[int, Field(ge=0, lt=2**31, description="The revision that was read; another one gives 409")] | None = None


class RestorePolicy(Body):
    """Why an earlier revision is saved anew."""

    note: Annotated[Word, Field(min_length=3, max_length=200)]
    base: Annotated[int, Field(ge=0, lt=2**31, description="The revision that was read; another one gives 409")] | None = None


class Difference(Schema):
    """How a revision differs from another: in plain lines, and what it lets through that the other did not."""

    number: int
    against: int
    added: list[str]
    removed: list[str]
    loosens: list[str]


@endpoint(router, "GET", "/policies", right=Right.SEE, scope="policies:read", answer=Policies, refuses=(422,))
def list_policies(request: ApiRequest, page: Query[Paged]) -> Policies:
    """Return the policy that judges now, and its revisions, newest first."""
    key = decode("policies", page.cursor)
    rows = queries.policy_revisions(limit=page.limit + 1, before=key[0] if key else None)
    following = [rows[page.limit - 1].number] if len(rows) > page.limit else None
    now = policies.current(fresh=True)
    return Policies(
        number=now.number,
        document=now.policy.model_dump(mode="json"),
        items=[_shape(row) for row in rows[: page.limit]],
        next_cursor=encode("policies", following),
    )


@endpoint(
    router, "POST", "/policies", right=Right.ADMINISTER, scope="policies:write", answer=Revision, status=201,
    refuses=(409, 413, 415, 422), creates=True,
)  # fmt: skip
def create_policy(request: ApiRequest, body: NewPolicy) -> Revision:
    """Store the next revision of the policy; it judges from now on, also what was approved and has not run."""
    return _shape(policies.save(body.document, note=body.note, actor=request.auth.actor(), base=body.base))


@endpoint(router, "GET", "/policies/{number}", right=Right.SEE, scope="policies:read", answer=Revision, refuses=(404, 422))
def get_policy(request: ApiRequest, number: NumberPath) -> Revision:
    """Return one revision of the policy."""
    return _shape(policies.revision(number))


@endpoint(
    router, "GET", "/policies/{number}/difference", right=Right.SEE, scope="policies:read", answer=Difference,
    refuses=(404, 422),
)  # fmt: skip
def compare_policies(request: ApiRequest, number: NumberPath, against: Against) -> Difference:
    """Compare a revision with another, in plain lines."""
    before, after = (policies.checked(policies.revision(one).document) for one in (against, number))
    old, new = (lines(one).split("\n") for one in (before, after))
    return Difference(
        number=number,
        against=against,
        added=[line for line in new if line not in old],
        removed=[line for line in old if line not in new],
        loosens=list(loosened(before, after)),
    )


@endpoint(
    router, "POST", "/policies/{number}/restore", right=Right.ADMINISTER, scope="policies:write", answer=Revision,
    status=201, refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def restore_policy(request: ApiRequest, number: NumberPath, body: RestorePolicy) -> Revision:
    """Store the document of an earlier revision anew, as the next one."""
    return _shape(policies.restore(number, note=body.note, actor=request.auth.actor(), base=body.base))


def _shape(row: PolicyRevision) -> Revision:
    names = ("number", "document", "checksum", "note", "created_by", "created_at", "current")
    return Revision(**{name: getattr(row, name) for name in names})
