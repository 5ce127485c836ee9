"""The numbers around the queue as open pages ask for them again and again: drawn once for all to whom they are the same.

What waits is counted alike for people with the same roles, but for those whom a waiting request names: it is in their hand,
asked by them, not for them to decide, or they have said something of it. Who is named is read in the same moment as the
numbers and kept beside them, and whoever is gets numbers of their own. So does who decides in somebody's place.
"""

from collections.abc import Hashable

from django.db import connection
from django.http import HttpRequest

from approvals import inbox
from console.auth import caller_of
from console.fragments import drawn
from console.kept import Drawn, Shelf
from console.saved_views import saved_of
from console.standing import standing
from console.views.approval_queue import asked_of, counts

_shelf = Shelf()


class _Own(Exception):
    """No error: the numbers that were drawn are this person's alone, and leave the shelf without being kept."""

    def __init__(self, html: str) -> None:
        self.html = html


def numbers(request: HttpRequest, template: str, cursor: int | None) -> str:
    """Return the numbers of tabs, views and facets as HTML, as of event `cursor` or later; None draws them for this person alone."""
    key, me = _alike(request), str(caller_of(request).user_id)

    def draw() -> Drawn:
        html, context = drawn(request, template, lambda: {**counts(request), "named": inbox.named()}, "counts")
        named = [str(id_) for id_ in context["named"]]
        if me in named:
            raise _Own(html)
        return context["rev"], f"{' '.join(named)}\n{html}"

    if key is None or cursor is None:
        return _own(request, template)
    try:
        named, _, html = _shelf.take(key, cursor, draw).partition("\n")
    except _Own as own:
        return own.html
    return _own(request, template) if me in named.split() else html


def _own(request: HttpRequest, template: str) -> str:
    return drawn(request, template, lambda: counts(request), "counts")[0]


def _alike(request: HttpRequest) -> Hashable | None:
    """Return all that the numbers depend on beside the log and who is named; None where somebody's place is taken."""
    asked, caller = asked_of(request), caller_of(request)
    if standing(request).places:
        return None
    given = (asked.state, tuple(sorted(asked.filters.items())), "facets" in request.GET)
    views = tuple((view.pk, view.query) for view in saved_of(caller))
    return connection.settings_dict["NAME"], caller.kind, caller.scopes, caller.roles, given, views
