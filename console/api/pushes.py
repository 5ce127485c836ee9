"""The push of entries over the API: the targets and how far each is, making, pausing, sending again, secrets, ending."""

from datetime import datetime
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from django.views.decorators.debug import sensitive_variables
from ninja import Path, Router, Schema
from pydantic import Field, StringConstraints

from audit import feed
from audit.push import targets
from audit.push.models import PushTarget
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import SLUG, Body, Word
from console.auth import Caller
from console.reach.pushing import checked
from console.rights import Right

router = Router(tags=["audit"])
PushName = Annotated[str, Path(pattern=SLUG, examples=["archive"])]
Place = Annotated[int, Field(ge=1, le=2**62)]


class PushOut(Schema):
    """A target; of a webhook's address those who are no admins see the host. `behind` counts entries that it has not got to."""

    name: str
    way: Literal["webhook", "file"]
    address: str
    kinds: list[str]
    status: Literal["active", "paused", "stopped", "ended"]
    cursor: int
    behind: int
    oldest_waiting: datetime | None
    failures: int
    error: str
    sent: int
    sent_at: datetime | None
    created_by: str
    created_at: datetime


class PushSecret(PushOut):
    """A target with the secret that its messages are signed with, which is shown this once; null for a file."""

    secret: str | None


class PushList(Schema):
    """All targets that were not ended, by name."""

    items: list[PushOut]


class NewPush(Body):
    """Where entries go: an address of the web, or the name of a file in AUDIT_PUSH_DIR."""

    name: Annotated[str, StringConstraints(pattern=SLUG)]
    way: Literal["webhook", "file"]
    address: Annotated[Word, Field(min_length=1, max_length=2000)]
    kinds: Annotated[list[Word], Field(max_length=targets.MOST_KINDS, description="kinds, or their nouns; none for all")] = []
    start: Annotated[Place | None, Field(description="log index of the first entry that is sent; without it the next one")] = (
        None
    )


class PushStart(Body):
    """The log index of the entry from which it is sent again."""

    start: Place


@endpoint(router, "GET", "/audit/push", right=Right.READ_AUDIT, scope="audit:read", answer=PushList)
def list_pushes(request: ApiRequest) -> PushList:
    """List where entries are pushed to, and how far each is."""
    head = feed.head()
    return PushList(items=[PushOut(**facts(request.auth, row, head)) for row in targets.targets()])


@sensitive_variables()
@endpoint(
    router, "POST", "/audit/push", right=Right.ADMINISTER, scope="audit:write", answer=PushSecret, status=201,
    refuses=(409, 413, 415, 422), creates=True,
)  # fmt: skip
def create_push(request: ApiRequest, body: NewPush) -> PushSecret:
    """Push entries to a place; the answer holds the secret that its messages are signed with."""
    said = {**body.model_dump(), "address": checked(body.way, body.address)}
    return _with_secret(request.auth, targets.create(actor=request.auth.actor(), **said))


@endpoint(
    router, "POST", "/audit/push/{name}/pause", right=Right.ADMINISTER, scope="audit:write", answer=PushOut, refuses=(404, 422)
)
def pause_push(request: ApiRequest, name: PushName) -> PushOut:
    """Send nothing until it is resumed; what comes meanwhile waits in the log."""
    return _one(request, targets.pause(name=name, actor=request.auth.actor()))


@endpoint(
    router, "POST", "/audit/push/{name}/resume", right=Right.ADMINISTER, scope="audit:write", answer=PushOut, refuses=(404, 422)
)
def resume_push(request: ApiRequest, name: PushName) -> PushOut:
    """Send on from where it was paused, or stopped because it failed too often."""
    return _one(request, targets.resume(name=name, actor=request.auth.actor()))


@endpoint(
    router, "POST", "/audit/push/{name}/rewind", right=Right.ADMINISTER, scope="audit:write", answer=PushOut,
    refuses=(404, 413, 415, 422),
)  # fmt: skip
def rewind_push(request: ApiRequest, name: PushName, body: PushStart) -> PushOut:
    """Send again from an entry on, or leave out what comes before it."""
    return _one(request, targets.rewind(name=name, start=body.start, actor=request.auth.actor()))


@sensitive_variables()
@endpoint(
    router,
    "POST",
    "/audit/push/{name}/rotate",
    right=Right.ADMINISTER,
    scope="audit:write",
    answer=PushSecret,
    refuses=(404, 422),
)
def rotate_push(request: ApiRequest, name: PushName) -> PushSecret:
    """Sign with a new secret, which the answer holds, and with the one before as well until the next turn."""
    return _with_secret(request.auth, targets.rotate(name=name, actor=request.auth.actor()))


@endpoint(
    router, "POST", "/audit/push/{name}/end", right=Right.ADMINISTER, scope="audit:write", answer=PushOut, refuses=(404, 422)
)
def end_push(request: ApiRequest, name: PushName) -> PushOut:
    """Push nothing more to it; its name is not given again."""
    return _one(request, targets.end(name=name, actor=request.auth.actor()))


def _one(request: ApiRequest, row: PushTarget) -> PushOut:
    return PushOut(**facts(request.auth, row, feed.head()))


@sensitive_variables()
def _with_secret(caller: Caller, row: PushTarget) -> PushSecret:
    return PushSecret(**facts(caller, row, feed.head()), secret=targets.secrets(row)[0] if row.way == "webhook" else None)


def facts(caller: Caller, row: PushTarget, head: int) -> dict[str, Any]:
    """Return what is told of a target, by page and API."""
    copied = ("name", "way", "kinds", "status", "cursor", "failures", "error", "sent", "sent_at", "created_at")
    behind, oldest = targets.waiting(row, head)
    whole = row.way == "file" or caller.has(Right.ADMINISTER)
    return {
        **{name: getattr(row, name) for name in copied}, "behind": behind, "oldest_waiting": oldest, "created_by": row.created_name,
        "address": row.address if whole else urlsplit(row.address).hostname or "",
    }  # fmt: skip
