"""Alarms of the log as webhook events: what people are told of it, the programs named in ALARM_WEBHOOKS are told too.

They come from the same outbox as messages about sessions (`console.reach.webhooks`): written in the transaction that moves the
place in the log, signed, sent at least once under one id, and to each address in order.
"""

import json
from collections.abc import Sequence
from datetime import UTC
from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.core.checks import CheckMessage
from django.core.checks import Error as CheckError
from django.urls import reverse

from agents.tools.egress import refused_webhook
from audit.feed import FeedEvent
from console.models import Callback
from console.reach.occasions import AUDIT, OCCASION_OF, heading, line_of, of_log, path_of

SESSION = "audit"
"""What stands in the place of a session: messages to one address keep their order under it."""


def write_down(events: Sequence[FeedEvent]) -> None:
    """Write down the messages that these events lead to, in the transaction that moves the place in the log."""
    told = [event for event in events if OCCASION_OF.get(event.kind) == AUDIT and event.ids] if settings.ALARM_WEBHOOKS else []
    bodies = {event: body for event in told if (body := _body(event))}
    made = [
        Callback(n=event.n, session=SESSION, kind=event.kind, url=url, body=body)
        for event, body in bodies.items()
        for url in settings.ALARM_WEBHOOKS
    ]
    Callback.objects.bulk_create(made, ignore_conflicts=True)


def _body(event: FeedEvent) -> str:
    """Return the message as JSON, with nothing raw; empty for what people are not told of either."""
    ref = event.ids[0]
    about = of_log({ref}).get(ref)
    if about is None:
        return ""
    data = {"id": ref, "event": event.n, "heading": heading(AUDIT, ref), "text": line_of(about),
            "url": settings.COUNTERSIGN_PUBLIC_URL + path_of(ref), "trail": settings.COUNTERSIGN_PUBLIC_URL
            + reverse("audit-entry", args=[event.n])}  # fmt: skip
    at = event.at.astimezone(UTC).isoformat().replace("+00:00", "Z")
    return json.dumps({"type": event.kind, "timestamp": at, "data": data}, separators=(",", ":"))


def alarms_have_addresses(app_configs: Sequence[AppConfig] | None = None, **kwargs: Any) -> list[CheckMessage]:
    """E002: an address that nothing is sent to would be found out on the day of the alarm."""
    hint = "Write https addresses; hosts that may be private or without encryption stand in WEBHOOK_ALLOW_HOSTS."
    wrong = {number: refused_webhook(url) for number, url in enumerate(settings.ALARM_WEBHOOKS, 1)}
    return [
        CheckError(f"Address {number} of ALARM_WEBHOOKS {why}.", hint=hint, id="countersign.E002")
        for number, why in wrong.items()
        if why
    ]
