"""Holding a breaker open or closed, or letting it go, in a caller's name: pages and API do the same."""

from agents import breakers
from agents.breaker_lines import line
from console.auth import Caller
from console.rights import Right


def hold(caller: Caller, key: str, act: str, reason: str) -> None:
    """Do to a breaker what `act` says: `open`, `closed` or `release`; `closed` takes a guard away, so it needs an admin.

    Raises Forbidden, UnknownBreaker, BreakerNotHeld, BadText.
    """
    caller.check(Right.ADMINISTER if act == "closed" else Right.RESTRAIN)
    line(key)
    if act == "release":
        breakers.release(key=key, actor=caller.actor())
    else:
        breakers.force(key=key, closed=act == "closed", reason=reason, actor=caller.actor())
