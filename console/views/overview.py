"""The overview: how the installation stands now. Each number leads to the list of what it counts."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents import budgets
from agents.lately import lately
from agents.overview import Overview, Waiting
from agents.overview import overview as read
from agents.spending import Standing
from console.auth import caller_of
from console.fragments import drawn, page, sent
from console.kept import Drawn, Shelf, cursor_of
from console.rights import Right
from console.views.approval_item import url_of as request_url
from console.views.budgets import STATES
from console.views.guard import guard
from console.views.overview_charts import charts

TEMPLATE = "overview/page.html"
_shelf = Shelf()
MODES: Mapping[str, tuple[str, str]] = {
    "full": ("At their full", "With all that their agents have"),
    "degraded": ("Degraded", "On a fallback model, or without a tool"),
    "minimal": ("Without a model", "No model of theirs can be had"),
}
WAITING: Mapping[str, tuple[str, str]] = {
    "people": ("People", "Decide on their requests; without a decision they are refused when they expire"),
    "money": ("Money", "A budget is spent: it begins anew by itself, or an admin raises it"),
    "rate": ("A place in a rate", "They go on by themselves, in a fair order"),
    "model": ("A model", "They go on once one answers again, or end as their agents say"),
    "tool": ("A tool", "What was approved runs once the tool works again"),
}
"""What sessions wait for: in a word, and how it goes on."""
PLACES = {"people": "approvals", "money": "budgets", "rate": "limits", "model": "breakers", "tool": "breakers"}
SEE = {"approvals": "Approvals", "budgets": "Budgets", "limits": "Limits", "breakers": "Breakers"}


@require_safe
@guard(Right.SEE)
def overview(request: HttpRequest) -> HttpResponse:
    """Show how the installation stands, and its last hour: two parts, of which the hour is asked for less often."""
    part = request.GET.get("fragment", "")
    if part == "hour":
        return _hour(request)
    return page(request, TEMPLATE, lambda: {**_context(read()), **({} if part else {"charts": charts(lately())})})


def _hour(request: HttpRequest) -> HttpResponse:
    """Answer with the hour, which everybody who may look sees alike: drawn once for all that ask at the same time."""

    def draw() -> Drawn:
        html, context = drawn(request, TEMPLATE, lambda: {"charts": charts(lately())}, "hour")
        return context["rev"], html

    cursor = cursor_of(request)
    key = connection.settings_dict["NAME"]
    return sent(caller_of(request), draw()[1] if cursor is None else _shelf.take(key, cursor, draw), ())


def _context(now: Overview) -> dict[str, Any]:
    oldest = now.oldest
    return {
        "nav": "overview",
        "live": now.live,
        "live_url": _sessions(),
        "modes": [
            {"mode": mode, "word": word, "note": note, "sessions": now.modes[mode], "url": _sessions(mode=mode)}
            for mode, (word, note) in MODES.items()
        ],
        "waiting": [_waiting(one) for one in now.waiting],
        "requests": now.requests,
        "oldest": {"ref": oldest.ref, "url": request_url(oldest.ref), "tool": oldest.tool, "agent": oldest.agent,
                   "kind": oldest.kind, "at": oldest.created_at, "expires_at": oldest.expires_at} if oldest else None,
        "breakers": [
            {"key": one.key, "kind": one.kind, "name": one.name, "status": one.status, "since": one.changed_at,
             "why": one.reason or one.detail, "by": one.forced_name}
            for one in now.breakers
        ],
        "shut": now.shut,
        "budgets": [_budget(one) for one in now.budgets],
        "workers": now.workers,
        "queue": now.queue,
        "letters": now.letters,
    }  # fmt: skip


def _sessions(**filters: str) -> str:
    return f"{reverse('sessions')}?{urlencode({'status': 'live', **filters})}"


def _waiting(one: Waiting) -> dict[str, Any]:
    word, note = WAITING[one.kind]
    place = PLACES[one.kind]
    return {"kind": one.kind, "word": word, "note": note, "sessions": one.sessions, "since": one.since,
            "url": _sessions(waits=one.kind), "place": SEE[place], "place_url": reverse(place)}  # fmt: skip


def _budget(one: Standing) -> dict[str, Any]:
    tone, words = STATES[one.state]
    name = budgets.name_of(one.budget.kind, one.budget.key, one.budget.period)
    return {"id": one.budget.pk, "name": f"{name[:1].upper()}{name[1:]}" if one.budget.kind == "all" else name, "tone": tone,
            "words": words, "spent": one.meter.spent, "reserved": one.meter.reserved, "cap": one.budget.cap_microusd,
            "over": one.over, "forecast": one.forecast.microusd, "ends": one.ends}  # fmt: skip
