"""Inlets over the API: the list with the newest messages, making, pausing and ending one, secrets; and messages themselves."""

import re
from datetime import datetime
from typing import Annotated, Any, Literal

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from ninja import Path, Query, Router, Schema
from ninja.security import APIKeyHeader
from pydantic import AfterValidator, Field, StringConstraints

from agents import inlets
from agents.models import Inlet
from agents.models.inlet import LARGEST_PER_HOUR
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import SLUG, Body, Hook, StrictParser, Word, storable
from console.auth import Caller
from console.errors import NotSigned, TooLarge
from console.readings import note_reading
from console.rights import Right

router = Router(tags=["inlets"])
Name = Annotated[str, Path(pattern=SLUG, examples=["tickets"])]
Text = Annotated[str, StringConstraints(min_length=1, max_length=20_000), AfterValidator(storable)]
SENT = ("webhook-id", "webhook-timestamp", "webhook-signature")
MESSAGE: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {}}}},
    "parameters": [{"in": "header", "name": name, "required": True, "schema": {"type": "string"}} for name in SENT[:2]],
}


class ArrivalOut(Schema):
    """One message: the sender's id of it, and the session that it started."""

    message: str
    session: str
    at: datetime


class InletOut(Schema):
    """An inlet; its goal is null for those who may not read raw content, `webhook_url` for all but admins."""

    name: str
    url: str
    agent: str
    goal: str | None
    task_type: str
    tenant: str
    feature: str
    webhook_url: str | None
    per_hour: int
    status: Literal["active", "paused", "ended"]
    revision: int
    rotated_at: datetime | None
    created_by: str
    created_at: datetime
    newest: list[ArrivalOut]


class InletSecret(InletOut):
    """An inlet with its secret, which is shown this once."""

    secret: str


class InletPage(Schema):
    """A page of inlets, by name."""

    items: list[InletOut]
    next_cursor: str | None


class Which(Paged):
    """A page of the list, of one agent or of all; each inlet costs a read of its newest messages."""

    agent: Word = ""

    limit: Annotated[int, Field(ge=1, le=50)] = 50


class NewInlet(Body):
    """What is started with each message, and how many at most within an hour."""

    name: Annotated[str, StringConstraints(pattern=SLUG)]
    agent: Annotated[Word, Field(min_length=1, max_length=63)]
    goal: Text
    per_hour: Annotated[int, Field(ge=1, le=LARGEST_PER_HOUR)] = 60
    task_type: Annotated[Word, Field(max_length=60)] = "default"
    tenant: Word = ""
    feature: Word = ""
    webhook_url: Hook = ""


class ChangedInlet(Body):
    """What is to be otherwise; what is left out stays. `revision` is the one that was shown."""

    revision: Annotated[int, Field(ge=1, le=2**31 - 1)]
    agent: Annotated[Word | None, Field(min_length=1, max_length=63)] = None
    goal: Text | None = None
    per_hour: Annotated[int | None, Field(ge=1, le=LARGEST_PER_HOUR)] = None
    task_type: Annotated[Word | None, Field(max_length=60)] = None
    tenant: Word | None = None
    feature: Word | None = None
    webhook_url: Hook | None = None


class Taken(Schema):
    """The session that a message started, now or when it came first."""

    id: str


class Signature(APIKeyHeader):
    """The signature of a message, to Standard Webhooks; no token and no cookie counts beside it."""

    param_name = "webhook-signature"

    def __call__(self, request: HttpRequest) -> bool:
        """Return True for a message that is signed well. Raises TooLarge, NotSigned: the same whether the inlet is there."""
        return self.authenticate(request, None)

    def authenticate(self, request: HttpRequest, key: str | None) -> bool:
        """Check the whole message against the secrets of the inlet that the address names."""
        if int(request.META.get("CONTENT_LENGTH") or 0) > inlets.LARGEST_BODY or len(request.body) > inlets.LARGEST_BODY:
            raise TooLarge(limit=inlets.LARGEST_BODY)
        name = str(request.resolver_match.kwargs.get("name", "")) if request.resolver_match else ""
        headers = {header: request.headers.get(header, "") for header in SENT}
        if not re.fullmatch(SLUG, name) or not inlets.signed(name, request.body, headers):
            raise NotSigned
        return True


@endpoint(router, "GET", "/inlets", right=Right.SEE, scope="agents:read", answer=InletPage, refuses=(422,))
def list_inlets(request: ApiRequest, which: Query[Which]) -> InletPage:
    """List inlets by name, each with its newest messages; those that ended are left out."""
    key = decode("inlets", which.cursor)
    rows = inlets.inlets(which.limit + 1, after=key[0] if key else "", agent=which.agent)
    following = [rows[which.limit - 1].name] if len(rows) > which.limit else None
    items = [InletOut(**_facts(request.auth, row)) for row in rows[: which.limit]]
    if items and request.auth.has(Right.REVEAL):
        note_reading(request.auth, ["inlets"])
    return InletPage(items=items, next_cursor=encode("inlets", following))


@sensitive_variables()
@endpoint(
    router, "POST", "/inlets", right=Right.ADMINISTER, scope="agents:write", answer=InletSecret, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def create_inlet(request: ApiRequest, body: NewInlet) -> InletSecret:
    """Make an inlet; the answer holds its secret. Whoever makes it decides nothing in its sessions."""
    caller = request.auth
    row = inlets.create(actor=caller.actor(), user_id=caller.user_id or 0, **body.model_dump())
    return InletSecret(**_facts(caller, row), secret=inlets.secret(row))


@endpoint(
    router, "PATCH", "/inlets/{name}", right=Right.ADMINISTER, scope="agents:write", answer=InletOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def change_inlet(request: ApiRequest, name: Name, body: ChangedInlet) -> InletOut:
    """Change what an inlet starts; its secret stays. Whoever changes it decides nothing in its sessions from then on."""
    caller, given = request.auth, body.model_dump(exclude={"revision"}, exclude_none=True)
    row = inlets.change(name=name, revision=body.revision, actor=caller.actor(), user_id=caller.user_id or 0, given=given)
    return InletOut(**(_facts(caller, row) if "goal" in given else _answered(caller, row)))


@endpoint(
    router, "POST", "/inlets/{name}/pause", right=Right.RESTRAIN, scope="agents:write", answer=InletOut, refuses=(404, 422)
)  # fmt: skip
def pause_inlet(request: ApiRequest, name: Name) -> InletOut:
    """Let an inlet take no message until it is resumed; its sessions go on."""
    return InletOut(**_answered(request.auth, inlets.pause(name=name, actor=request.auth.actor())))


@endpoint(
    router, "POST", "/inlets/{name}/resume", right=Right.RESTRAIN, scope="agents:write", answer=InletOut, refuses=(404, 422)
)  # fmt: skip
def resume_inlet(request: ApiRequest, name: Name) -> InletOut:
    """Let a paused inlet take messages again."""
    return InletOut(**_answered(request.auth, inlets.resume(name=name, actor=request.auth.actor())))


@sensitive_variables()
@endpoint(
    router, "POST", "/inlets/{name}/rotate", right=Right.ADMINISTER, scope="agents:write", answer=InletSecret, refuses=(404, 422)
)  # fmt: skip
def rotate_inlet(request: ApiRequest, name: Name) -> InletSecret:
    """Give an inlet a new secret, which the answer holds. The one before is taken for a day longer; twice, and it is not."""
    row = inlets.rotate(name=name, actor=request.auth.actor())
    return InletSecret(**_answered(request.auth, row), secret=inlets.secret(row))


@endpoint(
    router, "POST", "/inlets/{name}/end", right=Right.ADMINISTER, scope="agents:write", answer=InletOut, refuses=(404, 422)
)  # fmt: skip
def end_inlet(request: ApiRequest, name: Name) -> InletOut:
    """Let an inlet take no message any more; its sessions go on, its name is not given again."""
    return InletOut(**_answered(request.auth, inlets.end(name=name, actor=request.auth.actor())))


@endpoint(
    router, "POST", "/inlets/{name}", right=Right.PUBLIC, scope="", answer=Taken, status=202,
    refuses=(404, 409, 413, 415, 422, 429), credential=Signature(), extra=MESSAGE,
)  # fmt: skip
def receive_message(request: HttpRequest, name: Name) -> Taken:
    """Take a message from outside, signed to Standard Webhooks, and start the session of it: one for each `webhook-id`."""
    StrictParser().parse_body(request)
    session = inlets.receive(name=name, message=request.headers["webhook-id"], body=request.body.decode())
    return Taken(id=session.ref)


def url_of(row: Inlet) -> str:
    """Return the address that messages to an inlet are sent to."""
    return f"{settings.COUNTERSIGN_PUBLIC_URL}{reverse('api:receive_message', args=[row.name])}"


def _answered(caller: Caller, row: Inlet) -> dict[str, Any]:
    """Answer an order that did not name the goal: it is told as by reading, under the same right and scope, and with its entry."""
    shown = caller.has(Right.REVEAL, "agents:read")
    if shown:
        note_reading(caller, [f"inlet {row.name}"])
    return _facts(caller, row, shown=shown)


def _facts(caller: Caller, row: Inlet, *, shown: bool = True) -> dict[str, Any]:
    copied = ("name", "task_type", "tenant", "feature", "per_hour", "status", "revision", "rotated_at", "created_at")
    newest = [ArrivalOut(message=one.message, session=one.session.ref, at=one.created_at) for one in inlets.newest(row)]
    return {
        **{name: getattr(row, name) for name in copied}, "url": url_of(row), "agent": row.agent.slug, "newest": newest,
        "created_by": row.created_name, "goal": row.goal if shown and caller.has(Right.REVEAL) else None,
        "webhook_url": row.webhook_url if caller.has(Right.ADMINISTER) else None,
    }  # fmt: skip
