"""When a request was put before a person: a signed stamp in the page's forms, so that nobody's clock is taken at its word.

A stamp is for one person and one digest. The earliest that a page holds counts, so looking again costs nobody time.
"""

from datetime import datetime

from django.core.signing import BadSignature, Signer

from approvals.facts import STRICTEST, TIERS
from approvals.looked import LONGEST_MS, Looked
from approvals.models import ApprovalRequest
from approvals.policies import current

_SALT = "console.served"


def stamp(user_id: int, digest: str, now: datetime) -> str:
    """Return the stamp that says: this person was served this at this moment."""
    return _signer(user_id, digest).sign(str(round(now.timestamp() * 1000)))


def served_ms(sent: str, user_id: int, digest: str, now: datetime) -> int | None:
    """Return for how long this person has had it, a day at most; None for a stamp that was not made here for them."""
    try:
        at = int(_signer(user_id, digest).unsign(sent))
    except (BadSignature, ValueError):
        return None
    return max(0, min(round(now.timestamp() * 1000) - at, LONGEST_MS))


def kept(sent: str, user_id: int, digest: str, now: datetime) -> str:
    """Return the stamp that came back with a form, so that the time goes on; a new one where none of worth came."""
    return sent if served_ms(sent, user_id, digest, now) is not None else stamp(user_id, digest, now)


def looked(sent: str, shown: str, user_id: int, row: ApprovalRequest, digest: str, now: datetime) -> Looked:
    """Return how long a person had what they decide on, and what policy asks for.

    `sent` is the stamp, `shown` how many milliseconds it was in view by the page's word.
    """
    ms = int(shown) if shown.isascii() and shown.isdecimal() and len(shown) < 12 else None
    return Looked(served_ms=served_ms(sent, user_id, digest, now), screen_ms=ms, dwell_s=dwell_s(row))


def dwell_s(row: ApprovalRequest) -> int:
    """Return how many seconds policy wants a request to be looked at before it is approved; a question's tier says nothing."""
    if row.kind != "tool_call":
        return 0
    tier = row.tier if row.tier in TIERS else STRICTEST
    return current().policy.tiers[tier].dwell_s


def _signer(user_id: int, digest: str) -> Signer:
    return Signer(salt=f"{_SALT}:{user_id}:{digest}")
