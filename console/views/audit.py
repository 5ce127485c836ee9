"""The audit trail: entries by filter, and one entry with its bytes and hashes."""

from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit import feed, queries
from audit.content import texts_of
from audit.retention.deletions import why_gone
from audit.searching import LOOKED
from audit.stored import StoredEntry
from console.auth import Caller, caller_of
from console.formats import principal
from console.fragments import page
from console.readings import Item
from console.rights import Right
from console.saved_views import AUDIT, saved_of
from console.views.audit_asked import DOCS, Asked, not_read, read
from console.views.call import KEY, address
from console.views.filters import numbered
from console.views.guard import guard

SHOWN = 50
FARTHER = 20
"""So many times as much is looked at on a page that goes on where the one before it found few."""
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


def _list(request: HttpRequest) -> dict[str, Any]:
    caller, asked = caller_of(request), read(request.GET)
    limited = not caller.has(Right.READ_AUDIT)
    where = replace(asked.where, principal=f"user:{caller.user_id}") if limited else asked.where
    before = numbered(request.GET, "before")
    looked = LOOKED * FARTHER if "far" in request.GET else LOOKED
    listed = queries.entries(where, before=before, limit=SHOWN, looked=looked)
    return {
        "nav": "audit",
        "may_verify": caller.has(Right.VERIFY_AUDIT),
        "limited": OWN if limited else "",
        "filters": asked.shown,
        "filtered": bool(asked.carried),
        "carried": asked.carried,
        "views": _views(caller, asked),
        "left_out": not_read(asked, request.GET),
        "kinds": sorted(DOCS),
        "export": f"{reverse('audit-exports')}?{asked.carried}" if caller.has(Right.EXPORT_AUDIT) else "",
        "items": [line(row) for row in listed.items],
        "looked_to": listed.looked_to and line(listed.looked_to),
        "older": _address(asked, listed.next, far=listed.looked_to is not None) if listed.next else "",
        "newer": _address(asked, None) if before is not None else "",
    }


def _views(caller: Caller, asked: Asked) -> list[dict[str, Any]]:
    return [
        {
            "name": view.name,
            "url": f"{reverse('audit')}?{view.query}",
            "on": view.query == asked.carried,
            "remove_url": reverse("audit-view-remove", args=[view.pk]),
        }
        for view in saved_of(caller, AUDIT)
    ]


def _address(asked: Asked, before: int | None, *, far: bool = False) -> str:
    """Return the trail's address with the filters kept; `far` looks farther back, because somebody asked for it."""
    more = {"before": str(before)} if before is not None else {}
    query = urlencode({**asked.values, **more, **({"far": "1"} if far else {})})
    return reverse("audit") + (f"?{query}" if query else "")


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
        "entry": {
            **shown,
            "seq": row.seq,
            "prev_hash": row.prev_hash,
            "facts": row.facts,
            "body": row.body.decode("utf-8", "replace"),
        },
        "rows": _rows(row),
        "led_url": led_url(row),
        "contents": contents,
        "reads": (Item(f"entry {n}", about(row)),) if any(one["text"] is not None for one in contents) else (),
        "may_verify": caller.has(Right.VERIFY_AUDIT),
        "previous_url": reverse("audit-entry", args=[n - 1]) if n > 1 and caller.has(Right.READ_AUDIT) else "",
        "next_url": reverse("audit-entry", args=[n + 1]) if n < feed.head() and caller.has(Right.READ_AUDIT) else "",
    }


def about(row: StoredEntry) -> tuple[str, ...]:
    """Return the short ids under which a reading of an entry's texts is found: those of the entry, and its session's."""
    kind, _, ref = row.stream.partition(":")
    return tuple(dict.fromkeys((*((ref,) if kind == "session" else ()), *row.ids)))


def led_url(row: StoredEntry) -> str:
    """Return the page about what led to the call that an entry is about; empty for any other entry."""
    key = row.facts.get("key") if row.kind.startswith("tool_call.") else None
    return address(str(key)) if isinstance(key, str) and KEY.fullmatch(key) else ""


def _rows(row: StoredEntry) -> list[dict[str, Any]]:
    facts = (
        ("Principal", principal(row.actor.name, row.actor.kind, row.actor.id), False),
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
    return [
        {
            "name": name,
            "cls": held.get("class", ""),
            "commitment": held.get("commitment", ""),
            "text": texts.get(name),
            "note": _why_not(row, held.get("class", ""), reveal) if name not in texts else "",
        }
        for name, held in row.content.items()
    ]


def _why_not(row: StoredEntry, cls: str, reveal: bool) -> str:
    """Why a text is not shown: it was deleted, or whoever looks may not read it."""
    return why_gone(row.stream, entry_id=row.id, cls=cls) if reveal else "Your role does not read raw content."
