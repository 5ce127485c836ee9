"""Views of the queue that people save for themselves, and forget; the address itself can be sent to anybody."""

from contextlib import suppress

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect

from audit.errors import CountersignError
from console.auth import caller_of
from console.errors import UnknownView
from console.rights import Right
from console.saved_views import remove_view, save_view
from console.views.approval_queue import read
from console.views.form_only import form_only
from console.views.guard import guard


@form_only
@guard(Right.SEE)
def save(request: HttpRequest) -> HttpResponse:
    """Keep the filters that are on under a name; the same name again replaces it."""
    asked = read(QueryDict(request.POST.get("query", "")[:2000]))
    try:
        save_view(caller_of(request), name=request.POST.get("name", ""), query=asked.carried)
    except CountersignError as error:
        messages.error(request, error.detail)
    return redirect(asked.url())


@form_only
@guard(Right.SEE)
def remove(request: HttpRequest, key: int) -> HttpResponse:
    """Forget one of one's own views; somebody else's is not there."""
    with suppress(UnknownView):
        remove_view(caller_of(request), key)
    return redirect("approvals")
