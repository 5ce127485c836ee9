"""Inlets: what starts with a signed message, the newest messages, making, changing, pausing and ending, secrets shown once."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from agents import inlets as standing
from agents.models import Inlet
from agents.models.inlet import LARGEST_PER_HOUR
from console.api.inlets import url_of
from console.auth import Caller, caller_of
from console.forms import LONGEST, Text
from console.fragments import page
from console.rights import Right
from console.views.guard import guard
from console.views.starters import Errors, changed, done, line_of, listed, slugs, wrongs

TEMPLATE = "inlets/page.html"
ONE = "inlets/one.html"
FIELDS = ("agent", "goal", "per_hour", "webhook_url")
MOVES = {"pause": standing.pause, "resume": standing.resume, "end": standing.end}


class ChangeInlet(forms.Form):
    """What is started with each message."""

    agent = Text(max_length=63)
    goal = Text(max_length=LONGEST)
    webhook_url = Text(max_length=2000, required=False)
    per_hour = forms.IntegerField(min_value=1, max_value=LARGEST_PER_HOUR)


class NewInlet(ChangeInlet):
    """What is started with each message, and the name of it."""

    name = forms.RegexField(r"^[a-z0-9][a-z0-9-]{0,62}\Z", error_messages={"invalid": "Small letters, digits and hyphens."})


@sensitive_variables("row")
@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def inlets(request: HttpRequest) -> HttpResponse:
    """List inlets by name, or make one; its secret is shown in this answer and never again."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request))
    caller = caller_of(request)
    caller.check(Right.ADMINISTER)
    form = NewInlet(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, wrongs(form)), status=422)
    row, wrong, status = done(lambda: standing.create(actor=caller.actor(), user_id=caller.user_id or 0, **form.cleaned_data))
    if row is None:
        return page(request, TEMPLATE, lambda: _context(request, wrong), status=status)
    return page(request, TEMPLATE, lambda: {**_context(request, typed=False), "made": _secret(row)})


@sensitive_variables("row")
@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def inlet(request: HttpRequest, name: str) -> HttpResponse:
    """Show one inlet; POST pauses or resumes it, or has an admin change it, end it, or give it a secret, shown in this answer."""
    if request.method != "POST":
        return page(request, ONE, lambda: _one(request, standing.get(name)))
    caller, said = caller_of(request), request.POST.get("act", "")
    caller.check(Right.ADMINISTER if said in ("change", "rotate", "end") else Right.RESTRAIN)
    if said == "change":
        return _change(request, name)
    if said == "rotate":
        row = standing.rotate(name=name, actor=caller.actor())
        return page(request, ONE, lambda: {**_one(request, row), "made": _secret(row)})
    row = MOVES.get(said, standing.pause)(name=name, actor=caller.actor())
    messages.success(request, f"{row.name} is {row.status}.")
    return redirect("inlets")


def _change(request: HttpRequest, name: str) -> HttpResponse:
    row = standing.get(name)
    now, wrong, status = changed(request, ChangeInlet(request.POST), name, standing.change)
    if now is None:
        return page(request, ONE, lambda: _one(request, row, wrong), status=status)
    messages.success(request, f"{now.name} is changed.")
    return redirect("inlet", row.name)


def _secret(row: Inlet) -> dict[str, str]:
    return {"name": row.name, "url": url_of(row), "secret": standing.secret(row)}


def _context(request: HttpRequest, errors: Errors | None = None, *, typed: bool = True) -> dict[str, Any]:
    sent = request.POST if typed else {}
    return {
        **listed(request, "inlets", standing.inlets, _line),
        "typed": {"per_hour": "60", **{name: sent[name] for name in ("name", *FIELDS) if name in sent}},
        "errors": errors or {},
        "made": None,
    }


def _one(request: HttpRequest, row: Inlet, errors: Errors | None = None) -> dict[str, Any]:
    caller, line = caller_of(request), _line(row, caller_of(request))
    may_change = caller.has(Right.ADMINISTER) and row.status != "ended"
    return {
        "nav": "schedules",
        "row": line,
        "reads": (f"inlet {row.name}",) if caller.has(Right.REVEAL) else (),
        "may_act": caller.has(Right.RESTRAIN) and row.status != "ended",
        "may_change": may_change,
        "agents": slugs() if may_change else [],
        "typed": {name: request.POST.get(name, line[name]) for name in FIELDS},
        "errors": errors or {},
        "made": None,
    }


def _line(row: Inlet, caller: Caller) -> dict[str, Any]:
    newest = [{"at": one.created_at, "ref": one.session.ref, "message": one.message} for one in standing.newest(row)]
    return {
        **line_of(row, caller, ("name", "status", "per_hour", "created_name", "revision")),
        "newest": newest,
        "url": url_of(row),
        "agent_url": reverse("agent", args=[row.agent.slug]),
    }
