"""Errors of the console: who may come in, and what a request must look like. HTTP statuses: `console.api.errors`."""

from django.core.exceptions import PermissionDenied

from audit.errors import CountersignError


class Unauthenticated(CountersignError):
    """Sign in, or send a valid access token."""

    code = "unauthenticated"


class NotSigned(Unauthenticated):
    """The message is not signed with a secret of an inlet here, or its time is more than five minutes off."""


class Forbidden(CountersignError, PermissionDenied):
    """This needs {needs}."""

    code = "forbidden"
    needs: str


class SignInRefused(CountersignError):
    """E-mail and password do not match, or there were too many attempts. Check both, or wait a quarter of an hour."""

    code = "sign_in_refused"


class PasswordRefused(SignInRefused):
    """The password does not match. After several attempts, wait a quarter of an hour."""


class UnknownScope(CountersignError):
    """There is no scope {scope}."""

    code = "unknown_scope"
    scope: str


class ServiceNeverDecides(CountersignError):
    """A service token cannot have the scope approvals:decide: decisions are made by people."""

    code = "service_never_decides"


class TokenWiderThanCaller(CountersignError):
    """A token can be given only scopes that its maker's own token has; {scope} is not one of them."""

    code = "token_wider_than_caller"
    scope: str


class UnknownToken(CountersignError):
    """There is no such access token."""

    code = "unknown_token"


class UnknownAccount(CountersignError):
    """There is no active account {email}."""

    code = "unknown_account"
    email: str


class CsrfFailed(CountersignError):
    """This request did not come from a page of this installation: send the CSRF token, or use an access token."""

    code = "csrf_failed"


class NotFound(CountersignError):
    """There is nothing at this address."""

    code = "not_found"


class MethodNotAllowed(CountersignError):
    """This address does not take {method}; it takes {allowed}."""

    code = "method_not_allowed"
    method: str
    allowed: str


class TooLarge(CountersignError):
    """The body is too large; at most {limit} bytes are taken."""

    code = "too_large"
    limit: int


class RangeNotSatisfiable(CountersignError):
    """The file has {size} bytes; there is none where you begin."""

    code = "range_not_satisfiable"
    size: int


class UnsupportedMediaType(CountersignError):
    """Send the body as application/json."""

    code = "unsupported_media_type"


class InvalidInput(CountersignError):
    """The request has {told}."""

    code = "invalid_request"
    told: str
    errors: list[dict[str, object]]


class InvalidCursor(CountersignError):
    """The place to go on from is not one that this list gave out; without it the list begins at its start."""

    code = "invalid_cursor"


class InvalidIdempotencyKey(CountersignError):
    """An Idempotency-Key has 1 to 200 visible ASCII characters."""

    code = "invalid_idempotency_key"


class IdempotencyKeyReused(CountersignError):
    """This Idempotency-Key was used for another request."""

    code = "idempotency_key_reused"


class RequestInProgress(CountersignError):
    """The first request with this Idempotency-Key is still being worked on."""

    code = "request_in_progress"


class TooMany(CountersignError):
    """There are too many of these requests at once; try again in {retry_after_s} seconds."""

    code = "too_many_requests"
    retry_after_s: int


class NotYourSession(CountersignError):
    """{ref} was started by somebody else; this needs the role operator or admin."""

    code = "not_your_session"
    ref: str


class Unavailable(CountersignError):
    """The installation cannot do this now; try again in a moment."""

    code = "unavailable"


class Internal(CountersignError):
    """Something went wrong here. It is in the logs of the installation."""

    code = "internal"


class InvalidView(CountersignError):
    """Choose a filter first, and give the view a name."""

    code = "invalid_view"


class TooManyViews(CountersignError):
    """You have {most} views already. Remove one first."""

    code = "too_many_views"
    most: int


class UnknownView(CountersignError):
    """You have no such view."""

    code = "unknown_view"
