"""Raw content as a whole: how long each class is kept, what is held, who read what, and deletions that people ask for."""

import re
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from agents import erasure
from audit import queries
from audit.errors import CountersignError
from audit.queries import EntryFilter
from audit.retention import deletions, holds, rules
from audit.retention.classes import CLASSES, LONGEST_DAYS
from audit.stored import StoredEntry
from console.api.errors import status_of
from console.api.retention import classes
from console.auth import caller_of
from console.forms import Text
from console.fragments import page
from console.rights import Right
from console.views.audit import line
from console.views.form_only import form_only
from console.views.guard import guard
from console.views.starters import Errors, done, wrongs

TEMPLATE = "audit/content.html"
DELETE = "audit/delete.html"
SHOWN = 30
BY = (
    ("session", "The session"),
    ("on_behalf_of", "Sessions on behalf of"),
    ("principal", "Sessions started by"),
    ("tenant", "Sessions of the tenant"),
)
REFS = re.compile(r"(S|AP)-[1-9][0-9]{0,17}\Z")


class Rule(forms.Form):
    """How long a class is kept."""

    cls = forms.ChoiceField(choices=[(cls, cls) for cls in CLASSES])
    days = forms.IntegerField(min_value=1, max_value=LONGEST_DAYS, required=False)
    revision = forms.IntegerField(min_value=0)


class NewHold(forms.Form):
    """What is held, and why."""

    scope = forms.ChoiceField(choices=[("session", "session"), ("principal", "principal")])
    whose = Text(max_length=200)
    reason = Text(max_length=holds.LONGEST_REASON, min_length=3)


class Erase(forms.Form):
    """What was shown, and why it is deleted."""

    by = forms.ChoiceField(choices=BY)
    whose = Text(max_length=200)
    token = forms.RegexField(r"^[0-9a-f]{64}\Z")
    reason = Text(max_length=deletions.LONGEST_REASON, min_length=3)


@require_safe
@guard(Right.READ_AUDIT)
def contents(request: HttpRequest) -> HttpResponse:
    """Show rules, holds, deletions, and who read what, of everything or of one session or person."""
    return page(request, TEMPLATE, lambda: _context(request))


@form_only
@guard(Right.ADMINISTER)
def set_rule(request: HttpRequest) -> HttpResponse:
    """Say how many days a class is kept."""
    form = Rule(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, wrongs(form)), status=422)
    said = form.cleaned_data
    row, wrong, status = done(lambda: rules.set_rule(actor=caller_of(request).actor(), **said))
    if row is None:
        return page(request, TEMPLATE, lambda: _context(request, wrong), status=status)
    kept = f"for {row.days:,} days" if row.days else "for ever"
    messages.success(request, f"{said['cls'].replace('_', ' ').capitalize()}: kept {kept}.")
    return redirect("audit-content")


@form_only
@guard(Right.ADMINISTER)
def hold(request: HttpRequest) -> HttpResponse:
    """Hold what was said, or lift a hold."""
    actor = caller_of(request).actor()
    if lifted := request.POST.get("lift", ""):
        try:
            row = holds.lift(id_=UUID(lifted), actor=actor)
        except ValueError:
            row = holds.lift(id_=UUID(int=0), actor=actor)
        messages.success(request, f"{row.whose} is held no more.")
        return redirect("audit-content")
    form = NewHold(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, wrongs(form)), status=422)
    made, wrong, status = done(lambda: holds.place(actor=actor, **form.cleaned_data))
    if made is None:
        return page(request, TEMPLATE, lambda: _context(request, wrong), status=status)
    messages.success(request, f"{made.whose} is held.")
    return redirect("audit-content")


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.ADMINISTER)
def delete(request: HttpRequest) -> HttpResponse:
    """Show what a deletion would take and leave; POST deletes what was shown."""
    if request.method != "POST":
        return page(request, DELETE, lambda: _preview(request))
    form = Erase(request.POST)
    if not form.is_valid():
        return page(request, DELETE, lambda: _preview(request, wrongs(form)), status=422)
    try:
        row = erasure.erase(actor=caller_of(request).actor(), **form.cleaned_data)
    except CountersignError as error:
        told = {"reason": [error.detail]}
        return page(request, DELETE, lambda: _preview(request, told), status=status_of(error))
    messages.success(request, f"{row.texts:,} texts are deleted: request {row.number}.")
    return redirect("audit-content")


def _preview(request: HttpRequest, errors: Errors | None = None) -> dict[str, Any]:
    sent = request.POST if request.method == "POST" else request.GET
    by, whose = sent.get("by", ""), sent.get("whose", "").replace("\x00", "")[:200]
    known = by in dict(BY) and bool(whose.strip())
    return {
        "nav": "audit",
        "by": by,
        "whose": whose,
        "choices": [{"value": value, "label": label, "chosen": value == by} for value, label in BY],
        "found": _found(erasure.find(by, whose)) if known else None,
        "most": erasure.MOST,
        "reason": sent.get("reason", ""),
        "errors": errors or {},
    }


def _found(found: erasure.Found) -> dict[str, Any]:
    counts = ("texts", "goes", "stays")
    return {
        "more": found.more,
        "token": found.token,
        **{name: [{"name": of, "n": n} for of, n in getattr(found, name).items()] for name in counts},
        **{name: [_linked(ref) for ref in getattr(found, name)] for name in ("sessions", "open", "held")},
    }


def _linked(ref: str) -> dict[str, str]:
    return {"ref": ref, "url": reverse("session", args=[ref])}


def _context(request: HttpRequest, errors: Errors | None = None) -> dict[str, Any]:
    caller, about = caller_of(request), request.GET.get("about", "").replace("\x00", "").strip()[:200]
    read = queries.entries(_reads(about), limit=SHOWN)
    sent = request.POST
    return {
        "nav": "audit",
        "may": caller.has(Right.ADMINISTER),
        "classes": classes(),
        "holds": holds.holds(),
        "deletions": deletions.newest(SHOWN),
        "about": about,
        "reads": (),
        "entries": [{**line(row), "item": _item(row)} for row in read.items],
        "typed": {name: sent.get(name, "") for name in ("scope", "whose", "reason")},
        "errors": errors or {},
    }


def _item(row: StoredEntry) -> str:
    return str(row.facts.get("item") or row.facts.get("whose") or ", ".join(row.ids))


def _reads(about: str) -> EntryFilter:
    """What was done with raw content: everything, or about one session or request, or by one person."""
    if REFS.match(about):
        return EntryFilter(stream="content", text=about)
    return EntryFilter(stream="content", principal=about)
