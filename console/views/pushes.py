"""The push of entries: the targets and how far each is, making one, and what an admin does with it. Secrets are shown once."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_http_methods

from audit import feed
from audit.events import EventKind
from audit.push import targets
from audit.push.files import folder
from audit.push.models import WAYS, PushTarget
from console.api.pushes import facts
from console.auth import Caller, caller_of
from console.forms import Text
from console.fragments import page
from console.reach.pushing import checked
from console.rights import Right
from console.views.form_only import form_only
from console.views.guard import guard
from console.views.starters import Errors, done, wrongs

TEMPLATE = "audit/push.html"
FIELDS = ("name", "way", "address", "kinds", "start")
MOVES = {"pause": targets.pause, "resume": targets.resume, "end": targets.end}
DONE = {"pause": "is paused", "resume": "goes on", "end": "is ended", "rewind": "is sent again"}


class NewTarget(forms.Form):
    """Where entries go."""

    name = forms.RegexField(r"^[a-z0-9][a-z0-9-]{0,62}\Z", error_messages={"invalid": "Small letters, digits and hyphens."})
    way = forms.ChoiceField(choices=[(way, way) for way in WAYS])
    address = Text(max_length=2000)
    kinds = Text(max_length=2000, required=False)
    start = forms.IntegerField(min_value=1, max_value=2**62, required=False)

    def clean_kinds(self) -> list[str]:
        """Return the kinds, written with commas or spaces between."""
        return str(self.cleaned_data["kinds"]).replace(",", " ").split()


class Again(forms.Form):
    """From which entry on it is sent again."""

    start = forms.IntegerField(min_value=1, max_value=2**62)


@sensitive_variables("row")
@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.READ_AUDIT)
def pushes(request: HttpRequest) -> HttpResponse:
    """List where entries are pushed to, or add a place; its secret is shown in this answer and never again."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request))
    caller = caller_of(request)
    caller.check(Right.ADMINISTER)
    form = NewTarget(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, wrongs(form)), status=422)
    row, wrong, status = done(lambda: _made(caller, form.cleaned_data))
    if row is None:
        return page(request, TEMPLATE, lambda: _context(request, wrong), status=status)
    return page(request, TEMPLATE, lambda: {**_context(request, typed=False), "made": _secret(row)})


def _made(caller: Caller, said: dict[str, Any]) -> PushTarget:
    return targets.create(actor=caller.actor(), **{**said, "address": checked(said["way"], said["address"])})


@sensitive_variables("row")
@form_only
@guard(Right.ADMINISTER)
def act(request: HttpRequest, name: str) -> HttpResponse:
    """Pause, resume or end a target, send again from an entry, or give it a new secret, shown in this answer."""
    actor, said = caller_of(request).actor(), request.POST.get("act", "")
    if said == "rotate":
        row = targets.rotate(name=name, actor=actor)
        return page(request, TEMPLATE, lambda: {**_context(request, typed=False), "made": _secret(row)})
    if said == "rewind":
        form = Again(request.POST)
        if not form.is_valid():
            return page(request, TEMPLATE, lambda: _context(request, {"again": ["Which entry?"]}, typed=False), status=422)
        again, wrong, status = done(lambda: targets.rewind(name=name, start=form.cleaned_data["start"], actor=actor))
        if again is None:
            told: Errors = {"again": [text for texts in wrong.values() for text in texts]}
            return page(request, TEMPLATE, lambda: _context(request, told, typed=False), status=status)
    else:
        said = said if said in MOVES else "pause"
        MOVES[said](name=name, actor=actor)
    messages.success(request, f"{name} {DONE[said]}.")
    return redirect("audit-push")


def _secret(row: PushTarget) -> dict[str, str]:
    return {"name": row.name, "secret": targets.secrets(row)[0] if row.way == "webhook" else ""}


def _context(request: HttpRequest, errors: Errors | None = None, *, typed: bool = True) -> dict[str, Any]:
    caller, head, sent = caller_of(request), feed.head(), request.POST if typed else {}
    return {
        "nav": "audit",
        "may": caller.has(Right.ADMINISTER),
        "head": head,
        "files": folder() is not None,
        "items": [facts(caller, row, head) for row in targets.targets()],
        "nouns": sorted({kind.noun for kind in EventKind}),
        "typed": {"way": "webhook", **{name: sent[name] for name in FIELDS if name in sent}},
        "errors": errors or {},
        "made": None,
    }
