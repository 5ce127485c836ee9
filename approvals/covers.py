"""Covers: naming who decides in one's place for a while, ending it, and listing them (APPR-5, APPR-6, THREATS 29).

What a cover lets somebody do is judged by `approvals.policy` with `approvals.places`, at the decision and again when
the approval is used.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from django.db import transaction
from django.db.models import Q

from approvals.errors import CannotCover, NotYours, UnknownCover
from approvals.exceptional import LONGEST_COVER
from approvals.facts import Person
from approvals.lifecycle import COVER
from approvals.models import Cover
from approvals.policy import DECIDERS, READERS
from audit.actors import Actor
from audit.batch import NOW, Batch, Birth, Change
from audit.canonical import Json
from audit.connection import read
from audit.entry import Entry
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import transition

State = Literal["planned", "running", "over", "ended"]
LONGEST_REASON = 500
MOST = 20
"""How many covers of one person can stand at a time, begun or yet to begin."""
AHEAD = timedelta(days=180)
MAKERS = frozenset({"admin"})
"""Roles that name and end covers of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """Who shall decide in whose place, from when to when; without `roles`: as all that the absent one is now."""

    absent: Person
    deputy: Person
    until: datetime
    since: datetime | None = None
    roles: Collection[str] = ()
    reason: str = ""


@transaction.atomic
def agree(wish: Wish, *, person: Person, actor: Actor) -> Cover:
    """Let somebody decide in another's place for a while; the absent one names them, or an admin.

    Raises NotYours where `person` may not, CannotCover with the field that is wrong.
    """
    if person.service:
        raise NotYours(refusal="service_token", reason="A service token cannot name a cover; a person has to.")
    if person.id != wish.absent.id and not person.roles & MAKERS:
        raise NotYours(refusal="role", reason="You name who covers you; only an admin names covers of others.")
    (clock,) = read("SELECT clock_timestamp() AS now")
    now = clock["now"]
    roles, since = _checked_people(wish), _checked_times(wish, now)
    if len(wish.reason) > LONGEST_REASON:
        raise CannotCover(field="reason", reason=f"The reason needs at most {LONGEST_REASON} characters.")
    if Cover.objects.filter(absent=wish.absent.id, status="agreed", ends_at__gt=now).count() >= MOST:
        raise CannotCover(field="deputy", reason=f"{wish.absent.name} has {MOST} covers already. End one first.")
    values = {
        "id": uuid7(), "absent": wish.absent.id, "absent_name": wish.absent.name, "deputy": wish.deputy.id,
        "deputy_name": wish.deputy.name, "roles": roles, "starts_at": since, "ends_at": wish.until,
        "reason": wish.reason.strip(), "agreed_by": actor.name or actor.id,
    }  # fmt: skip
    facts: dict[str, Json] = {"from": since.isoformat(), "until": wish.until.isoformat(), "roles": roles}
    row = Cover(**values)
    transition(Batch((), (Birth("approvals.Cover", values, COVER),), (_entry(row, EventKind.COVER_AGREED, actor, facts),)))
    transaction.on_commit(index_soon)
    return Cover.objects.get(pk=row.id)


@transaction.atomic
def end(cover_id: UUID, *, person: Person, actor: Actor) -> Cover:
    """End a cover before its time; either of the two may, and an admin. One that is over already stays as it is.

    Raises UnknownCover, also for whom it does not concern.
    """
    row = Cover.objects.select_for_update(no_key=True).filter(pk=cover_id).first()
    if row is None or person.service or (person.id not in (row.absent, row.deputy) and not person.roles & MAKERS):
        raise UnknownCover
    if row.status != "agreed":
        return row
    change = Change(COVER, row.id, "agreed", "end", {"ended_by": actor.name or actor.id, "ended_at": NOW})
    transition(Batch((change,), (), (_entry(row, EventKind.COVER_ENDED, actor, {}),)))
    transaction.on_commit(index_soon)
    row.refresh_from_db()
    return row


def covers(*, of: int | None, standing: bool, now: datetime, before: UUID | None = None, limit: int = 50) -> Sequence[Cover]:
    """Return covers, newest first: everybody's, or those given and received by one person; `standing`: not over at `now`."""
    rows = Cover.objects.order_by("-id")
    if of is not None:
        rows = rows.filter(Q(absent=of) | Q(deputy=of))
    if standing:
        rows = rows.filter(status="agreed", ends_at__gt=now)
    return list((rows if before is None else rows.filter(id__lt=before))[:limit])


def state_of(row: Cover, now: datetime) -> State:
    """Return how a cover stands at `now`: planned, running, over or ended."""
    if row.status == "ended":
        return "ended"
    return "planned" if row.starts_at > now else "running" if row.ends_at > now else "over"


def _checked_people(wish: Wish) -> list[str]:
    absent, deputy = wish.absent, wish.deputy
    if deputy.id == absent.id:
        raise CannotCover(field="deputy", reason="Nobody covers themselves.")
    roles = sorted(set(wish.roles) or absent.roles)
    if missing := sorted(set(roles) - absent.roles):
        raise CannotCover(field="roles", reason=f"{absent.name} is not in: {', '.join(missing)}.")
    if not set(roles) & DECIDERS:
        raise CannotCover(field="roles", reason="None of these roles decides anything; there is nothing to cover.")
    if not deputy.roles & (READERS | ({"prompt_manager"} & set(roles))):
        raise CannotCover(
            field="deputy", reason=f"{deputy.name} does not read what there is to decide. Choose somebody who does."
        )
    return roles


def _checked_times(wish: Wish, now: datetime) -> datetime:
    since = max(wish.since or now, now)
    if wish.until <= since:
        raise CannotCover(field="until", reason="The end has to come after the beginning, and later than now.")
    if wish.until - since > LONGEST_COVER:
        raise CannotCover(field="until", reason=f"A cover holds {LONGEST_COVER.days} days at most.")
    if since - now > AHEAD:
        raise CannotCover(field="since", reason=f"A cover begins within {AHEAD.days} days.")
    return since


def _entry(row: Cover, kind: EventKind, actor: Actor, facts: Mapping[str, Json]) -> Entry:
    people: dict[str, Json] = {
        "cover": str(row.id), "absent": str(row.absent), "absent_name": row.absent_name, "deputy": str(row.deputy),
        "deputy_name": row.deputy_name,
    }  # fmt: skip
    ids = (f"user:{row.absent}", f"user:{row.deputy}")
    return Entry(f"user:{row.absent}", kind, actor, {**people, **facts}, ids)
