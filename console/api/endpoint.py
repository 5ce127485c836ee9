"""What every operation of the API has: a credential, a declared right and scope, and all its statuses declared.

An operation is registered by `endpoint` alone. It names the right and the scope that it needs; there is no default.
"""

from asyncio import iscoroutinefunction
from collections.abc import Callable, Iterable
from functools import wraps
from typing import Any, get_args, get_type_hints

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from ninja import Router, Status
from ninja.security import APIKeyCookie, HttpBearer
from ninja.utils import check_csrf
from pydantic import BaseModel

from console.api import asked
from console.api.idempotency import answer_apart, answer_once, once_of, said_by
from console.api.named import placed
from console.api.problems import Problem
from console.auth import Caller, caller_of
from console.errors import CsrfFailed, InvalidInput
from console.rights import Right
from console.tokens import caller_of_bearer

Function = Callable[..., Any]
SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
LONGEST_NOTHING = 16  # bytes of a body that says nothing
CREATING_KEY = {
    "in": "header",
    "name": "Idempotency-Key",
    "required": False,
    "schema": {"type": "string", "pattern": "^[!-~]{1,200}$"},
    "description": "The same key and body give the same answer, for a day.",
}


class ApiRequest(HttpRequest):
    """A request whose sender is known."""

    auth: Caller


class AccessToken(HttpBearer):
    """`Authorization: Bearer ctk_…`."""

    def __init__(self, right: Right, scope: str) -> None:
        """Take what the caller must have."""
        super().__init__()
        self.right, self.scope = right, scope

    def __call__(self, request: HttpRequest) -> Caller | None:
        """Return the token's caller; None only where there is no such header at all. Raises Unauthenticated, Forbidden."""
        given = request.headers.get("Authorization")
        if given is None:
            return None
        scheme, _, token = given.partition(" ")
        caller = self.authenticate(request, token.strip() if scheme.lower() == "bearer" else "")
        # A wrong token never falls back to whoever is signed in in the same browser.
        caller.check(self.right, self.scope)
        return caller

    def authenticate(self, request: HttpRequest, token: str) -> Caller:
        """Return the caller of a token's text."""
        return caller_of_bearer(token)


class BrowserSession(APIKeyCookie):
    """The session cookie of a signed-in browser, with the CSRF token for everything that writes."""

    param_name = settings.SESSION_COOKIE_NAME

    def __init__(self, right: Right, scope: str) -> None:
        """Take what the caller must have."""
        super().__init__()
        self.right, self.scope = right, scope

    def __call__(self, request: HttpRequest) -> Caller | None:
        """Return the signed-in caller, None for nobody. Raises CsrfFailed, Forbidden."""
        caller = self.authenticate(request, None)
        if caller is None:
            return None
        foreign = request.headers.get("Sec-Fetch-Site") in {"cross-site", "same-site"}
        if request.method not in SAFE and (foreign or check_csrf(request) is not None):
            raise CsrfFailed
        caller.check(self.right, self.scope)
        return caller

    def authenticate(self, request: HttpRequest, key: str | None) -> Caller | None:
        """Return the caller whom the session belongs to."""
        caller = caller_of(request)
        return caller if caller.known else None


def endpoint(  # noqa: PLR0913  one name for each thing that an operation declares
    router: Router,
    method: str,
    path: str,
    *,
    right: Right,
    scope: str,
    answer: Any,
    status: int = 200,
    refuses: Iterable[int] = (),
    creates: bool = False,
    apart: bool = False,
    waits: Any = None,
    credential: Function | None = None,
    extra: dict[str, Any] | None = None,
) -> Callable[[Function], Function]:
    """Register the decorated function as an operation.

    Args:
        right, scope: what the caller must have; checked before the request is read any further.
        answer, status: the shape of a success, None for an empty one.
        refuses: the statuses that it can refuse with, besides 401, 403 and 422.
        creates: whether it takes an Idempotency-Key.
        waits: the shape of a 202, which says that somebody has to agree first; the function returns it as a `Status`.
        apart: whether it then works in transactions of its own, and changes nothing when it is done again.
        credential: what is asked for in the place of a token or a signed-in browser.
        extra: more of the operation's OpenAPI object.
    """
    refused = {401, 403, *refuses, *((409,) if creates else ())}
    key = {"parameters": [CREATING_KEY]} if creates else {}
    more = {"x-right": right.value, "x-scope": scope, **(extra or {}), **key}

    def register(function: Function) -> Function:
        taken = any(_is_body(kind) for name, kind in get_type_hints(function).items() if name != "return")
        bare = method not in SAFE and credential is None and not taken
        guarded = (
            _later(function)
            if iscoroutinefunction(function)
            else _answering(function, status, creates=creates, apart=apart, bare=bare)
        )
        operation = router.api_operation(
            [method],
            path,
            # Rights come before the body is read: who may not, learns nothing of what would be taken.
            auth=[credential] if credential else [AccessToken(right, scope), BrowserSession(right, scope)],
            response={
                status: answer,
                **({202: waits} if waits else {}),
                frozenset({422, *refused}): Problem,
            },
            operation_id=function.__name__,
            openapi_extra=more,
        )
        return operation(guarded)

    return register


def _answering(function: Function, status: int, *, creates: bool, apart: bool, bare: bool) -> Function:
    keep, taken = answer_apart if apart else answer_once, asked.taken_by(function)

    @wraps(function)
    def answered(request: ApiRequest, **values: Any) -> Status[BaseModel] | HttpResponseBase:
        asked.check(request, taken)
        once = once_of(request, request.auth) if creates else None
        if bare:
            _nothing_sent(request)
        with placed(values):
            if once is None and not creates:
                return Status(status, function(request, **values))
            if once is None:  # the same text as with a key
                said, text = said_by(_text(function(request, **values)), status)
                return HttpResponse(text, status=said, content_type="application/json")
            return keep(once, lambda: _text(function(request, **values)), status)

    return answered


def _later(function: Function) -> Function:
    taken = asked.taken_by(function)

    @wraps(function)
    async def answered(request: ApiRequest, **values: Any) -> Any:
        asked.check(request, taken)
        with placed(values):
            return await function(request, **values)

    return answered


def _text(answer: BaseModel | Status[BaseModel]) -> str | tuple[int, str]:
    return (answer.status_code, as_json(answer.value)) if isinstance(answer, Status) else as_json(answer)


def _is_body(kind: Any) -> bool:
    """Whether a parameter of this type is read from the body, one that may be left out too."""
    return any(isinstance(one, type) and issubclass(one, BaseModel) for one in (kind, *get_args(kind)))


def _nothing_sent(request: HttpRequest) -> None:
    """Refuse a body of an operation that takes none, so that nobody believes to have said something; `{}` says nothing."""
    sent = request.body if hasattr(request, "_body") else request.read(LONGEST_NOTHING + 1)
    if sent.strip() not in (b"", b"{}", b"null"):
        raise InvalidInput(
            told="a body where none is taken", errors=[{"loc": ["body"], "msg": "This operation takes no body."}]
        )


def as_json(answer: BaseModel) -> str:
    """Return the JSON text of an answer, as the framework would write it."""
    return answer.model_dump_json()
