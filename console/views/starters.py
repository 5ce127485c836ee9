"""What the pages of schedules and inlets share: both list what starts sessions by itself, and make another one."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.forms import Form
from django.http import HttpRequest
from django.urls import reverse
from django.utils.http import urlencode

from agents import queries
from agents.models import Inlet, Schedule
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.rights import Right
from console.whole import whole

SHOWN = 20
Errors = dict[str, list[str]]
Made = TypeVar("Made")
Row = TypeVar("Row", Schedule, Inlet)


def wrongs(form: Form) -> Errors:
    """Return what is wrong with a form, by field."""
    return {name: [str(text) for text in texts] for name, texts in form.errors.items()}


def done(work: Callable[[], Made]) -> tuple[Made | None, Errors, int]:
    """Return what the work made; or nothing, why not by the field that it is about, and the status of the answer."""
    try:
        return work(), {}, 200
    except CountersignError as error:
        return None, {str(getattr(error, "field", "agent")): [error.detail]}, status_of(error)


def changed(request: HttpRequest, form: Form, name: str, change: Callable[..., Made]) -> tuple[Made | None, Errors, int]:
    """Change one as a form says, at the revision that it showed; return as `done` does."""
    if not form.is_valid():
        return None, wrongs(form), 422
    caller, shown = caller_of(request), whole(request.POST.get("revision", ""), digits=9) or 0
    given = {"actor": caller.actor(), "user_id": caller.user_id or 0, "given": form.cleaned_data}
    return done(lambda: change(name=name, revision=shown, **given))


def listed(
    request: HttpRequest, name: str, read: Callable[..., list[Row]], line: Callable[[Row, Caller], dict[str, Any]]
) -> dict[str, Any]:
    """Return one page of the list, by name, and what the form offers; `name` is the page's own."""
    caller = caller_of(request)
    rows = read(SHOWN + 1, after=request.GET.get("after", "")[:63])
    return {
        "nav": "schedules",
        "may_make": caller.has(Right.ADMINISTER),
        "may_act": caller.has(Right.RESTRAIN),
        "items": [line(row, caller) for row in rows[:SHOWN]],
        "older": f"{reverse(name)}?{urlencode({'after': rows[SHOWN - 1].name})}" if len(rows) > SHOWN else "",
        "agents": slugs() if caller.has(Right.ADMINISTER) else [],
        "reads_list": (name,) if rows and caller.has(Right.REVEAL) else (),
    }


def slugs() -> list[str]:
    """Return the names of the agents to choose from."""
    return [row.agent.slug for row in queries.agents()]


def line_of(row: Schedule | Inlet, caller: Caller, copied: Sequence[str]) -> dict[str, Any]:
    """Return what both lists say of one; the goal only to who may read it."""
    goal = row.goal if caller.has(Right.REVEAL) else ""
    hook = row.webhook_url if caller.has(Right.ADMINISTER) else ""
    return {**{name: getattr(row, name) for name in copied}, "agent": row.agent.slug, "goal": goal, "webhook_url": hook}
