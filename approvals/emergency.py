"""Break-glass: who may approve alone what others would have to agree to, and what it takes the place of. Pure.

It stands for missing groups and for the rest of a quorum, never for four eyes, and only where the policy allows it. It
is loud, and somebody else reviews it afterwards: `approvals.breaking`.
"""

from dataclasses import dataclass

from approvals.facts import Person, Refusal, RequestFacts

BREAKERS = frozenset({"admin"})
"""Roles that may break the glass, where policy lets anybody."""
REASON_CHARS = range(20, 2_001)


@dataclass(frozen=True, slots=True)
class Glass:
    """What somebody says who breaks the glass: why, and the request's short id, typed once more."""

    reason: str
    confirm: str


def may_break(person: Person, request: RequestFacts, *, enabled: bool) -> Refusal | None:  # noqa: PLR0911  one for each refusal
    """Return why `person` may not break the glass on a request, or None. `enabled` is what the policy says."""
    if person.service:
        return Refusal("service_token", "A service token cannot decide; a person has to.")
    if not enabled:
        return Refusal("break_glass_off", "The policy lets nobody break the glass.")
    if request.kind != "tool_call":
        return Refusal("kind", "The glass is broken for calls of tools alone.")
    if person.id in request.excluded or person.id == request.requester:
        return Refusal("four_eyes", "You started this, act in it or wrote in it: the glass cannot be broken for that.")
    if not person.roles & BREAKERS:
        return Refusal("role", "Your roles do not break the glass.")
    if person.reauthenticated is None:
        return Refusal("reauthentication_impossible", "Breaking the glass asks for your password, which a token cannot give.")
    if not person.reauthenticated:
        return Refusal("reauthenticate", "Breaking the glass asks for your password again.")
    return None


def missing(person: Person, request: RequestFacts, *, votes: int, required: int) -> tuple[str, ...]:
    """Return what would be missing of an ordinary approval by `person`, who adds to `votes` of others; none: nothing."""
    groups = [group for group in request.groups if not person.roles & set(group.split("|"))]
    short = required - votes - 1
    return (
        *(f"somebody of {' or '.join(group.split('|'))}" for group in groups),
        *([f"{short} more {'person' if short == 1 else 'people'}"] if short > 0 else ()),
    )
