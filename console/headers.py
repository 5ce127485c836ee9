"""Response headers that Django has no setting for."""

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction, markcoroutinefunction
from django.http import HttpRequest
from django.http.response import HttpResponseBase

_PERMISSIONS = ", ".join(
    f"{feature}=()"
    for feature in ("accelerometer", "camera", "display-capture", "geolocation", "gyroscope", "magnetometer", "microphone",
                    "midi", "payment", "usb", "publickey-credentials-get", "screen-wake-lock", "xr-spatial-tracking")
)  # fmt: skip

Answer = HttpResponseBase | Awaitable[HttpResponseBase]


class SecurityHeadersMiddleware:
    """Adds Permissions-Policy and Cross-Origin-Resource-Policy, and forbids caching of everything but static files."""

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Answer]) -> None:
        """Take the next layer; asynchronous where that is."""
        self.get_response = get_response
        self.is_async = iscoroutinefunction(get_response)
        if self.is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Answer:
        """Answer with the headers added."""
        answer = self.get_response(request)
        if isinstance(answer, HttpResponseBase):
            return with_headers(answer)
        return self._later(answer)

    async def _later(self, answer: Awaitable[HttpResponseBase]) -> HttpResponseBase:
        return with_headers(await answer)


def with_headers(response: HttpResponseBase) -> HttpResponseBase:
    """Return the response with the headers it does not already carry."""
    response.headers.setdefault("Permissions-Policy", _PERMISSIONS)
    response.headers.setdefault("Cross-Origin-Resource-Policy", "same-origin")
    # Pages show what only this person may see; a shared or back-button cache must not keep it.
    response.headers.setdefault("Cache-Control", "no-store")
    return response
