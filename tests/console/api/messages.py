"""A system outside that sends signed messages to an inlet."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

from django.test import Client
from standardwebhooks import Webhook

from tests.console.api.calls import ROOT

TICKET = {"ticket": 881, "text": "The pump of Kestrel Foods leaks."}


def send(
    name: str, secret: str, body: Any = None, *, message: str = "msg_1", ago: timedelta = timedelta(), **changed: str
) -> Any:
    """Sign a message and send it; `changed` are headers in the place of the right ones. Returns the answer."""
    text = body if isinstance(body, str) else json.dumps(TICKET if body is None else body)
    at = datetime.now(UTC) - ago
    headers = {
        "webhook-id": message,
        "webhook-timestamp": str(int(at.timestamp())),
        "webhook-signature": Webhook(secret).sign(message, at, text),
        **{key.replace("_", "-"): value for key, value in changed.items()},
    }
    content_type = headers.pop("content-type", "application/json")
    client = Client(raise_request_exception=False, enforce_csrf_checks=True)
    return client.post(f"{ROOT}/inlets/{name}", text.encode(), content_type=content_type, headers=headers)
