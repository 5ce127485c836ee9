"""Work in the background that is held under a lease: which row is open, and the oldest one, for whoever claims it."""

from typing import Any

from django.db.models import Q, QuerySet
from django.db.models.functions import Now

LEASE_S = 30.0
_OPEN = Q(status="queued", ready_at__lte=Now()) | Q(status="running", lease_expires__lt=Now())


def is_open(rows: QuerySet[Any]) -> bool:
    """Say whether some row waits to be played now: it is ready, or its worker was not heard of."""
    return rows.filter(_OPEN).exists()


def oldest_open(rows: QuerySet[Any]) -> int | None:
    """Lock the oldest such row that nobody else holds, and return its number; None where there is none."""
    found = rows.filter(_OPEN).order_by("number").select_for_update(skip_locked=True)
    return found.values_list("number", flat=True).first()
