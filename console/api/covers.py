"""Covers over the API: who decides in whose place, naming and ending it. The same service as the page's."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from django.utils import timezone
from ninja import Query, Router, Schema
from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from approvals import covers
from approvals.covers import LONGEST_REASON, Wish
from approvals.models import Cover
from approvals.people import person_named
from console.api.claims import Email
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, Word, storable
from console.rights import DECIDE_SCOPE, Right

router = Router(tags=["covers"])
Reason = Annotated[str, StringConstraints(max_length=LONGEST_REASON, strip_whitespace=True), AfterValidator(storable)]
_COPIED = ("roles", "reason", "agreed_by", "starts_at", "ends_at", "ended_at", "created_at")


class NewCover(Body):
    """Who shall decide in whose place: by e-mail address, 90 days at most, without `since` from now on."""

    deputy: Email
    absent: Annotated[Email | None, Field(description="somebody else, for an admin; you where it is left out")] = None
    since: AwareDatetime | None = None
    until: AwareDatetime
    roles: Annotated[list[Word], Field(max_length=50, description="which of the roles; all of them if empty")] = []
    reason: Reason = ""


class CoverOut(Schema):
    """One cover. `ended_at` and `ended_by` are null as long as nobody ended it before its time."""

    id: str
    state: covers.State
    absent: str
    deputy: str
    roles: list[str]
    reason: str
    agreed_by: str
    starts_at: datetime
    ends_at: datetime
    ended_by: str | None
    ended_at: datetime | None
    created_at: datetime


class CoverPage(Schema):
    """Covers, newest first."""

    items: list[CoverOut]
    next_cursor: str | None


class Which(Paged):
    """Which covers to list."""

    status: Literal["standing", "any"] = "standing"


@endpoint(router, "GET", "/covers", right=Right.SEE, scope="approvals:read", answer=CoverPage, refuses=(422,))
def list_covers(request: ApiRequest, which: Query[Which]) -> CoverPage:
    """List the covers that you gave and received, or everybody's where you read the whole trail; newest first."""
    key, now = decode("covers", which.cursor), timezone.now()
    rows = covers.covers(
        of=None if request.auth.has(Right.READ_AUDIT) else request.auth.user_id, standing=which.status == "standing",
        now=now, before=UUID(key[0]) if key else None, limit=which.limit + 1,
    )  # fmt: skip
    following = [str(rows[which.limit - 1].pk)] if len(rows) > which.limit else None
    return CoverPage(items=[_shape(row, now) for row in rows[: which.limit]], next_cursor=encode("covers", following))


@endpoint(
    router, "POST", "/covers", right=Right.DECIDE, scope=DECIDE_SCOPE, answer=CoverOut, status=201,
    refuses=(404, 413, 415, 422), creates=True,
)  # fmt: skip
def agree_cover(request: ApiRequest, body: NewCover) -> CoverOut:
    """Let somebody decide in your place for a while, with the roles that you have; an admin names covers of others."""
    person = request.auth.person()
    wish = Wish(
        absent=person_named(body.absent) if body.absent else person, deputy=person_named(body.deputy), since=body.since,
        until=body.until, roles=body.roles, reason=body.reason,
    )  # fmt: skip
    return _shape(covers.agree(wish, person=person, actor=request.auth.actor()), timezone.now())


@endpoint(
    router, "DELETE", "/covers/{cover_id}", right=Right.DECIDE, scope=DECIDE_SCOPE, answer=CoverOut, refuses=(404, 422)
)  # fmt: skip
def end_cover(request: ApiRequest, cover_id: UUID) -> CoverOut:
    """End a cover before its time: either of the two may, and an admin. A second time changes nothing."""
    return _shape(covers.end(cover_id, person=request.auth.person(), actor=request.auth.actor()), timezone.now())


def _shape(row: Cover, now: datetime) -> CoverOut:
    return CoverOut(
        id=str(row.pk), state=covers.state_of(row, now), absent=row.absent_name, deputy=row.deputy_name,
        ended_by=row.ended_by or None, **{name: getattr(row, name) for name in _COPIED},
    )  # fmt: skip
