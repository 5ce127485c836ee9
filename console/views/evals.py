"""Evaluations: suites with their newest runs, and one run with its failing cases first. Suites: `console.views.eval_suites`."""

from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from agents.evals import report, runs, staleness, suites
from agents.evals.changes import Changed, changes, of_run
from agents.evals.errors import UnknownRun
from agents.models import EvalRun, PromptVersion
from agents.prompts.gate import Gate, gates, reasons
from console.auth import Caller, caller_of
from console.fragments import page
from console.revealing import may_read_prompts
from console.rights import Right
from console.views.eval_beside import figure, points, trust_of, trusted
from console.views.filters import numbered
from console.views.form_only import form_only
from console.views.guard import guard

SHOWN_SUITES, SHOWN_RUNS, SHOWN_CASES = 50, 30, 300
WORDS = {
    "queued": ("Waits", "hourglass", ""), "running": ("Runs", "activity", "acc"), "cancelled": ("Cancelled", "ban", ""),
    "failed": ("Failed", "circle-x", "bad"),
}  # fmt: skip


@require_safe
@guard(Right.SEE)
def evals(request: HttpRequest) -> HttpResponse:
    """List suites, and the newest runs of all."""
    return page(request, "evals/list.html", lambda: _list(request))


@require_safe
@guard(Right.SEE)
def run(request: HttpRequest, ref: str) -> HttpResponse:
    """Show one run, what became worse or fails first."""
    return page(request, "evals/run.html", lambda: _one(caller_of(request), ref))


@form_only
@guard(Right.EDIT_PROMPTS)
def start(request: HttpRequest) -> HttpResponse:
    """Run suites against a version: one that is named, or all of its prompt."""
    slug, version = request.POST.get("prompt", "")[:63], request.POST.get("version", "")[:80]
    named = request.POST.get("suite", "")[:63]
    chosen = [one.slug for one in suites.listed(SHOWN_SUITES, prompt=slug) if named in ("", one.slug)]
    made = [runs.start_run(suite=one, version=version, actor=caller_of(request).actor()) for one in chosen]
    if not made:
        raise Http404
    messages.success(request, f"{len(made)} {'suite runs' if len(made) == 1 else 'suites run'} against {slug} {version} now.")
    return redirect("eval-run", runs.ref_of(made[0])) if len(made) == 1 else redirect("prompt-version", slug, version)


@form_only
@guard(Right.EDIT_PROMPTS)
def cancel(request: HttpRequest, ref: str) -> HttpResponse:
    """Cancel a run."""
    runs.cancel_run(ref=ref, actor=caller_of(request).actor())
    messages.success(request, f"{ref} is cancelled. What it has so far stays.")
    return redirect("eval-run", ref)


def evaluation(caller: Caller, version: PromptVersion) -> dict[str, Any]:
    """Return what the suites say of a version, as the page of the prompt shows it, and why they hold it back."""
    found = gates(version)
    beside = changes(version, found) if found else None
    return {
        "rows": [_gate(one, beside.suites.get(one.suite.pk) if beside else None) for one in found],
        "against": beside.active.version if beside and beside.active and not beside.why else "",
        "figures": [figure(one) for one in beside.figures] if beside else [],
        "why": beside.why if beside else "",
        "trust": trust_of(found),
        "held": reasons(found),
        "runs": caller.has(Right.EDIT_PROMPTS) and bool(found),
    }


def _gate(one: Gate, changed: Changed | None) -> dict[str, Any]:
    told = one.run
    return {
        "change": points(changed),
        "suite": one.suite.slug, "title": one.suite.title, "gate": one.suite.gate, "why": one.why, "threshold": one.suite.threshold,
        "ref": runs.ref_of(told) if told else "", "url": reverse("eval-run", args=[runs.ref_of(told)]) if told else "",
        "passed": told.passed if told else 0, "of": told.done if told else 0, "stale": list(one.stale),
    }  # fmt: skip


def _list(request: HttpRequest) -> dict[str, Any]:
    before = numbered(request.GET, "before")
    found = suites.listed(SHOWN_SUITES)
    count = suites.counts(found)
    rows = runs.newest_runs(SHOWN_RUNS + 1, before=before)
    old = staleness.stale(rows)
    return {
        "nav": "evals",
        "may": caller_of(request).has(Right.EDIT_PROMPTS),
        "suites": [
            {"slug": one.slug, "title": one.title, "prompt": one.prompt.slug, "url": reverse("eval-suite", args=[one.slug]),
             "prompt_url": reverse("prompt", args=[one.prompt.slug]),
             "agent": one.agent.slug, "cases": count.get(one.pk, 0), "repeats": one.repeats, "threshold": one.threshold,
             "gate": one.gate}
            for one in found
        ],
        "runs": [shown(row, stale=row.pk in old) for row in rows[:SHOWN_RUNS]],
        "older": f"?before={rows[SHOWN_RUNS - 1].number}" if len(rows) > SHOWN_RUNS else "",
        "newer": "?" if before is not None else "",
    }  # fmt: skip


def shown(row: EvalRun, *, stale: bool = False) -> dict[str, Any]:
    """Return a run as a line of a list; `stale` where a tool was declared anew since."""
    ref = runs.ref_of(row)
    return {
        "ref": ref, "url": reverse("eval-run", args=[ref]), "suite": row.suite.slug, "prompt": row.suite.prompt.slug,
        "version": row.version.version, "version_url": reverse("prompt-version", args=[row.suite.prompt.slug, row.version.version]),
        "chip": _chip(row), "passed": row.passed, "done": row.done, "of": runs.total(row), "cost_microusd": row.cost_microusd,
        "by": row.started_by, "at": row.created_at, "stale": stale,
    }  # fmt: skip


def _chip(row: EvalRun) -> dict[str, str]:
    if row.status == "done":
        text, icon, tone = ("Reached", "check", "ok") if row.reached else ("Below its threshold", "circle-x", "bad")
    else:
        text, icon, tone = WORDS[row.status]
    return {"text": text, "icon": icon, "tone": tone}


def _one(caller: Caller, ref: str) -> dict[str, Any]:
    try:
        row = runs.run_numbered(ref)
    except UnknownRun:
        raise Http404 from None
    against, reads, beside = runs.compared_with(row), may_read_prompts(caller), of_run(row)
    found = report.rows(row, against)
    return {
        "nav": "evals",
        "run": {**shown(row), "title": row.suite.title, "model": row.model, "seed": row.seed, "repeats": row.repeats,
                "threshold": row.threshold, "error": row.error, "share": 100 * row.done // runs.total(row),
                "open": row.status in runs.OPEN, "cancels": row.status in runs.OPEN and caller.has(Right.EDIT_PROMPTS)},
        "outdated": staleness.outdated(row),
        "against": {**shown(against.run), "differs": against.differs} if against else None,
        "change": points(beside.suites.get(row.suite_id)),
        "figures": [figure(one) for one in beside.figures],
        "why": beside.why,
        "trust": trusted(row),
        "rows": [_case(one, ref, reads=reads) for one in found[:SHOWN_CASES]],
        "left": max(0, len(found) - SHOWN_CASES),
        "hidden": not reads,
        "reads": (f"run {ref}",) if reads else (),
    }  # fmt: skip


def _case(one: report.Row, ref: str, *, reads: bool) -> dict[str, Any]:
    change = round(one.change * 100)
    return {
        "name": one.case.name, "url": reverse("eval-result", args=[ref, one.case.name]) if one.of else "",
        "title": one.case.title if reads else "", "passed": one.passed, "of": one.of, "before": one.before,
        "change": f"+{change}" if change > 0 else f"−{-change}" if change else "", "worse": change < 0,
        "good": one.of > 0 and one.passed == one.of, "played": one.of > 0,
        "wrong": list(one.wrong) if reads else [],
    }  # fmt: skip
