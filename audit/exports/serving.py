"""Handing out a file: its bytes from one place to another, part by part, never more than one part in memory."""

from __future__ import annotations

from collections.abc import Iterator

from audit.exports.errors import ExportGone, ExportNotReady
from audit.exports.exports import ref_of
from audit.exports.models import Export, ExportPart


def check_ready(row: Export) -> None:
    """Raise ExportGone, ExportNotReady for an export that has no file."""
    if row.status == "expired":
        raise ExportGone(ref=ref_of(row), at=row.ended_at)
    if row.status != "ready":
        raise ExportNotReady(ref=ref_of(row), status=row.status)


def part_at(row: Export, place: int) -> tuple[int, bytes]:
    """Return where the part begins in which a place of the file lies, and its bytes. Raises ExportGone."""
    rows = ExportPart.objects.filter(export=row, start__lte=place).order_by("-start")
    found = rows.values_list("start", "data").first()
    if found is None or found[0] + len(found[1]) <= place:
        raise ExportGone(ref=ref_of(row), at=row.ended_at)  # it was deleted meanwhile
    return found[0], bytes(found[1])


def piece(row: Export, place: int, last: int) -> bytes:
    """Return bytes of the file from one place on: up to another, or to the end of the part they lie in."""
    start, data = part_at(row, place)
    return data[place - start : last + 1 - start]


def parts(row: Export, first: int, last: int) -> Iterator[bytes]:
    """Yield the file's bytes from one place to another, both included. Raises ExportGone."""
    while first <= last:
        data = piece(row, first, last)
        yield data
        first += len(data)
