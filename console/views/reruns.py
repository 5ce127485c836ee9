"""Re-runs of a session: the form that starts one, and those that were made (LOOP-16). One beside its session: `rerun_sides`."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from agents.models import Rerun, Session
from agents.prompts.versions import newest
from agents.reruns import reruns as replayed
from agents.services import get_session
from console.auth import Caller, caller_of
from console.covering import mask_of_session
from console.formats import exact_microusd
from console.forms import Dollars, Text
from console.fragments import page
from console.revealing import check_reads, reveals_session, title_of
from console.rights import Right
from console.views.evals import WORDS
from console.views.filters import numbered
from console.views.form_only import form_only
from console.views.guard import guard
from console.views.starters import Errors, done, wrongs
from console.whole import whole

LIST = "sessions/reruns.html"
SHOWN, SHOWN_VERSIONS = 20, 100
FIELDS = ("version", "model", "from_turn", "turns", "cap_microusd", "seconds")
STARTED = "{ref} plays {session} again. Nothing in it has an effect."


class NewRerun(forms.Form):
    """What a session is played again with."""

    version = Text(max_length=80, required=False)
    model = Text(max_length=120, required=False)
    from_turn = forms.IntegerField(min_value=1, max_value=10**9)
    turns = forms.IntegerField(min_value=1, max_value=replayed.MOST_TURNS)
    cap_microusd = Dollars()
    seconds = forms.IntegerField(min_value=1, max_value=replayed.LONGEST_S)


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def reruns(request: HttpRequest, ref: str) -> HttpResponse:
    """List a session's re-runs; POST starts one."""
    caller = caller_of(request)
    if request.method == "POST":
        caller.check(Right.EDIT_PROMPTS)  # before it is said whether there is such a session
    session = get_session(ref)
    if request.method != "POST":
        return page(request, LIST, lambda: _list(request, session))
    check_reads(caller, session)
    form = NewRerun(request.POST)
    if not form.is_valid():
        return page(request, LIST, lambda: _list(request, session, wrongs(form)), status=422)
    made, wrong, status = done(lambda: replayed.start_rerun(session=session, actor=caller.actor(), **form.cleaned_data))
    if made is None:
        return page(request, LIST, lambda: _list(request, session, wrong), status=status)
    messages.success(request, STARTED.format(ref=replayed.ref_of(made), session=session.ref))
    return redirect("rerun", replayed.ref_of(made))


@form_only
@guard(Right.EDIT_PROMPTS)
def cancel(request: HttpRequest, ref: str) -> HttpResponse:
    """Cancel a re-run."""
    replayed.cancel_rerun(ref=ref, actor=caller_of(request).actor())
    messages.success(request, f"{ref} is cancelled. What it has so far stays.")
    return redirect("rerun", ref)


def line(row: Rerun) -> dict[str, Any]:
    """Return a re-run as a line of a list."""
    text, icon, tone = ("Done", "check", "ok") if row.status == "done" else WORDS[row.status]
    ref, slug = replayed.ref_of(row), row.version.prompt.slug
    return {
        "ref": ref, "url": reverse("rerun", args=[ref]), "chip": {"text": text, "icon": icon, "tone": tone}, "prompt": slug,
        "version": row.version.version, "version_url": reverse("prompt-version", args=[slug, row.version.version]),
        "model": row.model, "from_turn": row.from_turn, "turns": row.turns, "cost_microusd": row.cost_microusd, "by": row.started_by,
        "at": row.created_at,
    }  # fmt: skip


def offer(session: Session, caller: Caller, *, turn: int = 1) -> dict[str, Any]:
    """Return what a session's pages say of its re-runs: how many there are, and where one is started."""
    rests = session.status not in replayed.AT_WORK
    url = reverse("session-reruns", args=[session.ref])
    newest_ones = [line(row) for row in replayed.reruns_of(session, 3)]
    return {"url": url, "start": f"{url}?turn={turn}" if rests and caller.has(Right.EDIT_PROMPTS) else "", "rows": newest_ones}


def _list(request: HttpRequest, session: Session, errors: Errors | None = None) -> dict[str, Any]:
    caller, before = caller_of(request), numbered(request.GET, "before")
    rows = replayed.reruns_of(session, SHOWN + 1, before=before)
    may, shown = caller.has(Right.EDIT_PROMPTS), session_shown(session, caller)
    return {
        "nav": "sessions",
        "session": shown,
        "reads": (session.ref,) if shown["reads"] and session.started_user != caller.user_id else (),
        "rows": [line(row) for row in rows[:SHOWN]],
        "older": f"?before={rows[SHOWN - 1].number}" if len(rows) > SHOWN else "",
        "newer": "?" if before is not None else "",
        "may": may,
        "works": session.status in replayed.AT_WORK,
        "form": _form(request, session) if may else None,
        "errors": errors or {},
    }


def session_shown(row: Session, caller: Caller) -> dict[str, Any]:
    """Return a session as the pages of its re-runs show it."""
    reads = reveals_session(caller, session_id=row.pk, started_user=row.started_user)
    return {
        "ref": row.ref, "url": reverse("session", args=[row.ref]), "replay_url": reverse("session-replay", args=[row.ref]),
        "reruns_url": reverse("session-reruns", args=[row.ref]), "title": mask_of_session(row.pk)[0].text(title_of(row, revealed=reads)),
        "status": row.status, "agent": row.agent.slug, "reads": reads,
    }  # fmt: skip


def _form(request: HttpRequest, session: Session) -> dict[str, Any]:
    """Return what the form offers, and what was typed; else another version than the session's own, with the agent's limits."""
    prompt, own = session.prompt_version.prompt, session.prompt_version.version
    versions = [row.version for row in newest(prompt, SHOWN_VERSIONS)]
    limits = session.revision.document.get("limits", {})
    asked = request.GET.get("turn", "")[:9]
    usual = {
        "version": next((version for version in versions if version != own), own),
        "model": replayed.models_of(session)[0],
        "from_turn": asked if whole(asked) is not None else "1",
        "turns": min(limits.get("turns", 20), replayed.MOST_TURNS),
        "cap_microusd": exact_microusd(limits.get("cost_microusd", 500_000)).replace("$", "").replace(",", ""),
        "seconds": replayed.USUAL_S,
    }
    return {
        "versions": versions if own in versions else [*versions, own], "own": own, "prompt": prompt.slug,
        "models": replayed.models_of(session),
        "last": max(1, session.turns), "most_turns": replayed.MOST_TURNS, "longest_s": replayed.LONGEST_S,
        "typed": {name: request.POST.get(name, usual[name]) for name in FIELDS},
    }  # fmt: skip
