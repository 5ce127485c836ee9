"""Links in messages: signed, with an end, and only to open a page. They lead through sign-in and decide nothing.

The address is the installation's own, never the Host of a request. The same message makes the same link, so that a
message that is sent again is the same message.
"""

from datetime import datetime, timedelta
from urllib.parse import urlsplit

from django.conf import settings
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from console.reach.errors import LinkExpired, UnknownLink

VALID = timedelta(days=7)
_SALT = "console.reach.links"


def link(path: str, made_at: datetime) -> str:
    """Return the address that opens a page of this installation, for a week from `made_at`."""
    signed = Signer(salt=_SALT).sign_object([path, int((made_at + VALID).timestamp())])
    return settings.COUNTERSIGN_PUBLIC_URL + reverse("open", args=[signed])


def opened(signed: str, now: datetime) -> str:
    """Return the page that a link names; raises UnknownLink for what was not signed here, LinkExpired."""
    try:
        path, until = Signer(salt=_SALT).unsign_object(signed)
    except (BadSignature, ValueError, TypeError) as error:
        raise UnknownLink from error
    parts = urlsplit(str(path))
    if parts.scheme or parts.netloc or not str(path).startswith("/"):
        raise UnknownLink
    if now.timestamp() > int(until):
        raise LinkExpired
    return str(path)
