"""The kill switch: choosing what to stop, seeing whom it concerns, typing its name, pressing; and lifting it again."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents import stops
from agents.models import Stop
from agents.queries import active_stops
from agents.queries import stops as presses
from agents.services import get_session
from audit.errors import CountersignError
from console import signin
from console.auth import caller_of
from console.forms import PressStop
from console.fragments import page
from console.rights import Right
from console.views.form_only import form_only
from console.views.guard import guard

TEMPLATE = "stop/page.html"
SHOWN = 20
WORDS = {"all": "all agents"}
"""What has to be typed where a scope has no name of its own."""


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def stop(request: HttpRequest) -> HttpResponse:
    """Show what is stopped and what can be; with a scope, whom that concerns. POST presses."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request, _asked(request)))
    caller = caller_of(request)
    caller.check(Right.RESTRAIN)
    form = PressStop(request.POST)
    scope = request.POST.get("scope", "").strip()
    if form.is_valid() and form.cleaned_data["name"].strip() != name_of(scope):
        form.add_error("name", f"Type {name_of(scope)}, as it stands here.")
    if not form.is_valid():
        return page(request, TEMPLATE, lambda: _context(request, scope, errors=form.errors), status=422)
    pressed = stops.press(scope=scope, reason=form.cleaned_data["reason"], actor=caller.actor())
    messages.success(request, f"Stopped: {name_of(pressed.scope)}. Nothing of it is begun on any worker from now on.")
    return redirect("stop")


@form_only
@guard(Right.RESTRAIN)
def lift(request: HttpRequest) -> HttpResponse:
    """Lift a stop and go back to where the banner was; one that is lifted already is no error."""
    scope = request.POST.get("scope", "")
    lifted = stops.lift(scope=scope, actor=caller_of(request).actor())
    if lifted is not None:
        messages.success(request, f"Resumed: {name_of(lifted.scope)}. What was held goes on by itself.")
    else:
        messages.info(request, "That was not stopped any more.")
    return redirect(signin.safe_next(request, request.POST.get("next", reverse("stop"))))


def _asked(request: HttpRequest) -> str:
    """Return the scope that the address names, or a session's short id as one; empty for none."""
    session = request.GET.get("session", "").strip()
    return f"session:{session}" if session else request.GET.get("scope", "").strip()


def name_of(scope: str) -> str:
    """Return the name of a scope: what a person types to confirm it."""
    return WORDS.get(scope, scope.partition(":")[2] or scope)


def _context(request: HttpRequest, scope: str, errors: Any = None) -> dict[str, Any]:
    may = caller_of(request).has(Right.RESTRAIN)
    standing = active_stops()
    context = {
        "nav": "stop",
        "active": standing.items,
        "may_press": may,
        "may_lift": may,
        "chosen": None,
        "problem": "",
        "typed": {"reason": request.POST.get("reason", ""), "name": request.POST.get("name", "")},
        "errors": errors or {},
        "history": [_line(row) for row in presses(SHOWN)],
    }
    if not may:
        return context
    held = {stop.scope for stop in standing.items}
    reaches = stops.reaches()
    chosen, problem = _chosen(scope, reaches) if scope else (None, "")
    return {
        **context,
        "chosen": chosen,
        "problem": problem,
        "groups": _groups(reaches, held),
        "held": chosen and chosen["scope"] in held,
    }


def _chosen(scope: str, reaches: dict[str, stops.Reach]) -> tuple[dict[str, Any] | None, str]:
    """Return the scope that was chosen, or why it cannot be."""
    kind, _, target = scope.strip().partition(":")
    try:
        if kind == "session":
            row = get_session(target.strip())
            reach = stops.reach_of(row)
            scope = f"session:{row.ref}"
        else:
            reach = reaches[scope]
    except KeyError:
        return None, f"There is nothing to stop by the name of {target or scope}."
    except CountersignError as error:
        return None, error.detail
    return {"scope": scope, "kind": kind, "name": name_of(scope), "reach": reach}, ""


def _groups(reaches: dict[str, stops.Reach], held: set[str]) -> list[dict[str, Any]]:
    titles = (("all", "Everything"), ("agent", "One agent"), ("tool", "One tool"))
    rows = [
        {"scope": scope, "kind": scope.partition(":")[0], "name": name_of(scope), "reach": reach, "held": scope in held}
        for scope, reach in reaches.items()
    ]
    return [{"title": title, "kind": kind, "rows": [row for row in rows if row["kind"] == kind]} for kind, title in titles]


def _line(row: Stop) -> dict[str, Any]:
    copied = ("scope", "kind", "reason", "pressed_name", "pressed_at", "lifted_name", "lifted_at")
    return {**{name: getattr(row, name) for name in copied}, "name": name_of(row.scope)}
