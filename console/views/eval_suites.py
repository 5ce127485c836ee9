"""Suites: making one; one with its cases and runs, what it asks for changed, and ended."""

from typing import Any

from django import forms
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from agents import queries
from agents.evals import runs, staleness, suites
from agents.evals.errors import StaleSuite, UnknownSuite
from agents.models import Case, PromptVersion, Suite
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import caller_of
from console.formats import exact_microusd
from console.forms import MICRO, Dollars, Text
from console.fragments import page
from console.revealing import may_read_prompts
from console.rights import Right
from console.views.evals import shown
from console.views.guard import guard
from console.views.starters import Errors, wrongs
from console.whole import whole

NEW, ONE = "evals/new.html", "evals/suite.html"
SHOWN_CASES, SHOWN_RUNS, SHOWN_VERSIONS = 50, 10, 30
FIELDS = ("title", "threshold", "repeats", "cap", "judge")
ORIGINS = {"hand": "By hand", "session": "A session", "request": "A request", "file": "A file"}


class ChangeSuite(forms.Form):
    """What a suite asks for."""

    title = Text(min_length=3, max_length=suites.LONGEST_TITLE)
    threshold = forms.IntegerField(min_value=1, max_value=100)
    repeats = forms.IntegerField(min_value=1, max_value=suites.MOST_REPEATS)
    cap = Dollars()
    gate = forms.BooleanField(required=False)
    judge = Text(max_length=120, required=False)

    def values(self) -> dict[str, Any]:
        """Return what was typed, by the names of the service."""
        said = dict(self.cleaned_data)
        said["cap_microusd"] = said.pop("cap")
        return said


class NewSuite(ChangeSuite):
    """A suite, and the name and agent of it."""

    slug = forms.RegexField(r"^[a-z0-9][a-z0-9-]{0,62}\Z", error_messages={"invalid": "Small letters, digits and hyphens."})
    agent = Text(max_length=63)


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.EDIT_PROMPTS)
def new(request: HttpRequest) -> HttpResponse:
    """Make a suite."""
    if request.method != "POST":
        return page(request, NEW, lambda: _new(request, {}))
    form = NewSuite(request.POST)
    if not form.is_valid():
        return page(request, NEW, lambda: _new(request, wrongs(form)), status=422)
    values = form.values()
    prompt = next((one["prompt"] for one in _agents() if one["slug"] == values["agent"]), "")
    if not prompt:
        return page(request, NEW, lambda: _new(request, {"agent": ["Choose one of the agents."]}), status=422)
    try:
        row = suites.create_suite(prompt=prompt, actor=caller_of(request).actor(), **values)
    except CountersignError as error:
        wrong = {getattr(error, "field", "slug"): [error.detail]}
        return page(request, NEW, lambda: _new(request, wrong), status=status_of(error))
    messages.success(request, f"The suite {row.slug} is there. It has no case yet.")
    return redirect("eval-suite", row.slug)


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def suite(request: HttpRequest, slug: str) -> HttpResponse:
    """Show one suite; POST changes what it asks for, or ends it."""
    if request.method != "POST":
        return page(request, ONE, lambda: _one(request, _suite(slug), {}))
    caller = caller_of(request)
    caller.check(Right.EDIT_PROMPTS)
    row = _suite(slug)
    if request.POST.get("act") == "end":
        suites.end_suite(slug=slug, actor=caller.actor())
        messages.success(request, f"{slug} is ended: it holds no version back any more. Its runs stay.")
        return redirect("evals")
    return _change(request, row)


def _change(request: HttpRequest, row: Suite) -> HttpResponse:
    form, typed = ChangeSuite(request.POST), request.POST.get("revision", "")
    if not form.is_valid():
        return page(request, ONE, lambda: _one(request, row, wrongs(form)), status=422)
    revision = whole(typed, digits=9) or 0
    try:
        suites.change_suite(slug=row.slug, revision=revision, actor=caller_of(request).actor(), given=form.values())
    except StaleSuite as error:
        return page(request, ONE, lambda: _one(request, row, {"form": [_faster(row)]}), status=status_of(error))
    except CountersignError as error:
        wrong = {getattr(error, "field", "form"): [error.detail]}
        return page(request, ONE, lambda: _one(request, row, wrong), status=status_of(error))
    messages.success(request, f"{row.slug} is changed. Runs that were made stay as they are.")
    return redirect("eval-suite", row.slug)


def _faster(row: Suite) -> str:
    gate = "holds versions back" if row.gate else "only tells"
    return (
        f"It was changed while you wrote, or its cases were. Now: “{row.title}”, {row.threshold} % of {row.repeats} repeats,"
        f" {exact_microusd(row.cap_microusd)} at most, {gate}. What you typed stands below; change it again to replace that."
    )


def _new(request: HttpRequest, errors: Errors) -> dict[str, Any]:
    first = {"threshold": "90", "repeats": "1", "cap": "5.00", "gate": "on"}
    typed = first if request.method != "POST" else _typed(request)
    return {"nav": "evals", "typed": typed, "errors": errors, "agents": _agents()}


def _typed(request: HttpRequest) -> dict[str, str]:
    return {name: request.POST.get(name, "") for name in ("slug", "agent", "gate", *FIELDS)}


def _agents() -> list[dict[str, str]]:
    return [{"slug": row.agent.slug, "prompt": row.document["prompt"]} for row in queries.agents()]


def _one(request: HttpRequest, row: Suite, errors: Errors) -> dict[str, Any]:
    caller = caller_of(request)
    reads, may = may_read_prompts(caller), caller.has(Right.EDIT_PROMPTS)
    after = request.GET.get("after", "")[:63]
    found = suites.cases(row, SHOWN_CASES + 1, after=after)
    stands = {
        "title": row.title, "threshold": row.threshold, "repeats": row.repeats, "judge": row.judge, "gate": row.gate,
        "cap": f"{row.cap_microusd / MICRO:.6f}".rstrip("0").rstrip("."),
    }  # fmt: skip
    return {
        "nav": "evals",
        "suite": {"slug": row.slug, "url": reverse("eval-suite", args=[row.slug]), "prompt": row.prompt.slug,
                  "prompt_url": reverse("prompt", args=[row.prompt.slug]),
                  "agent": row.agent.slug, "agent_url": reverse("agent", args=[row.agent.slug]), "revision": row.revision,
                  "cap_microusd": row.cap_microusd, "by": row.created_by, "at": row.created_at,
                  "cases": suites.counts([row]).get(row.pk, 0), **stands},
        "cases": [_line(row, one, reads=reads) for one in found[:SHOWN_CASES]],
        "more": f"?{urlencode({'after': found[SHOWN_CASES - 1].name})}" if len(found) > SHOWN_CASES else "",
        "first": "?" if after else "",
        "runs": _runs(row),
        "versions": _versions(row) if may else [],
        "typed": _typed(request) if errors else stands, "errors": errors, "may": may, "hidden": not reads,
        "reads": (f"cases of {row.slug}",) if reads and found else (),
    }  # fmt: skip


def _runs(row: Suite) -> list[dict[str, Any]]:
    newest = runs.newest_runs(SHOWN_RUNS, suite=row.slug)
    old = staleness.stale(newest)
    return [shown(one, stale=one.pk in old) for one in newest]


def _line(suite: Suite, row: Case, *, reads: bool) -> dict[str, Any]:
    return {
        "name": row.name, "title": row.title if reads else "", "url": reverse("eval-case", args=[suite.slug, row.name]),
        "revision": row.revision, "origin": ORIGINS[row.origin], "ref": row.origin_ref, "author": row.author, "at": row.created_at,
    }  # fmt: skip


def _versions(row: Suite) -> list[str]:
    """Return what the suite can be run with: the newest versions of its prompt, those that are live first."""
    rows = PromptVersion.objects.filter(prompt=row.prompt).order_by("-created_at", "-id")[:SHOWN_VERSIONS]
    live = ("canary", "active", "candidate", "draft", "retired")
    return [one.version for one in sorted(rows, key=lambda one: live.index(one.status))]


def _suite(slug: str) -> Suite:
    try:
        return suites.suite_named(slug)
    except UnknownSuite:
        raise Http404 from None
