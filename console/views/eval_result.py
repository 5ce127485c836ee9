"""What came of one case of a run in one repeat: each expectation with what it got, and the rehearsal turn by turn."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.evals import runs
from agents.evals.errors import UnknownRun
from agents.models import Case, EvalResult
from agents.rehearsals.play import Transcript, transcript
from console.auth import caller_of
from console.formats import duration, grouped, microusd
from console.fragments import page
from console.rehearsed import ENDED, Veil, bare, shown_call
from console.revealing import may_read_prompts
from console.rights import Right
from console.views.guard import guard
from console.whole import whole

LINES = {"user": "User", "operator": "Operator", "system": "System", "agent": "Agent"}
SHOWN_LINES = 20


@require_safe
@guard(Right.SEE)
def result(request: HttpRequest, ref: str, name: str) -> HttpResponse:
    """Show one result; the first that failed where no repeat is named, else the first."""
    return page(request, "evals/result.html", lambda: _context(request, ref, name))


def _context(request: HttpRequest, ref: str, name: str) -> dict[str, Any]:
    caller, asked = caller_of(request), request.GET.get("repeat", "")[:4]
    try:
        run = runs.run_numbered(ref)
    except UnknownRun:
        raise Http404 from None
    repeats = runs.repeats_of(run, name)
    number = whole(asked)
    shown = next((at for at, passed in repeats if not passed), 1) if number is None else number
    if shown not in dict(repeats):
        raise Http404
    row, reads = runs.result_of(run, name, shown), may_read_prompts(caller)
    told = transcript(row.transcript)
    veil = Veil(told)
    url = reverse("eval-result", args=[ref, name])
    return {
        "nav": "evals",
        "run": {"ref": ref, "url": reverse("eval-run", args=[ref]), "suite": run.suite.slug, "version": run.version.version,
                "version_url": reverse("prompt-version", args=[run.suite.prompt.slug, run.version.version]), "model": run.model},
        "case": _case(row.case, veil, reads=reads),
        "repeats": [{"number": at, "passed": passed, "url": f"{url}?repeat={at}", "current": at == shown} for at, passed in repeats],
        "passed": row.passed,
        "repeat": shown,
        "of": run.repeats,
        "facts": _facts(row, told),
        "checks": [{**check, "expected": veil.text(check["expected"]), "actual": veil.text(check["actual"])} for check in row.checks]
        if reads else [],
        "turns": _turns(veil.transcript(told) if reads else bare(told)),
        "ended": ENDED[told.ended],
        "broken": told.ended != "answered",
        "why": told.error,
        "hidden": not reads,
        "reads": (f"results of {ref}",) if reads else (),
    }  # fmt: skip


def _case(row: Case, veil: Veil, *, reads: bool) -> dict[str, Any]:
    """Return a case: what it begins with, and the session or request that it was made of."""
    start = row.document["start"] if reads else []
    named = {"session": "session", "request": "approval"}.get(row.origin, "")
    return {
        "name": row.name, "revision": row.revision, "title": row.title if reads else "",
        "lines": [{"who": LINES[one.get("source", "user")], "text": veil.text(one.get("text", "")), "trust": one.get("trust", "trusted"),
                   "calls": [call["tool"] for call in one.get("calls", ())]} for one in start[-SHOWN_LINES:]],
        "left": max(0, len(start) - SHOWN_LINES), "recorded": len(row.document.get("recorded", ())), "origin": row.origin_ref,
        "origin_url": reverse(named, args=[row.origin_ref]) if named else "",
    }  # fmt: skip


def _facts(row: EvalResult, told: Transcript) -> list[dict[str, str]]:
    return [
        {"label": "Turns", "value": grouped(row.turns)},
        {"label": "Calls", "value": grouped(len(told.calls)), "title": f"{told.unrecorded} of them not recorded"},
        {"label": "Tokens", "value": grouped(row.tokens)},
        {"label": "Cost", "value": microusd(row.cost_microusd)},
        {"label": "Took", "value": duration(row.ms)},
    ]


def _turns(told: Transcript) -> list[dict[str, Any]]:
    return [
        {"number": turn.number, "text": turn.text, "took": duration(turn.ms),
         "calls": [{**shown_call(call), "nr": f"{turn.number}.{nr}"} for nr, call in enumerate(turn.calls, 1)]}
        for turn in told.turns
    ]  # fmt: skip
