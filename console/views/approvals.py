"""Approvals: the queue, one request, and what people say of it. Deciding is the gate's; these views carry the words."""

from collections.abc import Mapping
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST, require_safe

from agents import gate
from approvals import queries
from approvals.claims import holder_of
from approvals.facts import TIERS
from approvals.models import KINDS, ApprovalRequest
from approvals.policy import verdicts_for
from approvals.queries import WAITING, Filters
from audit.errors import CountersignError
from console import signin
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.forms import Said
from console.fragments import page
from console.revealing import reveals_request, summary_of
from console.rights import Right
from console.views.approval_bar import bar
from console.views.approval_conflict import said_back
from console.views.approval_hand import hand
from console.views.approval_item import item, outcome, url_of
from console.views.filters import in_words, left_out, unknown
from console.views.guard import guard, is_part

TEMPLATE = "approvals/page.html"
SHOWN = 50
LOOKED_AT = 200
SOON_S = 300
TABS = {
    "waiting": WAITING,
    "mine": WAITING,
    "decided": ("approved", "consumed", "rejected", "answered", "expired", "withdrawn", "void"),
}
VIEWS = ("checked", "json", "changes")


@require_safe
@guard(Right.SEE)
def queue(request: HttpRequest) -> HttpResponse:
    """Show what waits, soonest expiry first, with the first request open."""
    if request.GET.get("fragment") == "counts":  # asked for often, and the frame knows them
        return page(request, TEMPLATE, lambda: {"counts": _counts(_waiting(), caller_of(request))})
    return page(request, TEMPLATE, lambda: _queue(request, request.GET.get("open", "")))


@require_safe
@guard(Right.SEE)
def detail(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one request beside the queue."""
    return page(request, TEMPLATE, lambda: both(request, queries.get(ref)))


@sensitive_post_parameters("password")
@require_POST
@guard(Right.DECIDE)
def verdict(request: HttpRequest, ref: str, verdict: str) -> HttpResponse:
    """Take a verdict on the revision that was shown; a refusal comes back with what was typed."""
    row = queries.get(ref)
    said = Said.of(request.POST, verdict)
    try:
        decide(request, row, said)
    except CountersignError as error:
        return _again(request, ref, said, error)
    if request.POST.get("open_next") and (following := _following(row, caller_of(request))):
        return redirect("approval", following.ref)
    if is_part(request):
        return page(request, TEMPLATE, lambda: both(request, queries.get(ref)), part="detail")
    return redirect("approval", row.ref)


@require_POST
@guard(Right.DECIDE)
def undo(request: HttpRequest, ref: str) -> HttpResponse:
    """Take an approval back within its undo period."""
    row = queries.get(ref)
    gate.undo(request_id=row.id, actor=caller_of(request).actor())
    return redirect("approval", row.ref)


def decide(request: HttpRequest, row: ApprovalRequest, said: Said) -> None:
    """Hand what a person said to the gate, after a password where one came with it. Raises CountersignError."""
    if said.password:
        signin.reauthenticate(request, said.password, said.digest)
    caller = caller_of(request)
    gate.answer(
        request_id=row.id,
        person=caller.person(reauthenticated=signin.reauthenticated(request, said.digest)),
        actor=caller.actor(),
        verdict=said.verdict,
        digest=said.digest,
        instruction=said.instruction,
        arguments=said.arguments,
        answer=said.answer,
        amount=said.amount_of(str(row.facts.get("limit", ""))),
        idempotency_key=said.key,
        hold=True,
    )


def _again(request: HttpRequest, ref: str, said: Said, error: CountersignError) -> HttpResponse:
    def read() -> Mapping[str, Any]:
        row = queries.get(ref)
        return {**both(request, row), **said_back(row, said, error)}

    return page(request, TEMPLATE, read, part="detail" if is_part(request) else "", status=status_of(error))


def both(request: HttpRequest, row: ApprovalRequest) -> dict[str, Any]:
    """Return the page with one request open, or that request alone where only it is asked for."""
    around = {} if is_part(request) and request.GET.get("fragment") == "detail" else _queue(request, row.ref)
    return {**around, **_open(request, row), "opened": True}


def _open(request: HttpRequest, row: ApprovalRequest) -> dict[str, Any]:
    caller, tab = caller_of(request), request.GET.get("tab", "")
    following = _following(row, caller) if row.status != "pending" else None
    return {
        "item": item(row, caller),
        "tab": tab if tab in VIEWS else "checked",
        "bar": bar(row, caller, proven=signin.reauthenticated(request, row.digest)),
        "hold": _hold(row, caller),
        "hand": hand(row, caller),
        "next_url": url_of(following.ref) if following else "",
    }


def _hold(row: ApprovalRequest, caller: Caller) -> dict[str, Any] | None:
    """Return what can still be undone: the open request, else the viewer's own approval of a moment ago."""
    held = [row] if row.status == "held" else queries.page(Filters(status=("held",)), limit=20).items
    for found in held:
        mine = found.decided_by == caller.user_id
        if found.held_until and (found is row or mine):
            return {"ref": found.ref, "undo_url": reverse("approval-undo", args=[found.ref]), "until": found.held_until,
                    "since": found.decided_at, "by_me": mine}  # fmt: skip
    return None


def _following(row: ApprovalRequest, caller: Caller) -> ApprovalRequest | None:
    """Return the next request that this person can decide."""
    waiting = queries.page(Filters(status=("pending",)), limit=SHOWN, order="expiry").items
    return next((other for other in waiting if other.id != row.id and _decidable(other, caller)), None)


def _decidable(row: ApprovalRequest, caller: Caller) -> bool:
    person = caller.person(reauthenticated=True)
    voted = any(
        vote.decided_by == person.id and vote.revision == row.revision and not vote.voided for vote in row.decisions.all()
    )
    return row.status == "pending" and not voted and caller.has(Right.DECIDE) and bool(verdicts_for(person, row.rights))


def _queue(request: HttpRequest, current: str) -> dict[str, Any]:
    caller, asked = caller_of(request), request.GET
    state = asked.get("state", "waiting") if asked.get("state") in TABS else "waiting"
    filters = {name: asked.get(name, "")[:200] for name in ("tier", "agent", "tool", "q", "kind")}
    wrong = unknown(asked, {"state": TABS, "tier": TIERS, "kind": KINDS})
    filters |= {name: "" for name in wrong if name in filters}
    waiting = _waiting()
    found = queries.page(
        _filters(TABS[state], filters, caller), limit=LOOKED_AT if state == "mine" else SHOWN,
        cursor=asked.get("cursor", ""), order="newest" if state == "decided" else "expiry",
    )  # fmt: skip
    rows = [row for row in found.items if _decidable(row, caller)] if state == "mine" else found.items
    context = {
        "nav": "approvals",
        "state": state,
        "counts": _counts(waiting, caller),
        "filters": filters,
        "filtered": in_words("request", filters),
        "left_out": left_out(asked, wrong),
        "choices": {
            "tiers": TIERS,
            "agents": sorted({row.agent for row in waiting} - {""}),
            "tools": sorted({row.tool for row in waiting} - {""}),
        },
        "older": _older(request, found.next_cursor) if state != "mine" else "",
        "last_decision": "" if rows else _last_decision(),
    }
    if not current and rows and request.GET.get("fragment") != "queue":
        first = queries.get(rows[0].id)
        current = first.ref
        context |= _open(request, first)
    return {**context, "groups": _groups(rows, state, current, caller)}


def _waiting() -> list[ApprovalRequest]:
    return queries.page(Filters(status=WAITING), limit=LOOKED_AT, order="expiry").items


def _counts(waiting: list[ApprovalRequest], caller: Caller) -> dict[str, int]:
    """Return the numbers in the tabs; "mine" are those that this person can decide."""
    pending = [row for row in waiting if row.status == "pending"]
    return {"waiting": len(pending), "mine": sum(_decidable(row, caller) for row in pending)}


def _filters(status: tuple[str, ...], asked: Mapping[str, str], caller: Caller) -> Filters:
    return Filters(
        status=status,
        kind=asked["kind"],
        tier=asked["tier"],
        agent=asked["agent"],
        tool=asked["tool"],
        q=asked["q"],
        summaries=reveals_request(caller),
    )


def _groups(rows: list[ApprovalRequest], state: str, current: str, caller: Caller) -> list[dict[str, Any]]:
    now = timezone.now()
    lines = [(row, _line(row, current, reveals_request(caller))) for row in rows]
    if state == "decided":
        groups = [("Decided", [line for _, line in lines])]
    else:
        soon = {row.id for row in rows if (row.expires_at - now).total_seconds() <= SOON_S and row.status == "pending"}
        groups = [
            ("Expiring soon", [line for row, line in lines if row.id in soon]),
            ("Waiting", [line for row, line in lines if row.id not in soon]),
        ]
    return [{"title": title, "items": items} for title, items in groups if items]


def _line(row: ApprovalRequest, current: str, reveal: bool) -> dict[str, Any]:
    copied = ("ref", "risk", "agent", "tool", "cost_microusd", "expires_at", "created_at", "status")
    return {**{name: getattr(row, name) for name in copied}, "summary": summary_of(row, revealed=reveal),
            "tainted": bool(row.taint), "url": url_of(row.ref), "escalated": bool(row.escalated_at),
            "looking": holder.name if (holder := holder_of(row, timezone.now())) else "",
            "current": row.ref == current, "outcome": outcome(row)}  # fmt: skip


def _older(request: HttpRequest, cursor: str) -> str:
    if not cursor:
        return ""
    asked = request.GET.copy()
    for name in ("fragment", "open"):
        asked.pop(name, None)
    asked["cursor"] = cursor
    return f"{reverse('approvals')}?{asked.urlencode()}"


def _last_decision() -> str:
    rows = queries.page(Filters(status=("approved", "consumed", "rejected", "answered")), limit=1).items
    return f"Last: {rows[0].ref}, {outcome(rows[0])[0].lower()}{outcome(rows[0])[1:]}." if rows else ""
