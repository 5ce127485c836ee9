"""One session as the log tells it, and nothing but the log: its entries in order, who took part, how far its chain has come.

What is told stays the same when retention has taken the session's own rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connections
from django.db.models import QuerySet

from audit.errors import UnknownStream
from audit.models import AuditEntry, AuditStream
from audit.queries import EntryFilter, entries
from audit.sessions import ids_about
from audit.stored import COLUMNS, StoredEntry, stored

_TOOK_PART = """
SELECT actor_kind, actor_id, max(body_json #>> '{principal,name}'), array_agg(DISTINCT kind ORDER BY kind), count(*), min(id)
  FROM audit_entry WHERE id = ANY(%s) GROUP BY actor_kind, actor_id ORDER BY min(id)
"""


@dataclass(frozen=True, slots=True)
class Chain:
    """A stream: how many entries it has, the hash of the last one, and whether it has ended."""

    stream: str
    length: int
    hash: str
    closed: bool


@dataclass(frozen=True, slots=True)
class Partaker:
    """Who took part, with the kinds and the number of the entries that say so."""

    kind: str
    id: str
    name: str
    did: Sequence[str]
    times: int


@dataclass(frozen=True, slots=True)
class Telling:
    """A session's story: a page of its entries in the order of the log, and what is true of all of them.

    `began` is its first entry, `ended` its last where its chain is closed; `policy` is the entry of the policy's revision that
    was in force when it began, None for the shipped one. `after` is the cursor of the next page, None on the last.
    """

    ref: str
    chain: Chain
    began: StoredEntry | None
    ended: StoredEntry | None
    policy: StoredEntry | None
    people: Sequence[Partaker]
    total: int
    items: Sequence[StoredEntry]
    after: int | None


def telling(ref: str, *, after: int = 0, limit: int = 200, using: str = "default") -> Telling:
    """Return what the log says about a session, by its number as `S-88123`, after entry `after`. Raises UnknownStream."""
    stream = f"session:{ref}"
    chain = chains([stream], using=using).get(stream)
    if chain is None:
        raise UnknownStream(stream=stream)
    ids = sorted(ids_about(ref, using))
    shown = [id_ for id_ in ids if id_ > after]
    ends = {row.seq: row for row in _read(AuditEntry.objects.using(using).filter(stream=stream, seq__in=(1, chain.length)))}
    began = ends.get(1)
    policy = entries(EntryFilter(kind="policy.revised"), before=began.id, limit=1, using=using).items if began else ()
    items = _read(AuditEntry.objects.using(using).filter(id__in=shown[:limit]).order_by("id"))
    return Telling(
        ref, chain, began, ends.get(chain.length) if chain.closed else None, policy[0] if policy else None,
        _people(ids, using), len(ids), items, shown[limit - 1] if len(shown) > limit else None,
    )  # fmt: skip


def chains(streams: Iterable[str], *, using: str = "default") -> dict[str, Chain]:
    """Return how far each of these streams has come; those that are not there are left out."""
    rows = AuditStream.objects.using(using).filter(name__in=list(streams))
    return {row.name: Chain(row.name, row.head_seq, bytes(row.head_hash).hex(), row.closed) for row in rows}


def _read(rows: QuerySet[AuditEntry]) -> list[StoredEntry]:
    return [stored(row) for row in rows.values(*COLUMNS)]


def _people(ids: Sequence[int], using: str) -> list[Partaker]:
    with connections[using].cursor() as cursor:
        cursor.execute(_TOOK_PART, [list(ids)])
        return [Partaker(kind, id_, name or id_, did, times) for kind, id_, name, did, times, _ in cursor.fetchall()]
