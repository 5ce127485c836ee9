"""Addresses that only forms are sent to. Whoever opens one, by its address or by going back, is led to the page with the form."""

from functools import wraps
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.urls import Resolver404, resolve

from console.views.guard import View, error_page

STAND_ELSEWHERE = frozenset({"/plan/"})
"""Ends of addresses that lie between a form's and its page's, and look like pages themselves."""


def form_only(view: View) -> View:
    """Let only POST to a view; anything else is answered 405, by a page that leads to the one with the form."""

    @wraps(view)
    def only(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return view(request, *args, **kwargs) if request.method == "POST" else _led_back(request)

    only.form_only = True  # type: ignore[attr-defined]
    return only


def _led_back(request: HttpRequest) -> HttpResponseBase:
    answer = error_page(request, 405, href=page_before(request.path))
    answer.headers["Allow"] = "POST"
    return answer


def page_before(path: str) -> str:
    """Return the address of the page that a form's address lies below."""
    parts = path.strip("/").split("/")
    for many in range(len(parts) - 1, 0, -1):
        address = f"/{'/'.join(parts[:many])}/"
        try:
            view = resolve(address).func
        except Resolver404:
            continue
        if not hasattr(view, "form_only") and not address.endswith(tuple(STAND_ELSEWHERE)):
            return address
    return "/"
