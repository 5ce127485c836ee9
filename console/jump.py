"""Jump to anything: sessions, requests, agents, prompts, tools and pages, by short id, number or words.

What a person may not read does not help them find it either: titles and summaries are searched only by those who may
read them. Words are looked for among the newest of each kind, ids among all.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from django.db.models import Max, Q
from django.urls import reverse

from agents.models import Agent, Prompt, Session
from agents.tools import registry
from approvals.models import ApprovalRequest
from approvals.sensitive import Mask
from console.auth import Caller
from console.covering import masks_of
from console.looks import LOOKS
from console.revealing import revealed_sessions, reveals_request, summary_of, title_of
from console.rights import Right

NEWEST = 2000
NOTHING = Mask()
EACH = 6
LONGEST = 100
_REF = re.compile(r"(?:(ap|s)-?)?([1-9][0-9]{0,17})", re.IGNORECASE)
PAGES: tuple[tuple[str, str, str, Right, str], ...] = (
    ("Approvals", "approvals", "inbox", Right.SEE, "queue requests inbox review decide"),
    ("Sessions", "sessions", "activity", Right.SEE, "runs start a session"),
    ("Agents", "agents", "bot", Right.SEE, ""),
    ("Tools", "tools", "wrench", Right.SEE, "tiers"),
    ("Prompts", "prompts", "file-text", Right.SEE, "versions"),
    ("Breakers", "breakers", "unplug", Right.SEE, "circuit provider model tool down degraded open"),
    ("Stop agents", "stop", "octagon-x", Right.SEE, "kill switch halt lift"),
    ("Audit trail", "audit", "scroll-text", Right.READ_OWN_AUDIT, "log entries verify chain"),
    ("Policy", "policies", "scale", Right.SEE, "rules tiers revisions"),
    ("Measures", "measures", "users", Right.READ_OWN_AUDIT, "reviewers decision time rubber stamping"),
    ("Tokens", "tokens", "key-round", Right.OWN_TOKENS, "api keys access"),
    ("Your settings", "settings", "settings", Right.SIGNED_IN, "theme density keyboard notifications preferences"),
    ("API", "api:docs", "braces", Right.SIGNED_IN, "rest interface openapi documentation"),
)
"""What is called how, its address, icon, right, and other words for it."""


@dataclass(frozen=True, slots=True)
class Found:
    """One place to go."""

    kind: str
    title: str
    detail: str
    url: str
    icon: str


def find(caller: Caller, query: str) -> list[Found]:
    """Return where a person may want to go, best first; pages alone where nothing was typed."""
    query = " ".join(query.split())[:LONGEST]
    found = [*_pages(caller, query)]
    if query and caller.has(Right.SEE):
        named = [*_approvals(caller, query), *_sessions(caller, query)]
        # A number means an id, a word may well mean a page.
        found = [*named, *found, *_names(query)] if _REF.fullmatch(query) else [*found, *_names(query), *named]
    return found


def _pages(caller: Caller, query: str) -> Iterator[Found]:
    for title, name, icon, right, words in PAGES:
        if caller.has(right) and all(word in f"{title} {words}".lower() for word in query.lower().split()):
            yield Found("Page", title, "", reverse(name), icon)


def _names(query: str) -> Iterator[Found]:
    for slug in Agent.objects.filter(slug__icontains=query).order_by("slug").values_list("slug", flat=True)[:EACH]:
        yield Found("Agent", slug, "", reverse("agent", args=[slug]), "bot")
    for slug in Prompt.objects.filter(slug__icontains=query).order_by("slug").values_list("slug", flat=True)[:EACH]:
        yield Found("Prompt", slug, "", reverse("prompt", args=[slug]), "file-text")
    tools = [name for name in sorted(registry.all_tools()) if query.lower() in name.lower()]
    for name in tools[:EACH]:
        yield Found("Tool", name, "", reverse("tools"), "wrench")


def _approvals(caller: Caller, query: str) -> list[Found]:
    reads = reveals_request(caller)
    says = Q(tool__icontains=query) | Q(agent__icontains=query) | Q(requested_by__icontains=query)
    if reads:
        says |= Q(summary__icontains=query)
    rows = ApprovalRequest.objects.filter(_numbered("ap", query) or says & Q(number__gt=_floor(ApprovalRequest)))
    return [
        Found(
            "Approval",
            row.ref,
            f"{_word(row.status)}. {summary_of(row, revealed=reads)}",
            reverse("approval", args=[row.ref]),
            "inbox",
        )
        for row in rows.defer("body").order_by("-number")[:EACH]
    ]


def _sessions(caller: Caller, query: str) -> list[Found]:
    says = Q(started_name__icontains=query) | Q(agent__slug__icontains=query)
    if caller.has(Right.REVEAL):
        says |= Q(title__icontains=query)
    elif caller.known:
        says |= Q(title__icontains=query, started_user=caller.user_id)
    rows = Session.objects.filter(_numbered("s", query) or says & Q(number__gt=_floor(Session))).select_related("agent")
    found = list(rows.order_by("-number")[:EACH])
    readable = revealed_sessions(caller, {row.pk: row.started_user for row in found})
    masks = masks_of(readable)
    return [
        Found(
            "Session",
            row.ref,
            f"{_word(row.status)}. {masks.get(row.pk, NOTHING).text(title_of(row, revealed=row.pk in readable))}",
            reverse("session", args=[row.ref]),
            "activity",
        )
        for row in found
    ]


def _numbered(prefix: str, query: str) -> Q | None:
    """Return the condition for a short id or a bare number; one that matches nothing for another kind's id."""
    match = _REF.fullmatch(query)
    if match is None:
        return None
    return Q(number=int(match[2])) if (match[1] or prefix).lower() == prefix else Q(pk__in=[])


def _floor(model: type[ApprovalRequest] | type[Session]) -> int:
    newest: int | None = model.objects.aggregate(newest=Max("number"))["newest"]
    return (newest or 0) - NEWEST


def _word(status: str) -> str:
    return LOOKS[status].word if status in LOOKS else status.replace("_", " ").capitalize()
