"""Addresses below /api/v1/. What is not one of them, or is asked in another way, is told as a problem too."""

from asyncio import iscoroutinefunction
from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, re_path
from django.views.decorators.csrf import csrf_exempt

from console.api.document import docs, openapi
from console.api.errors import problem
from console.api.root import api
from console.auth import allow
from console.errors import MethodNotAllowed, NotFound
from console.rights import Right

View = Callable[..., Any]


def nothing_here(request: HttpRequest, rest: str = "") -> HttpResponse:
    """Answer 404 for every other address below /api/v1/."""
    return problem(NotFound())


def _told(response: HttpResponseBase, method: str | None) -> HttpResponseBase:
    if response.status_code != 405:
        return response
    return problem(MethodNotAllowed(method=method or "this", allowed=response.headers.get("Allow", "")))


def _wrap(view: View) -> View:
    if iscoroutinefunction(view):

        @wraps(view)
        async def later(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            return _told(await view(request, *args, **kwargs), request.method)

        return allow(later, Right.SIGNED_IN)

    @wraps(view)
    def now(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        return _told(view(request, *args, **kwargs), request.method)

    return allow(now, Right.SIGNED_IN)


def _operations() -> list[URLPattern]:
    """Return the API's own patterns; each operation checks the right that it declares."""
    patterns = [pattern for pattern in api.urls[0] if isinstance(pattern, URLPattern) and pattern.name != "api-root"]
    return [path(str(one.pattern), _wrap(one.callback), name=one.name) for one in patterns]


app_name = "api"
urlpatterns = [
    path("openapi.json", openapi, name="openapi"),
    path("docs", docs, name="docs"),
    *_operations(),
    re_path(r"^(?P<rest>.*)$", csrf_exempt(allow(nothing_here, Right.PUBLIC)), name="nothing"),
]
