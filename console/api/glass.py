"""Uses of break-glass over the API: the list, and the review by somebody else. The same service as the page's."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Query, Router, Schema

from approvals import breaking
from approvals.models import GlassUse
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, Sentence
from console.rights import Right

router = Router(tags=["break-glass"])
_COPIED = ("tool", "agent", "reason", "lacked", "status", "created_at", "reviewed_at")


class GlassUseOut(Schema):
    """One use of break-glass: what was approved alone, why, what was missing, and what somebody else found."""

    id: str
    approval: str
    tool: str
    agent: str
    by: str
    reason: str
    lacked: list[str]
    status: Literal["open", "reviewed"]
    created_at: datetime
    reviewed_by: str | None
    note: str | None
    reviewed_at: datetime | None


class GlassUsePage(Schema):
    """Uses, newest first."""

    items: list[GlassUseOut]
    next_cursor: str | None


class WhichUses(Paged):
    """Which uses to list."""

    status: Literal["open", "any"] = "any"


class ReviewBody(Body):
    """What somebody else found, in 20 to 2,000 characters."""

    note: Sentence


@endpoint(router, "GET", "/break-glass", right=Right.SEE, scope="approvals:read", answer=GlassUsePage, refuses=(422,))
def list_glass_uses(request: ApiRequest, which: Query[WhichUses]) -> GlassUsePage:
    """List the uses of break-glass, newest first; with `status=open` those that nobody has reviewed."""
    key = decode("glass", which.cursor)
    rows = breaking.uses(only_open=which.status == "open", before=UUID(key[0]) if key else None, limit=which.limit + 1)
    following = [str(rows[which.limit - 1].pk)] if len(rows) > which.limit else None
    return GlassUsePage(items=[_shape(row) for row in rows[: which.limit]], next_cursor=encode("glass", following))


@endpoint(
    router, "POST", "/break-glass/{use_id}/review", right=Right.REVIEW_GLASS, scope="audit:write", answer=GlassUseOut,
    refuses=(404, 413, 415, 422),
)  # fmt: skip
def review_glass_use(request: ApiRequest, use_id: UUID, body: ReviewBody) -> GlassUseOut:
    """Say what you found of somebody else's use. One that is reviewed stays as it is."""
    caller = request.auth
    return _shape(breaking.review(use_id, note=body.note, person=caller.person(), actor=caller.actor()))


def _shape(row: GlassUse) -> GlassUseOut:
    return GlassUseOut(
        id=str(row.pk), approval=row.ref, by=row.used_name, reviewed_by=row.reviewed_name or None, note=row.note or None,
        **{name: getattr(row, name) for name in _COPIED},
    )  # fmt: skip
