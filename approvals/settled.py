"""When a request was settled: its order among those that do not wait any more, newest first, and a page's place in it.

A decision has its time. What ran out settled when its time was over; what was withdrawn or became void, which nobody decides
and which is told without a time, stands where it was asked.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.models import Case, F, Q, QuerySet, When
from django.db.models.functions import Coalesce

SETTLED = ("approved", "consumed", "rejected", "answered", "expired", "withdrawn", "void")
"""The statuses of which that order has an index, `request_settled`."""
At = tuple[datetime, int]
"""A place in the order: when, and the request's number among those of the same moment."""


def settled_at() -> Coalesce:
    """Return the expression, as the index has it."""
    return Coalesce(F("decided_at"), Case(When(status="expired", then=F("expires_at")), default=F("created_at")))


def in_order(rows: QuerySet[Any]) -> QuerySet[Any]:
    """Return the rows newest first, each with its place's time as `settled`."""
    ordered: QuerySet[Any] = rows.annotate(settled=settled_at()).order_by("-settled", "-number")
    return ordered


def after(place: At) -> Q:
    """Return the condition of what comes after a place."""
    at, number = place
    return Q(settled__lte=at) & (Q(settled__lt=at) | Q(number__lt=number))


def down_to(place: At) -> Q:
    """Return the condition of what comes before a place, itself included."""
    at, number = place
    return Q(settled__gte=at) & (Q(settled__gt=at) | Q(number__gte=number))


def place_of(row: Any) -> At:
    """Return the place of a row that was read in order."""
    return row.settled, row.number


def last_within(rows: QuerySet[Any], reach: int) -> At | None:
    """Return the place of the last row within reach; None where fewer are left."""
    found: Sequence[At] = list(in_order(rows).values_list("settled", "number")[reach - 1 : reach])
    return found[0] if found else None
