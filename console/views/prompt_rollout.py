"""Where a prompt's traffic goes, beside a version; releasing it, rolling back, and making a draft a candidate."""

from collections.abc import Collection, Mapping
from typing import Any
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from agents.models import PromptVersion, Session
from agents.prompts import asking
from agents.prompts.releases import Routed, unfit
from agents.prompts.rollback import rollback, target
from agents.prompts.shares import STOPS
from agents.queries import LIVE
from approvals.models import ApprovalRequest
from console.auth import Caller, caller_of
from console.rights import Right
from console.views.approval_lede import RELEASE
from console.views.form_only import form_only
from console.views.guard import guard
from console.views.prompt_plan import Typed
from console.views.session_story import link
from console.whole import whole

WORDS = {"draft": ("Draft", ""), "candidate": ("Candidate", "acc"), "retired": ("Retired", "")}
FOLLOWS = {"finish": "They finish with it.", "move": "They move to {to}.", "stop": "They stop."}


def sent(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Send a share of the new sessions to a version, as the form says. Raises whatever the release raises."""
    caller, share = caller_of(request), request.POST.get("share", "")
    done = asking.send(
        slug=slug, version=name, share=whole(share, digits=3) or 0,
        actor=caller.actor(), user_id=caller.user_id, reason=request.POST.get("reason", ""), shown=_shown(request),
        override=request.POST.get("override", "")[:1_000],
    )  # fmt: skip
    if isinstance(done, ApprovalRequest):
        messages.success(request, f"{done.ref} asks a second person. {name} gets no session before somebody else agreed.")
        return redirect("approval", done.ref)
    messages.success(request, f"{name} gets {share}% of the sessions that start from now on.")
    return redirect("prompt-version", slug, name)


@form_only
@guard(Right.EDIT_PROMPTS)
def take_back(request: HttpRequest, slug: str) -> HttpResponse:
    """Take back the release that waits for a second person."""
    row = asking.take_back(slug=slug, actor=caller_of(request).actor())
    messages.success(request, f"{row.ref} is taken back. Everything is as it was.")
    return redirect("prompt-version", slug, row.facts["version"])


def back(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Restore the release before, as the form beside a version says. Raises whatever the rollback raises."""
    sent = request.POST
    done = rollback(
        slug=slug, reason=sent.get("reason", ""), running=sent.get("running", ""), actor=caller_of(request).actor(),
        shown=_shown(request),
    )  # fmt: skip
    follows = FOLLOWS[done.running].format(to=done.to.version)
    messages.success(
        request,
        f"{done.to.version} has all new sessions. {done.left.version} was rolled back with {done.sessions} sessions. {follows}",
    )
    return redirect("prompt-version", slug, done.left.version)


@form_only
@guard(Right.EDIT_PROMPTS)
def move(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Make a draft a candidate, or set a version aside that has no traffic."""
    row = asking.move(slug=slug, version=version, event=request.POST.get("event", ""), actor=caller_of(request).actor())
    messages.success(request, f"{version} is {row.status} now.")
    return redirect("prompt-version", slug, version)


def chip(row: PromptVersion, now: Routed, left: Collection[UUID] = ()) -> dict[str, str]:
    """Return where a version stands, as its chip says it; `left` are those that were rolled back (`rolled_back`)."""
    if now.canary is not None and now.canary.version_id == row.pk:
        return {"text": f"Canary {now.canary.share}%", "tone": "acc"}
    if now.base is not None and now.base.version_id == row.pk:
        return {"text": "Live" if now.base.share == 100 else f"Live {now.base.share}%", "tone": "ok"}
    if row.pk in left:
        return {"text": "Rolled back", "tone": "bad"}
    text, tone = WORDS.get(row.status, (row.status.capitalize(), ""))
    return {"text": text, "tone": tone}


def rollout(caller: Caller, row: PromptVersion, now: Routed, refused: Mapping[str, Typed]) -> dict[str, Any]:
    """Return the panel beside a version: its share, what it may get, what a rollback would do, and what was refused of these."""
    typed = refused.get("share")
    mine = next((one for one in now.rows if one.version_id == row.pk), None)
    to, edits = target(now), caller.has(Right.EDIT_PROMPTS)
    leaving = now.canary or now.base
    why = unfit(now, row, 100)
    return {
        "share": mine.share if mine else 0,
        "since": mine.started_at if mine else None,
        "others": [f"{one.share}% on {one.version.version}" for one in now.rows if one is not mine],
        "stops": [share for share in STOPS if now.base is not None or share == 100] if edits and not why else [],
        "current": mine.share if mine is not None and mine is now.canary else 0,
        "why_not": why if edits and mine is None else "",
        "shown": str(now.rows[-1].pk) if now.rows else "",
        "second": asking.asks(),
        "waiting": link(asking.waiting(now.prompt.slug)),
        "asked": _asked(row),
        "edits": edits,
        "draft": row.status == "draft",
        "aside": row.status in ("draft", "candidate"),
        "typed": {name: typed.post.get(name, "") for name in ("reason", "override")} if typed else None,
        "errors": {name: typed.errors.get(name, []) if typed else [] for name in ("form", "reason", "override")},
        "back": _back(leaving.version, to) if to and leaving and caller.has(Right.ROLL_BACK_PROMPTS) else None,
        "back_typed": _typed_back(refused.get("running")),
    }


def _asked(row: PromptVersion) -> dict[str, str] | None:
    """Return what became of the newest request to release a version, where it gave it no traffic."""
    asked = asking.last_asked(row.prompt.slug, row.version)
    if asked is None or asked.status in ("pending", "consumed"):
        return None
    by = f" by {asked.decided_name}" if asked.status == "rejected" else ""
    return {"ref": asked.ref, "url": reverse("approval", args=[asked.ref]), "said": RELEASE.get(asked.status, ""),
            "word": f"{asked.status.capitalize()}{by}"}  # fmt: skip


def _back(left: PromptVersion, to: PromptVersion) -> dict[str, Any]:
    running = Session.objects.filter(prompt_version=left, status__in=LIVE).count()
    return {"left": left.version, "to": to.version, "sessions": running}


def _typed_back(typed: Typed | None) -> dict[str, Any] | None:
    """Return the rollback as it was typed, and what is wrong with it by field; None where none was refused."""
    if typed is None:
        return None
    return {"reason": typed.post.get("reason", ""), "running": typed.post.get("running", ""),
            "errors": {name: typed.errors.get(name, []) for name in ("form", "reason", "running")}}  # fmt: skip


def _shown(request: HttpRequest) -> UUID | None:
    """Return the release that the page showed, so that nobody acts on what is there no more."""
    try:
        return UUID(request.POST.get("shown", ""))
    except ValueError:
        return None
