"""Taking a request in hand, giving it back, assigning it, giving it more time."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from approvals import claims, queries
from approvals.models import ApprovalRequest
from approvals.people import person_named
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.fragments import is_part, page
from console.rights import Right
from console.views import approvals
from console.views.approval_queue import asked_of
from console.views.form_only import form_only
from console.views.guard import guard


@form_only
@guard(Right.DECIDE)
def act(request: HttpRequest, ref: str, act: str) -> HttpResponse:
    """Claim, release, assign or extend; a refusal comes back in place, with who has it."""
    row, caller = queries.get(ref), caller_of(request)
    try:
        _do(row, act, caller, request.POST.get("to", "")[:254])
    except CountersignError as error:
        told = {"conflict": {"title": "This was not done", "text": error.detail}}
        part = "detail" if is_part(request) else ""
        return page(
            request, approvals.TEMPLATE, lambda: {**approvals.both(request, queries.get(ref)), **told}, part=part,
            status=status_of(error),
        )  # fmt: skip
    if is_part(request):
        return page(request, approvals.TEMPLATE, lambda: approvals.both(request, queries.get(ref)), part="detail")
    return redirect(asked_of(request).within(row.ref))


def _do(row: ApprovalRequest, act: str, caller: Caller, to: str) -> None:
    who: dict[str, Any] = {"request_id": row.id, "person": caller.person(reauthenticated=True), "actor": caller.actor()}
    match act:
        case "claim":
            claims.claim(**who)
        case "release":
            claims.release(**who)
        case "assign":
            claims.assign(**who, to=person_named(to))
        case _:
            claims.extend(**who)
