"""Targets of the push: making, pausing, resuming, sending again from an entry, changing the secret, ending. All are entries.

Whether an address may be called is the caller's to check: this floor knows no network.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.db import connection, transaction

from audit import feed
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.models import LogIndex
from audit.push.errors import InvalidPush, UnknownPush
from audit.push.files import folder
from audit.push.lifecycle import PUSH
from audit.push.lines import secret as made_of
from audit.push.models import WAYS, PushTarget
from audit.services import NOW, Batch, Birth, Change, Entry, Plus
from audit.services import transition as write

STREAM = "push"
MOST = 20
MOST_KINDS = 50
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,62}\Z")
FILE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}\.jsonl\Z")
KINDS = frozenset({kind.value for kind in EventKind} | {kind.noun for kind in EventKind})
CREATING = "countersign.push"
LIVING = ("active", "paused", "stopped")


@atomically
def create(
    *, actor: Actor, name: str, way: str, address: str, kinds: Sequence[str] = (), start: int | None = None
) -> PushTarget:
    """Push entries to a place from now on, or from an entry of the past on.

    Args:
        actor: who makes it; the caller has checked the right to.
        name: a slug, never given again.
        way: "webhook" or "file".
        address: of a webhook, checked by the caller; of a file its name in the folder AUDIT_PUSH_DIR.
        kinds: kinds of entries, or the nouns of kinds; none for all.
        start: the log index of the first entry that is sent; None for the next one.

    Raises:
        InvalidPush.
    """
    wanted = _checked(name, way, address, kinds)
    with connection.cursor() as cursor:  # one at a time, so that the bound holds
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [CREATING])
    if PushTarget.objects.filter(name=name).exists():
        raise InvalidPush(field="name", reason="is taken by another target, or was")
    if PushTarget.objects.filter(status__in=LIVING).count() >= MOST:
        raise InvalidPush(field="name", reason=f"would be one more than the {MOST} that there may be")
    if way == "file" and PushTarget.objects.filter(status__in=LIVING, way="file", address=address).exists():
        raise InvalidPush(field="address", reason="is written by another target")
    head = feed.head()
    cursor_ = head if start is None else _before(start, head)
    values = {"id": uuid7(), "name": name, "way": way, "address": address, "kinds": wanted, "cursor": cursor_,
              "created_name": actor.name}  # fmt: skip
    told: dict[str, Any] = {"way": way, "to": _told(way, address), "kinds": wanted, "after": cursor_}
    write(
        Batch(
            (), (Birth("audit.PushTarget", values, PUSH),), (Entry(STREAM, EventKind.PUSH_CREATED, actor, told, ids=(name,)),)
        )
    )
    transaction.on_commit(index_soon)
    return get(name)


def _checked(name: str, way: str, address: str, kinds: Sequence[str]) -> list[str]:
    if not NAME.match(name):
        raise InvalidPush(field="name", reason="is small letters, digits and hyphens, at most 63")
    if way not in WAYS:
        raise InvalidPush(field="way", reason=f"is one of {', '.join(WAYS)}")
    if way == "file" and folder() is None:
        raise InvalidPush(field="address", reason="cannot be a file: the operator of this installation named no AUDIT_PUSH_DIR")
    if way == "file" and not FILE.match(address):
        raise InvalidPush(field="address", reason="is the name of a file that ends in .jsonl, without a folder")
    wanted = list(dict.fromkeys(kinds))
    if wrong := next((kind for kind in wanted if kind not in KINDS), ""):
        raise InvalidPush(field="kinds", reason=f"holds {wrong[:60]!r}, which is no kind of entry")
    if len(wanted) > MOST_KINDS:
        raise InvalidPush(field="kinds", reason=f"holds more than {MOST_KINDS}; leave it empty for all")
    return wanted


def _before(start: int, head: int) -> int:
    if not 1 <= start <= head + 1:
        raise InvalidPush(field="start", reason=f"is 1 to {head + 1:,}: the log has {head:,} entries")
    return start - 1


def _told(way: str, address: str) -> str:
    """What the log says of an address: a path may hold keys of another service."""
    return (urlsplit(address).hostname or "") if way == "webhook" else address


def pause(*, name: str, actor: Actor) -> PushTarget:
    """Send nothing until it is resumed; one that rests already stays so. Raises UnknownPush."""
    return _move(name, "pause", EventKind.PUSH_PAUSED, actor, within=("active",))


def resume(*, name: str, actor: Actor) -> PushTarget:
    """Send again, from where it rested, also what came meanwhile. Raises UnknownPush."""
    more = {"failures": 0, "error": "", "ready_at": NOW}
    return _move(name, "resume", EventKind.PUSH_RESUMED, actor, more, within=("paused", "stopped"))


@atomically
def rewind(*, name: str, start: int, actor: Actor) -> PushTarget:
    """Send again from the entry with this log index on, or leave out what comes before it. Raises UnknownPush, InvalidPush."""
    cursor = _before(start, feed.head())
    # The fence keeps who is sending at this moment from moving the place on.
    more = {"cursor": cursor, "fence": Plus(1), "ready_at": NOW}
    return _move(name, "rewind", EventKind.PUSH_REWOUND, actor, more, {"after": cursor})


def rotate(*, name: str, actor: Actor) -> PushTarget:
    """Sign with a new secret, and with the one before as well until the next turn. Raises UnknownPush."""
    return _move(name, "rotate", EventKind.PUSH_ROTATED, actor, {"generation": Plus(1)})


def end(*, name: str, actor: Actor) -> PushTarget:
    """Push nothing more to it; its name is not given again. Raises UnknownPush."""
    return _move(name, "end", EventKind.PUSH_ENDED, actor)


@atomically
def _move(
    name: str, event: str, kind: EventKind, actor: Actor, values: dict[str, Any] | None = None,
    told: dict[str, Any] | None = None, within: Sequence[str] = LIVING,
) -> PushTarget:  # fmt: skip
    row = PushTarget.objects.select_for_update().filter(name=name, status__in=LIVING).first()
    if row is None:
        raise UnknownPush(name=name[:63])
    if row.status in within:
        said = Entry(STREAM, kind, actor, told or {"after": row.cursor}, ids=(name,))
        write(Batch((Change(PUSH, row.pk, row.status, event, values or {}),), (), (said,)))
        transaction.on_commit(index_soon)
    return PushTarget.objects.get(pk=row.pk)


def get(name: str) -> PushTarget:
    """Return one target, an ended one too. Raises UnknownPush."""
    row = PushTarget.objects.filter(name=name).first()
    if row is None:
        raise UnknownPush(name=name[:63])
    return row


def targets() -> list[PushTarget]:
    """Return the targets that were not ended, by name: there are few."""
    return list(PushTarget.objects.filter(status__in=LIVING).order_by("name"))


def waiting(row: PushTarget, head: int) -> tuple[int, datetime | None]:
    """Return how many entries of the log the target has not got to, and since when the oldest of them waits."""
    late = LogIndex.objects.filter(log_index=row.cursor + 1).values_list("entry__at", flat=True).first()
    return max(0, head - row.cursor), late


def secrets(row: PushTarget) -> list[str]:
    """Return what its messages are signed with, the newest first: of each of the installation's keys this turn and the last."""
    keys = [key.strip() for key in (settings.WEBHOOK_KEY or settings.SECRET_KEY).split(",") if key.strip()]
    turns = [turn for turn in (row.generation, row.generation - 1) if turn]
    return [made_of(key, row.pk, turn) for key in keys for turn in turns]
