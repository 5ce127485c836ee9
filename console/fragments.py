"""How a page is put together: what stands around it, its content as of one moment, and the parts that htmx refetches.

The same view, the same permission check and the same template serve the whole page and each of its parts; a part is
asked for by `?fragment=name` and is a named partial of the page's template. What raw content a page shows, `read` names
in `reads` and `reads_list`; it is noted before the page is sent.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.template.exceptions import TemplateDoesNotExist
from django.template.loader import render_to_string
from django.utils import timezone

from agents.queries import active_stops, live_count
from approvals import queries as approval_queries
from approvals.breaking import open_uses
from audit import feed
from audit.findings import open_finding
from console import preferences
from console.auth import Caller, caller_of
from console.guide import guide
from console.readings import Item, note_reading
from console.rights import Right

THEMES = ("light", "dark")
DENSITIES = ("compact", "comfortable")
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,40}")
Read = Callable[[], Mapping[str, Any]]


@contextmanager
def snapshot() -> Iterator[None]:
    """See the database as of one moment and change nothing, so that a page's cursor fits its content."""
    outermost = not connection.in_atomic_block
    with transaction.atomic():
        if outermost:
            with connection.cursor() as cursor:
                cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


def is_part(request: HttpRequest) -> bool:
    """Return whether only a part of a page is asked for."""
    return "fragment" in request.GET or request.headers.get("HX-Request") == "true"


def page(request: HttpRequest, template: str, read: Read, *, part: str = "", status: int = 200) -> HttpResponse:
    """Answer with a page, or with the part of it that is named here or by the request; `read` gives its context."""
    part = part or request.GET.get("fragment", "")
    html, context = drawn(request, template, read, part)
    return sent(context["caller"], html, [*context.get("reads", ()), *context.get("reads_list", ())], status)


def drawn(request: HttpRequest, template: str, read: Read, part: str) -> tuple[str, Mapping[str, Any]]:
    """Return the HTML of a page or of a part of it, and the context it was drawn from. Raises Http404 for an unknown part."""
    if part and not _NAME.fullmatch(part):
        raise Http404
    with snapshot():
        around = shell(request, part)
        context = {"shell": around, "rev": around["n"], "caller": caller_of(request), **read()}
        if context.get("nav") == "audit" and not part:
            around["finding"] = open_finding()
        try:
            return render_to_string(f"{template}#{part}" if part else template, context, request), context
        except TemplateDoesNotExist as error:
            if not part:
                raise
            raise Http404 from error


def sent(caller: Caller, html: str, reads: Iterable[str | Item], status: int = 200) -> HttpResponse:
    """Answer with what was drawn, after noting what raw content is read with it."""
    note_reading(caller, reads)
    return HttpResponse(html, status=status)


def shell(request: HttpRequest, part: str = "") -> dict[str, Any]:
    """Return what stands around every page; a part of a page needs none of it, but for the counts."""
    caller = caller_of(request)
    sees = caller.has(Right.SEE)
    return {
        "n": feed.head(),
        "now": timezone.now(),
        "name": caller.name,
        **({} if part else look(request, caller)),
        "demo": settings.DEMO,
        "version": settings.VERSION,
        "counts": counts() if sees and part in ("", "counts") else {},
        "stops": active_stops().items if sees and not part else (),
        "glass": open_uses() if sees and not part else (),
        "may": menu(caller),
    }


def look(request: HttpRequest, caller: Caller) -> dict[str, Any]:
    """Return how a page looks and behaves for this person; who never chose a theme has what this browser remembers."""
    mine = preferences.settings_of(caller.user_id)
    theme = mine.theme or ("" if mine.stored else request.COOKIES.get("theme", ""))
    return {
        "theme": theme if theme in THEMES else "",
        "density": mine.density,
        "letters": mine.letters,
        "occasions": mine.occasions,
        "alerts": "browser" in mine.channels,
        "guide": guide(caller) if settings.DEMO and not mine.guide_hidden and caller.has(Right.SEE) else None,
    }


def counts() -> dict[str, int]:
    """Return the numbers beside the links of the menu."""
    return {"approvals": approval_queries.pending_count(), "sessions": live_count()}


def menu(caller: Caller) -> dict[str, bool]:
    """Return which links the menu shows to this person."""
    return {
        "sessions": caller.has(Right.SEE),
        "stop": caller.has(Right.RESTRAIN),
        "start": caller.has(Right.RUN_SESSIONS),
        "audit": caller.has(Right.READ_OWN_AUDIT),
        "measures": caller.has(Right.READ_OWN_AUDIT),
        "mail": settings.DEMO and caller.has(Right.REVEAL),
        "tokens": caller.has(Right.OWN_TOKENS),
    }
