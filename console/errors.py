"""Errors of the console: who may come in, and what a request must look like. HTTP statuses: `console.api.errors`."""

from django.core.exceptions import PermissionDenied

from audit.errors import CountersignError


class Unauthenticated(CountersignError):
    """Sign in, or send a valid access token."""

    code = "unauthenticated"


class Forbidden(CountersignError, PermissionDenied):
    """This needs {needs}."""

    code = "forbidden"
    needs: str


class SignInRefused(CountersignError):
    """E-mail and password do not match, or there were too many attempts. Check both, or wait a quarter of an hour."""

    code = "sign_in_refused"


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
