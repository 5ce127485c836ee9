"""The queue as a workbench: what is asked for in the address, the rows, facets and views with their numbers."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import reverse
from django.utils import timezone
from django.utils.http import urlencode

from agents.queries import agents
from agents.tools import registry
from approvals import inbox, queries
from approvals.claims import holder_of
from approvals.facts import TIERS, Person
from approvals.inbox import DUE, HANDS, SOON_S
from approvals.models import KINDS, ApprovalRequest
from approvals.queries import WAITING, Filters
from approvals.settled import SETTLED
from console.auth import Caller, caller_of
from console.looks import RISKS, TIER_WORDS
from console.revealing import reveals_request, summary_of
from console.rights import Right
from console.saved_views import saved_of
from console.standing import standing
from console.views.approval_item import outcome, url_of
from console.views.filters import in_words, left_out, unknown

SHOWN = 40
REACH = 10_000
"""How many decided requests one page looks through; where few of them fit, the next page goes on from there."""
TABS = {
    "waiting": WAITING,
    "mine": WAITING,
    "decided": SETTLED,
}
NAMES = ("risk", "kind", "tier", "tool", "agent", "due", "hand", "taint", "can", "q")
ALLOWED: Mapping[str, Sequence[str]] = {
    "state": tuple(TABS), "risk": tuple(map(str, RISKS)), "kind": KINDS, "tier": TIERS, "due": DUE, "hand": HANDS,
    "taint": ("1",), "can": ("1",),
}  # fmt: skip
TITLES = {"risk": "Risk", "kind": "Kind", "tier": "Tier", "tool": "Tool", "agent": "Agent", "due": "Urgency", "hand": "In hand",
          "taint": "Content", "can": "For whom", "q": "Words"}  # fmt: skip
LABELS: Mapping[str, Mapping[str, str]] = {
    "risk": {str(level): word for level, word in RISKS.items()},
    "tier": TIER_WORDS,
    "due": {"soon": "Expires within 5 min", "escalated": "Escalated"},
    "hand": {"mine": "In my hand", "free": "In nobody’s", "theirs": "In somebody else’s"},
    "taint": {"1": "After untrusted content"},
    "can": {"1": "I can decide"},
}
SHIPPED = (("For me", "can=1"), ("Escalated", "due=escalated"), ("Untrusted", "taint=1"))
"""Views that everybody has."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What an address asks of the queue: a tab, and filters that all must hold."""

    state: str
    filters: Mapping[str, str]
    wrong: Sequence[str] = ()
    cursor: str = ""

    @property
    def wanted(self) -> Mapping[str, str]:
        """The filters that are given, with what the tab adds to them."""
        given = {name: value for name, value in self.filters.items() if value}
        return {**given, "hand": "mine"} if self.state == "mine" else given

    @property
    def carried(self) -> str:
        """The query that keeps tab and filters in the address, in one order."""
        return self.but()

    def but(self, **changes: str) -> str:
        """Return that query with some values changed; an empty one takes a filter out."""
        values = {"state": "" if self.state == "waiting" else self.state, **self.filters, **changes}
        return urlencode({name: value for name, value in values.items() if value})

    def url(self, **changes: str) -> str:
        """Return the queue's address with some values changed."""
        query = self.but(**changes)
        return reverse("approvals") + (f"?{query}" if query else "")

    def within(self, ref: str) -> str:
        """Return the address of a request that keeps the queue narrowed as it is."""
        return url_of(ref) + (f"?{self.carried}" if self.carried else "")


def asked_of(request: HttpRequest) -> Asked:
    """Read what the address asks for; a form says with `within` what the address was."""
    return read(QueryDict(request.POST.get("within", "")[:2000]) if request.method == "POST" else request.GET)


def read(values: Mapping[str, str]) -> Asked:
    """Read tab and filters; a value that there is not filters nothing and is named."""
    wrong = unknown(values, ALLOWED)
    filters = {name: "" if name in wrong else values.get(name, "").replace("\x00", "")[:200].strip() for name in NAMES}
    state = values.get("state", "waiting")
    return Asked(state if state in TABS else "waiting", filters, wrong, values.get("cursor", ""))


def filters_of(wanted: Mapping[str, str], status: Sequence[str], caller: Caller, person: Person) -> Filters:
    """Return filters of an address as the queries take them, for this person."""
    return Filters(
        status=status, risk=int(wanted.get("risk") or 0), kind=wanted.get("kind", ""), tier=wanted.get("tier", ""),
        tool=wanted.get("tool", ""), agent=wanted.get("agent", ""), due=wanted.get("due", ""), hand=wanted.get("hand", ""),
        taint=wanted.get("taint", ""), can=wanted.get("can", ""), q=wanted.get("q", ""),
        person=person, summaries=reveals_request(caller),
    )  # fmt: skip


def own_held(caller: Caller) -> list[ApprovalRequest]:
    """Return what this person approved and can still undo."""
    return queries.page(Filters(status=("held",), decided_by=caller.user_id), limit=5).items


def waiting_of(caller: Caller, person: Person, q: str = "") -> inbox.Waiting:
    """Count what waits, as this person sees it."""
    return inbox.waiting(person, decides=caller.has(Right.DECIDE), q=q, summaries=reveals_request(caller))


def counts(request: HttpRequest) -> dict[str, Any]:
    """Return the numbers of tabs and views, and of the facets where a page that shows them asks."""
    caller, asked = caller_of(request), asked_of(request)
    waiting = waiting_of(caller, standing(request), asked.filters["q"])
    tabs = {"waiting": waiting.count({}), "mine": waiting.count({"hand": "mine"})}
    facets = _facets(asked, waiting) if "facets" in request.GET and asked.state != "decided" else []
    return {"counts": tabs, "views": _views(caller, waiting, Asked("waiting", {})), "facets": facets}


def queue_of(request: HttpRequest, asked: Asked) -> dict[str, Any]:
    """Return the rows that an address asks for, in groups, and everything around them."""
    caller, person, decided = caller_of(request), standing(request), asked.state == "decided"
    waiting = waiting_of(caller, person, asked.filters["q"])
    found = queries.page(
        filters_of(asked.wanted, TABS[asked.state], caller, person), limit=SHOWN, cursor=asked.cursor,
        order="settled" if decided else "expiry", reach=REACH if decided else 0,
    )  # fmt: skip
    return {
        "nav": "approvals",
        "rows": found.items,
        "state": asked.state,
        "selects": caller.has(Right.DECIDE) and not decided,
        "filters": asked.filters,
        "carried": asked.carried,
        "filtered": in_words("request", asked.filters),
        "left_out": left_out(request.GET, asked.wrong),
        "active": [_active(asked, name, value) for name, value in asked.filters.items() if value],
        **({} if request.GET.get("fragment") == "queue" else _around(caller, waiting, asked)),
        "groups": _groups(found.items, asked, waiting, lambda row: _line(row, asked, person, reveals_request(caller))),
        "older": asked.url(cursor=found.next_cursor) if found.next_cursor else "",
        "last_decision": "" if found.items else _last_decision(),
    }


def _around(caller: Caller, waiting: inbox.Waiting, asked: Asked) -> dict[str, Any]:
    """Return the numbers, views and facets that stand around the rows; the rows alone are asked for far more often."""
    return {
        "counts": {"waiting": waiting.count({}), "mine": waiting.count({"hand": "mine"})},
        "facets": _facets(asked, waiting),
        "views": _views(caller, waiting, asked),
    }


def _active(asked: Asked, name: str, value: str) -> dict[str, str]:
    return {"title": TITLES[name], "label": label_of(name, value), "url": asked.url(**{name: ""})}


def label_of(name: str, value: str) -> str:
    """Return the words for a filter's value."""
    plain = value.replace("_", " ").capitalize() if name == "kind" else value
    return LABELS.get(name, {}).get(value, plain)


def _facets(asked: Asked, waiting: inbox.Waiting) -> list[dict[str, Any]]:
    """Return the values to choose from; those of what waits with how many requests each would show."""
    found = _known() if asked.state == "decided" else _counted(asked, waiting)
    return [
        {"name": name, "title": TITLES[name], "choices": [_choice(asked, name, *pair) for pair in pairs[:20]]}
        for name, pairs in found.items()
        if pairs
    ]


def _counted(asked: Asked, waiting: inbox.Waiting) -> dict[str, list[tuple[str, int | None]]]:
    values: dict[str, list[tuple[str, int | None]]] = {}
    for name in ("due", "can", "hand", "taint"):
        values[name] = [(one, waiting.count({**asked.wanted, name: one})) for one in ALLOWED[name]]
    for name in inbox.FACETS:
        values[name] = list(waiting.facet(name, asked.wanted))
    values["risk"].sort(reverse=True)
    return values


def _known() -> dict[str, list[tuple[str, int | None]]]:
    """Return what decided requests can be narrowed to; they are too many to be counted."""
    tools, slugs = sorted(registry.all_tools()), [one.agent.slug for one in agents()]
    values = {"taint": ("1",), "risk": ALLOWED["risk"][::-1], "kind": KINDS, "tier": TIERS, "tool": tools, "agent": slugs}
    return {name: [(value, None) for value in found] for name, found in values.items()}


def _choice(asked: Asked, name: str, value: str, count: int | None) -> dict[str, Any]:
    on = asked.filters.get(name) == value
    url = asked.url(**{name: "" if on else value})
    risk = int(value) if name == "risk" else 0
    return {"label": label_of(name, value), "count": count, "place": f"{name}={value}", "on": on, "url": url, "risk": risk}


def _views(caller: Caller, waiting: inbox.Waiting, asked: Asked) -> list[dict[str, Any]]:
    """Return the views that everybody has and this person's own, each with its number where it can be counted."""
    own = [(view.name, view.query, view.pk) for view in saved_of(caller)]
    return [
        _view(name, query, key, waiting, asked) for name, query, key in [*((name, query, 0) for name, query in SHIPPED), *own]
    ]


def _view(name: str, query: str, key: int, waiting: inbox.Waiting, asked: Asked) -> dict[str, Any]:
    view = read(QueryDict(query))
    countable = view.state != "decided" and not view.filters["q"]
    on = bool(asked.carried) and view.carried == asked.carried
    return {
        "name": name,
        "url": reverse("approvals") if on else view.url(),
        "on": on,
        "place": f"view-{key or query.replace('=', '-')}",
        "count": waiting.count(view.wanted) if countable else None,
        "remove_url": reverse("approval-view-remove", args=[key]) if key else "",
    }


def _groups(
    rows: Sequence[ApprovalRequest], asked: Asked, waiting: inbox.Waiting, line: Callable[[ApprovalRequest], dict[str, Any]]
) -> list[dict[str, Any]]:
    now = timezone.now()
    if asked.state == "decided":
        items = [line(row) for row in rows]
        return [{"title": "Decided", "items": items, "count": len(items)}] if rows else []
    groups: dict[str, list[ApprovalRequest]] = {"Expiring soon": [], "Escalated": [], "Waiting": []}
    for row in rows:
        groups[_group(row, now)].append(row)
    wanted = asked.wanted
    total, urgent = waiting.count(wanted), waiting.count({**wanted, "due": "soon"})
    escalated = sum(cell.count for cell in waiting.pending(wanted) if cell.escalated and not cell.soon)
    counts = {"Expiring soon": urgent, "Escalated": escalated, "Waiting": total - urgent - escalated}
    # Rows that were just decided stay where they were; they are none of those that wait.
    wait = {title: sum(row.status == "pending" for row in items) for title, items in groups.items()}
    return [
        {"title": title, "items": [line(row) for row in items], "count": max(counts[title], wait[title])}
        for title, items in groups.items()
        if items
    ]


def _group(row: ApprovalRequest, now: datetime) -> str:
    if row.status == "pending" and (row.expires_at - now).total_seconds() <= SOON_S:
        return "Expiring soon"
    return "Escalated" if row.status == "pending" and row.escalated_at else "Waiting"


def _line(row: ApprovalRequest, asked: Asked, person: Person, reveal: bool) -> dict[str, Any]:
    copied = ("ref", "kind", "risk", "agent", "tool", "cost_microusd", "expires_at", "created_at", "status")
    holder = holder_of(row, timezone.now()) if row.status == "pending" else None
    return {**{name: getattr(row, name) for name in copied}, "summary": summary_of(row, revealed=reveal),
            "tainted": bool(row.taint), "url": asked.within(row.ref), "escalated": bool(row.escalated_at),
            "looking": holder.name if holder else "", "outcome": outcome(row),
            "for_whom": next((place.name for place in person.places if holder and place.of == holder.id), "")}  # fmt: skip


def _last_decision() -> str:
    rows = queries.page(Filters(status=("approved", "consumed", "rejected", "answered")), limit=1, order="settled").items
    return f"Last: {rows[0].ref}, {outcome(rows[0])[0].lower()}{outcome(rows[0])[1:]}." if rows else ""
