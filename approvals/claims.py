"""Who has a request in hand: claimed for a while, given back, assigned, given more time, and escalated by the clock.

None of it says who may decide. A claim only tells the others; the first decision counts whoever has it (APPR-7).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.db.models.functions import Now

from approvals.document import ClaimRule
from approvals.errors import AlreadyClaimed, ApprovalNotFound, CannotExtend, Expired, NotPending, NotYours, TooManyClaims
from approvals.facts import Person, Refusal
from approvals.lifecycle import REQUEST
from approvals.models import ApprovalRequest
from approvals.moves import ESCALATES_AFTER, request_entry
from approvals.places import with_places
from approvals.policies import current
from approvals.policy import LENDABLE, VERDICTS, may_decide
from audit.actors import SYSTEM, Actor
from audit.batch import NOW, After, Batch, Change
from audit.events import EventKind
from audit.index import index_soon
from audit.services import transition

DISPATCHERS = frozenset({"operator", "admin"})
"""Roles that may assign, and give back what somebody else has in hand, whether or not they decide it themselves."""
FREE: dict[str, Any] = {"claimed_by": None, "claimed_name": "", "claimed_until": None, "assigned_by": ""}


@dataclass(frozen=True, slots=True)
class Holder:
    """Who has a request in hand; `until` is None and `assigned_by` set where it was given to them."""

    id: int
    name: str
    until: datetime | None
    assigned_by: str


def holder_of(row: ApprovalRequest, now: datetime) -> Holder | None:
    """Return who has a request in hand at `now`; nobody once the lease of a claim is over."""
    if row.claimed_by is None or (row.claimed_until is not None and row.claimed_until <= now):
        return None
    return Holder(row.claimed_by, row.claimed_name, row.claimed_until, row.assigned_by)


def refusal_to_hold(person: Person, row: ApprovalRequest) -> Refusal | None:
    """Return why `person` cannot take a request in hand: only who may decide it can. None where they can."""
    if person.service:
        return Refusal("service_token", "A service token cannot do this; a person has to.")
    proven = replace(person, reauthenticated=True)
    refusals = [may_decide(proven, row.rights, verdict) for verdict in VERDICTS.get(row.kind, ())]
    return None if None in refusals else refusals[0] if refusals else Refusal("kind", "Nobody decides this.")


@transaction.atomic
def claim(*, request_id: UUID, person: Person, actor: Actor) -> ApprovalRequest:
    """Take a request in hand for a while, or renew one's claim once half of it is over.

    Raises ApprovalNotFound, NotPending, Expired, NotYours, AlreadyClaimed, TooManyClaims.
    """
    row, now = _open(request_id)
    _only_who_decides(person, row)
    holder, rule = holder_of(row, now), bounds()
    if holder and holder.id != person.id:
        raise AlreadyClaimed(ref=row.ref, claimed_name=holder.name)
    if holder and (holder.until is None or (holder.until - now).total_seconds() > rule.lease_s / 2):
        return row
    if holder is None and rule.most is not None and _claims_of(person.id) >= rule.most:
        raise TooManyClaims(most=rule.most)
    values = {**FREE, "claimed_by": person.id, "claimed_name": person.name, "claimed_until": After(rule.lease_s)}
    facts = {"lease_s": rule.lease_s, "renewed": holder is not None}
    return _write(row, "claim", values, EventKind.APPROVAL_CLAIMED, actor, facts)


@transaction.atomic
def release(*, request_id: UUID, person: Person, actor: Actor) -> ApprovalRequest:
    """Give a request back; somebody else's only as an operator or admin. Nothing happens where nobody has it.

    Raises ApprovalNotFound, NotPending, Expired, NotYours.
    """
    row, now = _open(request_id)
    holder = holder_of(row, now)
    if holder is None:
        return row
    if person.service or (holder.id != person.id and not person.roles & DISPATCHERS):
        raise NotYours(refusal="claim", reason=f"Only {holder.name}, an operator or an admin can give this back.")
    return _write(row, "release", FREE, EventKind.APPROVAL_UNCLAIMED, actor, {"had": holder.name})


@transaction.atomic
def assign(*, request_id: UUID, to: Person, person: Person, actor: Actor) -> ApprovalRequest:
    """Give a request to somebody who may decide it, until it is decided or given back.

    Operators and admins may, and whoever may decide it. Raises ApprovalNotFound, NotPending, Expired, NotYours.
    """
    row, now = _open(request_id)
    if person.service or not person.roles & DISPATCHERS:
        _only_who_decides(person, row)
    if refusal := refusal_to_hold(_with_lent(to, row), row):
        raise NotYours(refusal=refusal.code, reason=f"{to.name} cannot decide this. Choose somebody who can.")
    holder = holder_of(row, now)
    if holder and holder.id == to.id and holder.assigned_by:
        return row
    values = {"claimed_by": to.id, "claimed_name": to.name, "claimed_until": None, "assigned_by": actor.name or actor.id}
    facts = {"to": str(to.id), "to_name": to.name, "from_name": holder.name if holder else ""}
    return _write(row, "assign", values, EventKind.APPROVAL_DELEGATED, actor, facts)


@transaction.atomic
def extend(*, request_id: UUID, person: Person, actor: Actor) -> ApprovalRequest:
    """Give a request as much time again as it had at first, as often and as long as policy allows.

    Raises ApprovalNotFound, NotPending, Expired, NotYours, CannotExtend.
    """
    row, now = _open(request_id)
    _only_who_decides(person, row)
    rule = bounds()
    if row.extensions >= rule.extensions:
        raise CannotExtend(ref=row.ref, reason=_enough(row.extensions))
    added = extension_s(row, rule)
    left = (row.expires_at - now).total_seconds() + added
    values = {
        "expires_at": After(left),
        "extensions": row.extensions + 1,
        "escalates_at": After(left * ESCALATES_AFTER),
        "escalated_at": None,
    }
    return _write(
        row, "extend", values, EventKind.APPROVAL_EXTENDED, actor, {"added_s": added, "extension": row.extensions + 1}
    )


def bounds() -> ClaimRule:
    """Return what policy says of claims and extensions now."""
    return current().policy.claims


def extension_s(row: ApprovalRequest, rule: ClaimRule) -> int:
    """Return how many seconds one extension of a request adds: what it had at first, as much as policy allows at most."""
    life = (row.expires_at - row.created_at).total_seconds()
    # Each extension added as much as the first life, or the most where that was longer.
    return max(60, min(round(life / (row.extensions + 1)), rule.extension_s))


def _enough(times: int) -> str:
    return f"it was extended {times} time{'' if times == 1 else 's'}" if times else "policy gives no request more time"


def _claims_of(user_id: int) -> int:
    """Count the claims that a person has now; what was given to them is not theirs to choose and does not count.

    Until the transaction ends nobody else counts them: two claims at once would both find room for one.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('countersign.claims ' || %s))", [str(user_id)])
    return ApprovalRequest.objects.filter(status="pending", claimed_by=user_id, claimed_until__gt=Now()).count()


@transaction.atomic
def tend(most: int = 200) -> int:
    """Escalate what has used most of its time, and free claims whose lease is over; returns how many rows it moved."""
    ripe, lapsed = _due("escalates_at", most, {"escalated_at": None}), _due("claimed_until", most, {})
    changes = [Change(REQUEST, row.id, "pending", "escalate", {"escalated_at": NOW}) for row in ripe]
    changes += [Change(REQUEST, row.id, "pending", "release", FREE, {"claimed_until": row.claimed_until}) for row in lapsed]
    entries = [
        request_entry(
            row, EventKind.APPROVAL_ESCALATED, SYSTEM, {"expires_at": row.expires_at.isoformat(), "had": row.claimed_name}
        )
        for row in ripe
    ]
    entries += [
        request_entry(row, EventKind.APPROVAL_UNCLAIMED, SYSTEM, {"had": row.claimed_name, "lapsed": True}) for row in lapsed
    ]
    if changes:
        transition(Batch(changes=tuple(changes), entries=tuple(entries)))
        index_soon()
    return len(changes)


def _due(column: str, most: int, where: dict[str, Any]) -> list[ApprovalRequest]:
    rows = ApprovalRequest.objects.select_for_update(skip_locked=True, no_key=True).filter(status="pending", **where)
    rows = rows.extra(where=[f"{column} <= clock_timestamp()", "expires_at > clock_timestamp()"])  # noqa: S610 ours
    return list(rows.defer("body").order_by(column)[:most])


def _open(request_id: UUID) -> tuple[ApprovalRequest, datetime]:
    row = ApprovalRequest.objects.select_for_update(no_key=True).filter(id=request_id).first()
    if row is None:
        raise ApprovalNotFound
    with connection.cursor() as cursor:
        # Asked after the lock was got: waiting for it may have taken until after the expiry.
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    if row.status != "pending":
        raise NotPending(ref=row.ref, status=row.status)
    if now >= row.expires_at:
        raise Expired(ref=row.ref, expires_at=row.expires_at)
    return row, now


def _only_who_decides(person: Person, row: ApprovalRequest) -> None:
    if refusal := refusal_to_hold(_with_lent(person, row), row):
        raise NotYours(refusal=refusal.code, reason=refusal.text)


def _with_lent(person: Person, row: ApprovalRequest) -> Person:
    """Return the person with the places that they stand in, which are read only where their own rights are not enough."""
    refusal = refusal_to_hold(person, row)
    return with_places(person) if refusal is not None and refusal.code in LENDABLE else person


def _write(
    row: ApprovalRequest, event: str, values: dict[str, Any], kind: EventKind, actor: Actor, facts: dict[str, Any]
) -> ApprovalRequest:
    transition(Batch((Change(REQUEST, row.id, "pending", event, values),), (), (request_entry(row, kind, actor, facts),)))
    index_soon()
    row.refresh_from_db()
    return row
