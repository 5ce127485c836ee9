"""Sessions as the log tells them: a list of those that began, and one's whole story with who took part and its chain."""

import re
from collections.abc import Sequence
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from audit import queries, seal
from audit.about import Partaker, Telling, chains, telling
from audit.canonical import Json
from audit.errors import UnknownStream
from audit.queries import EntryFilter
from audit.stored import StoredEntry
from audit.verify import Verification, verify
from console.auth import caller_of
from console.formats import principal
from console.fragments import page
from console.rights import Right
from console.views.audit import led_url, line
from console.views.audit_asked import DOCS, not_read, read
from console.views.filters import numbered
from console.views.guard import guard

SHOWN, TOLD = 50, 100
CHECKED = 2_000
"""So long a chain is verified whenever its story is looked at; longer ones are verified when somebody asks."""
MOST_FACTS, LONGEST_FACT = 8, 80
HASH = re.compile(r"[0-9a-f]{32,}")


@require_safe
@guard(Right.READ_AUDIT)
def sessions(request: HttpRequest) -> HttpResponse:
    """List the sessions that the log knows, newest first."""
    return page(request, "audit/sessions.html", lambda: _list(request))


@require_safe
@guard(Right.READ_AUDIT)
def story(request: HttpRequest, ref: str) -> HttpResponse:
    """Tell one session's whole story: who started it, what it did, who saw what, who decided, how it ended."""
    return page(request, "audit/session.html", lambda: _story(request, ref))


def _list(request: HttpRequest) -> dict[str, Any]:
    given, before = {name: request.GET.get(name, "") for name in ("q", "principal")}, numbered(request.GET, "before")
    asked = read(given)
    where = EntryFilter(kind="session.started", principal=asked.where.principal, text=asked.where.text)
    found = queries.entries(where, before=before, limit=SHOWN)
    heads = chains(one.stream for one in found.items)
    address = request.GET.copy()
    address.pop("fragment", None)
    address["before"] = str(found.next or "")
    return {
        "nav": "audit",
        "filters": asked.shown,
        "filtered": bool(asked.carried),
        "left_out": not_read(asked, given),
        "items": [_row(one, heads) for one in found.items],
        "looked_to": found.looked_to and line(found.looked_to),
        "older": f"{request.path}?{address.urlencode()}" if found.next else "",
        "newer": reverse("audit-sessions") if before is not None else "",
    }


def _row(began: StoredEntry, heads: Any) -> dict[str, Any]:
    ref, head = began.stream.partition(":")[2], heads.get(began.stream)
    return {
        "ref": ref,
        "url": reverse("audit-session", args=[ref]),
        "agent": began.facts.get("agent", ""),
        "prompt": began.facts.get("prompt_version", ""),
        "by": began.actor.name,
        "on_behalf_of": began.on_behalf_of,
        "at": began.at,
        "length": head.length if head else 0,
        "closed": head.closed if head else False,
        "hash": head.hash if head else "",
    }


def _story(request: HttpRequest, ref: str) -> dict[str, Any]:
    after = numbered(request.GET, "after")
    try:
        told = telling(ref, after=after or 0, limit=TOLD)
    except UnknownStream:
        raise Http404 from None
    caller, newest = caller_of(request), seal.newest()
    last = told.ended.log_index if told.ended else None
    return {
        "nav": "audit",
        "ref": ref,
        "session_url": reverse("session", args=[ref]),
        "trail_url": f"{reverse('audit')}?session={ref}",
        "rows": _head(told),
        "people": [_partaker(one) for one in told.people],
        "chain": told.chain,
        "checked": _checked(told),
        "sealed": newest if newest and last and newest.size >= last else None,
        "last_url": reverse("audit-entry", args=[last]) if last else "",
        "may_verify": caller.has(Right.VERIFY_AUDIT),
        "total": told.total,
        "items": [_line(one, told) for one in told.items],
        "later": f"{request.path}?after={told.after}" if told.after else "",
        "first": request.path if after is not None else "",
    }


def _head(told: Telling) -> list[dict[str, Any]]:
    began, ended = told.began, told.ended
    facts = began.facts if began else {}
    policy = told.policy.facts.get("number", told.policy.rev) if told.policy else None
    said = (
        ("Started by", principal(began.actor.name, began.actor.kind, began.actor.id) if began else "", ""),
        ("On behalf of", began.on_behalf_of if began else "", ""),
        ("Agent", f"{facts.get('agent', '')}, revision {facts.get('revision', '')}", ""),
        ("Prompt", facts.get("prompt_version", ""), ""),
        ("Prompt checksum", facts.get("prompt_checksum", ""), "mono"),
        ("Policy at its start", f"revision {policy}" if policy else "as shipped", ""),
        ("Environment", facts.get("environment", ""), ""),
        ("Began", f"{began.at:%Y-%m-%d %H:%M:%S} UTC" if began else "", ""),
        ("Ended", f"{ended.at:%Y-%m-%d %H:%M:%S} UTC, {ended.kind}" if ended else "not yet", ""),
    )
    return [{"label": label, "value": value, "mono": mono} for label, value, mono in said if value]


def _partaker(one: Partaker) -> dict[str, Any]:
    return {
        "name": one.name,
        "kind": one.kind,
        "id": one.id,
        "did": [(kind, DOCS.get(kind, "")) for kind in one.did],
        "times": one.times,
    }


def _checked(told: Telling) -> Verification | None:
    """Verify the chain now; None where it is too long to do that for everybody who looks."""
    return verify(told.chain.stream) if told.chain.length <= CHECKED else None


def _line(row: StoredEntry, told: Telling) -> dict[str, Any]:
    return {
        **line(row),
        "seq": row.seq,
        "elsewhere": row.stream != told.chain.stream,
        "said": [(name.replace("_", " "), text) for name, text in _said(row.facts)],
        "contents": len(row.content),
        "led_url": led_url(row),
    }


def _said(facts: Any) -> Sequence[tuple[str, str]]:
    """Return the facts that are one word or number each; hashes and what is longer stand on the entry's own page."""
    plain = [(name, _text(value)) for name, value in facts.items() if isinstance(value, str | int) and value not in ("", False)]
    plain = [(name, text) for name, text in plain if not HASH.fullmatch(text)]
    return [(name, text[:LONGEST_FACT]) for name, text in plain][:MOST_FACTS]


def _text(value: Json) -> str:
    return "yes" if value is True else str(value)
