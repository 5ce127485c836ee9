"""Views of the queue and searches of the audit trail that people save for themselves: a name, and the query of its address.

Nobody else sees them. `of` says which page they are of.
"""

from collections.abc import Sequence

from console.auth import Caller
from console.errors import InvalidView, TooManyViews, UnknownView
from console.models import SavedView

APPROVALS, AUDIT = "approvals", "audit"
MOST_VIEWS = 20
LONGEST_NAME = 40


def saved_of(caller: Caller, of: str = APPROVALS) -> Sequence[SavedView]:
    """Return the person's own views, by name."""
    return list(SavedView.objects.filter(user_id=caller.user_id, of=of).order_by("name")[:MOST_VIEWS])


def save_view(caller: Caller, *, name: str, query: str, of: str = APPROVALS) -> SavedView:
    """Keep a query under a name; the same name again replaces it. Raises InvalidView, TooManyViews.

    `query` is that of an address of the page, as `console.views.approval_queue` and `audit_asked` write it.
    """
    name = name.replace("\x00", "").strip()[:LONGEST_NAME]
    if not name or not query:
        raise InvalidView
    mine = SavedView.objects.filter(user_id=caller.user_id, of=of)
    if mine.count() >= MOST_VIEWS and not mine.filter(name=name).exists():
        raise TooManyViews(most=MOST_VIEWS)
    return SavedView.objects.update_or_create(user_id=caller.user_id, of=of, name=name, defaults={"query": query})[0]


def remove_view(caller: Caller, key: int, *, of: str = APPROVALS) -> None:
    """Forget one of one's own views; raises UnknownView, also for somebody else's."""
    if not SavedView.objects.filter(pk=key, user_id=caller.user_id, of=of).delete()[0]:
        raise UnknownView
