"""The outbox: notices are made from the log, exactly once, gathered into deliveries, claimed, and settled.

The place in the log moves in the transaction that writes the notices, so nothing is forgotten or told twice by a
crash. A delivery is claimed for a time; who dies while sending leaves it to be sent again under the same id.
"""

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Count, Exists, F, OuterRef, Q
from django.db.models.functions import Now

from audit import feed
from console.models import ALWAYS, DELIVERED, Delivery, Notice, Preference, ReachPlace
from console.reach import alarms, webhooks
from console.reach.occasions import listener, settled, tellings

EVENTS = 500
GATHERED_S = 60
"""After a delivery, what comes for the same person and channel within this becomes one delivery."""
LEASE_S = 120
"""A claimed delivery that nobody settles within this is sent again."""
MOST_ATTEMPTS = 8
BACK_OFF_S = 15
LONGEST_BACK_OFF_S = 900
KEPT_DAYS = 30
PAIRS, LISTED = 200, 100


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process sends now; `attempt` is its fence."""

    delivery: Delivery
    attempt: int


def gather() -> bool:
    """Read the log from where it was left and write down who is told what; True if there may be more."""
    with transaction.atomic():
        place = ReachPlace.objects.select_for_update(skip_locked=True).first()
        if place is None:
            # Not there yet, or another process is at it. What happened before the first look is old news.
            ReachPlace.objects.bulk_create([ReachPlace(n=feed.head())], ignore_conflicts=True)
            return False
        events = feed.read(place.n, EVENTS)
        if not events:
            return False
        _write_down(events)
        webhooks.write_down(events)
        alarms.write_down(events)
        place.n = events[-1].n
        place.save(update_fields=["n"])
    return len(events) == EVENTS


def _write_down(events: list[feed.FeedEvent]) -> None:
    wishes = {wish.user_id: wish for wish in _wishes()}
    users = User.objects.filter(pk__in=wishes, is_active=True).prefetch_related("groups")
    told = tellings(events, [listener(user, wishes[user.pk].occasions) for user in users])
    rows = [
        Notice(user_id=one.user_id, channel=channel, n=one.n, occasion=one.occasion, ref=one.ref, text=one.text)
        for one in told
        for channel in wishes[one.user_id].channels
        if channel in DELIVERED
    ]
    Notice.objects.bulk_create(rows, ignore_conflicts=True)


def _wishes() -> list[Preference]:
    return list(Preference.objects.filter(channels__overlap=list(DELIVERED)).defer("chat"))


def pack() -> int:
    """Put waiting notices into deliveries, one for each person and channel that had none lately; return how many."""
    lately = Delivery.objects.filter(user=OuterRef("user"), channel=OuterRef("channel")).filter(
        Q(created_at__gt=Now() - timedelta(seconds=GATHERED_S)) | Q(sent_at=None, given_up_at=None)
    )
    waiting = Notice.objects.filter(~Exists(lately), delivery=None, dropped=False)
    pairs = list(waiting.values_list("user_id", "channel").distinct()[:PAIRS])
    return sum(_pack_one(user_id, channel) for user_id, channel in pairs)


@transaction.atomic
def _pack_one(user_id: int, channel: str) -> bool:
    waiting = Notice.objects.filter(user_id=user_id, channel=channel, delivery=None, dropped=False)
    notices = list(waiting.select_for_update(skip_locked=True).order_by("n")[:LISTED])
    worth = _worth(user_id, channel, notices)
    Notice.objects.filter(pk__in=[one.pk for one in notices if one not in worth]).update(dropped=True)
    if not worth:
        return False
    made = uuid.uuid4()
    # Where another process was faster, its delivery is under way and this one is not made.
    Delivery.objects.bulk_create([Delivery(id=made, user_id=user_id, channel=channel)], ignore_conflicts=True)
    if not Delivery.objects.filter(pk=made).exists():
        return False
    Notice.objects.filter(pk__in=[one.pk for one in worth]).update(delivery_id=made)
    return True


def _worth(user_id: int, channel: str, notices: list[Notice]) -> list[Notice]:
    """Return what still has to be told: nothing settled, nothing that the person does not want any more."""
    wish = Preference.objects.filter(user_id=user_id, user__is_active=True, channels__contains=[channel]).first()
    if wish is None:
        return []
    over = settled(one.ref for one in notices if one.occasion not in ALWAYS)
    wanted = ALWAYS.union(wish.occasions)
    return [one for one in notices if one.occasion in wanted and (one.occasion in ALWAYS or one.ref not in over)]


@transaction.atomic
def claim() -> Claimed | None:
    """Take one delivery that is due, for a while; None when nothing is due."""
    due = Delivery.objects.filter(sent_at=None, given_up_at=None, ready_at__lte=Now())
    row = due.select_for_update(skip_locked=True, of=("self",)).select_related("user").order_by("ready_at").first()
    if row is None:
        return None
    attempt = row.attempts + 1
    Delivery.objects.filter(pk=row.pk).update(attempts=attempt, ready_at=Now() + timedelta(seconds=LEASE_S))
    return Claimed(row, attempt)


def sent(claimed: Claimed) -> None:
    """Note that a delivery left."""
    _mine(claimed).update(sent_at=Now(), error="")


def failed(claimed: Claimed, reason: str, *, final: bool) -> None:
    """Note why a delivery did not leave; it is tried again later, unless it is final or was tried often enough."""
    if final or claimed.attempt >= MOST_ATTEMPTS:
        _mine(claimed).update(given_up_at=Now(), error=reason)
        return
    pause = min(LONGEST_BACK_OFF_S, BACK_OFF_S * 2 ** (claimed.attempt - 1))
    _mine(claimed).update(ready_at=Now() + timedelta(seconds=pause), error=reason)


def _mine(claimed: Claimed) -> Any:
    """The delivery, unless somebody else claimed it meanwhile."""
    return Delivery.objects.filter(pk=claimed.delivery.pk, attempts=claimed.attempt, sent_at=None, given_up_at=None)


def newest_of(user_id: int, limit: int = 10) -> list[Delivery]:
    """Return a person's newest deliveries, each with `count`, the number of things it tells."""
    rows = Delivery.objects.filter(user_id=user_id).annotate(count=Count("notices"))
    return list(rows.order_by(F("created_at").desc())[:limit])


def forget() -> None:
    """Delete what is older than a month, a little at a time."""
    for model in (Notice, Delivery):
        old = model.objects.filter(created_at__lt=Now() - timedelta(days=KEPT_DAYS)).values("pk")[:1000]
        model.objects.filter(pk__in=list(old.values_list("pk", flat=True))).delete()
