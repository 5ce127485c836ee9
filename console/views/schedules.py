"""Schedules: what starts by the clock, what came of the newest due times, making, pausing and resuming."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_POST

from agents import queries
from agents import schedules as standing
from agents.models import Schedule
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.forms import NewSchedule
from console.fragments import page
from console.rights import Right
from console.views.guard import guard

TEMPLATE = "schedules/page.html"
SHOWN = 20


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def schedules(request: HttpRequest) -> HttpResponse:
    """List schedules by name, or make one."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request))
    caller = caller_of(request)
    caller.check(Right.ADMINISTER)
    form = NewSchedule(request.POST)
    if not form.is_valid():
        errors = {name: [str(text) for text in texts] for name, texts in form.errors.items()}
        return page(request, TEMPLATE, lambda: _context(request, errors), status=422)
    try:
        made = standing.create(actor=caller.actor(), user_id=caller.user_id or 0, **form.cleaned_data)
    except CountersignError as error:
        field = str(getattr(error, "field", "agent"))
        said = {field: [error.detail]}
        return page(request, TEMPLATE, lambda: _context(request, said), status=status_of(error))
    messages.success(request, f"The schedule {made.name} is there.")
    return redirect("schedules")


@require_POST
@guard(Right.RESTRAIN)
def act(request: HttpRequest, name: str) -> HttpResponse:
    """Pause a schedule or resume it."""
    do = standing.resume if request.POST.get("act") == "resume" else standing.pause
    row = do(name=name, actor=caller_of(request).actor())
    messages.success(request, f"{row.name} is {row.status}.")
    return redirect("schedules")


def _context(request: HttpRequest, errors: dict[str, list[str]] | None = None) -> dict[str, Any]:
    caller, after = caller_of(request), request.GET.get("after", "")[:63]
    rows = standing.schedules(SHOWN + 1, after=after)
    sent = request.POST
    typed = {name: sent.get(name, "") for name in ("name", "agent", "goal", "cron", "overlap")}
    return {
        "nav": "schedules",
        "may_make": caller.has(Right.ADMINISTER),
        "may_act": caller.has(Right.RESTRAIN),
        "items": [_line(row, caller) for row in rows[:SHOWN]],
        "older": f"{reverse('schedules')}?{urlencode({'after': rows[SHOWN - 1].name})}" if len(rows) > SHOWN else "",
        "agents": [row.agent.slug for row in queries.agents()] if caller.has(Right.ADMINISTER) else [],
        "typed": typed,
        "errors": errors or {},
    }


def _line(row: Schedule, caller: Caller) -> dict[str, Any]:
    copied = ("name", "cron", "status", "overlap", "next_at", "created_name")
    newest = [
        {"due_at": one.due_at, "ref": one.session.ref if one.session else "", "why": one.why} for one in standing.newest(row)
    ]
    goal = row.goal if caller.has(Right.REVEAL) else ""
    return {**{name: getattr(row, name) for name in copied}, "agent": row.agent.slug, "goal": goal, "newest": newest}
