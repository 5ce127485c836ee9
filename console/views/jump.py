"""The page behind Ctrl+K, which works without script too; its part is what the dialog shows while somebody types."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_safe

from console.auth import caller_of
from console.fragments import page
from console.jump import LONGEST, find
from console.rights import Right
from console.views.guard import guard


@require_safe
@guard(Right.SEE)
def jump(request: HttpRequest) -> HttpResponse:
    """Show where somebody may want to go."""
    query = request.GET.get("q", "")[:LONGEST].replace("\0", "")
    return page(request, "jump/page.html", lambda: {"nav": "", "q": query, "found": find(caller_of(request), query)})
