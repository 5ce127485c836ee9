"""What starting a session asks beyond the right to start one; pages and API ask the same."""

from agents.guardrails.money import Priority
from console.auth import Caller
from console.errors import Forbidden
from console.rights import Right


def other_person(caller: Caller, named: str) -> str:
    """Return whom the session acts for; naming somebody else needs its own right, naming oneself does not. Raises Forbidden."""
    if named.strip().lower() in ("", caller.email.lower()):
        return ""
    if not caller.has(Right.DIRECT_SESSIONS):
        raise Forbidden(needs="the role operator or admin, to act on behalf of somebody else")
    return named.strip()


def priority_of(caller: Caller, wanted: Priority | None) -> Priority | None:
    """Return the priority that the session gets; None is its agent's own. To go before others needs a right: Forbidden."""
    if wanted == "high" and not caller.has(Right.DIRECT_SESSIONS):
        raise Forbidden(needs="the role operator or admin, to let a session go before others")
    return wanted
