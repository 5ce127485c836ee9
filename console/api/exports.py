"""Exports of the audit trail over the API: asking for one, how far it is, its file, and cancelling it (AUDIT-4)."""

from datetime import datetime
from typing import Annotated, Literal

from asgiref.sync import sync_to_async
from django.db import transaction
from django.http.response import HttpResponseBase
from ninja import Path, Query, Router, Schema
from pydantic import Field

from agents.queue import export_soon
from audit.exports import exports
from audit.exports.models import Export
from audit.queries import EntryFilter
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, PrincipalWord, Time, Word
from console.auth import Caller
from console.downloads import TYPES, download
from console.rights import Right

router = Router(tags=["audit"])
ExportPath = Annotated[str, Path(pattern=r"^EX-[1-9][0-9]{0,14}$", examples=["EX-12"])]
FILE = {
    "description": "The file, or the range of it that was asked for",
    "content": {kind.partition(";")[0]: {"schema": {"type": "string", "format": "binary"}} for kind in TYPES.values()},
}


class ExportFilter(Body):
    """Which entries, as in the list of entries; all that are given must hold. Without any the whole log is exported."""

    stream: Word = ""
    session: Word = Field("", pattern=r"^(S-[1-9][0-9]{0,17})?$", description="its stream, and what names it elsewhere")
    principal: PrincipalWord = ""
    kind: Word = Field("", description="an event kind, or its noun")
    tool: Word = ""
    since: Time | None = Field(None, alias="from", description="included")
    until: Time | None = Field(None, alias="to", description="not included")
    q: Word = Field("", description="words of the entry")


class NewExport(Body):
    """What to export, and how: a bundle that is verified elsewhere, or a table for a spreadsheet."""

    format: Literal["bundle", "csv"] = "bundle"
    filter: ExportFilter | None = None
    texts: bool = Field(False, description="whether a bundle holds raw content too; needs the right to reveal it")


class ExportOut(Schema):
    """An export: what was asked for, and how far it is. `done` of `of` entries of the log are looked at."""

    id: str
    format: str
    filter: dict[str, str]
    texts: bool
    status: str
    of: int | None = Field(description="the size of the signed log that it is made under; null before it is begun")
    done: int
    entries: int
    bytes: int
    sha256: str
    error: str
    asked_by: str
    created_at: datetime
    ended_at: datetime | None
    expires_at: datetime | None


class ExportPage(Schema):
    """A page of exports, newest first."""

    items: list[ExportOut]
    next_cursor: str | None


@endpoint(
    router, "POST", "/audit/exports", right=Right.EXPORT_AUDIT, scope="audit:write", answer=ExportOut, status=202,
    refuses=(409, 413, 415, 422, 429), creates=True,
)  # fmt: skip
def ask_export(request: ApiRequest, body: NewExport) -> ExportOut:
    """Ask for an export. It is made in the background, under the next checkpoint of the signed log."""
    where = _where(body.filter) if body.filter else EntryFilter()
    return _shape(asked(request.auth, kind=body.format, where=where, texts=body.texts))


@endpoint(router, "GET", "/audit/exports", right=Right.EXPORT_AUDIT, scope="audit:read", answer=ExportPage, refuses=(422,))
def list_exports(request: ApiRequest, page: Query[Paged]) -> ExportPage:
    """List exports, newest first."""
    key = decode("exports", page.cursor)
    found = exports.exports(page.limit + 1, before=int(key[0]) if key else None)
    following = [str(found[page.limit - 1].number)] if len(found) > page.limit else None
    return ExportPage(items=[_shape(row) for row in found[: page.limit]], next_cursor=encode("exports", following))


@endpoint(
    router, "GET", "/audit/exports/{export}", right=Right.EXPORT_AUDIT, scope="audit:read", answer=ExportOut, refuses=(404, 422)
)
def get_export(request: ApiRequest, export: ExportPath) -> ExportOut:
    """Return one export, and how far it is."""
    return _shape(exports.export_numbered(export))


@endpoint(
    router, "POST", "/audit/exports/{export}/cancel", right=Right.EXPORT_AUDIT, scope="audit:write", answer=ExportOut,
    refuses=(404, 409, 422),
)  # fmt: skip
def cancel_export(request: ApiRequest, export: ExportPath) -> ExportOut:
    """Cancel an export that is being made, or delete the file of one that is ready."""
    return _shape(exports.cancel_export(ref=export, actor=request.auth.actor()))


@endpoint(
    router, "GET", "/audit/exports/{export}/file", right=Right.EXPORT_AUDIT, scope="audit:read", answer=None,
    refuses=(404, 409, 410, 416, 422), extra={"responses": {200: FILE, 206: FILE}},
)  # fmt: skip
async def download_export(request: ApiRequest, export: ExportPath) -> HttpResponseBase:
    """Return the file of an export, or a range of it (Range, If-Range). With raw texts in it the right to reveal is needed too."""
    return await sync_to_async(download)(request, request.auth, export)


def asked(caller: Caller, *, kind: str, where: EntryFilter, texts: bool) -> Export:
    """Ask for an export in a caller's name, who may export. Raises Forbidden for texts that he may not read, TooManyExports."""
    if texts:
        caller.check(Right.REVEAL)
    made = exports.ask_export(kind=kind, where=where, actor=caller.actor(), texts=texts)
    transaction.on_commit(export_soon)
    return made


def _where(said: ExportFilter) -> EntryFilter:
    return EntryFilter(
        stream=said.stream, session=said.session, principal=said.principal, kind=said.kind, tool=said.tool, since=said.since,
        until=said.until, text=said.q,
    )  # fmt: skip


def _shape(row: Export) -> ExportOut:
    names = ("filter", "texts", "status", "done", "entries", "bytes", "sha256", "error", "asked_by", "created_at", "ended_at",
             "expires_at")  # fmt: skip
    return ExportOut(**{name: getattr(row, name) for name in names}, id=exports.ref_of(row), format=row.kind, of=row.size)
