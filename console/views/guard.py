"""What stands around every page's view: its right, and what becomes of errors. Errors turn into pages here, once.

Who is not signed in is sent to sign in and comes back; who may not is told which role is needed; an error that the
product knows is shown with its own sentence and the status that the API gives it too.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any
from urllib.parse import urlencode

import structlog
from django.contrib.auth.models import User
from django.db import InterfaceError, OperationalError
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.template.loader import render_to_string
from django.urls import reverse

from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import caller_of, require
from console.errors import Forbidden, Unauthenticated
from console.fragments import THEMES, is_part
from console.line import AGAIN_S
from console.rights import Right, roles_with

log = structlog.get_logger(__name__)
View = Callable[..., HttpResponseBase]
PAGES = frozenset({400, 403, 404, 405, 409, 410})
"""Statuses with a page of their own; the others share the plain one."""
AWAY = "The database does not answer, or is too busy. Load the page again in a few seconds."
CUT_OFF = "The database went away meanwhile. What you sent is stored whole or not at all: look before you send it again."
NAMED = 3
"""How many people a refusal names."""


def guard(right: Right) -> Callable[[View], View]:
    """Guard a view with a right, and answer the product's errors with pages."""

    def wrap(view: View) -> View:
        inner = require(right)(view)

        @wraps(inner)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            _leave_out_nul(request)
            try:
                return _told(request, inner(request, *args, **kwargs))
            except Unauthenticated:
                return to_sign_in(request)
            except Forbidden as error:
                return error_page(request, 403, f"{error.detail} {who_may(request, right)}".strip())
            except CountersignError as error:
                return error_page(request, status_of(error), error.detail)
            except (OperationalError, InterfaceError) as error:
                log.warning("page.database_away", path=request.path, error=type(error).__name__)
                return _again(error_page(request, 503, AWAY if request.method in ("GET", "HEAD") else CUT_OFF))

        return guarded

    return wrap


def _leave_out_nul(request: HttpRequest) -> None:
    """Leave out of what is asked what no text of the database holds; an address with it names nothing. Raises Http404."""
    if "\0" in request.path:
        raise Http404
    query = request.META.get("QUERY_STRING", "")
    if "%00" in query:
        request.GET = QueryDict(query.replace("%00", ""))


def _again(answer: HttpResponse) -> HttpResponse:
    answer.headers["Retry-After"] = str(AGAIN_S)
    return answer


def _told(request: HttpRequest, answer: HttpResponseBase) -> HttpResponseBase:
    """Tell a script where to go instead of redirecting it: it would fetch the page once itself, and then open it."""
    if isinstance(answer, HttpResponseRedirect) and request.headers.get("HX-Request") == "true":
        return HttpResponse(headers={"HX-Redirect": answer.url})
    return answer


def who_may(request: HttpRequest, right: Right) -> str:
    """Return a sentence about people to ask, where it is this right that is missing; empty where nobody holds it."""
    if caller_of(request).has(right):
        return ""
    holders = User.objects.filter(is_active=True, groups__name__in=roles_with(right)).distinct().order_by("first_name", "pk")
    names = [user.get_full_name() or user.username for user in holders[: NAMED + 1]]
    if not names:
        return ""
    if len(names) > NAMED:
        return f"Ask {', '.join(names[:NAMED])} or another of them."
    return f"Ask {', '.join(names[:-1])} or {names[-1]}." if len(names) > 1 else f"Ask {names[0]}."


def to_sign_in(request: HttpRequest) -> HttpResponse:
    """Send to the sign-in page and back; a part of a page is told 401, and its script takes the whole page there."""
    back = request.get_full_path() if request.method == "GET" and not is_part(request) else "/"
    address = f"{reverse('sign-in')}?{urlencode({'next': back})}"
    if is_part(request):
        return HttpResponse(status=401, headers={"HX-Redirect": address})
    return redirect(address)


def error_page(request: HttpRequest, status: int, detail: str = "", *, href: str = "") -> HttpResponse:
    """Answer with the page of an error: what happened, and what can be done. It asks neither database nor account.

    `href` is a way on that is better than the start page.
    """
    template = f"errors/{status}.html" if status in PAGES else "errors/error.html"
    look = request.COOKIES.get("theme", "")
    context = {"status": status, "detail": detail, "href": href, "shell": {"theme": look if look in THEMES else ""}}
    return HttpResponse(render_to_string(template, context, request), status=status)
