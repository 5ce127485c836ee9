"""Views of the queue that people save for themselves: a name and the query of its address. Nobody else sees them;
the address itself can be sent to anybody.
"""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from console.auth import caller_of
from console.models import SavedView
from console.rights import Right
from console.views.approval_queue import MOST_VIEWS, read, saved_of
from console.views.guard import guard


@require_POST
@guard(Right.SEE)
def save(request: HttpRequest) -> HttpResponse:
    """Keep the filters that are on under a name; the same name again replaces it."""
    caller = caller_of(request)
    name = request.POST.get("name", "").replace("\x00", "").strip()[:40]
    asked = read(QueryDict(request.POST.get("query", "")[:2000]))
    if not name or not asked.carried:
        messages.error(request, "Choose a filter first, and give the view a name.")
    elif len(saved_of(caller)) >= MOST_VIEWS and not SavedView.objects.filter(user_id=caller.user_id, name=name).exists():
        messages.error(request, f"You have {MOST_VIEWS} views already. Remove one first.")
    else:
        SavedView.objects.update_or_create(user_id=caller.user_id, name=name, defaults={"query": asked.carried})
    return redirect(asked.url())


@require_POST
@guard(Right.SEE)
def remove(request: HttpRequest, key: int) -> HttpResponse:
    """Forget one of one's own views; somebody else's is not there."""
    SavedView.objects.filter(pk=key, user_id=caller_of(request).user_id).delete()
    return redirect("approvals")
