"""The rows of the queue as open pages ask for them again and again: drawn once for all who see them alike.

Alike means: the same roles and groups, nobody's place taken, and nothing asked for that depends on who asks. Which row is
open is put in afterwards, for each. That the rows were read is noted for each too. Who asks for the numbers around them gets
them in the same answer, as of the same event or a later one.
"""

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse

from approvals.inbox import REF
from console.auth import caller_of
from console.fragments import drawn, sent
from console.kept import Drawn, Shelf, cursor_of
from console.revealing import reveals_request
from console.standing import standing
from console.views.approval_numbers import numbers
from console.views.approval_queue import asked_of

_OWN = frozenset({"hand", "can"})
"""Filters that ask who looks."""
_shelf = Shelf()
Read = Callable[[str], Mapping[str, Any]]


def rows(request: HttpRequest, template: str, read: Read) -> HttpResponse:
    """Answer with the rows; `read` gives the queue's context with one request open, "" for none."""
    current, key, cursor = request.GET.get("open", ""), _alike(request), cursor_of(request)

    def draw(opened: str) -> Drawn:
        html, context = drawn(request, template, lambda: read(opened), "queue")
        return context["rev"], html

    rev, html = draw(current) if key is None or cursor is None else _shelf.drawn(key, cursor, lambda: draw(""))
    html = html if key is None or cursor is None else _opened(html, current)
    if "facets" in request.GET:
        known = None if cursor is None else max(cursor, rev)
        html += f"<div data-counted hidden>{numbers(request, template, known)}</div>"
    return sent(caller_of(request), html, reads_list(request))


def reads_list(request: HttpRequest) -> tuple[str, ...]:
    """Return what is noted of somebody who sees rows of the queue."""
    return ("approvals",) if reveals_request(caller_of(request)) else ()


def _alike(request: HttpRequest) -> Hashable | None:
    """Return all that the rows depend on beside the log; None where it matters who asks."""
    asked, caller = asked_of(request), caller_of(request)
    if _OWN & set(asked.wanted) or standing(request).places:
        return None
    given = (asked.state, tuple(sorted(asked.filters.items())), asked.cursor)
    return connection.settings_dict["NAME"], caller.kind, caller.scopes, caller.roles, given


def _opened(html: str, ref: str) -> str:
    """Mark one row as the open one, as the template does; what people wrote stands there escaped, and looks like no row."""
    row = html.find(f'<li id="row-{ref}"') if REF.match(ref) else -1
    link = html.find('<a class="q"', row)
    if row < 0 or link < 0:
        return html
    end = html.index(">", link)
    return f'{html[:end]} aria-current="true"{html[end:]}'
