"""Approvals: the queue, one request, and what people say of it. Deciding is the gate's; these views carry the words."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_safe

from agents import gate
from approvals import queries
from approvals.models import ApprovalRequest
from approvals.services import Decided, Glass
from approvals.standing import revoke as revoke_standing
from audit.errors import CountersignError
from console import served, signin
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.forms import Said
from console.fragments import is_part, page, sent
from console.kept import cursor_of
from console.revealing import reveals_request
from console.rights import Right
from console.standing import standing
from console.views import session_page
from console.views.approval_bar import bar
from console.views.approval_conflict import said_back
from console.views.approval_glass import offered
from console.views.approval_hand import hand
from console.views.approval_item import item
from console.views.approval_numbers import numbers
from console.views.approval_queue import asked_of, filters_of, own_held, queue_of
from console.views.approval_rows import reads_list, rows
from console.views.approval_standing import of_request
from console.views.form_only import form_only
from console.views.guard import guard
from console.views.life import case_offer

TEMPLATE = "approvals/page.html"
VIEWS = ("checked", "json", "changes")


@require_safe
@guard(Right.SEE)
def queue(request: HttpRequest) -> HttpResponse:
    """Show what waits, soonest expiry first, with the first request open."""
    part = request.GET.get("fragment", "")
    if part == "counts":
        return sent(caller_of(request), numbers(request, TEMPLATE, cursor_of(request)), ())
    if part == "queue":
        return rows(request, TEMPLATE, lambda opened: _queue(request, opened))
    return page(request, TEMPLATE, lambda: _queue(request, request.GET.get("open", "")))


@require_safe
@guard(Right.SEE)
def detail(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one request beside the queue."""
    return page(request, TEMPLATE, lambda: both(request, queries.get(ref)))


@sensitive_post_parameters("password")
@form_only
@guard(Right.DECIDE)
def verdict(request: HttpRequest, ref: str, verdict: str) -> HttpResponse:
    """Take a verdict on the revision that was shown; a refusal comes back with what was typed."""
    row = queries.get(ref)
    said = Said.of(request.POST, verdict)
    try:
        decided = decide(request, row, said)
    except CountersignError as error:
        return _again(request, ref, said, error)
    # Who decided a control request is told of it before anything else.
    if not decided.control and request.POST.get("open_next") and (following := _following(request, row)):
        return redirect(asked_of(request).within(following.ref))
    if is_part(request):
        return page(request, TEMPLATE, lambda: both(request, queries.get(ref)), part="detail")
    return redirect(asked_of(request).within(row.ref))


@form_only
@guard(Right.DECIDE)
def undo(request: HttpRequest, ref: str) -> HttpResponse:
    """Take an approval back within its undo period."""
    row = queries.get(ref)
    gate.undo(request_id=row.id, actor=caller_of(request).actor())
    return redirect(asked_of(request).within(row.ref))


@form_only
@guard(Right.DECIDE)
def revoke(request: HttpRequest, ref: str) -> HttpResponse:
    """End the standing approval that was given on a request; the page on which it was pressed is shown as it stands."""
    row, caller = queries.get(ref), caller_of(request)
    revoke_standing(request_id=row.id, person=caller.person(reauthenticated=True), actor=caller.actor())
    of_session = request.POST.get("from") == "session" and row.session_ref
    if not is_part(request):
        return redirect("session", row.session_ref) if of_session else redirect(asked_of(request).within(row.ref))
    if of_session:
        return page(request, "sessions/page.html", lambda: session_page.context(request, row.session_ref), part="session")
    return page(request, TEMPLATE, lambda: both(request, queries.get(ref)), part="detail")


def decide(request: HttpRequest, row: ApprovalRequest, said: Said, glass: Glass | None = None) -> Decided:
    """Hand what a person said to the gate, after a password where one came with it. Raises CountersignError."""
    if said.password:
        signin.reauthenticate(request, said.password, said.digest)
    caller = caller_of(request)
    return gate.answer(
        request_id=row.id,
        person=caller.person(reauthenticated=signin.reauthenticated(request, said.digest)),
        actor=caller.actor(),
        verdict=said.verdict,
        digest=said.digest,
        instruction=said.instruction,
        arguments=said.arguments,
        answer=said.answer,
        amount=said.amount_of(str(row.facts.get("limit", ""))),
        idempotency_key=said.key,
        hold=True,
        glass=glass,
        looked=served.looked(said.stamp, said.shown_ms, caller.user_id, row, said.digest, timezone.now()),
        same=said.same(),
    )


def _again(request: HttpRequest, ref: str, said: Said, error: CountersignError) -> HttpResponse:
    def read() -> Mapping[str, Any]:
        row = queries.get(ref)
        return {**both(request, row), **said_back(row, said, error)}

    return page(request, TEMPLATE, read, part="detail" if is_part(request) else "", status=status_of(error))


def both(request: HttpRequest, row: ApprovalRequest) -> dict[str, Any]:
    """Return the page with one request open, or that request alone where only it is asked for."""
    around = {} if is_part(request) and request.GET.get("fragment") == "detail" else _queue(request, row.ref)
    return {**around, **_open(request, row), "opened": True}


def _queue(request: HttpRequest, current: str) -> dict[str, Any]:
    """Return the queue, and its first request where none is named and a whole page is asked for."""
    context = queue_of(request, asked_of(request))
    rows = context["rows"]
    if not current and rows and request.GET.get("fragment") != "queue":
        first = queries.get(rows[0].id)
        current = first.ref
        context |= _open(request, first)
    return {**context, "current": current, "reads_list": reads_list(request)}


def _open(request: HttpRequest, row: ApprovalRequest) -> dict[str, Any]:
    caller, tab, asked = caller_of(request), request.GET.get("tab", ""), asked_of(request)
    following = _following(request, row) if row.status != "pending" else None
    shown = item(row, caller)
    return {
        "item": shown,
        "tab": tab if tab in VIEWS else "checked",
        "bar": {
            **bar(row, caller, standing(request), shown, proven=signin.reauthenticated(request, row.digest)),
            "stamp": stamp_of(request, row.digest),
            "dwell_s": served.dwell_s(row) if row.status == "pending" else 0,
        },
        "glass": offered(row, caller, standing(request)),
        "hold": _hold(row, caller),
        "hand": hand(row, caller, standing(request)),
        "standing": of_request(row, caller),
        "case": case_offer(row, caller),
        "next_url": asked.within(following.ref) if following else "",
        "carried": asked.carried,
        "reads": (*((row.ref,) if reveals_request(caller) else ()), *(shown["release"]["reads"] if shown["release"] else ())),
    }


def stamp_of(request: HttpRequest, digest: str, name: str = "stamp") -> str:
    """Return the stamp of a page's form: the one that came back with a refused form, else one of this moment."""
    return served.kept(request.POST.get(name, "")[:100], caller_of(request).user_id, digest, timezone.now())


def _hold(row: ApprovalRequest, caller: Caller) -> dict[str, Any] | None:
    """Return what can still be undone: the open request, else the viewer's own approval of a moment ago."""
    held = [row] if row.status == "held" else own_held(caller)
    for found in held:
        mine = found.decided_by == caller.user_id
        if found.held_until and (found is row or mine):
            return {"ref": found.ref, "undo_url": reverse("approval-undo", args=[found.ref]), "until": found.held_until,
                    "since": found.decided_at, "by_me": mine}  # fmt: skip
    return None


def _following(request: HttpRequest, row: ApprovalRequest) -> ApprovalRequest | None:
    """Return the next request that this person can decide, among those that the queue is narrowed to."""
    caller, asked = caller_of(request), asked_of(request)
    if not caller.has(Right.DECIDE):
        return None
    where = filters_of({**asked.wanted, "can": "1"}, ("pending",), caller, standing(request))
    return next((other for other in queries.page(where, limit=2, order="expiry").items if other.id != row.id), None)
