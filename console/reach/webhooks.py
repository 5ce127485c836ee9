"""Webhooks: what a program is told of the session that it started and of its approvals, signed (Standard Webhooks).

The log is the outbox: messages are written in the transaction that moves the place in it, so none is forgotten by a crash.
Each is claimed for a while and sent at least once under one id; of a session only the oldest that is not settled, so that
they come in order. What is sent is short and holds nothing raw: the program reads the rest with its own token.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import httpx2
import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.db.models.functions import Now
from django.urls import reverse
from standardwebhooks import Webhook

from agents.models import Session
from agents.tools import egress
from agents.tools.errors import ToolError
from agents.tools.fetch import tls
from audit.actors import SYSTEM, Actor
from audit.events import EventKind
from audit.feed import FeedEvent
from audit.index import index_soon
from audit.services import Entry, record
from console.models import Callback
from console.reach.errors import NotDelivered, UnknownCallback

log = structlog.get_logger(__name__)
TOLD = frozenset({
    EventKind.SESSION_WAITING_APPROVAL, EventKind.SESSION_WAITING_INPUT, EventKind.SESSION_COMPLETED, EventKind.SESSION_HALTED,
    EventKind.SESSION_FAILED, EventKind.SESSION_CANCELLED, EventKind.SESSION_EXPIRED, EventKind.SESSION_DEAD_LETTERED,
    EventKind.SESSION_CLOSED,
    EventKind.APPROVAL_REQUESTED, EventKind.APPROVAL_REVISED, EventKind.APPROVAL_HELD, EventKind.APPROVAL_UNDONE,
    EventKind.APPROVAL_APPROVED, EventKind.APPROVAL_REPEATED, EventKind.APPROVAL_REJECTED, EventKind.APPROVAL_ANSWERED,
    EventKind.APPROVAL_EXPIRED, EventKind.APPROVAL_WITHDRAWN, EventKind.APPROVAL_VOIDED,
})  # fmt: skip
STREAM = "webhook"
AT_ONCE = 20
PATIENCE_S = 10.0
LEASE_S = 60
MOST_ATTEMPTS = 12
BACK_OFF_S, LONGEST_BACK_OFF_S = 5, 3_600
KEPT_DAYS = 30
SHOWN = 20
LONGEST_ERROR = 300
GONE = 410


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message that this process sends now; `attempt` is its fence."""

    row: Callback
    attempt: int


@dataclass(frozen=True, slots=True)
class Signed:
    """One message as it leaves: where to, under which id, its bytes, and what it is signed with."""

    url: str
    id: str
    body: str
    secrets: tuple[str, ...]


def write_down(events: Sequence[FeedEvent]) -> None:
    """Write down the messages that these events lead to, in the transaction that moves the place in the log."""
    told = [(event, ref) for event in events if event.kind in TOLD and (ref := _session_of(event))]
    if not told:
        return
    numbers = {int(ref.removeprefix("S-")) for _, ref in told}
    rows = Session.objects.filter(number__in=numbers).exclude(webhook_url="").select_related("agent")
    sessions = {row.ref: row for row in rows}
    made = [
        Callback(n=event.n, session=ref, kind=event.kind, url=row.webhook_url, body=_body(event, row))
        for event, ref in told
        if (row := sessions.get(ref)) is not None
    ]
    Callback.objects.bulk_create(made, ignore_conflicts=True)


def _session_of(event: FeedEvent) -> str:
    """The session that an event is about, or whose approval it is about; nothing for a request without one."""
    return next((ref for ref in event.ids if ref.startswith("S-")), "")


def _body(event: FeedEvent, row: Session) -> str:
    approval = next((ref for ref in event.ids if ref.startswith("AP-")), "")
    page = reverse("approval", args=[approval]) if approval else reverse("session", args=[row.ref])
    data = {"id": row.ref, "agent": row.agent.slug, "event": event.n, "tenant": row.tenant, "feature": row.feature,
            **({"approval": approval} if approval else {}), "url": settings.COUNTERSIGN_PUBLIC_URL + page}  # fmt: skip
    at = event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": event.kind, "timestamp": at, "data": data}, separators=(",", ":"))


def send_due() -> int:
    """Send what is due, side by side, and note what became of each; return how many were tried."""
    claimed = claim()
    if claimed:
        for one, error in zip(claimed, asyncio.run(_all(claimed)), strict=True):
            settle(one, error)
    return len(claimed)


@transaction.atomic
def claim() -> list[Claimed]:
    """Take messages that are due, for a while; of each session the oldest that is not settled."""
    open_ = Callback.objects.filter(delivered_at=None, given_up_at=None)
    earlier = open_.filter(session=OuterRef("session"), url=OuterRef("url"), n__lt=OuterRef("n"))
    due = open_.filter(~Exists(earlier), ready_at__lte=Now()).select_for_update(skip_locked=True, of=("self",))
    rows = list(due.order_by("ready_at")[:AT_ONCE])
    for row in rows:
        row.attempts += 1
        Callback.objects.filter(pk=row.pk).update(attempts=row.attempts, ready_at=Now() + timedelta(seconds=LEASE_S))
    return [Claimed(row, row.attempts) for row in rows]


@transaction.atomic
def settle(claimed: Claimed, error: NotDelivered | None) -> None:
    """Note that a message came, or why not: it is tried again later, or given up. Both ends stand in the log."""
    row, attempt = claimed.row, claimed.attempt
    mine = Callback.objects.filter(pk=row.pk, attempts=attempt, delivered_at=None, given_up_at=None)
    if error is None:
        if mine.update(delivered_at=Now(), error=""):
            _record(EventKind.WEBHOOK_DELIVERED, row, SYSTEM, attempts=attempt)
        return
    log.warning("webhook.not_delivered", session=row.session, attempt=attempt, final=error.final)
    reason = error.reason[:LONGEST_ERROR]
    if error.final or attempt >= MOST_ATTEMPTS:
        if mine.update(given_up_at=Now(), error=reason):
            _record(EventKind.WEBHOOK_FAILED, row, SYSTEM, attempts=attempt, error=reason)
        return
    pause = min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2 ** (attempt - 1))
    mine.update(ready_at=Now() + timedelta(seconds=pause), error=reason)


@transaction.atomic
def send_again(key: uuid.UUID, *, session: str, actor: Actor) -> Callback:
    """Send a message that is settled once more, under its id. One that is under way stays so. Raises UnknownCallback."""
    row = Callback.objects.select_for_update().filter(pk=key, session=session).first()
    if row is None:
        raise UnknownCallback
    if row.delivered_at or row.given_up_at:
        row.delivered_at, row.given_up_at, row.attempts, row.error = None, None, 0, ""
        row.save(update_fields=["delivered_at", "given_up_at", "attempts", "error"])
        Callback.objects.filter(pk=key).update(ready_at=Now())
        _record(EventKind.WEBHOOK_REQUESTED, row, actor)
    return row


def of_session(ref: str) -> list[Callback]:
    """Return the newest messages about a session."""
    return list(Callback.objects.filter(session=ref).order_by("-n")[:SHOWN])


def forget() -> None:
    """Delete what was settled more than a month ago, a little at a time."""
    old = Callback.objects.filter(created_at__lt=Now() - timedelta(days=KEPT_DAYS)).exclude(delivered_at=None, given_up_at=None)
    Callback.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:1000])).delete()


def secrets_of(url: str) -> list[str]:
    """Return what messages to this address are signed with, the newest first: a secret of its own for each receiver."""
    parts = urlsplit(url)
    origin = f"{parts.scheme}://{parts.netloc}".lower()
    keys = [key.strip() for key in (settings.WEBHOOK_KEY or settings.SECRET_KEY).split(",") if key.strip()]
    made = [hmac.new(key.encode(), f"countersign.webhooks {origin}".encode(), hashlib.sha256).digest() for key in keys]
    return ["whsec_" + base64.b64encode(one).decode() for one in made]


async def _all(claimed: Sequence[Claimed]) -> list[NotDelivered | None]:
    async with caller() as client:
        rows = [one.row for one in claimed]
        return list(await asyncio.gather(*(delivered(client, _signed(row)) for row in rows)))


def _signed(row: Callback) -> Signed:
    return Signed(row.url, row.pk.hex, row.body, tuple(secrets_of(row.url)))


def caller() -> httpx2.AsyncClient:
    """Return what messages are sent with."""
    # No proxy of the environment: it would resolve the name again, behind the check. A redirect is an answer, not a way.
    return httpx2.AsyncClient(verify=tls(), trust_env=False, timeout=PATIENCE_S, follow_redirects=False)


async def delivered(client: httpx2.AsyncClient, message: Signed) -> NotDelivered | None:
    """Send one message to the address that was checked; return why it did not arrive, None where it did."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            await _post(client, message)
    except NotDelivered as error:
        return error
    except ToolError as error:
        return NotDelivered(reason=str(error), final=False)
    except (httpx2.HTTPError, OSError, TimeoutError) as error:
        return NotDelivered(reason=f"{urlsplit(message.url).hostname} cannot be reached: {type(error).__name__}.", final=False)
    return None


async def _post(client: httpx2.AsyncClient, message: Signed) -> None:
    """Send one message to the address that was checked; raises NotDelivered for any answer but 2xx."""
    at = datetime.now(UTC)
    signatures = [Webhook(secret).sign(message.id, at, message.body) for secret in message.secrets]
    headers = {"Content-Type": "application/json", "User-Agent": "Countersign/1", "webhook-id": message.id,
               "webhook-timestamp": str(int(at.timestamp())), "webhook-signature": " ".join(signatures)}  # fmt: skip
    dial, more = message.url, {}
    if not egress.trusted(message.url):
        target = await egress.resolve(message.url, webhook=True)
        dial, more = target.dial, {"sni_hostname": target.host}
        headers["Host"] = target.authority
    request = client.build_request("POST", dial, headers=headers, content=message.body.encode(), extensions=more)
    answer = await client.send(request, stream=True)  # what it says besides is not read
    await answer.aclose()
    if not answer.is_success:
        raise NotDelivered(reason=f"The receiver answered {answer.status_code}.", final=answer.status_code == GONE)


def _record(kind: EventKind, row: Callback, actor: Actor, **more: Any) -> None:
    facts = {"message": row.pk.hex, "event": row.kind, "host": urlsplit(row.url).hostname or "", **more}
    record([Entry(STREAM, kind, actor, facts, ids=(row.session,))])
    transaction.on_commit(index_soon)
