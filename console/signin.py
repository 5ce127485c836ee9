"""Signing in with a password, and proving it again: limited per account and address, uniform in answer and time.

Attempts are counted in the database before the password is looked at, so that many at once cannot outrun the limit.
"""

import time
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import authenticate, login, logout
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.db.models.functions import Now
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django.utils.http import url_has_allowed_host_and_scheme

from audit.actors import SYSTEM
from audit.events import EventKind
from audit.index import index_soon
from audit.services import Entry, record
from console.auth import caller_of_user
from console.errors import PasswordRefused, SignInRefused
from console.models import SignInAttempt

WINDOW = timedelta(minutes=15)
PER_ACCOUNT = 8  # attempts on one account from one address
PER_ADDRESS = 60  # attempts from one address, whatever the account: a list of addresses tried with one password
REAUTHENTICATION_S = 300
_PROOF = "countersign.reauthenticated"


def sign_in(request: HttpRequest, email: str, password: str) -> User:
    """Sign the person in under a new session id, and return the account.

    Raises SignInRefused, the same for an unknown account, a wrong password, a closed account and too many attempts.
    """
    user = _proven(request, email, password)
    if user is None:
        raise SignInRefused
    login(request, user)  # a new session id: one that was planted before knows nothing
    _note(EventKind.USER_SIGNED_IN, user)
    return user


def sign_out(request: HttpRequest) -> None:
    """End the session on the server, so that a copied cookie is worth nothing."""
    user = request.user
    logout(request)
    if isinstance(user, User):
        _note(EventKind.USER_SIGNED_OUT, user)


def reauthenticate(request: HttpRequest, password: str, digest: str) -> None:
    """Take the password again for a decision on `digest`; raises PasswordRefused where it is wrong or tried too often."""
    expected = request.user
    email = expected.username if isinstance(expected, User) else ""
    user = _proven(request, email, password)
    if user is None or user.pk != expected.pk:
        raise PasswordRefused
    request.session.cycle_key()
    request.session[_PROOF] = {"digest": digest, "at": int(time.time())}
    _note(EventKind.USER_REAUTHENTICATED, user)


def reauthenticated(request: HttpRequest, digest: str) -> bool:
    """Return whether the password was given for this very digest, at most five minutes ago."""
    proof = request.session.get(_PROOF) or {}
    return proof.get("digest") == digest and 0 <= time.time() - proof.get("at", 0) <= REAUTHENTICATION_S


def safe_next(request: HttpRequest, target: str) -> str:
    """Return `target` if it is a path of this installation, else the start page."""
    local = target.startswith("/") and url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if local else "/"


def _proven(request: HttpRequest, email: str, password: str) -> User | None:
    account, address = _key("account", email.strip().lower()), _key("address", request.META.get("REMOTE_ADDR", ""))
    SignInAttempt.objects.create(account=account, address=address)
    recent = SignInAttempt.objects.filter(address=address, created_at__gt=Now() - WINDOW)
    if recent.count() > PER_ADDRESS or recent.filter(account=account).count() > PER_ACCOUNT:
        make_password(password)  # as long as a real check takes
        return None
    user = authenticate(request, username=email.strip().lower(), password=password)
    if not isinstance(user, User):
        _note_refusal(email)
        return None
    recent.filter(account=account).delete()
    SignInAttempt.objects.filter(created_at__lt=Now() - WINDOW).delete()
    return user


def _key(purpose: str, value: str) -> str:
    return salted_hmac(f"console.signin.{purpose}", value, secret=settings.SECRET_KEY, algorithm="sha256").hexdigest()


def _note_refusal(email: str) -> None:
    # Written for unknown accounts too: leaving it out would be faster, and tell which accounts there are.
    user = User.objects.filter(username=email.strip().lower()).first()
    stream = "system" if user is None else f"user:{user.pk}"
    record([Entry(stream=stream, kind=EventKind.USER_REFUSED, actor=SYSTEM, facts={"known": user is not None})])
    index_soon()


def _note(kind: EventKind, user: User) -> None:
    actor = caller_of_user(user).actor()
    record([Entry(stream=f"user:{user.pk}", kind=kind, actor=actor, facts={}, ids=(f"user:{user.pk}",))])
    index_soon()
