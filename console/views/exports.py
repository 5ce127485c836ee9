"""Exports of the audit trail: the form that asks for one, those there are, and one with how far it is and its file."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from audit.exports import exports as kept
from audit.exports.lifecycle import OPEN
from audit.exports.models import Export
from audit.kinds import NAMED
from console.api.exports import asked
from console.auth import caller_of
from console.formats import principal, size
from console.fragments import page
from console.rights import Right
from console.views.audit_asked import NAMES, WRITE, read
from console.views.filters import numbered
from console.views.form_only import form_only
from console.views.guard import guard
from console.views.starters import Errors, done

LIST = "audit/exports.html"
SHOWN = 20
FILE = "/api/v1/audit/exports/{ref}/file"
"""The API's own address: it stands in no line with the pages, for a download may take long."""
NOT_READ = "This cannot be read, so nothing is exported."
ASKED = "{ref} is being made. You may leave this page."
CHIPS = {
    "queued": ("Waits", "hourglass", ""), "running": ("Is made", "activity", "acc"), "ready": ("Ready", "check", "ok"),
    "failed": ("Failed", "circle-x", "bad"), "cancelled": ("Cancelled", "ban", ""), "expired": ("File deleted", "trash-2", ""),
}  # fmt: skip
FORMATS = {"bundle": "Bundle", "csv": "CSV"}
WORDS = {"text": "words", "since": "from", "until": "before"}


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.EXPORT_AUDIT)
def listed(request: HttpRequest) -> HttpResponse:
    """List exports, with the form for another one; POST asks for it."""
    if request.method != "POST":
        return page(request, LIST, lambda: _list(request))
    found, as_, texts = read(request.POST), request.POST.get("format", ""), request.POST.get("texts") == "true"
    wrong = {name: [WRITE.get(name, NOT_READ)] for name in (*found.wrong, *(("format",) if as_ not in FORMATS else ()))}
    if wrong:
        return page(request, LIST, lambda: _list(request, wrong), status=422)
    made, wrong, status = done(lambda: asked(caller_of(request), kind=as_, where=found.where, texts=texts))
    if made is None:
        told = {name if name in NAMES else "form": texts for name, texts in wrong.items()}
        return page(request, LIST, lambda: _list(request, told), status=status)
    messages.success(request, ASKED.format(ref=kept.ref_of(made)))
    return redirect("audit-export", kept.ref_of(made))


@require_safe
@guard(Right.EXPORT_AUDIT)
def one(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one export: how far it is, and its file."""
    return page(request, "audit/export.html", lambda: _one(request, kept.export_numbered(ref)))


@form_only
@guard(Right.EXPORT_AUDIT)
def cancel(request: HttpRequest, ref: str) -> HttpResponse:
    """Cancel an export, or delete the file of one that is ready."""
    row = kept.cancel_export(ref=ref, actor=caller_of(request).actor())
    messages.success(request, f"{ref} is cancelled." if row.status == "cancelled" else f"The file of {ref} is deleted.")
    return redirect("audit-export", ref)


def _list(request: HttpRequest, errors: Errors | None = None) -> dict[str, Any]:
    caller, before = caller_of(request), numbered(request.GET, "before")
    rows = kept.exports(SHOWN + 1, before=before)
    typed = request.POST if request.method == "POST" else request.GET
    return {
        "nav": "audit",
        "rows": [line(row) for row in rows[:SHOWN]],
        "older": f"?before={rows[SHOWN - 1].number}" if len(rows) > SHOWN else "",
        "newer": "?" if before is not None else "",
        "kinds": sorted(NAMED),
        "typed": {**read(typed).shown, **{name: typed.get(name, "")[:200] for name in (*(errors or ()), "format", "texts")}},
        "chosen": any(typed.get(name) for name in NAMES),
        "may_texts": caller.has(Right.REVEAL),
        "errors": errors or {},
        "days": kept.keeps().days,
    }


def line(row: Export) -> dict[str, Any]:
    """Return an export as a line of the list."""
    text, icon, tone = CHIPS[row.status]
    ref = kept.ref_of(row)
    return {
        "ref": ref, "url": reverse("audit-export", args=[ref]), "chip": {"text": text, "icon": icon, "tone": tone},
        "format": FORMATS[row.kind], "what": in_words(row), "texts": row.texts, "entries": row.entries, "by": row.asked_by,
        "size": size(row.bytes) if row.bytes else "", "at": row.created_at, "file": FILE.format(ref=ref) if row.status == "ready" else "",
        "share": min(100, 100 * row.done // row.size) if row.size else 0,
    }  # fmt: skip


def in_words(row: Export) -> str:
    """Return which entries were asked for, as a sentence."""
    said = [f"{WORDS.get(name, name)} {value}" for name, value in row.filter.items()]
    return ", ".join(said) if said else "The whole log"


def _one(request: HttpRequest, row: Export) -> dict[str, Any]:
    ref, open_ = kept.ref_of(row), row.status in OPEN
    facts = (
        ("Asked for by", principal(row.asked_by, row.asked_kind, row.asked_id), False),
        ("Entries", in_words(row), False),
        ("Raw content", "in it" if row.texts else "not asked for, or left out by right; not deleted", False),
        ("Signed log", f"the first {row.size} entries" if row.size else "", False),
        ("Earlier bundle", f"made at {row.older} entries" if row.older else "", False),
        ("Name", kept.file_name(row), True),
        ("SHA-256", row.sha256, True),
    )
    return {
        "nav": "audit",
        "export": {**line(row), "open": open_, "done": row.done, "of": row.size, "error": row.error, "ended_at": row.ended_at,
                   "expires_at": row.expires_at if row.status == "ready" else None, "ready": row.status == "ready",
                   "bundle": row.kind == "bundle", "name": kept.file_name(row)},
        "rows": [{"label": label, "value": value, "mono": mono} for label, value, mono in facts if value],
        "trail_url": f"{reverse('audit')}?stream={kept.STREAM}&q={ref}",
    }  # fmt: skip
