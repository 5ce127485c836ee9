"""What a session waits for that no person decides: why, since when, until when, what a person can do; and its past waits."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse
from django.utils import timezone

from agents.models import Session
from agents.waits import Kind, Parked, Wait, waits_of
from console.auth import Caller
from console.rights import Right
from console.views.session_reads import Story

TITLES: Mapping[Kind, str] = {
    "money": "Waits for money",
    "rate": "Waits for a place in a rate",
    "model": "Waits until a model can be had",
    "tool": "Waits for a tool",
}
WAITED: Mapping[Kind, str] = {
    "money": "Waiting for money",
    "rate": "Waiting for a place in a rate",
    "model": "Waiting for a model",
    "tool": "Waiting for a tool",
}
ICONS: Mapping[Kind, str] = {"money": "wallet", "rate": "hourglass", "model": "unplug", "tool": "wrench"}
HELP: Mapping[Kind, tuple[str, str, str]] = {
    "money": (
        "It goes on by itself once its budget begins anew or is raised.",
        "An admin can raise the cap.",
        "budgets",
    ),
    "rate": (
        "It goes on by itself; its place in the order is kept.",
        "An operator can raise the limit.",
        "limits",
    ),
    "model": (
        "It goes on by itself once a model answers again, and ends when it has waited as long as its agent allows.",
        "An operator can see and hold the breakers; another fallback comes with a new revision of the agent.",
        "breakers",
    ),
    "tool": (
        "What people approved is kept and runs once the tool works again.",
        "An operator can see and hold the tool’s breaker.",
        "breakers",
    ),
}
"""By what it waits for: how it goes on, what a person can do, and where."""


def callout(row: Session, told: Story, caller: Caller) -> dict[str, Any] | None:
    """Return what a session waits for now as its page says it; None where nothing keeps it."""
    wait = waits_of([row]).get(row.pk)
    if wait is None:
        return None
    goes_on, can, where = HELP[wait.kind]
    last = told.parked[-1] if told.parked and told.parked[-1].kind == wait.kind else None
    may_cancel = caller.has(Right.DIRECT_SESSIONS) or (caller.has(Right.RUN_SESSIONS) and row.started_user == caller.user_id)
    return {
        "kind": wait.kind,
        "title": TITLES[wait.kind],
        "icon": ICONS[wait.kind],
        "model": wait.model,
        "since": wait.since,
        "until": wait.until,
        "reason": last.reason if last else "",
        "goes_on": goes_on,
        "can": f"{can} You can cancel it." if may_cancel else can,
        "url": f"{reverse(where)}",
        "where": {"budgets": "See the budgets", "limits": "See who else waits", "breakers": "See the breakers"}[where],
        "others": f"{reverse('sessions')}?{urlencode({'status': 'live', 'waits': wait.kind})}",
    }


def lines(told: Story) -> list[dict[str, Any]]:
    """Return the times that the session was put back, as lines of its messages."""
    return [
        {"kind": "wait", "who": WAITED[one.kind], "at": one.at, "text": one.reason, "trust": "trusted", "hidden": False}
        for one in told.parked
    ]


def spans(told: Story) -> list[dict[str, Any]]:
    """Return the times that the session was put back, as spans: each until it could go on, or something else happened."""
    moments = sorted(
        [turn.created_at - timedelta(milliseconds=turn.duration_ms) for turn in told.turns]
        + [one.at for one in told.parked]
        + [call.started_at for call in told.calls if call.started_at]
        + ([told.session.ended_at] if told.session.ended_at else [])
    )
    return [_span(one, next((at for at in moments if at > one.at), None), place) for place, one in enumerate(told.parked)]


def _span(one: Parked, following: datetime | None, place: int) -> dict[str, Any]:
    planned = one.at + timedelta(seconds=one.seconds)
    until = min(planned, following) if following else planned if planned < timezone.now() else None
    return {"name": WAITED[one.kind], "id": f"p{place}", "start": one.at, "end": until, "reason": one.reason}


def in_list(wait: Wait | None) -> dict[str, Any] | None:
    """Return what a session waits for, short, for the list."""
    if wait is None:
        return None
    return {"kind": wait.kind, "word": TITLES[wait.kind], "icon": ICONS[wait.kind], "since": wait.since, "until": wait.until}
