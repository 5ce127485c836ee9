"""Schedules: what starts by the clock, what came of the newest due times, making, changing, pausing and ending."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents import schedules as standing
from agents.models import Schedule
from console.auth import Caller, caller_of
from console.forms import LONGEST, Text
from console.fragments import page
from console.rights import Right
from console.views.guard import guard
from console.views.starters import Errors, changed, done, line_of, listed, slugs, wrongs

TEMPLATE = "schedules/page.html"
ONE = "schedules/one.html"
FIELDS = ("agent", "goal", "cron", "zone", "overlap", "missed", "webhook_url")
COPIED = ("name", "cron", "zone", "status", "overlap", "missed", "next_at", "created_name", "revision")
MOVES = {"pause": standing.pause, "resume": standing.resume}


class ChangeSchedule(forms.Form):
    """What a schedule starts, and when."""

    agent = Text(max_length=63)
    goal = Text(max_length=LONGEST)
    cron = Text(max_length=100)
    zone = Text(max_length=63, required=False, empty_value="UTC")
    webhook_url = Text(max_length=2000, required=False)
    overlap = forms.ChoiceField(choices=[("skip", "skip"), ("start", "start")])
    missed = forms.ChoiceField(choices=[("once", "once"), ("never", "never")], required=False)

    def clean_missed(self) -> str:
        """Make up for missed times where nothing else is said."""
        return str(self.cleaned_data["missed"] or "once")


class NewSchedule(ChangeSchedule):
    """What is started when, and the name of it."""

    name = forms.RegexField(r"^[a-z0-9][a-z0-9-]{0,62}\Z", error_messages={"invalid": "Small letters, digits and hyphens."})


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
        return page(request, TEMPLATE, lambda: _context(request, wrongs(form)), status=422)
    made, wrong, status = done(lambda: standing.create(actor=caller.actor(), user_id=caller.user_id or 0, **form.cleaned_data))
    if made is None:
        return page(request, TEMPLATE, lambda: _context(request, wrong), status=status)
    messages.success(request, f"The schedule {made.name} is there.")
    return redirect("schedules")


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def schedule(request: HttpRequest, name: str) -> HttpResponse:
    """Show one schedule; POST pauses it, resumes it, or has an admin change or end it."""
    if request.method != "POST":
        return page(request, ONE, lambda: _one(request, standing.get(name)))
    caller, act = caller_of(request), request.POST.get("act", "")
    if act == "change":
        return _change(request, caller, name)
    caller.check(Right.ADMINISTER if act == "end" else Right.RESTRAIN)
    row = (
        standing.end(name=name, actor=caller.actor())
        if act == "end"
        else MOVES.get(act, standing.pause)(name=name, actor=caller.actor())
    )
    messages.success(request, f"{row.name} is {row.status}.")
    return redirect("schedules")


def _change(request: HttpRequest, caller: Caller, name: str) -> HttpResponse:
    caller.check(Right.ADMINISTER)
    row = standing.get(name)
    now, wrong, status = changed(request, ChangeSchedule(request.POST), name, standing.change)
    if now is None:
        return page(request, ONE, lambda: _one(request, row, wrong), status=status)
    messages.success(request, f"{now.name} is changed.")
    return redirect("schedule", row.name)


def _context(request: HttpRequest, errors: Errors | None = None) -> dict[str, Any]:
    typed = {"zone": "UTC", **{name: request.POST[name] for name in ("name", *FIELDS) if name in request.POST}}
    return {**listed(request, "schedules", standing.schedules, _line), "typed": typed, "errors": errors or {}}


def _one(request: HttpRequest, row: Schedule, errors: Errors | None = None) -> dict[str, Any]:
    caller, line = caller_of(request), _line(row, caller_of(request))
    may_change = caller.has(Right.ADMINISTER) and row.status != "ended"
    return {
        "nav": "schedules",
        "row": line,
        "reads": (f"schedule {row.name}",) if caller.has(Right.REVEAL) else (),
        "may_act": caller.has(Right.RESTRAIN) and row.status != "ended",
        "may_change": may_change,
        "agents": slugs() if may_change else [],
        "typed": {name: request.POST.get(name, line[name]) for name in FIELDS},
        "errors": errors or {},
    }


def _line(row: Schedule, caller: Caller) -> dict[str, Any]:
    newest = [
        {"due_at": one.due_at, "ref": one.session.ref if one.session else "", "why": one.why} for one in standing.newest(row)
    ]
    return {
        **line_of(row, caller, COPIED),
        "newest": newest,
        "coming": standing.coming(row),
        "agent_url": reverse("agent", args=[row.agent.slug]),
    }
