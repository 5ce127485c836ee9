"""Dead letters: what failed for good, by why it failed; replaying several of them or closing them, each on its own."""

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.dateparse import parse_datetime
from django.utils.timezone import is_naive
from django.views.decorators.http import require_http_methods

from agents import dead_letters
from agents.advice import title
from agents.errors import BadText
from agents.models import Session
from agents.services import get_session
from approvals.sensitive import Mask
from audit.connection import read
from audit.errors import CountersignError
from console.api.errors import status_of
from console.api.reading import bounded
from console.auth import Caller, caller_of
from console.converters import SessionRef
from console.covering import masks_of
from console.fragments import page
from console.revealing import revealed_sessions, title_of
from console.rights import Right
from console.views.filters import in_words, left_out, numbered, unknown
from console.views.guard import guard

TEMPLATE = "dead_letters/page.html"
SHOWN = dead_letters.MOST
DONE = {"replay": "Queued again", "close": "Closed"}


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def letters(request: HttpRequest) -> HttpResponse:
    """List dead letters, newest first; POST replays or closes those that were chosen, each in a transaction of its own."""
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _context(request))
    caller = caller_of(request)
    caller.check(Right.RESTRAIN)
    try:
        chosen, act = _asked(request), _act(request, caller)
    except CountersignError as error:
        wrong = error.detail
        return page(request, TEMPLATE, lambda: {**_context(request), "error": wrong}, status=status_of(error))
    results = [_result(ref, act, request.POST.get("act", "")) for ref in chosen.refs]
    return page(request, TEMPLATE, lambda: {**_context(request), "results": results, "left": chosen.left})


def replay(caller: Caller, row: Session, sent: Mapping[str, Any]) -> None:
    """Let one dead letter go on, with what the form says. Raises CountersignError."""
    goal, instruction = (sent.get(name, "").replace("\r\n", "\n") for name in ("goal", "instruction"))
    dead_letters.replay(
        session=row, actor=caller.actor(), user_id=caller.user_id, goal=goal, instruction=instruction,
        as_now=bool(sent.get("as_now")),
    )  # fmt: skip


def close(caller: Caller, row: Session, sent: Mapping[str, Any]) -> None:
    """Close one dead letter with the form's note. Raises CountersignError."""
    dead_letters.close(session=row, actor=caller.actor(), note=sent.get("note", "").replace("\r\n", "\n"))


def _asked(request: HttpRequest) -> dead_letters.Every:
    """Return those that were ticked, or all that the list's filter takes and that had failed when the page was made."""
    if request.POST.get("every"):
        until = _until(request)
        if until is None:
            raise BadText(field="until", reason="says when the list was read; open the page again")
        return dead_letters.every(**_filters(request, dead_letters.kept())[0], until=until)
    given = [ref for ref in request.POST.getlist("ref")[: 2 * SHOWN] if re.fullmatch(SessionRef.regex, ref)]
    if not given:
        raise BadText(field="ids", reason="names nothing; choose dead letters in the list first")
    return dead_letters.Every(dead_letters.refs(given), 0)


def _filters(request: HttpRequest, kinds: list[dead_letters.Kept]) -> tuple[dict[str, str], list[str]]:
    """Return the filters of the address, and the names of those that were left out for a value that is none."""
    filters = {name: request.GET.get(name, "")[:63] for name in ("category", "code", "agent")}
    wrong = unknown(filters, {"category": {*dead_letters.CATEGORIES, *(kind.category for kind in kinds)}})
    return filters | dict.fromkeys(wrong, ""), wrong


def _act(request: HttpRequest, caller: Caller) -> Callable[[Session], None]:
    sent = request.POST
    if sent.get("act") == "close":
        note = sent.get("note", "").strip()
        if not 3 <= len(note) <= dead_letters.LONGEST_NOTE:
            raise BadText(field="note", reason=f"says why they are closed, in 3 to {dead_letters.LONGEST_NOTE} characters")
        return lambda row: close(caller, row, sent)
    return lambda row: replay(caller, row, sent)


def _result(ref: str, act: Callable[[Session], None], name: str) -> dict[str, Any]:
    """Do it to one dead letter, and say what came of it; its failure is its own."""
    shown = {"ref": ref, "url": reverse("session", args=[ref])}
    try:
        act(get_session(ref))
    except CountersignError as error:
        return {**shown, "done": False, "text": error.detail}
    return {**shown, "done": True, "text": DONE.get(name, DONE["replay"])}


def _context(request: HttpRequest) -> dict[str, Any]:
    caller, asked = caller_of(request), request.GET
    kinds = dead_letters.kept()
    filters, wrong = _filters(request, kinds)
    before = numbered(asked, "before")
    found = dead_letters.letters(**filters, before=before, limit=SHOWN + 1)
    rows = found[:SHOWN]
    readable = revealed_sessions(caller, {row.pk: row.started_user for row in rows})
    masks = masks_of(readable)
    foreign = [row for row in rows if row.pk in readable and row.started_user != caller.user_id]
    return {
        "nav": "dead-letters",
        "may": caller.has(Right.RESTRAIN),
        "count": sum(kind.count for kind in kinds),
        "oldest": min((kind.oldest for kind in kinds), default=None),
        "kinds": [_kind(kind, filters) for kind in kinds],
        "filters": filters,
        "filtered": in_words("dead letter", filters),
        "left_out": left_out(asked, wrong),
        "items": [_line(row, row.pk in readable, masks.get(row.pk)) for row in rows],
        "reads_list": ("sessions",) if foreign else (),
        "newer": _address(request) if before else "",
        "older": _address(request, before=str(rows[-1].number)) if len(found) > SHOWN else "",
        "most": dead_letters.MOST,
        "results": [],
        "left": 0,
        **_all_of_it(request, filters),
        "error": "",
        "typed": {name: request.POST.get(name, "")[:20_000] for name in ("instruction", "note", "as_now", "every")},
    }


def _all_of_it(request: HttpRequest, filters: Mapping[str, str]) -> dict[str, Any]:
    """Return the moment until which all of the filter can be chosen, the same in the answer to a choice, and how many that are."""
    until = _until(request) or read("SELECT now() AS now")[0]["now"]
    every = dead_letters.every(**filters, until=until)
    return {"until": until.isoformat(), "matching": len(every.refs) + every.left}


def _until(request: HttpRequest) -> datetime | None:
    try:
        until = parse_datetime(request.POST.get("until", "")[:40])
    except ValueError:
        return None
    return None if until is None or is_naive(until) else bounded(until)


def _kind(kind: dead_letters.Kept, filters: Mapping[str, str]) -> dict[str, Any]:
    given = {name: filters[name] for name in ("category", "code") if filters[name]}
    chosen = bool(given) and given.items() <= {"category": kind.category, "code": kind.code}.items()
    return {"category": kind.category, "code": kind.code, "title": title(kind.code) if kind.code else "Unknown", "count": kind.count,
            "oldest": kind.oldest, "chosen": chosen}  # fmt: skip


def _line(row: Session, revealed: bool, mask: Mask | None) -> dict[str, Any]:
    said, error = title_of(row, revealed=revealed), row.error or {}
    copied = ("ref", "started_name", "ended_at", "cost_microusd", "turns", "dry_run")
    return {
        **{name: getattr(row, name) for name in copied},
        "title": mask.text(said) if mask else said,
        "url": reverse("session", args=[row.ref]),
        "agent": row.agent.slug,
        "category": error.get("category", ""),
        "error": title(error["code"]) if error.get("code") else "Unknown",
    }


def _address(request: HttpRequest, **more: str) -> str:
    asked = request.GET.copy()
    for name in ("fragment", "before"):
        asked.pop(name, None)
    asked.update(more)
    return f"{reverse('dead-letters')}?{asked.urlencode()}"
