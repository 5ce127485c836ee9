"""The page behind Ctrl+K, which works without script too; its part is what the dialog shows while somebody types."""

from typing import Any

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
    return page(request, "jump/page.html", lambda: _found(request, query))


def _found(request: HttpRequest, query: str) -> dict[str, Any]:
    caller = caller_of(request)
    found = find(caller, query)
    raw = any(one.kind in ("Approval", "Session") for one in found) and caller.has(Right.REVEAL_DECIDED)
    return {"nav": "", "q": query, "found": found, "reads_list": ("jump",) if raw else ()}
