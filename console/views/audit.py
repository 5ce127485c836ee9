"""The audit trail: entries by filter, one entry with its bytes and hashes, and verification of the chains."""

from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from audit import feed, queries
from audit.content import texts_of
from audit.events import EventKind
from audit.queries import EntryFilter, StoredEntry
from console.api.audit import Verified, verified
from console.auth import Caller, caller_of
from console.forms import AuditFilter
from console.fragments import page
from console.rights import Right
from console.signin import safe_next
from console.views.call import KEY, address
from console.views.filters import left_out, unknown
from console.views.guard import guard

SHOWN = 50
VERIFIED = "countersign.verification"
DOCS = {kind.value: kind.doc for kind in EventKind}
KINDS = {*DOCS, *(kind.partition(".")[0] for kind in DOCS)}  # one kind, or all of a noun
NAMES = ("stream", "principal", "kind", "tool", "q", "from", "to")
NAMED = {"since": "from", "until": "to"}
"""Fields of the form that Python could not name as the address does."""
OWN = "Your role sees the entries of what you did yourself."


@require_safe
@guard(Right.READ_OWN_AUDIT)
def entries(request: HttpRequest) -> HttpResponse:
    """Show the trail, newest first, as far as this person may read it."""
    return page(request, "audit/list.html", lambda: _list(request))


@require_safe
@guard(Right.READ_OWN_AUDIT)
def entry(request: HttpRequest, n: int) -> HttpResponse:
    """Show one entry: what it says, its exact bytes, its place in the chain."""
    return page(request, "audit/entry.html", lambda: _one(request, n))


@require_POST
@guard(Right.VERIFY_AUDIT)
def verify(request: HttpRequest) -> HttpResponse:
    """Verify the whole log or one stream, and show the verdict on the trail."""
    stream = request.POST.get("stream", "")[:200]
    request.session[VERIFIED] = _kept(verified(caller_of(request), stream or None), stream)
    address = f"{reverse('audit')}?{urlencode({'stream': stream})}" if stream else reverse("audit")
    return redirect(safe_next(request, request.POST.get("next") or address))


def _kept(verdict: Verified, stream: str) -> dict[str, Any]:
    """Return the verdict as the browser session keeps it, for the pages that follow."""
    return {**verdict.model_dump(), "at": datetime.now(UTC).isoformat(), "stream": stream}


def _shown(verdict: Mapping[str, Any] | None, stream: str | None = None) -> dict[str, Any] | None:
    """Return the last verdict as the pages show it; None if there is none, or none of this stream."""
    if verdict is None or (stream is not None and verdict["stream"] not in ("", stream)):
        return None
    bad = verdict["first_bad"]
    if bad is not None:
        bad = {**bad, "url": reverse("audit-entry", args=[bad["log_index"]]) if bad["log_index"] else ""}
    return {**verdict, "first_bad": bad, "at": datetime.fromisoformat(verdict["at"])}


def _list(request: HttpRequest) -> dict[str, Any]:
    caller, asked = caller_of(request), {name: request.GET.get(name, "") for name in NAMES}
    form = AuditFilter({field: asked[NAMED.get(field, field)] for field in AuditFilter.base_fields})
    wrong = [NAMED.get(field, field) for field in form.errors] + unknown(asked, {"kind": KINDS})
    found = {field: None if field in wrong else form.cleaned_data.get(field) for field in form.fields}
    limited = not caller.has(Right.READ_AUDIT)
    where = EntryFilter(
        stream=found["stream"] or "", kind=found["kind"] or "", tool=found["tool"] or "", text=found["q"] or "",
        principal=f"user:{caller.user_id}" if limited else found["principal"] or "",
        since=_midnight(found["since"]), until=_midnight(found["until"], days=1),
    )  # fmt: skip
    before = request.GET.get("before", "")
    listed = queries.entries(where, before=int(before) if before.isdigit() else None, limit=SHOWN)
    return {
        "nav": "audit",
        "may_verify": caller.has(Right.VERIFY_AUDIT),
        "verification": _shown(request.session.get(VERIFIED)),
        "limited": OWN if limited else "",
        "filters": {name: "" if name in wrong else value for name, value in asked.items()},
        "filtered": any(found.values()),
        "left_out": left_out(asked, wrong),
        "kinds": sorted(DOCS),
        "items": [line(row) for row in listed.items],
        "older": _address(request, listed.next) if listed.next else "",
        "newer": _address(request, None) if before else "",
    }


def _midnight(day: Any, days: int = 0) -> datetime | None:
    return None if day is None else datetime.combine(day, time(), UTC) + timedelta(days=days)


def _address(request: HttpRequest, before: int | None) -> str:
    asked = request.GET.copy()
    for name in ("fragment", "before"):
        asked.pop(name, None)
    if before is not None:
        asked["before"] = str(before)
    return f"{reverse('audit')}?{asked.urlencode()}"


def line(row: StoredEntry) -> dict[str, Any]:
    """Return one entry as a line of a list; without a number it has no page yet."""
    return {
        "n": row.log_index,
        "url": reverse("audit-entry", args=[row.log_index]) if row.log_index else "",
        "kind": row.kind,
        "doc": DOCS.get(row.kind, ""),
        "tool": row.tool,
        "actor": row.actor.name,
        "actor_kind": row.actor.kind,
        "on_behalf_of": row.on_behalf_of,
        "stream": row.stream,
        "stream_url": f"{reverse('audit')}?stream={row.stream}",
        "hash": row.entry_hash,
        "at": row.at,
        "ids": row.ids,
    }


def _one(request: HttpRequest, n: int) -> dict[str, Any]:
    caller, row = caller_of(request), queries.entry(log_index=n)
    if not caller.has(Right.READ_AUDIT) and (row.actor.kind, row.actor.id) != ("user", str(caller.user_id)):
        raise Http404  # what one may not read is as if it were not there
    shown = line(row)
    contents = _contents(row, caller)
    return {
        "nav": "audit",
        "entry": {**shown, "seq": row.seq, "prev_hash": row.prev_hash, "facts": row.facts, "body": row.body.decode("utf-8")},
        "rows": _rows(row),
        "led_url": _led_url(row),
        "contents": contents,
        "reads": (f"entry {n}",) if any(one["text"] is not None for one in contents) else (),
        "verification": _shown(request.session.get(VERIFIED), row.stream),
        "may_verify": caller.has(Right.VERIFY_AUDIT),
        "previous_url": reverse("audit-entry", args=[n - 1]) if n > 1 and caller.has(Right.READ_AUDIT) else "",
        "next_url": reverse("audit-entry", args=[n + 1]) if n < feed.head() and caller.has(Right.READ_AUDIT) else "",
    }


def _led_url(row: StoredEntry) -> str:
    """Return the page about what led to the call that an entry is about; empty for any other entry."""
    key = row.facts.get("key") if row.kind.startswith("tool_call.") else None
    return address(str(key)) if isinstance(key, str) and KEY.fullmatch(key) else ""


def _rows(row: StoredEntry) -> list[dict[str, Any]]:
    facts = (
        ("Principal", f"{row.actor.name} ({row.actor.kind} {row.actor.id})", False),
        ("Token", row.actor.token, True),
        ("On behalf of", row.on_behalf_of, False),
        ("Stream", row.stream, True),
        ("About", ", ".join(row.ids), True),
        ("Tool", row.tool, True),
        ("Trace", row.trace, True),
        ("Span", row.span, True),
        ("Closes its stream", "yes" if row.closes else "", False),
    )
    return [{"label": label, "value": value, "mono": mono} for label, value, mono in facts if value]


def _contents(row: StoredEntry, caller: Caller) -> list[dict[str, Any]]:
    """Return the raw content that the entry commits to, and its text for those alone who may read it."""
    reveal = caller.has(Right.REVEAL)
    texts = {text.name: text.body for text in texts_of(row.id)} if reveal else {}
    note = "It was deleted by retention; the commitment stays." if reveal else "Your role does not read raw content."
    return [
        {
            "name": name,
            "cls": held.get("class", ""),
            "commitment": held.get("commitment", ""),
            "text": texts.get(name),
            "note": note,
        }
        for name, held in row.content.items()
    ]
