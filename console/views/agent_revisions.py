"""The revisions of an agent: what each says, how any two differ, and making an earlier one current again."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents import queries, revisions
from agents.errors import BadText, UnknownAgent
from agents.models import AgentRevision
from console.api.agent_revisions import document_text
from console.auth import caller_of
from console.diff import line_diff
from console.formats import exact, middle
from console.fragments import page
from console.rights import Right
from console.views.filters import choice, no_other, numbered
from console.views.form_only import form_only
from console.views.guard import guard
from console.whole import whole

SHOWN = 50
VIEWS = ("text", "diff")
TEMPLATE = "agents/revision.html"


@require_safe
@guard(Right.SEE)
def newest(request: HttpRequest, slug: str) -> HttpResponse:
    """Go to the current revision."""
    row = queries.agent(slug)
    if row is None:
        raise UnknownAgent(slug=slug[:63])
    return redirect("agent-revision", slug, row.number)


@require_safe
@guard(Right.SEE)
def revision(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Show one revision beside the others, with what changes from the one before or from any other."""
    return page(request, TEMPLATE, lambda: _one(request, slug, number, ""))


@form_only
@guard(Right.ADMINISTER)
def restore(request: HttpRequest, slug: str, number: int) -> HttpResponse:
    """Make a revision current again, as a new one."""
    shown = request.POST.get("base", "")
    note = request.POST.get("note", "")
    try:
        row = revisions.restore(
            slug=slug, number=number, base=whole(shown, digits=9), note=note,
            actor=caller_of(request).actor(),
        )  # fmt: skip
    except BadText as error:
        told = error.detail
        return page(request, TEMPLATE, lambda: _one(request, slug, number, told), status=422)
    messages.success(request, f"Revision {row.number} is current, and says what revision {number} said.")
    return redirect("agent-revision", slug, row.number)


def _one(request: HttpRequest, slug: str, number: int, error: str) -> dict[str, Any]:
    row = revisions.revision(slug, number)
    older = numbered(request.GET, "older", digits=9)
    rows = revisions.revisions(slug, SHOWN + 1, before=older)
    current = queries.agent(slug)
    other = _against(request, row)
    view, wrong = choice(request.GET, "view", VIEWS, "diff")
    text = view == "text" or other is None
    return {
        "nav": "agents",
        "agent": {"slug": slug, "url": reverse("agent", args=[slug])},
        "revision": _line(row),
        "revisions": [{**_line(one), "current": one.number == number} for one in rows[:SHOWN]],
        "older": f"?older={rows[SHOWN - 1].number}" if len(rows) > SHOWN else "",
        "newer": "?" if older is not None else "",
        "others": [one.number for one in rows[:SHOWN] if one.number != number],
        "document": row.document,
        "view": "text" if text else "diff",
        "against": other.number if other else 0,
        "left_out": wrong or no_other(request.GET, "revision", str(other.number) if other else ""),
        "diff": None if text or other is None else line_diff(document_text(other), document_text(row)),
        "rows": [
            {"label": "Made by", "value": row.created_by},
            {"label": "Made", "value": exact(row.created_at)},
            {"label": "SHA-256", "value": middle(row.checksum, 8, 8), "mono": True},
        ],
        "base": current.number if current else 0,
        "may_restore": caller_of(request).has(Right.ADMINISTER) and not row.current,
        "typed": request.POST.get("note", ""),
        "error": error,
    }


def _against(request: HttpRequest, row: AgentRevision) -> AgentRevision | None:
    """Return the revision to compare with: another one that is asked for, else the one before it."""
    given = request.GET.get("against", "")
    asked = whole(given, digits=9)
    others = AgentRevision.objects.filter(agent=row.agent)
    if asked is not None and asked != row.number and (found := others.filter(number=asked).first()):
        return found
    return others.filter(number=row.number - 1).first()


def _line(row: AgentRevision) -> dict[str, Any]:
    return {
        "number": row.number, "url": reverse("agent-revision", args=[row.agent.slug, row.number]), "by": row.created_by,
        "at": row.created_at, "note": row.note, "live": row.current,
    }  # fmt: skip
