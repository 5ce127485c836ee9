"""Reading raw content leaves an entry: one for each person and thing in an hour, written before the content is served.

The one place for pages and API. What one started oneself, and what a decision or a reveal has its own entry of, is not
written a second time. Where the entry cannot be written, the content is not served.
"""

import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from django.db import connection, transaction

from audit.actors import Actor
from audit.entry import Entry
from audit.events import EventKind
from audit.index import index_soon
from audit.services import record
from console.auth import Caller

STREAM = "content"
HOUR_S = 3600
MOST_REMEMBERED = 20_000
_BEGIN = """
INSERT INTO console_reading (reader, item, read_at) SELECT %s, item, now() FROM unnest(%s::text[]) AS item ORDER BY item
ON CONFLICT (reader, item) DO UPDATE SET read_at = now() WHERE console_reading.read_at < now() - interval '1 hour'
RETURNING item"""
_FORGET = """
DELETE FROM console_reading WHERE ctid = ANY (ARRAY(SELECT ctid FROM console_reading
WHERE read_at < now() - interval '1 hour' ORDER BY read_at LIMIT 100 FOR UPDATE SKIP LOCKED))"""
_noted: dict[tuple[str, str, str], float] = {}
"""What this process knows to be noted, and when, so that reading the same thing again costs no query."""


@dataclass(frozen=True, slots=True)
class Item:
    """A thing with raw content that has no short id of its own, and the ids of what its content is of: an entry of a session."""

    name: str
    ids: tuple[str, ...]


def note_reading(caller: Caller, items: Iterable[str | Item]) -> None:
    """Write that the caller reads the raw content of these things: `AP-12`, `S-7`, the name of a list, or an `Item`."""
    actor, now = caller.actor(), time.monotonic()
    reader = f"{actor.kind}:{actor.id}"
    asked = dict((item, _ids(item)) if isinstance(item, str) else (item.name, item.ids) for item in items)
    new = {item: about for item, about in asked.items() if now - _noted.get((_database(), reader, item), -HOUR_S) >= HOUR_S}
    if not new:
        return
    _write(actor, reader, new)
    if len(_noted) + len(new) > MOST_REMEMBERED:
        _noted.clear()
    if not connection.in_atomic_block:  # else it may yet be undone
        _noted.update({(_database(), reader, item): now for item in new})


@transaction.atomic
def _write(actor: Actor, reader: str, items: Mapping[str, tuple[str, ...]]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(_FORGET)
        cursor.execute(_BEGIN, [reader, list(items)])
        begun = [item for (item,) in cursor.fetchall()]
    if begun:
        record([Entry(STREAM, EventKind.CONTENT_READ, actor, {"item": item}, items[item]) for item in begun])
        transaction.on_commit(index_soon)


def _ids(item: str) -> tuple[str, ...]:
    return (item,) if item.startswith(("AP-", "S-")) else ()


def _database() -> str:
    return f"{connection.settings_dict['HOST']}/{connection.settings_dict['NAME']}"
