"""How the page shows who has a request in hand, and what one person can do about it."""

from dataclasses import replace
from typing import Any

from django.urls import reverse
from django.utils import timezone

from approvals.claims import DISPATCHERS, bounds, extension_s, holder_of, refusal_to_hold
from approvals.facts import Person
from approvals.models import ApprovalRequest
from approvals.people import people_with
from approvals.places import places_of
from console.auth import Caller
from console.formats import short_span
from console.rights import Right, roles_with


def hand(row: ApprovalRequest, caller: Caller, person: Person) -> dict[str, Any] | None:
    """Return who has a waiting request in hand and what this person can do about it; None once it is decided.

    `person` is the caller with the places of others in which they decide.
    """
    if row.status != "pending":
        return None
    now, rule = timezone.now(), bounds()
    holder = holder_of(row, now)
    able = caller.has(Right.DECIDE) and refusal_to_hold(person, row) is None
    dispatches = caller.has(Right.DECIDE) and bool(person.roles & DISPATCHERS)
    mine = holder is not None and holder.id == person.id
    return {
        "holder": holder,
        "mine": mine,
        "for_whom": next((place.name for place in person.places if holder and place.of == holder.id), ""),
        "may_claim": able and holder is None,
        "may_release": holder is not None and caller.has(Right.DECIDE) and (mine or dispatches),
        "may_extend": able and row.extensions < rule.extensions,
        "extension": short_span(extension_s(row, rule)),
        "people": _people(row, holder.id if holder else 0) if able or dispatches else [],
        "escalated_at": row.escalated_at,
        "urls": {act: reverse("approval-hand", args=[row.ref, act]) for act in ("claim", "release", "assign", "expiry")},
    }


def _people(row: ApprovalRequest, but: int) -> list[dict[str, str]]:
    """Return to whom a request can be given: those who may decide it."""
    known = people_with(roles_with(Right.DECIDE))
    places = places_of([person.id for person, _ in known])
    return [
        {"name": person.name, "email": email} for person, email in known
        if person.id != but and refusal_to_hold(replace(person, places=places.get(person.id, ())), row) is None
    ]  # fmt: skip
