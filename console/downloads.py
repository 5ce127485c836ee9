"""Handing out the file of an export: whole or from where a download broke off, part by part, each time with an entry.

A slow reader holds no connection of the database: each part is read by itself.
"""

import re
from collections.abc import AsyncIterator

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase, HttpResponseNotModified

from audit.events import EventKind
from audit.exports import serving
from audit.exports.exports import Facts, entry_of, export_numbered, file_name, ref_of
from audit.exports.models import Export
from audit.index import index_soon
from audit.services import record
from console.api.waiting import let_go
from console.auth import Caller
from console.errors import RangeNotSatisfiable
from console.readings import Item, note_reading
from console.rights import Right

TYPES = {"csv": "text/csv; charset=utf-8", "bundle": "application/gzip"}
_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def download(request: HttpRequest, caller: Caller, ref: str) -> HttpResponseBase:
    """Answer with the file, or the range of it that is asked for, after noting who gets it.

    The caller has checked the right to export. Raises UnknownExport, ExportNotReady, ExportGone, RangeNotSatisfiable, and Forbidden
    where raw texts are in it that the caller may not read.
    """
    row = export_numbered(ref)
    serving.check_ready(row)
    if row.texts:
        caller.check(Right.REVEAL)
    tag = f'"{row.sha256}"'
    if tag in (said.strip() for said in request.headers.get("If-None-Match", "").split(",")):
        return HttpResponseNotModified(headers={"ETag": tag})
    asked = range_of(request.headers.get("Range", ""), row.bytes)
    if request.headers.get("If-Range", tag) != tag:
        asked = None  # what was begun with is another file
    first, last = asked or (0, row.bytes - 1)
    _note(caller, row, first, last)
    answer = StreamingHttpResponse(
        _read(row, first, last) if hasattr(request, "scope") else serving.parts(row, first, last),
        status=200 if asked is None else 206,
        content_type=TYPES[row.kind],
        headers={
            "Content-Length": str(last - first + 1),
            "Content-Disposition": f'attachment; filename="{file_name(row)}"',
            "Accept-Ranges": "bytes",
            "ETag": tag,
            "Cache-Control": "private, no-store",
            "X-Accel-Buffering": "no",
        },
    )
    if asked is not None:
        answer.headers["Content-Range"] = f"bytes {first}-{last}/{row.bytes}"
    return answer


def range_of(said: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte of a Range header; None for one that is passed over: none, several, or not in bytes.

    Raises RangeNotSatisfiable for one that has no byte of the file.
    """
    found = _RANGE.fullmatch(said.strip())
    if found is None or found[1] == found[2] == "":
        return None
    if not found[1]:
        first, last = max(0, size - int(found[2])), size - 1
    else:
        first, last = int(found[1]), min(int(found[2] or size), size - 1)
        if found[2] and int(found[2]) < first:
            return None
    if first >= size:
        raise RangeNotSatisfiable(size=size)
    return first, last


def _note(caller: Caller, row: Export, first: int, last: int) -> None:
    """Write who gets which bytes, before they are sent; raw texts in them count as read."""
    facts: Facts = {
        "kind": row.kind,
        "texts": row.texts,
        "sha256": row.sha256,
        "bytes": row.bytes,
        "first": first,
        "last": last,
    }
    with transaction.atomic():
        record([entry_of(ref_of(row), EventKind.AUDIT_EXPORT_DOWNLOADED, caller.actor(), facts)])
        if row.texts:
            note_reading(caller, [Item(ref_of(row), (ref_of(row), *_session(row)))])
        index_soon()


def _session(row: Export) -> tuple[str, ...]:
    """Return the session whose texts are in a file, where one was asked for by its id or stream."""
    kind, _, ref = row.filter.get("stream", "").partition(":")
    found = row.filter.get("session") or (ref if kind == "session" else "")
    return (found,) if found else ()


async def _read(row: Export, first: int, last: int) -> AsyncIterator[bytes]:
    await sync_to_async(let_go)()
    while first <= last:
        data = await sync_to_async(_piece)(row, first, last)
        yield data
        first += len(data)


def _piece(row: Export, first: int, last: int) -> bytes:
    try:
        return serving.piece(row, first, last)
    finally:
        let_go()
