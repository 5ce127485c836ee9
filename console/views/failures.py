"""Answers to requests that no view could answer: not found, forbidden, malformed, broken."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string

from console.views.guard import error_page


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 400."""
    return error_page(request, 400)


def forbidden(request: HttpRequest, exception: PermissionDenied) -> HttpResponse:
    """Answer 403 with what is missing, where the refusal says so."""
    return error_page(request, 403, str(exception))


def csrf_failed(request: HttpRequest, reason: str = "") -> HttpResponse:
    """Answer 403 to a form that did not come from one of our own pages, or from one that is too old."""
    return error_page(request, 403, "This form is too old or did not come from this site. Go back, reload, and send it again.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """Answer 404."""
    return error_page(request, 404)


def broken(request: HttpRequest) -> HttpResponse:
    """Answer 500 from a page that needs no database: that may be what is broken."""
    return HttpResponse(render_to_string("errors/500.html"), status=500)
