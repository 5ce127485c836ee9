"""A session's webhook messages over the API: what became of them, and sending one again."""

from datetime import datetime
from typing import Literal
from uuid import UUID

from ninja import Router, Schema

from agents.services import get_session
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import SessionRef
from console.models import Callback
from console.reach import webhooks
from console.rights import Right

router = Router(tags=["sessions"])


class WebhookOut(Schema):
    """One message: what it tells, how often it was tried, and why the last attempt failed."""

    id: str
    event: str
    status: Literal["waiting", "delivered", "given_up"]
    attempts: int
    error: str
    created_at: datetime
    delivered_at: datetime | None


class WebhookList(Schema):
    """The newest messages about a session, newest first."""

    items: list[WebhookOut]
    next_cursor: None = None


@endpoint(
    router, "GET", "/sessions/{ref}/webhooks", right=Right.SEE, scope="sessions:read", answer=WebhookList, refuses=(404, 422)
)
def list_webhooks(request: ApiRequest, ref: SessionRef) -> WebhookList:
    """List the newest webhook messages about a session."""
    return WebhookList(items=[_shape(row) for row in webhooks.of_session(get_session(ref).ref)])


@endpoint(
    router, "POST", "/sessions/{ref}/webhooks/{key}/send", right=Right.RESTRAIN, scope="sessions:write", answer=WebhookOut,
    refuses=(404, 422),
)  # fmt: skip
def send_webhook(request: ApiRequest, ref: SessionRef, key: UUID) -> WebhookOut:
    """Send a message once more, under its id; one that is under way stays as it is."""
    return _shape(webhooks.send_again(key, session=get_session(ref).ref, actor=request.auth.actor()))


def _shape(row: Callback) -> WebhookOut:
    status: Literal["waiting", "delivered", "given_up"] = (
        "delivered" if row.delivered_at else "given_up" if row.given_up_at else "waiting"
    )
    return WebhookOut(
        id=row.pk.hex, event=row.kind, status=status, attempts=row.attempts, error=row.error, created_at=row.created_at,
        delivered_at=row.delivered_at,
    )  # fmt: skip
