"""Deciding many requests in one go: which ones may be, and which only one by one. Pure.

Approving many is for what is alike and harmless; everything else is looked at alone. Rejecting lets nothing run, so any
set of requests may be rejected. Each one is its own decision in any case, on the digest that was shown.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

BulkVerdict = Literal["approve", "reject"]
MOST = {"approve": 20, "reject": 50}
HIGHEST_RISK = 2


@dataclass(frozen=True, slots=True)
class Member:
    """One request of a set, as far as the rules look at it; `refusal` says why this person may not decide it."""

    ref: str
    kind: str
    tool: str
    risk: int
    tainted: bool
    failed: int  # checks of its arguments that failed
    unusual: tuple[str, ...] = ()  # reasons beyond its tier
    refusal: str = ""
    reauthenticate: bool = False
    long: bool = False  # an argument of it has to be seen to its end first
    covered: bool = False  # it has sensitive fields that this person has not seen


def alone(verdict: BulkVerdict, member: Member) -> str:
    """Return why a request has to be decided alone, or not by this person; empty where it can be one of many."""
    if member.refusal or verdict == "reject":
        return member.refusal
    grave = member.risk > HIGHEST_RISK or member.reauthenticate
    reasons = (
        (member.kind != "tool_call", "This is no call of a tool; look at it alone."),
        (grave, "Its risk is too high to approve it among others."),
        (member.covered, "It has sensitive fields; open it and have them shown before you approve."),
        (member.tainted, "Untrusted content came before it; look at it alone."),
        (member.long, "An argument of it is long; read it to its end before you approve."),
        (member.failed > 0, "A check of its arguments failed; look at it alone."),
    )
    return next((text for applies, text in reasons if applies), " ".join(member.unusual))


def refusal(verdict: BulkVerdict, members: Sequence[Member]) -> str:
    """Return why these requests, each fit by itself, cannot be decided together; empty where they can."""
    if len(members) > MOST[verdict]:
        return f"At most {MOST[verdict]} requests are {'approved' if verdict == 'approve' else 'rejected'} at once."
    tools = sorted({member.tool for member in members})
    if verdict == "approve" and len(tools) > 1:
        return f"Only calls of the same tool are approved together; these are calls of {' and '.join(tools)}."
    return ""
