"""Having the sensitive fields of a request shown: it is asked for, and stands in the log before anything is shown."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from approvals import queries
from approvals.reveals import reveal as note_reveal
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import caller_of
from console.fragments import is_part, page
from console.rights import Right
from console.views import approvals
from console.views.approval_queue import asked_of
from console.views.form_only import form_only
from console.views.guard import guard


@form_only
@guard(Right.REVEAL_DECIDED)
def reveal(request: HttpRequest, ref: str) -> HttpResponse:
    """Show the sensitive fields of the revision that the page shows to this person; a refusal comes back in place."""
    row, caller = queries.get(ref), caller_of(request)
    told, status = {}, 200
    try:
        note_reveal(
            request_id=row.id, person=caller.person(), actor=caller.actor(), digest=request.POST.get("digest", "")[:64],
            reads_all=caller.has(Right.REVEAL),
        )  # fmt: skip
    except CountersignError as error:
        told, status = {"conflict": {"title": "Nothing was shown", "text": error.detail}}, status_of(error)
    if is_part(request) or told:
        part = "detail" if is_part(request) else ""
        return page(
            request, approvals.TEMPLATE, lambda: {**approvals.both(request, queries.get(ref)), **told}, part=part, status=status
        )
    return redirect(asked_of(request).within(row.ref))
