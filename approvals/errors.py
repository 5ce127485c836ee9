"""What can go wrong with a request or a decision. Which HTTP status it becomes is decided in the console.

Pure.
"""

from datetime import datetime
from typing import Any

from audit.errors import CountersignError


class ApprovalNotFound(CountersignError):
    """There is no such approval request."""

    code = "approval_not_found"


class NotYours(CountersignError):
    """{reason}"""  # noqa: D400  the refusal says it

    code = "not_yours"
    refusal: str  # role, group, four_eyes, service_token, reauthentication_impossible
    reason: str


class NeedsReauthentication(CountersignError):
    """Confirm who you are first: this asks for your password again."""

    code = "reauthentication_required"


class AlreadyDecided(CountersignError):
    """{ref} is already {status}: {decided_name} decided "{verdict}" at {decided_at}."""

    code = "already_decided"
    ref: str
    status: str
    decided_name: str
    verdict: str
    decided_at: datetime | None


class NotPending(CountersignError):
    """{ref} is {status}; there is nothing left to decide."""

    code = "not_pending"
    ref: str
    status: str


class StaleDigest(CountersignError):
    """{ref} has changed since you were shown it. Look at revision {revision} and decide again."""

    code = "stale_digest"
    ref: str
    revision: int


class Expired(CountersignError):
    """{ref} expired at {expires_at}; nobody had answered in time."""

    code = "expired"
    ref: str
    expires_at: datetime


class TooSoon(CountersignError):
    """Policy wants this looked at for {dwell_s} s before it is approved. Decide again in {left_s} s."""

    code = "too_soon"
    ref: str
    left_s: int
    dwell_s: int


class InvalidVerdict(CountersignError):
    """{reason}"""  # noqa: D400  as above

    code = "invalid_verdict"
    field: str
    reason: str


class TooManyClaims(CountersignError):
    """You have {most} requests in hand, as many as policy lets one person have. Give one back first."""

    code = "too_many_claims"
    most: int


class DecideAlone(CountersignError):
    """{ref} is not decided among others: {reason}"""  # noqa: D400  as above

    code = "decide_alone"
    ref: str
    reason: str


class NotRevealed(CountersignError):
    """{ref} has fields that you have not seen: {fields}. Have them shown first, then decide."""

    code = "not_revealed"
    ref: str
    fields: str


class NothingToReveal(CountersignError):
    """{ref} hides nothing."""

    code = "nothing_to_reveal"
    ref: str


class EditRefused(CountersignError):
    """Policy refuses the call with these arguments. {reason}"""  # noqa: D400  as above

    code = "edit_refused"
    reason: str


class AlreadyClaimed(CountersignError):
    """{claimed_name} has {ref} in hand. You can still decide it: the first decision counts."""

    code = "already_claimed"
    ref: str
    claimed_name: str


class CannotExtend(CountersignError):
    """{ref} cannot be given more time: {reason}."""

    code = "cannot_extend"
    ref: str
    reason: str


class UnknownPerson(CountersignError):
    """There is no active account {name}."""

    code = "unknown_person"
    name: str


class CannotCover(CountersignError):
    """{reason}"""  # noqa: D400  as above

    code = "cannot_cover"
    field: str
    reason: str


class UnknownCover(CountersignError):
    """There is no such cover."""

    code = "unknown_cover"


class UnknownGlassUse(CountersignError):
    """There is no such use of break-glass."""

    code = "unknown_glass_use"


class IdempotencyConflict(CountersignError):
    """This idempotency key was used for another decision on {ref}."""

    code = "idempotency_conflict"
    ref: str


class NothingToUndo(CountersignError):
    """{ref} cannot be undone: {reason}."""

    code = "nothing_to_undo"
    ref: str
    reason: str


class NothingStands(CountersignError):
    """No standing approval of {ref} is left to revoke."""

    code = "nothing_stands"
    ref: str


class NotConsumable(CountersignError):
    """{ref} cannot be used for this call: {reason}."""

    code = "not_consumable"
    ref: str
    cause: str  # status, held, digest, expired, votes
    reason: str


class UnknownTool(CountersignError):
    """There is no tool {name}."""

    code = "tool_not_found"
    name: str


class NotAllowedToSet(CountersignError):
    """{reason}"""  # noqa: D400  as above

    code = "not_allowed"
    reason: str


class StaleSetting(CountersignError):
    """The setting of {name} has changed since you were shown it. Look again."""

    code = "stale_setting"
    name: str
    revision: int


class InvalidPolicy(CountersignError):
    """This is not a policy document that can be used."""

    code = "invalid_policy"
    errors: list[dict[str, Any]]


class StalePolicy(CountersignError):
    """Revision {number} of the policy was saved by {by} ("{note}") since you read it. Look at it and save again."""

    code = "stale_policy"
    number: int
    by: str
    note: str


class UnknownRevision(CountersignError):
    """The policy has no revision {number}."""

    code = "unknown_revision"
    number: int


class InvalidCursor(CountersignError):
    """This cursor does not come from a list of ours."""

    code = "invalid_cursor"
