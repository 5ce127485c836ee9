"""Making files in the background: claimed under a lease, written part by part, gone on with by another worker where one died.

Each part is written with how far the file is, guarded by the claim: a late worker writes nothing, and what takes over goes on in
the same bytes. A file is made under the newest checkpoint, once that covers all that was committed when it was begun; a bundle
under the newest that a witness saw, where witnesses are named.
"""

from __future__ import annotations

import hashlib
import time
from datetime import timedelta
from typing import Any

import structlog
from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Q
from django.db.models.functions import Now

from audit import seal
from audit.actors import SYSTEM, Actor
from audit.cosignatures import last_witnessed
from audit.errors import CountersignError, NotInLog, StaleState
from audit.events import EventKind
from audit.exports.bundle import Bundle
from audit.exports.exports import end, entry_of, is_full, keeps, ref_of
from audit.exports.lifecycle import EXPORT
from audit.exports.making import PACE, Asked, Maker, Pace, Part, Place, of_facts
from audit.exports.models import Export, ExportPart, ExportStream
from audit.exports.serving import parts
from audit.exports.sheet import Sheet
from audit.index import PATIENCE_MS, index_log, index_soon
from audit.services import NOW, After, Batch, Change, Plus, transition

log = structlog.get_logger(__name__)
LEASE_S = 60.0
PORTION_S = 40.0  # then the queue's other work has its turn
RENEW_S = 10.0
SEALED_WITHIN_S = 30.0
WITNESSED_WITHIN_S = 900.0
"""So long a bundle waits for a witness, where one is named; then it is made without."""
WITNESS_EVERY_S = 10.0
LOOK_S = 0.2  # how often is looked whether the sealer came so far
_OPEN = Q(status="queued", ready_at__lte=Now()) | Q(status="running", lease_expires__lt=Now())
UNSEALED = "nobody signed the log for {seconds} seconds. Start the sealer (manage.py seal), then ask again"
FULL = "the files of exports take all the room they may. Delete one that is not needed, then ask again"
HOLE = "the log does not hold entry {place} any more. Keep the database as it is, and verify the log"


def is_open() -> bool:
    """Say whether some export waits to be made now."""
    return Export.objects.filter(_OPEN).exists()


def wake() -> int:
    """Have bundles that wait for a witness looked at now, because one has signed; return how many wait."""
    return Export.objects.filter(status="queued", kind="bundle", size=None, ready_at__gt=Now()).update(ready_at=Now())


def work_open(*, seconds: float = PORTION_S) -> bool:
    """Make files that were asked for, for a while; true if something is left to be done now."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        row = claim()
        if row is None:
            return False
        make(row, until=until)
    return True


@transaction.atomic
def claim(number: int | None = None) -> Export | None:
    """Take the oldest export that is open, or the one of a number if that is."""
    rows = Export.objects.filter(_OPEN) if number is None else Export.objects.filter(_OPEN, number=number)
    row = rows.order_by("number").select_for_update(skip_locked=True).first()
    if row is None:
        return None
    taken = {"lease_token": Plus(1), "lease_expires": After(LEASE_S)}
    transition(Batch((Change(EXPORT, row.pk, row.status, "claim", taken),)))
    row.lease_token, row.status = row.lease_token + 1, "running"
    return row


def make(row: Export, *, until: float, pace: Pace = PACE, patience_s: float = SEALED_WITHIN_S) -> None:
    """Make the file of an export that was claimed, until it is done or the time is over; so long the sealer is waited for."""
    try:
        if row.size is None and not begin(row, until, patience_s):
            return
        maker = maker_of(row, pace)
        while not row.complete:
            if time.monotonic() >= until:
                _move(row, "release", {"ready_at": NOW, "lease_expires": None})
                return
            write(row, maker.step(Place(row.done, row.head), row.entries))
        _finish(row)
    except StaleState:
        log.info("export.lost", export=ref_of(row))
    except NotInLog as missing:
        _fail(row, HOLE.format(place=missing.place))
    except CountersignError as error:
        _fail(row, error.detail)
    except (OperationalError, InterfaceError) as error:
        log.warning("export.database_lost", export=ref_of(row), error=type(error).__name__)  # its lease runs out
    except Exception as error:
        log.exception("export.broke", export=ref_of(row))
        _fail(row, f"a step of it broke: {type(error).__name__}")


def maker_of(row: Export, pace: Pace = PACE) -> Maker:
    """Return what makes the file of an export."""
    by = Actor(row.asked_kind, row.asked_id, row.asked_by)  # type: ignore[arg-type]  # it was one when it was written
    asked = Asked(of_facts(row.filter), row.size or 0, row.texts, row.created_at, by, row.older)
    if row.kind == "csv":
        return Sheet(asked, pace=pace)
    return Bundle(asked, lambda after, limit: _streams(row, after, limit), pace=pace)


def write(row: Export, part: Part) -> None:
    """Write a part, and how far the file is with it. Raises StaleState where the export is not this worker's any more."""
    if is_full(len(part.data)):
        _fail(row, FULL)
        raise StaleState(ids=[str(row.pk)])
    values = {"done": part.place.done, "head": part.place.head, "complete": part.last, "entries": Plus(part.entries),
              "parts": Plus(1), "bytes": Plus(len(part.data)), "lease_expires": After(LEASE_S)}  # fmt: skip
    with transaction.atomic():
        _move(row, "progress", values)
        ExportPart.objects.create(export=row, start=row.bytes, data=part.data)
        names = [ExportStream(export=row, name=name) for name in part.streams]
        ExportStream.objects.bulk_create(names, ignore_conflicts=True)
    row.done, row.head, row.complete = part.place.done, part.place.head, part.last
    row.entries, row.parts, row.bytes = row.entries + part.entries, row.parts + 1, row.bytes + len(part.data)


def begin(row: Export, until: float, patience_s: float = SEALED_WITHIN_S) -> bool:
    """Take the newest checkpoint, once it covers what is committed now; false where that was not yet, or is nobody's work."""
    if row.wanted is None:
        row.wanted = index_log(patience_ms=PATIENCE_MS) or 1
        _move(row, "progress", {"wanted": row.wanted})
    last = time.monotonic() + patience_s
    while (newest := seal.newest()) is None or newest.size < row.wanted:
        if time.monotonic() >= min(until, last):
            if time.monotonic() >= last:
                _fail(row, UNSEALED.format(seconds=round(patience_s)))
            else:
                _move(row, "release", {"ready_at": NOW, "lease_expires": None})
            return False
        time.sleep(LOOK_S)
    size = _size(row, newest.size)
    if size is None:
        _move(row, "release", {"ready_at": After(WITNESS_EVERY_S), "lease_expires": None})
        if _witnessed(row) is not None:  # it came meanwhile, when there was nothing yet to wake
            wake()
        return False
    _move(row, "progress", {"size": size})
    row.size = size
    return True


def _size(row: Export, newest: int) -> int | None:
    """Return how much of the log a file is about; None for a bundle that waits for a witness, for those come every few minutes."""
    if row.kind != "bundle" or not settings.SEAL_WITNESSES:
        return newest
    if (seen := _witnessed(row)) is not None:
        return seen
    waits = Export.objects.filter(pk=row.pk, created_at__gt=Now() - timedelta(seconds=WITNESSED_WITHIN_S)).exists()
    return None if waits else newest


def _witnessed(row: Export) -> int | None:
    """Return the size of the newest checkpoint that a witness saw, where that covers what the export is about."""
    seen = last_witnessed()
    return seen.size if seen is not None and seen.size >= (row.wanted or 0) else None


def _finish(row: Export) -> None:
    """The file is all there: its hash, and until when it is kept."""
    whole, renewed = hashlib.sha256(), time.monotonic()
    for data in parts(row, 0, row.bytes - 1):
        whole.update(data)
        if time.monotonic() - renewed >= RENEW_S:
            _move(row, "progress", {"lease_expires": After(LEASE_S)})
            renewed = time.monotonic()
    facts = {"kind": row.kind, "filter": dict(row.filter), "texts": row.texts, "entries": row.entries, "size": row.size,
             "bytes": row.bytes, "sha256": whole.hexdigest()}  # fmt: skip
    values = {"sha256": whole.hexdigest(), "ended_at": NOW, "expires_at": After(keeps().total_seconds()), "lease_expires": None}
    with transaction.atomic():
        _move(row, "finish", values, EventKind.AUDIT_EXPORTED, facts)
        ExportStream.objects.filter(export=row).delete()
        index_soon()


def _fail(row: Export, why: str) -> None:
    try:
        with transaction.atomic():
            end(row, "fail", EventKind.AUDIT_EXPORT_FAILED, SYSTEM, {"why": why}, error=why[:500], lease_expires=None)
    except StaleState:
        log.info("export.lost", export=ref_of(row))


def _move(row: Export, event: str, values: dict[str, Any], kind: EventKind | None = None, facts: Any = None) -> None:
    entries = (entry_of(ref_of(row), kind, SYSTEM, facts),) if kind else ()
    guard = {"lease_token": row.lease_token}
    transition(Batch((Change(EXPORT, row.pk, "running", event, values, guard),), (), entries))


def _streams(row: Export, after: str, limit: int) -> list[str]:
    names = ExportStream.objects.filter(export=row, name__gt=after).order_by("name")
    return list(names.values_list("name", flat=True)[:limit])
