"""Reading the log: pages of entries by filter, newest first, one entry, and a stream from its beginning."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import BooleanField, Func, Q, QuerySet, Value

from audit.actors import Actor
from audit.errors import UnknownEntry
from audit.events import EventKind
from audit.models import WORDS, AuditEntry, AuditStream

LONGEST_APPEND = timedelta(minutes=10)  # the clock is read before the number is taken: they disagree by less than this
_COLUMNS = (
    "id", "place__log_index", "stream", "seq", "kind", "at", "actor_kind", "actor_id", "tool", "body", "prev_hash", "entry_hash",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class EntryFilter:
    """What to look for; empty means any.

    `principal` is "kind" or "kind:id", `kind` an event kind or its noun ("tool_call"), `since` is included and `until`
    is not, `text` is searched for in the words of the entry.
    """

    stream: str = ""
    principal: str = ""
    kind: str = ""
    tool: str = ""
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as it stands in the log; `log_index` is None for the moment between its commit and its indexing."""

    id: int
    log_index: int | None
    stream: str
    seq: int
    kind: str
    at: datetime
    actor: Actor
    on_behalf_of: str
    tool: str
    ids: tuple[str, ...]
    rev: int
    facts: Mapping[str, Any]
    content: Mapping[str, Mapping[str, str]]
    trace: str
    span: str
    closes: bool
    prev_hash: str
    entry_hash: str
    body: bytes


@dataclass(frozen=True, slots=True)
class EntryPage:
    """Entries, newest first, and the cursor of the page after it; None on the last."""

    items: Sequence[StoredEntry]
    next: int | None


def entries(where: EntryFilter, *, before: int | None = None, limit: int = 50, using: str = "default") -> EntryPage:
    """Return the page of entries that match `where` and come before the cursor."""
    rows = _matching(where, using)
    # Within a stream the sequence is the order, and its index serves the page; elsewhere the number is.
    order = "seq" if where.stream else "id"
    if before is not None:
        rows = rows.filter(**{f"{order}__lt": before})
    found = list(rows.order_by(f"-{order}").values(*_COLUMNS)[: limit + 1])
    items = [_entry(row) for row in found[:limit]]
    return EntryPage(items, getattr(items[-1], order) if len(found) > limit else None)


def entry(*, log_index: int, using: str = "default") -> StoredEntry:
    """Return the entry at one place of the log; raise UnknownEntry."""
    row = AuditEntry.objects.using(using).filter(place__log_index=log_index).values(*_COLUMNS).first()
    if row is None:
        raise UnknownEntry(log_index=log_index)
    return _entry(row)


def story(stream: str, *, after: int = 0, limit: int = 200, using: str = "default") -> list[StoredEntry]:
    """Return the entries of one stream in their order, from after sequence number `after`."""
    rows = AuditEntry.objects.using(using).filter(stream=stream, seq__gt=after).order_by("seq")
    return [_entry(row) for row in rows.values(*_COLUMNS)[:limit]]


def is_closed(stream: str, *, using: str = "default") -> bool:
    """Say whether a stream has ended."""
    return AuditStream.objects.using(using).filter(name=stream, closed=True).exists()


def _matching(where: EntryFilter, using: str) -> QuerySet[AuditEntry]:
    rows = AuditEntry.objects.using(using).filter(*_conditions(where))
    # The bounds on numbers are wider than those on times; they let a page walk only a part of the log.
    if where.since is not None:
        rows = rows.filter(at__gte=where.since)
        older = AuditEntry.objects.using(using).filter(at__lt=where.since - LONGEST_APPEND).order_by("-at")
        if (first := older.values_list("id", flat=True).first()) is not None:
            rows = rows.filter(id__gt=first)
    if where.until is not None:
        rows = rows.filter(at__lt=where.until)
        newer = AuditEntry.objects.using(using).filter(at__gte=where.until + LONGEST_APPEND).order_by("at")
        if (last := newer.values_list("id", flat=True).first()) is not None:
            rows = rows.filter(id__lt=last)
    if where.text:
        rows = rows.filter(_has_words(where.text))
    return rows


def _conditions(where: EntryFilter) -> list[Q]:
    conditions = [Q(**{name: value}) for name, value in (("stream", where.stream), ("tool", where.tool)) if value]
    kind, _, id_ = where.principal.partition(":")
    conditions += [Q(**{name: value}) for name, value in (("actor_kind", kind), ("actor_id", id_)) if value]
    if where.kind:
        conditions.append(Q(kind__in=[where.kind, *(kind for kind in EventKind if kind.noun == where.kind)]))
    return conditions


def _has_words(text: str) -> Q:
    wanted = Func(Value(text), template="websearch_to_tsquery('simple', %(expressions)s)")
    return Q(Func(WORDS, wanted, template="%(expressions)s", arg_joiner=" @@ ", output_field=BooleanField()))


def _entry(row: Mapping[str, Any]) -> StoredEntry:
    body = bytes(row["body"])
    said = _object(_read(body))
    principal, facts = _object(said.get("principal")), _object(said.get("facts"))
    return StoredEntry(
        id=row["id"],
        log_index=row["place__log_index"],
        stream=row["stream"],
        seq=row["seq"],
        kind=row["kind"],
        at=row["at"],
        actor=Actor(row["actor_kind"], row["actor_id"], principal.get("name", ""), principal.get("token", "")),
        on_behalf_of=principal.get("on_behalf_of", ""),
        tool=row["tool"],
        ids=tuple(said.get("ids", ())),
        rev=said.get("rev", 0),
        facts=facts,
        content=_object(said.get("content")),
        trace=said.get("trace", ""),
        span=said.get("span", ""),
        closes=said.get("closes", False),
        prev_hash=bytes(row["prev_hash"]).hex(),
        entry_hash=bytes(row["entry_hash"]).hex(),
        body=body,
    )


def _read(body: bytes) -> object:
    """Read an entry's bytes; one that was tampered with is shown by its columns, verification says what is wrong."""
    try:
        return json.loads(body)
    except ValueError:
        return None


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
