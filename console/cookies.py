"""The session's cookie, which an answer to a part of a page never takes away.

A session gets another name when somebody signs in or gives the password again. A part that the page asked for a moment
before still carries the old name, finds nothing under it, and would have the browser forget the new one.
"""

from django.conf import settings
from django.contrib.sessions.middleware import SessionMiddleware
from django.http import HttpRequest, HttpResponse

from console.fragments import is_part


class KeepingSessionMiddleware(SessionMiddleware):
    """Django's own, but for the cookie that is left alone in answers to parts of pages."""

    def process_response(self, request: HttpRequest, response: HttpResponse) -> HttpResponse:
        """Add what Django adds; drop what would delete the cookie of a page that lives on."""
        response = super().process_response(request, response)
        morsel = response.cookies.get(settings.SESSION_COOKIE_NAME)
        if morsel is not None and not morsel.value and is_part(request):
            del response.cookies[settings.SESSION_COOKIE_NAME]
        return response
