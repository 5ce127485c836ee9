"""Where alarms of the log go, and what became of the newest message to each: for those who read the trail.

An address may hold a key of another service, so nothing of it but its host is told.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from urllib.parse import urlsplit

from django.conf import settings

from console.models import Callback
from console.reach.alarms import SESSION

Outcome = Literal["none", "delivered", "given_up", "trying"]


@dataclass(frozen=True, slots=True)
class Target:
    """One program that is told of alarms: its host, and how its newest message went."""

    host: str
    outcome: Outcome = "none"
    kind: str = ""  # of the alarm
    at: datetime | None = None  # when it came, was given up, or was written down
    attempts: int = 0
    error: str = ""  # of the last attempt


def targets() -> list[Target]:
    """Return the programs named in ALARM_WEBHOOKS, in that order."""
    return [_target(url) for url in settings.ALARM_WEBHOOKS]


def _target(url: str) -> Target:
    host = urlsplit(url).hostname or "an address that cannot be read"
    row = Callback.objects.filter(session=SESSION, url=url).order_by("-n").first()
    if row is None:
        return Target(host)
    outcome: Outcome = "delivered" if row.delivered_at else "given_up" if row.given_up_at else "trying"
    at = row.delivered_at or row.given_up_at or row.created_at
    return Target(host, outcome, row.kind, at, row.attempts, row.error.replace(url, host))
