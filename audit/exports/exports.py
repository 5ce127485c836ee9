"""Exports: asking for one, cancelling it or deleting its file, and what there is. What makes the files is `audit.exports.work`."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Max, Sum
from django.db.models.functions import Now

from audit.actors import NO_KIND, Actor, names_kind
from audit.atomically import atomically
from audit.canonical import Json
from audit.events import EventKind
from audit.exports.errors import ExportEnded, InvalidExport, TooManyExports, UnknownExport
from audit.exports.lifecycle import EXPORT, OPEN
from audit.exports.making import as_facts
from audit.exports.models import Export, ExportPart, ExportStream
from audit.ids import uuid7
from audit.index import index_soon
from audit.kinds import is_kind, no_kind
from audit.queries import EntryFilter
from audit.services import NOW, Batch, Birth, Change, Entry, transition

STREAM = "exports"
PREFIX = "EX-"
MOST_EACH, MOST_OPEN = 3, 20
MEGABYTE = 1024 * 1024
SWEPT = 20
Facts = dict[str, Json]


@atomically
def ask_export(*, kind: str, where: EntryFilter, actor: Actor, texts: bool = False) -> Export:
    """Ask for the entries that a filter chooses, as a `bundle` or as `csv`; it is made in the background.

    Args:
        kind: what is made.
        where: which entries; all of them where nothing is named.
        actor: who asks; the caller has checked the right to export, and for texts the right to reveal raw content.
        texts: whether a bundle holds the raw texts of its entries too.

    Raises InvalidExport for a filter that nothing could ever fit, TooManyExports.
    """
    _check_filter(where)
    _lock()
    _check_bounds(actor)
    number = (Export.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    said, texts = as_facts(where), texts and kind == "bundle"
    row = {
        "id": uuid7(), "number": number, "kind": kind, "filter": said, "texts": texts,
        "asked_kind": actor.kind, "asked_id": actor.id, "asked_by": actor.name, "older": _older(actor) if kind == "bundle" else None,
    }  # fmt: skip
    facts: Facts = {"kind": kind, "filter": dict(said), "texts": texts}
    entry = entry_of(f"{PREFIX}{number}", EventKind.AUDIT_EXPORT_REQUESTED, actor, facts)
    transition(Batch(births=(Birth("audit.Export", row, EXPORT),), entries=(entry,)))
    index_soon()
    return export_numbered(f"{PREFIX}{number}")


@atomically
def cancel_export(*, ref: str, actor: Actor) -> Export:
    """Cancel an export that is not ready, or delete the file of one that is. Raises UnknownExport, ExportEnded."""
    row = Export.objects.select_for_update().filter(number=_number(ref)).first()
    if row is None:
        raise UnknownExport(ref=ref[:30])
    if row.status in OPEN:
        end(row, "cancel", EventKind.AUDIT_EXPORT_CANCELLED, actor, {"entries": row.entries}, lease_expires=None)
    elif row.status == "ready":
        end(row, "expire", EventKind.AUDIT_EXPORT_DELETED, actor, {"sha256": row.sha256})
    else:
        raise ExportEnded(ref=ref_of(row), status=row.status)
    return export_numbered(ref)


def end(row: Export, event: str, kind: EventKind, actor: Actor, facts: Facts, **values: Any) -> None:
    """Write the end of an export and delete its parts, in the caller's transaction."""
    change = Change(EXPORT, row.pk, row.status, event, {"ended_at": NOW, **values}, {"lease_token": row.lease_token})
    transition(Batch((change,), (), (entry_of(ref_of(row), kind, actor, facts),)))
    ExportPart.objects.filter(export=row).delete()
    ExportStream.objects.filter(export=row).delete()
    index_soon()


def sweep(actor: Actor) -> int:
    """Delete the files whose time is over, a few at once; returns how many."""
    due = Export.objects.filter(status="ready", expires_at__lt=Now()).order_by("expires_at")
    gone = 0
    for id_ in due.values_list("id", flat=True)[:SWEPT]:
        with transaction.atomic():
            row = Export.objects.select_for_update(skip_locked=True).filter(pk=id_, status="ready").first()
            if row is not None:
                end(row, "expire", EventKind.AUDIT_EXPORT_DELETED, actor, {"sha256": row.sha256})
                gone += 1
    return gone


def export_numbered(ref: str) -> Export:
    """Return an export by its short id. Raises UnknownExport."""
    found = Export.objects.filter(number=_number(ref)).first()
    if found is None:
        raise UnknownExport(ref=ref[:30])
    return found


def exports(limit: int, *, before: int | None = None) -> list[Export]:
    """Return exports, the newest first; `before` is the number of the last one seen."""
    rows = Export.objects.order_by("-number")
    return list((rows.filter(number__lt=before) if before is not None else rows)[:limit])


def ref_of(row: Export) -> str:
    """Return the short id that people use."""
    return f"{PREFIX}{row.number}"


def file_name(row: Export) -> str:
    """Return the name of its file."""
    return f"{ref_of(row)}.csv" if row.kind == "csv" else f"{ref_of(row)}.countersign.jsonl.gz"


def kept_bytes() -> int:
    """Return how much the files of all exports take."""
    return Export.objects.filter(status__in=(*OPEN, "ready")).aggregate(sum=Sum("bytes"))["sum"] or 0


def is_full(more: int = 0) -> bool:
    """Return whether files take all that they may, with so many bytes on top."""
    return kept_bytes() + more >= settings.EXPORT_MOST_MB * MEGABYTE


def keeps() -> timedelta:
    """Return how long a file is kept."""
    return timedelta(days=settings.EXPORT_KEEP_DAYS)


def entry_of(ref: str, kind: EventKind, actor: Actor, facts: Facts) -> Entry:
    """Return an entry about an export."""
    return Entry(STREAM, kind, actor, {"export": ref, **facts}, ids=(ref,))


def _check_filter(where: EntryFilter) -> None:
    """A slip of the pen must not become a file without entries that verifies."""
    if not is_kind(where.kind):
        raise InvalidExport(field="kind", reason=no_kind(where.kind))
    if not names_kind(where.principal):
        raise InvalidExport(field="principal", reason=NO_KIND)
    if where.since is not None and where.until is not None and where.since >= where.until:
        raise InvalidExport(field="to", reason="is not after the beginning")


def _check_bounds(actor: Actor) -> None:
    waiting = Export.objects.filter(status__in=OPEN)
    if waiting.filter(asked_kind=actor.kind, asked_id=actor.id).count() >= MOST_EACH:
        raise TooManyExports(reason=f"{MOST_EACH} that you asked for are still being made. Wait for them, or cancel one")
    if waiting.count() >= MOST_OPEN:
        raise TooManyExports(reason=f"{MOST_OPEN} are still being made. Wait for them")
    if is_full():
        raise TooManyExports(
            reason=f"their files take all of the {settings.EXPORT_MOST_MB} MB they may. Delete one that is not needed"
        )


def _older(actor: Actor) -> int | None:
    """Return the size of the log in the bundle that the same principal had made last."""
    made = Export.objects.filter(asked_kind=actor.kind, asked_id=actor.id, kind="bundle", complete=True, size__isnull=False)
    return made.order_by("-number").values_list("size", flat=True).first()


def _lock() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('countersign.exports'))")


def _number(ref: str) -> int:
    number = ref.removeprefix(PREFIX)
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 16 else 0
