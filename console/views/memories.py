"""What agents remember: whose memory holds which fact, who wrote it, whether strangers had a part in it; deleting one."""

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme, urlencode
from django.views.decorators.http import require_safe

from agents import memories
from agents.models import Agent, Session
from agents.models.library import Memory
from console.auth import caller_of
from console.fragments import page
from console.rights import Right
from console.views.filters import left_out, place, unknown
from console.views.form_only import form_only
from console.views.guard import guard

SHOWN = 50
SCOPES = {"agent": "Agent", "principal": "Person or program", "session": "Session"}


@require_safe
@guard(Right.SEE)
def remembered(request: HttpRequest) -> HttpResponse:
    """Show what is remembered, by whose memory it is."""
    return page(request, "memories/page.html", lambda: _context(request))


@form_only
@guard(Right.RESTRAIN)
def delete(request: HttpRequest, key: UUID) -> HttpResponse:
    """Delete a fact for good."""
    gone = memories.delete(key, actor=caller_of(request).actor())
    messages.success(request, f"“{gone.name}” is no longer remembered.")
    back = request.POST.get("next", "")
    return redirect(back if url_has_allowed_host_and_scheme(back, None) else reverse("memories"))


def _context(request: HttpRequest) -> dict[str, Any]:
    caller = caller_of(request)
    owner, wrong = request.GET.get("owner", "").replace("\x00", "")[:200], unknown(request.GET, {"scope": SCOPES})
    scope = "" if wrong else request.GET.get("scope", "")
    rows = list(memories.memories(scope=scope, owner=owner, after=place(request.GET, "after"), limit=SHOWN + 1))
    shown, reveal = rows[:SHOWN], caller.has(Right.REVEAL)
    kept = {name: value for name, value in (("scope", scope), ("owner", owner)) if value}
    further = f"{reverse('memories')}?{urlencode({**kept, 'after': str(shown[-1].pk)})}" if len(rows) > SHOWN else ""
    return {
        "nav": "memories",
        "items": [_line(row, whose, reveal) for row, whose in zip(shown, _whose(shown), strict=True)],
        "scopes": [{"value": value, "label": label, "chosen": value == scope} for value, label in SCOPES.items()],
        "owner": owner,
        "filtered": bool(kept),
        "left_out": left_out(request.GET, wrong),
        "further": further,
        "here": request.get_full_path(),
        "may": caller.has(Right.RESTRAIN),
        "reads_list": ("memories",) if reveal and shown else (),
    }


def _line(row: Memory, whose: Mapping[str, str], reveal: bool) -> dict[str, Any]:
    return {
        "id": row.pk, "scope": SCOPES[row.scope], "whose": whose, "hidden": not reveal, "name": row.name if reveal else "",
        "value": row.value if reveal else "", "trust": row.trust, "at": row.updated_at, "session": row.session,
        "url": reverse("session", args=[row.session]) if row.session.startswith("S-") else "",
    }  # fmt: skip


def _whose(rows: Sequence[Memory]) -> list[dict[str, str]]:
    """Return the name and the page of each memory's owner, in two queries for all of them."""
    users = {row.owner.removeprefix("user:") for row in rows if row.scope == "principal" and row.owner.startswith("user:")}
    names = {str(user.pk): user.first_name or user.username for user in User.objects.filter(pk__in=filter(str.isdigit, users))}
    agents = set(
        Agent.objects.filter(slug__in={row.owner for row in rows if row.scope == "agent"}).values_list("slug", flat=True)
    )
    numbers = [int(row.owner[2:]) for row in rows if row.scope == "session" and row.owner[2:].isdigit()]
    sessions = {f"S-{number}" for number in Session.objects.filter(number__in=numbers).values_list("number", flat=True)}
    found = []
    for row in rows:
        url = ""
        if row.scope == "agent" and row.owner in agents:
            url = reverse("agent", args=[row.owner])
        elif row.scope == "session" and row.owner in sessions:
            url = reverse("session", args=[row.owner])
        found.append({"name": names.get(row.owner.removeprefix("user:"), row.owner), "url": url})
    return found
