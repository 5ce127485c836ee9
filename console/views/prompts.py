"""Prompts: their versions, how any two differ, where the traffic goes, and what it went to before."""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from django.db.models import Count, Max
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe

from agents.errors import UnknownPromptVersion
from agents.models import AgentRevision, Prompt, PromptVersion, Release
from agents.prompts import asking
from agents.prompts.releases import Routed, rolled_back, routed
from agents.prompts.versions import newest as newest_versions
from agents.prompts.versions import version_named
from agents.queries import live_versions
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import caller_of
from console.diff import Diff, begun, line_diff
from console.formats import exact, middle
from console.fragments import page
from console.revealing import may_read_prompts
from console.rights import Right
from console.views import prompt_variables
from console.views.evals import evaluation
from console.views.filters import choice, no_other, place
from console.views.guard import guard
from console.views.prompt_guards import panel
from console.views.prompt_plan import Typed, plan_panel, wrong_with
from console.views.prompt_plan import begun as begun_plan
from console.views.prompt_rollout import back, chip, rollout, sent

SHOWN = 50
VIEWS = ("text", "diff")
PASSED = 20  # releases of the history
LONG = 20_000  # characters of a text that are shown at once
FORMS = {
    "share": (Right.EDIT_PROMPTS, sent),
    "running": (Right.ROLL_BACK_PROMPTS, back),
    "steps": (Right.EDIT_PROMPTS, begun_plan),
}
"""The forms beside a version, by the field that only they have: who may send each, and what it does; without a field, in steps."""


@require_safe
@guard(Right.SEE)
def prompts(request: HttpRequest) -> HttpResponse:
    """List the prompts by name, page by page."""
    return page(request, "prompts/list.html", lambda: _list(request.GET.get("after", "")[:63]))


@require_safe
@guard(Right.SEE)
def newest(request: HttpRequest, slug: str) -> HttpResponse:
    """Go to the live version of a prompt, else to its newest."""
    versions = PromptVersion.objects.filter(prompt__slug=slug).order_by("-created_at", "-id")
    shown = live_versions([slug]).get(slug) or versions.values_list("version", flat=True).first()
    if shown is None:
        raise Http404
    return redirect("prompt-version", slug, shown)


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def version(request: HttpRequest, slug: str, version: str) -> HttpResponse:
    """Show one version beside its sisters, with what changes from the live one or from any other; POST sends one of its forms."""
    if request.method != "POST":
        return page(request, "prompts/page.html", lambda: _one(request, slug, version, {}))
    name = next((name for name in FORMS if name in request.POST), "steps")
    right, act = FORMS[name]
    caller_of(request).check(right)
    try:
        return act(request, slug, version)
    except CountersignError as error:
        if status_of(error) not in (409, 422):
            raise
        refused = {name: Typed(request.POST.dict(), wrong_with(error))}
        return page(request, "prompts/page.html", lambda: _one(request, slug, version, refused), status=status_of(error))


@require_safe
@guard(Right.SEE)
def compare(request: HttpRequest, slug: str, pair: str) -> HttpResponse:
    """Go to the difference between two versions, named as `1.0.0...1.1.0`."""
    before, _, after = pair.partition("...")
    if not after:
        raise Http404
    return redirect(f"{reverse('prompt-version', args=[slug, after])}?view=diff&against={before[:80]}")


def _list(after: str) -> dict[str, Any]:
    slugs = list(Prompt.objects.filter(slug__gt=after).order_by("slug").values_list("slug", flat=True)[: SHOWN + 1])
    shown = slugs[:SHOWN]
    rows = Prompt.objects.filter(slug__in=shown).annotate(count=Count("versions"), newest=Max("versions__created_at"))
    live, used, waits = live_versions(shown), _used_by(shown), asking.waiting_of(shown)
    canaries = _canaries(shown)
    return {
        "nav": "prompts",
        "first": "?" if after else "",
        "more": f"?{urlencode({'after': shown[-1]})}" if len(slugs) > SHOWN else "",
        "items": [
            {"slug": row.slug, "url": reverse("prompt", args=[row.slug]), "live": live.get(row.slug, ""),
             "canary": canaries.get(row.slug, ""), "versions": row.count,
             "agents": used[row.slug], "updated_at": row.newest, "note": "", "waits": _waits(waits.get(row.slug, ""))}
            for row in rows.order_by("slug")
        ],
    }  # fmt: skip


def _canaries(slugs: Sequence[str]) -> dict[str, str]:
    """Return the canaries of prompts and their shares, such as `1.1.0 at 10%`, by slug."""
    rows = Release.objects.filter(prompt__slug__in=slugs, ended_at=None, version__status="canary")
    found = rows.values_list("prompt__slug", "version__version", "share")
    return {slug: f"{version} at {share}%" for slug, version, share in found}


def _waits(ref: str) -> dict[str, str] | None:
    return {"ref": ref, "url": reverse("approval", args=[ref])} if ref else None


def _used_by(prompts: Sequence[str]) -> dict[str, list[str]]:
    used: dict[str, list[str]] = defaultdict(list)
    for slug, prompt in (
        AgentRevision.objects.filter(current=True, document__prompt__in=prompts)
        .order_by("agent__slug")
        .values_list("agent__slug", "document__prompt")
    ):
        used[prompt].append(slug)
    return used


def _one(request: HttpRequest, slug: str, name: str, refused: Mapping[str, Typed]) -> dict[str, Any]:
    try:
        found = version_named(slug, name)
    except UnknownPromptVersion:
        raise Http404 from None
    caller, now = caller_of(request), routed(slug)
    reveal, traffic = may_read_prompts(caller), rollout(caller, found, now, refused)
    # What was refused stays to be mended, also where it was refused because another release waits.
    may_begin = bool(traffic["stops"]) and (not traffic["waiting"] or "steps" in refused)
    before = _against(request, found, now)
    view, wrong = choice(request.GET, "view", VIEWS, "text" if found.status == "active" else "diff")
    diff = before is not None and view == "diff"
    whole, sisters = request.GET.get("whole") == "1", _sisters(request, found, now)
    return {
        "nav": "prompts",
        "prompt": {"slug": slug, "url": reverse("prompt", args=[slug])},
        **sisters,
        "version": _shown(found, chip(found, now, sisters["left"]), reveal, whole=whole and not diff),
        "rows": _rows(found),
        "agents": _used_by([slug])[slug],
        "view": "diff" if diff else "text",
        "against": before.version if before else "",
        "left_out": wrong or no_other(request.GET, "version", before.version if before else ""),
        "diff": compared(before.text, found.text, whole=whole) if diff and before and reveal else None,
        "besides": besides(before, found) if diff and before and reveal else [],
        "hidden": not reveal,
        "reads": (f"prompt {slug} {found.version}",) if reveal else (),
        "rollout": traffic,
        "planned": plan_panel(caller, now, found.pk, may_begin=may_begin, typed=refused.get("steps")),
        "guards": panel(now),
        "evaluation": evaluation(caller, found),
        "history": _history(now),
    }


def compared(before: str, after: str, *, whole: bool = False) -> Diff:
    """Return how two texts differ, of a long difference the beginning unless the whole is asked for."""
    found = _compared(before, after)
    return found if whole else begun(found)


@lru_cache(maxsize=64)
def _compared(before: str, after: str) -> Diff:
    """Return how two texts differ; versions never change, so a difference is made once."""
    return line_diff(before, after)


def _against(request: HttpRequest, found: PromptVersion, now: Routed) -> PromptVersion | None:
    """Return the version to compare with: the one that is asked for, else the live one, else the one it was made from."""
    asked = request.GET.get("against", "")[:80]
    if asked and asked != found.version:
        other = PromptVersion.objects.filter(prompt=found.prompt, version=asked).first()
        if other is not None:
            return other
    if now.base is not None and now.base.version_id != found.pk:
        return now.base.version
    return found.parent


def besides(before: PromptVersion, found: PromptVersion) -> list[str]:
    """Return what else differs."""
    parts = (("variables", before.variables, found.variables), ("parameters", before.parameters, found.parameters))
    return [f"The {name} differ: {json.dumps(old)} before, {json.dumps(new)} after." for name, old, new in parts if old != new]


def _sisters(request: HttpRequest, found: PromptVersion, now: Routed) -> dict[str, Any]:
    """Return a page of the prompt's versions, newest first, and where the next one begins."""
    rows = newest_versions(found.prompt, SHOWN + 1, before=place(request.GET, "older"))
    more = f"?older={rows[SHOWN - 1].pk}" if len(rows) > SHOWN else ""
    slug = found.prompt.slug
    left = rolled_back(found.prompt, [found.pk, *(row.pk for row in rows if row.status == "retired")])
    lines = [
        {"version": row.version, "url": reverse("prompt-version", args=[slug, row.version]), "current": row.pk == found.pk,
         "chip": chip(row, now, left), "note": row.note, "at": row.created_at}
        for row in rows[:SHOWN]
    ]  # fmt: skip
    return {"left": left, "versions": lines, "older": more, "newer": "?" if request.GET.get("older") else ""}


def _shown(row: PromptVersion, mark: dict[str, str], reveal: bool, *, whole: bool) -> dict[str, Any]:
    text = row.text if reveal else ""
    return {
        "version": row.version,
        "text": text if whole else text[:LONG],
        "more": 0 if whole else max(0, len(text) - LONG),
        "note": row.note,
        "chip": mark,
        "variables": prompt_variables.told(row.variables) if reveal else [],
        "parameters": json.dumps(row.parameters) if row.parameters else "",
    }


def _rows(row: PromptVersion) -> list[dict[str, Any]]:
    lines: list[dict[str, Any]] = [
        {"label": "Author", "value": row.author},
        {"label": "Made", "value": exact(row.created_at)},
        {"label": "From", "value": row.parent.version if row.parent else ""},
        {"label": "SHA-256", "value": middle(row.checksum, 8, 8), "mono": True},
    ]
    return [line for line in lines if line["value"]]


def _history(now: Routed) -> list[dict[str, Any]]:
    """Return what was released, newest first; the share that a canary left to the others is not told of."""
    rows = Release.objects.filter(prompt=now.prompt).select_related("version").defer("version__text").order_by("-id")
    told: dict[Any, Release] = {}
    for row in rows[: 2 * PASSED]:
        told.setdefault(row.started_at, row)
    return [
        {"version": row.version.version, "share": row.share, "by": row.released_by, "reason": row.reason, "at": row.started_at,
         "live": row.status == "live", "rolled_back": row.status == "rolled_back"}
        for row in list(told.values())[:PASSED]
    ]  # fmt: skip
