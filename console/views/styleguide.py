"""Every leaf of the interface in all its states: what designers compare with, and what accessibility is tested on."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from console import styleguide as leaves
from console.fragments import page
from console.rights import Right
from console.views.guard import guard


@require_safe
@guard(Right.SEE)
def styleguide(request: HttpRequest) -> HttpResponse:
    """Show the style guide."""
    return page(request, "styleguide.html", lambda: {"nav": "", **leaves.samples(timezone.now())})
