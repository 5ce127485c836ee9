"""Break-glass: approving a request alone, the list of all uses, and the review of each by somebody else."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from approvals import breaking, queries
from approvals.emergency import Glass
from approvals.models import GlassUse
from approvals.policies import current
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.forms import Said
from console.fragments import page
from console.rights import Right
from console.views import approvals
from console.views.approval_conflict import said_back
from console.views.approval_queue import asked_of
from console.views.filters import place
from console.views.form_only import form_only
from console.views.guard import guard

TEMPLATE = "glass/page.html"
SHOWN = 50


@require_safe
@guard(Right.SEE)
def glass(request: HttpRequest) -> HttpResponse:
    """Show every use, the newest first, with what somebody else found."""
    return page(request, TEMPLATE, lambda: _context(request))


@sensitive_post_parameters("password")
@form_only
@guard(Right.BREAK_GLASS)
def break_it(request: HttpRequest, ref: str) -> HttpResponse:
    """Approve a request alone; a refusal comes back with what was typed."""
    row = queries.get(ref)
    said = Said.of(request.POST, "approve")
    sent = Glass(request.POST.get("reason", "")[:4000].replace("\r\n", "\n"), request.POST.get("confirm", "")[:40])
    try:
        approvals.decide(request, row, said, sent)
    except CountersignError as error:
        return _again(request, ref, said, sent, error)
    messages.warning(request, f"You broke the glass for {row.ref}. Everybody sees it until somebody else has reviewed it.")
    return redirect(asked_of(request).within(row.ref))


@form_only
@guard(Right.REVIEW_GLASS)
def review(request: HttpRequest, key: UUID) -> HttpResponse:
    """Take what somebody else found; what is wrong with it is said at its use."""
    caller, note = caller_of(request), request.POST.get("note", "")[:4000].replace("\r\n", "\n").replace("\x00", "")
    try:
        done = breaking.review(key, note=note, person=caller.person(), actor=caller.actor())
    except CountersignError as error:
        wrong = {"key": key, "note": note, "error": error.detail}
        return page(request, TEMPLATE, lambda: _context(request, wrong), status=status_of(error))
    messages.success(request, f"The use of break-glass on {done.ref} is reviewed.")
    return redirect("glass")


def _again(request: HttpRequest, ref: str, said: Said, sent: Glass, error: CountersignError) -> HttpResponse:
    def read() -> Mapping[str, Any]:
        row = queries.get(ref)
        context = {**approvals.both(request, row), **said_back(row, said, error)}
        return {
            **context,
            "broken": {"reason": sent.reason, "confirm": sent.confirm, "errors": context.get("errors", {})},
            "errors": {},
        }

    return page(request, approvals.TEMPLATE, read, status=status_of(error))


def _context(request: HttpRequest, wrong: Mapping[str, Any] | None = None) -> dict[str, Any]:
    caller = caller_of(request)
    rows = breaking.uses(before=place(request.GET, "before"), limit=SHOWN + 1)
    return {
        "nav": "glass",
        "rows": [_line(row, caller, wrong or {}) for row in rows[:SHOWN]],
        "older": f"{reverse('glass')}?before={rows[SHOWN - 1].id}" if len(rows) > SHOWN else "",
        "enabled": current().policy.break_glass.enabled,
        "open": breaking.open_uses(),
    }


def _line(row: GlassUse, caller: Caller, wrong: Mapping[str, Any]) -> dict[str, Any]:
    copied = (
        "id", "ref", "tool", "agent", "used_name", "created_at", "reason", "lacked", "status", "reviewed_name", "note", "reviewed_at",
    )  # fmt: skip
    mine = wrong.get("key") == row.id
    return {
        **{name: getattr(row, name) for name in copied},
        "own": row.used_by == caller.user_id,
        "may_review": row.status == "open" and row.used_by != caller.user_id and caller.has(Right.REVIEW_GLASS),
        "typed": wrong["note"] if mine else "",
        "error": wrong["error"] if mine else "",
    }
