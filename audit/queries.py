"""Reading the log: pages of entries by filter, newest first, one entry, and a stream from its beginning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from audit.errors import UnknownEntry
from audit.events import EventKind
from audit.models import AuditEntry, AuditStream
from audit.searching import LOG, LOOKED, Part, Sought, Way, find, together
from audit.sessions import ids_about
from audit.stored import COLUMNS, StoredEntry, stored

FEWEST = 2_000  # entries of a kind of principal that are fetched whole
LONGEST_APPEND = timedelta(minutes=10)  # the clock is read before the number is taken: they disagree by less than this


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What to look for; empty means any.

    `session` ("S-88123") finds its stream and what names it elsewhere, `principal` is "kind" or "kind:id", `kind` an event
    kind or its noun ("tool_call"), `since` is included and `until` is not, `text` is searched for in the words of the entry.
    """

    stream: str = ""
    session: str = ""
    principal: str = ""
    kind: str = ""
    tool: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries, newest first, and the cursor of the page after it; None on the last.

    `looked_to` is there where the page stopped before it was full: the entry up to which everything was looked at.
    """

    items: Sequence[StoredEntry]
    next: int | None
    looked_to: StoredEntry | None = None


def entries(
    where: EntryFilter, *, before: int | None = None, limit: int = 50, looked: int = LOOKED, using: str = "default"
) -> EntryPage:
    """Return the page of entries that match `where` and come before the cursor, after looking at no more than `looked`."""
    sought = _sought(where, before, using)
    found = find(sought, limit=limit + 1, looked=looked, using=using)
    rows = AuditEntry.objects.using(using)
    if where.stream:
        rows = rows.filter(stream=where.stream)
    places = [*found.places[:limit], *([] if found.end is None else [found.end])]
    read = {row[sought.order]: stored(row) for row in rows.filter(**{f"{sought.order}__in": places}).values(*COLUMNS)}
    items = [read[place] for place in found.places[:limit] if place in read]
    if found.end is not None:
        return EntryPage(items, found.end + 1, read.get(found.end))
    return EntryPage(items, found.places[limit - 1] if len(found.places) > limit else None)


def entry(*, log_index: int, using: str = "default") -> StoredEntry:
    """Return the entry at one place of the log; raise UnknownEntry."""
    row = AuditEntry.objects.using(using).filter(place__log_index=log_index).values(*COLUMNS).first()
    if row is None:
        raise UnknownEntry(log_index=log_index)
    return stored(row)


def story(stream: str, *, after: int = 0, limit: int = 200, using: str = "default") -> list[StoredEntry]:
    """Return the entries of one stream in their order, from after sequence number `after`."""
    rows = AuditEntry.objects.using(using).filter(stream=stream, seq__gt=after).order_by("seq")
    return [stored(row) for row in rows.values(*COLUMNS)[:limit]]


def is_closed(stream: str, *, using: str = "default") -> bool:
    """Say whether a stream has ended."""
    return AuditStream.objects.using(using).filter(name=stream, closed=True).exists()


def _sought(where: EntryFilter, before: int | None, using: str) -> Sought:
    """Return how to look for entries: within a stream its sequence is the order, elsewhere the number is."""
    asked, ways = conditions(where), {}
    if where.session:
        asked["session"] = Part("id = ANY(%s)", (ids_about(where.session, using),))
        ways["session"] = Way((asked["session"],), small=True)
    kind, _, id_ = where.principal.partition(":")
    if kind and id_:
        ways["principal"] = Way((asked["principal"],))
    elif kind and _are_few(kind, using):
        ways["principal"] = Way((asked["principal"],), small=True)
    if where.kind:
        ways["kind"] = Way(tuple(Part("kind = %s", (one,)) for one in _kinds(where.kind)))
    if where.tool:
        ways["tool"] = Way((asked["tool"],))
    if where.stream:
        bounds = Part("TRUE") if before is None else Part("seq < %s", (before,))
        return Sought(asked, {"stream": Way((asked["stream"],))}, bounds, "seq", where.text)
    return Sought(asked, {**ways, "": LOG}, _bounds(where, before, using), "id", where.text)


def conditions(where: EntryFilter) -> dict[str, Part]:
    """Return what columns have to say, by name; a session and words are looked for in other ways."""
    kind, _, id_ = where.principal.partition(":")
    asked = {
        "stream": Part("stream = %s", (where.stream,)) if where.stream else None,
        "tool": Part("(tool = %s AND tool <> '')", (where.tool,)) if where.tool else None,
        "kind": Part("kind = ANY(%s)", (_kinds(where.kind),)) if where.kind else None,
        "since": Part("at >= %s", (where.since,)) if where.since is not None else None,
        "until": Part("at < %s", (where.until,)) if where.until is not None else None,
    }
    if kind:
        asked["principal"] = (
            Part("(actor_kind = %s AND actor_id = %s)", (kind, id_)) if id_ else Part("actor_kind = %s", (kind,))
        )
    return {name: part for name, part in asked.items() if part is not None}


def _kinds(kind: str) -> list[str]:
    """Return a kind, or those of a noun."""
    return sorted({kind, *(one.value for one in EventKind if one.noun == kind)}) if "." not in kind else [kind]


def _bounds(where: EntryFilter, before: int | None, using: str) -> Part:
    """Return between which numbers to look. They are wider than the times; those are looked at besides."""
    bounds = [] if before is None else [Part("id < %s", (before,))]
    if where.since is not None:
        older = AuditEntry.objects.using(using).filter(at__lt=where.since - LONGEST_APPEND).order_by("-at")
        if (first := older.values_list("id", flat=True).first()) is not None:
            bounds.append(Part("id > %s", (first,)))
    if where.until is not None:
        newer = AuditEntry.objects.using(using).filter(at__gte=where.until + LONGEST_APPEND).order_by("at")
        if (last := newer.values_list("id", flat=True).first()) is not None:
            bounds.append(Part("id < %s", (last,)))
    return together(bounds)


def _are_few(actor_kind: str, using: str) -> bool:
    """Return whether principals of a kind did so little that it can be fetched whole; their index is by principal."""
    rows = AuditEntry.objects.using(using).filter(actor_kind=actor_kind).order_by("actor_kind", "actor_id", "id")
    return len(rows.values_list("id", flat=True)[: FEWEST + 1]) <= FEWEST
