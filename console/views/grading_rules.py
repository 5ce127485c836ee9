"""How much is graded, against which rubric and by which judge; rubrics; and how far judge and people agree."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from agents.errors import BadText
from agents.evals.suites import SLUG
from agents.grading import results, rubrics, rules
from agents.grading.agreement import SMALL, Agreement
from agents.grading.errors import BadRubric, StaleRubric
from agents.grading.results import Results
from agents.models import Agent, GradingRubric, GradingRule, Suite
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import caller_of
from console.forms import plain
from console.fragments import page
from console.rights import Right
from console.views.form_only import form_only
from console.views.guard import guard
from console.whole import whole

MOST = 50
BLANK = 2  # empty criteria that the form offers beside those that are there
MICRO = 1_000_000
NEW = "new"


@require_safe
@guard(Right.SEE)
def agreed(request: HttpRequest) -> HttpResponse:
    """Show how far the judge and people, and two people, agree."""
    return page(request, "grading/results.html", _results)


@require_safe
@guard(Right.SEE)
def rule_page(request: HttpRequest) -> HttpResponse:
    """Show how much of what is graded, and for those who may, set it."""
    return page(request, "grading/rules.html", lambda: _rules(request, {}))


@form_only
@guard(Right.SET_GRADING)
def set_rule(request: HttpRequest) -> HttpResponse:
    """Set how much of an agent's sessions or a suite's results is graded."""
    try:
        kind, key, values = _said(request)
        made = rules.set_rule(kind=kind, key=key, actor=caller_of(request).actor(), **values)
    except CountersignError as error:
        field = "rubric" if error.code == "unknown_rubric" else str(error.facts.get("field", "what"))
        wrong = {field: [error.detail]}
        return page(request, "grading/rules.html", lambda: _rules(request, wrong), status=status_of(error))
    said = (
        f"{made.share} % of {_what(made)} are graded from now on." if made.share else f"Nothing more of {_what(made)} is taken."
    )
    messages.success(request, said)
    return redirect("grading-rules")


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.SEE)
def rubric(request: HttpRequest, slug: str) -> HttpResponse:
    """Show a rubric; POST stores another revision of it, or a new one."""
    if request.method != "POST":
        return page(request, "grading/rubric.html", lambda: _rubric(request, slug, {}))
    caller = caller_of(request)
    caller.check(Right.EDIT_PROMPTS)
    name = request.POST.get("slug", "")[:80].strip() if slug == NEW else slug
    shown = request.POST.get("revision", "")
    revision = whole(shown, digits=9) or 0
    try:
        stored = rubrics.put_rubric(slug=name, document=_document(request), actor=caller.actor(), revision=revision)
    except (BadRubric, StaleRubric) as error:
        wrong = _wrong(error)
        return page(request, "grading/rubric.html", lambda: _rubric(request, slug, wrong), status=status_of(error))
    messages.success(request, f"Revision {stored.revision} of {stored.slug} stands. What was graded stays with the one it had.")
    return redirect("grading-rubric", stored.slug)


def _said(request: HttpRequest) -> tuple[Any, str, dict[str, Any]]:
    """Return what a form says of a rule. Raises BadText."""
    sent = request.POST
    kind, _, key = sent.get("what", "")[:80].partition(":")
    share, cap = sent.get("share", ""), plain(sent.get("cap", "")[:20])
    if kind not in ("agent", "suite") or SLUG.fullmatch(key) is None:
        raise BadText(field="what", reason="names an agent or a suite")
    if whole(share, digits=3) is None:
        raise BadText(field="share", reason="is a whole number from 0 to 100")
    if cap is None:
        raise BadText(field="cap_microusd", reason="is an amount in dollars, such as 1.50")
    return kind, key, {
        "rubric": sent.get("rubric", "")[:63], "share": int(share), "judge": sent.get("judge", "")[:130],
        "cap_microusd": int(cap * MICRO),
    }  # fmt: skip


def _what(rule: GradingRule) -> str:
    return f"the sessions of {rule.key}" if rule.kind == "agent" else f"the results of {rule.key}"


def rule_lines(found: Sequence[GradingRule]) -> list[dict[str, Any]]:
    """Return rules as lines: what of, how much, and how many items there are."""
    counts = results.counts(row.pk for row in found)
    return [
        {"kind": row.kind, "key": row.key, "what": _what(row), "share": row.share, "rubric": row.rubric,
         "rubric_url": reverse("grading-rubric", args=[row.rubric]), "judge": row.judge, "cap_microusd": row.cap_microusd,
         "dollars": f"{row.cap_microusd / MICRO:.2f}", "by": row.changed_by, "at": row.changed_at,
         "waiting": counts.get(row.pk, {}).get("waiting", 0), "graded": counts.get(row.pk, {}).get("graded", 0),
         "coming": counts.get(row.pk, {}).get("coming", 0)}
        for row in found
    ]  # fmt: skip


def _rules(request: HttpRequest, wrong: Mapping[str, list[str]]) -> dict[str, Any]:
    caller, sent = caller_of(request), request.POST
    known = rubrics.listed(MOST)
    return {
        "nav": "evals",
        "rules": rule_lines(rules.listed(MOST)),
        "rubrics": [_line(row) for row in known],
        "new_url": reverse("grading-rubric", args=[NEW]),
        "may_set": caller.has(Right.SET_GRADING),
        "may_edit": caller.has(Right.EDIT_PROMPTS),
        "whats": _whats() if caller.has(Right.SET_GRADING) else [],
        "typed": {name: sent.get(name, "")[:130] for name in ("what", "share", "rubric", "judge", "cap")},
        "errors": {name: wrong.get(name, []) for name in ("what", "share", "rubric", "judge", "cap_microusd")},
    }


def _line(row: GradingRubric) -> dict[str, Any]:
    return {"slug": row.slug, "url": reverse("grading-rubric", args=[row.slug]), "title": row.document["title"],
            "criteria": len(row.document["criteria"]), "revision": row.revision, "by": row.author, "at": row.created_at}  # fmt: skip


def _whats() -> list[dict[str, str]]:
    agents = Agent.objects.order_by("slug").values_list("slug", flat=True)[:200]
    suites = Suite.objects.filter(status="active").order_by("slug").values_list("slug", flat=True)[:200]
    return [{"value": f"agent:{slug}", "label": f"Sessions of {slug}"} for slug in agents] + [
        {"value": f"suite:{slug}", "label": f"Results of {slug}"} for slug in suites
    ]


def _rubric(request: HttpRequest, slug: str, wrong: Mapping[str, list[str]]) -> dict[str, Any]:
    caller = caller_of(request)
    edits, row = caller.has(Right.EDIT_PROMPTS), None
    if slug != NEW:
        row = rubrics.rubric_named(slug)
    document: Mapping[str, Any] = _document(request) if request.method == "POST" else row.document if row else {}
    criteria = [_part(one) for one in document.get("criteria", ())]
    blank = {"name": "", "title": "", "guide": "", "scale": [], "lines": ""}
    return {
        "nav": "evals",
        "slug": slug if row else "",
        "typed_slug": request.POST.get("slug", "")[:80],
        "title": document.get("title", ""),
        "heading": row.document["title"] if row else "",
        "revision": row.revision if row else 0,
        "shown": request.POST.get("revision", "")[:9] if request.method == "POST" else str(row.revision if row else 0),
        "author": row.author if row else "",
        "at": row.created_at if row else None,
        "criteria": [_part(one) for one in row.document["criteria"]] if row else [],
        "fields": [*criteria, *[blank] * (BLANK if criteria else BLANK + 1)][:8],
        "edits": edits,
        "errors": [text for texts in wrong.values() for text in texts],
        "older": [_line(one) for one in rubrics.revisions(slug, 20)[1:]] if row else [],
    }


def _part(one: Mapping[str, Any]) -> dict[str, Any]:
    return {**one, "lines": "\n".join(one["scale"])}


def _document(request: HttpRequest) -> dict[str, Any]:
    """Return what a form says of a rubric; criteria without a title and a scale are left out."""
    sent = request.POST
    parts = zip(sent.getlist("title_of")[:8], sent.getlist("guide_of")[:8], sent.getlist("scale_of")[:8], strict=False)
    criteria = [
        {"name": _name(title), "title": title.strip(), "guide": guide.replace("\r\n", "\n").strip(), "scale": scale}
        for title, guide, lines in parts
        if title.strip() or lines.strip()
        for scale in [[line.strip() for line in lines.splitlines() if line.strip()]]
    ]
    return {"title": sent.get("title", "").strip(), "criteria": criteria}


def _name(title: str) -> str:
    """Return a name made of a title: what grades are kept under."""
    return re.sub(r"[^a-z0-9]+", "_", title.lower()).strip("_")[:40] or "criterion"


def _wrong(error: BadRubric | StaleRubric) -> dict[str, list[str]]:
    if isinstance(error, StaleRubric):
        return {"": [error.detail]}
    return {str(place): [f"{one['loc']}: {one['msg']}"] for place, one in enumerate(error.errors)}


def _results() -> dict[str, Any]:
    found = rules.listed(MOST)
    return {"nav": "evals", "small": SMALL, "rules": [measured(one) for one in results.results(found)]}


def measured(one: Results) -> dict[str, Any]:
    """Return what was measured of one rule, in words."""
    return {
        "what": _what(one.rule), "kind": one.rule.kind, "key": one.rule.key, "rubric": one.rubric.document["title"],
        "rubric_url": reverse("grading-rubric", args=[one.rubric.slug]), "revision": one.rubric.revision, "judge": one.rule.judge,
        "graded": one.graded, "judged": one.judged,
        "rows": [
            {"title": part.criterion.title, "steps": part.criterion.steps, "judge": told(part.judge), "people": told(part.people)}
            for part in one.measured
        ],
    }  # fmt: skip


def told(one: Agreement) -> dict[str, Any]:
    """Return an agreement in words: counts always, a coefficient with its interval where there are enough items."""
    kappa = one.kappa
    between = f"{kappa.low:.2f} to {kappa.high:.2f}" if kappa and kappa.error > 1e-9 else ""
    return {
        "n": one.n, "same": one.same, "near": one.near, "small": one.small,
        "kappa": f"{kappa.value:.2f}".replace("-", "−") if kappa else "", "between": between.replace("-", "−"),
    }  # fmt: skip


def trust_line(found: Results | None, judge: str) -> dict[str, Any]:
    """Return what stands beside the judge's scores: how far it agreed with people, or that nobody ever looked."""
    if found is None:
        return {"judge": judge, "rows": [], "url": reverse("grading-results")}
    return {"judge": judge, "rows": measured(found)["rows"], "url": reverse("grading-results")}
