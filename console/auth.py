"""Who is calling, and whether they may: the one rule set of pages and API.

A caller is read anew for every request, so a changed role, a closed account or a revoked token counts at once.
Signing in stands in `console.signin`, tokens in `console.tokens`, the table of rights in `console.rights`.
"""

from asyncio import iscoroutinefunction
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from functools import wraps
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlencode, urlsplit

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import resolve_url

from approvals.facts import Person
from audit.actors import Actor
from console.errors import Forbidden, Unauthenticated
from console.models import ApiToken
from console.rights import DECIDE_SCOPE, RIGHTS, Right, Role, holds, roles_with

__all__ = [
    "ANONYMOUS", "RIGHTS", "Caller", "Right", "Role",
    "allow", "caller_of", "caller_of_token", "caller_of_user", "require", "to_sign_in",
]  # fmt: skip

_KEY = "countersign.caller"  # request headers arrive in META as HTTP_…, so nobody outside can set it
View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request: nobody, a signed-in user, a personal token or a service token.

    `scopes` is None for a browser session: all that the roles allow.
    """

    kind: Literal["anonymous", "user", "personal", "service"]
    user_id: int = 0
    name: str = ""
    email: str = ""
    roles: frozenset[str] = frozenset()
    token: str = ""
    service: str = ""
    scopes: frozenset[str] | None = None

    @property
    def known(self) -> bool:
        """True if there was a valid credential."""
        return self.kind != "anonymous"

    def has(self, right: Right, scope: str = "") -> bool:
        """Return whether the roles carry the right and, for a token, its scopes contain `scope`."""
        if right is Right.PUBLIC:
            return True
        if not self.known or (scope and self.scopes is not None and scope not in self.scopes):
            return False
        if self.kind == "service" and (right is Right.DECIDE or scope == DECIDE_SCOPE):
            return False
        return right is Right.SIGNED_IN or holds(self.roles, right)

    def check(self, right: Right, scope: str = "") -> None:
        """Raise Unauthenticated without a credential, Forbidden (naming what is missing) without the right."""
        if self.has(right, scope):
            return
        if not self.known:
            raise Unauthenticated
        raise Forbidden(needs=self._needs(right, scope))

    def _needs(self, right: Right, scope: str) -> str:
        if self.kind == "service" and (right is Right.DECIDE or scope == DECIDE_SCOPE):
            return "a person: service tokens never decide"
        if holds(self.roles, right) or right is Right.SIGNED_IN:
            return f"a token with the scope {scope}"
        names = [role.value.replace("_", " ") for role in roles_with(right)]
        return "the role " + (names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}")

    def actor(self) -> Actor:
        """Return the principal that audit entries name; raises Unauthenticated for an anonymous caller."""
        if not self.known:
            raise Unauthenticated
        if self.kind == "service":
            return Actor("service", self.service, self.service, self.token)
        return Actor("user", str(self.user_id), self.name, self.token)

    def person(self, *, reauthenticated: bool = False) -> Person:
        """Return the human whose rights and four eyes count; for a service token its owner, marked as a service."""
        if not self.known:
            raise Unauthenticated
        return Person(
            id=self.user_id,
            name=self.name,
            roles=self.roles,
            service=self.kind == "service",
            # A program cannot be asked for its owner's password.
            reauthenticated=reauthenticated if self.kind == "user" else None,
        )


ANONYMOUS = Caller("anonymous")


def caller_of_user(user: AbstractBaseUser | AnonymousUser) -> Caller:
    """Return the caller for an account; anonymous for an inactive one."""
    if not isinstance(user, User) or not user.is_active:
        return ANONYMOUS
    return _caller(user, user.groups.values_list("name", flat=True))


def caller_of_token(token: ApiToken, groups: Iterable[str]) -> Caller:
    """Return the caller for a valid token: its owner, who is in these groups at this moment, narrowed by its scopes."""
    if not token.user.is_active:
        return ANONYMOUS
    kind: Literal["personal", "service"] = "personal" if token.personal else "service"
    owner = _caller(token.user, groups)
    return replace(owner, kind=kind, token=token.id, service=token.service, scopes=frozenset(token.scopes))


def _caller(user: User, groups: Iterable[str]) -> Caller:
    # Groups beside the six roles give no right here, but policy may ask for their members.
    return Caller("user", user.pk, user.get_full_name() or user.username, user.username, frozenset(groups))


def caller_of(request: HttpRequest) -> Caller:
    """Return who sent the request by its session cookie, read once per request."""
    caller = request.META.get(_KEY)
    if caller is None:
        caller = request.META[_KEY] = caller_of_user(request.user)
    return cast(Caller, caller)


def allow(view: View, right: Right) -> View:
    """Declare the right that a view checks by itself; views without a declared right fail the tests."""
    view.right = right  # type: ignore[attr-defined]  # functions take attributes; the type of a callable has none
    return view


def require(right: Right) -> Callable[[View], View]:
    """Guard a page, synchronous or not, and declare its right.

    Whoever has no credential is sent to the sign-in page; whoever lacks the right raises Forbidden, which names the roles.
    """

    def guard(view: View) -> View:
        if iscoroutinefunction(view):
            return allow(cast(View, _guarded_async(view, right)), right)
        return allow(cast(View, _guarded(view, right)), right)

    return guard


def _guarded(view: Callable[..., HttpResponseBase], right: Right) -> Callable[..., HttpResponseBase]:
    @wraps(view)
    def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refusal = _refusal(request, right)
        return view(request, *args, **kwargs) if refusal is None else refusal

    return guarded


def _guarded_async(
    view: Callable[..., Awaitable[HttpResponseBase]], right: Right
) -> Callable[..., Awaitable[HttpResponseBase]]:
    @wraps(view)
    async def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        refusal = await sync_to_async(_refusal)(request, right)
        return await view(request, *args, **kwargs) if refusal is None else refusal

    return guarded


def _refusal(request: HttpRequest, right: Right) -> HttpResponseBase | None:
    if right is Right.PUBLIC:
        return None
    try:
        caller_of(request).check(right)
    except Unauthenticated:
        return to_sign_in(request)
    return None


def to_sign_in(request: HttpRequest) -> HttpResponseBase:
    """Return the answer that leads to the sign-in page and, after it, back to a page that was asked for by GET."""
    back = request.get_full_path() if request.method in {"GET", "HEAD"} else "/"
    if request.headers.get("HX-Request") != "true":
        return redirect_to_login(back)
    # A fragment must not be replaced by a sign-in form: the whole page goes there.
    shown = urlsplit(request.headers.get("HX-Current-URL", "/")).path
    target = f"{resolve_url(settings.LOGIN_URL)}?{urlencode({'next': shown})}"
    return HttpResponse(status=401, headers={"HX-Redirect": target})
