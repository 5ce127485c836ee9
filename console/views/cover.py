"""Cover: who decides in whose place, from when to when. One's own, given and received; who reads the trail sees all."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from approvals import covers
from approvals.covers import MAKERS, Wish
from approvals.facts import Person
from approvals.models import Cover
from approvals.people import people_with, person_named
from approvals.policy import DECIDERS
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.forms import NewCover
from console.fragments import page
from console.rights import Right
from console.views.filters import place
from console.views.form_only import form_only
from console.views.guard import guard

TEMPLATE = "cover/page.html"
SHOWN = 50
TYPED = ("absent", "deputy", "since", "until", "reason")


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def cover(request: HttpRequest) -> HttpResponse:
    """Show covers; POST names who decides in somebody's place for a while."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request))
    caller = caller_of(request)
    caller.check(Right.DECIDE)
    form = NewCover(request.POST)
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, form.errors), status=422)
    try:
        made = covers.agree(_wish(form.cleaned_data, caller), person=caller.person(), actor=caller.actor())
    except CountersignError as error:
        wrong = {str(error.facts.get("field", "deputy")): [error.detail]}
        return page(request, TEMPLATE, lambda: _context(request, wrong), status=status_of(error))
    messages.success(
        request, f"{made.deputy_name} decides in the place of {made.absent_name} until {made.ends_at:%d %b %H:%M} UTC."
    )
    return redirect("cover")


@form_only
@guard(Right.DECIDE)
def end(request: HttpRequest, key: UUID) -> HttpResponse:
    """End a cover before its time; one that is over already is no error."""
    caller = caller_of(request)
    ended = covers.end(key, person=caller.person(), actor=caller.actor())
    messages.success(request, f"{ended.deputy_name} no longer decides in the place of {ended.absent_name}.")
    return redirect("cover")


def _wish(said: Mapping[str, Any], caller: Caller) -> Wish:
    absent = person_named(said["absent"]) if said["absent"] else caller.person()
    return Wish(
        absent=absent, deputy=person_named(said["deputy"]), since=said["since"], until=said["until"],
        # The boxes are one's own roles; of somebody else, all that they are is covered.
        roles=said["roles"] if absent.id == caller.user_id else (), reason=said["reason"],
    )  # fmt: skip


def _context(request: HttpRequest, errors: Any = None) -> dict[str, Any]:
    caller, now = caller_of(request), timezone.now()
    own, everybody = own_of(caller, now), caller.has(Right.READ_AUDIT)
    rows = covers.covers(
        of=None if everybody else caller.user_id, standing=False, now=now, before=place(request.GET, "before"), limit=SHOWN + 1
    )
    older = f"{reverse('cover')}?before={rows[SHOWN - 1].id}" if len(rows) > SHOWN else ""
    may = caller.has(Right.DECIDE)
    return {
        "nav": "cover",
        "mine": [line(row, caller, now) for row in own if row.absent == caller.user_id],
        "received": [line(row, caller, now) for row in own if row.deputy == caller.user_id],
        "rows": [line(row, caller, now) for row in rows[:SHOWN]],
        "older": older,
        "everybody": everybody,
        "may": may,
        **(_choices(caller) if may else {}),
        "typed": {name: request.POST.get(name, "") for name in TYPED},
        "chosen": request.POST.getlist("roles") if errors else sorted(caller.roles),
        "errors": errors or {},
    }


def own_of(caller: Caller, now: datetime) -> list[Cover]:
    """Return the covers that somebody gave and received and that are not over."""
    return list(covers.covers(of=caller.user_id, standing=True, now=now))


def line(row: Cover, caller: Caller, now: datetime) -> dict[str, Any]:
    """Return a cover as pages show it."""
    copied = (
        "id",
        "absent_name",
        "deputy_name",
        "roles",
        "starts_at",
        "ends_at",
        "reason",
        "agreed_by",
        "ended_by",
        "ended_at",
    )
    state = covers.state_of(row, now)
    theirs = caller.user_id in (row.absent, row.deputy) or bool(caller.roles & MAKERS)
    return {
        **{name: getattr(row, name) for name in copied},
        "state": state,
        "may_end": state in ("planned", "running") and theirs and caller.has(Right.DECIDE),
    }


def _choices(caller: Caller) -> dict[str, Any]:
    """Return who can be named, for whom, and as what."""
    known = people_with(DECIDERS)
    return {
        "deputies": [_person(*one) for one in known if one[0].id != caller.user_id or caller.roles & MAKERS],
        "absents": [_person(*one) for one in known if one[0].id != caller.user_id] if caller.roles & MAKERS else [],
        "roles": sorted(caller.roles),
    }


def _person(person: Person, email: str) -> dict[str, str]:
    return {"name": person.name, "email": email}
