"""What stands beside the scores of an evaluation: the change against the active version, and how far its judge is measured."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from agents.evals.changes import Changed, Figure
from agents.grading import results
from agents.models import Case, EvalRun
from agents.prompts.gate import Gate
from console.formats import duration, exact_microusd
from console.views.grading_rules import trust_line


def trust_of(found: Sequence[Gate]) -> dict[str, Any] | None:
    """Return how far the judge of the newest run agreed with people; None where no case asks a judge."""
    played = [(one.run, one.suite) for one in found if one.run is not None]
    asking = _asking({id_ for run, _ in played for id_ in run.plan})
    judged = [(run, suite) for run, suite in played if not asking.isdisjoint(run.plan)]
    if not judged:
        return None
    run, suite = max(judged, key=lambda one: one[0].number)
    return trust_line(results.of_judge(suite.slug, suite.agent.slug, run.judge), run.judge)


def trusted(run: EvalRun) -> dict[str, Any] | None:
    """Return what stands beside the scores of a run's judge; None where no case of it asks one."""
    return trust_line(results.of_run(run), run.judge) if _asking(set(run.plan)) else None


def _asking(cases: set[UUID]) -> set[UUID]:
    """Return which of these cases are held against a rubric."""
    rows = Case.objects.filter(pk__in=cases, document__expect__contains=[{"kind": "rubric"}])
    return set(rows.values_list("pk", flat=True)) if cases else set()


def figure(one: Figure) -> dict[str, str]:
    """Return a figure beside the active version's, in words: less is better of both."""
    show = exact_microusd if one.name == "cost" else duration
    percent = one.percent
    text = "" if percent is None else f"{'+' if percent >= 0 else '−'}{abs(percent):.1f}%"
    tone = "" if percent is None or abs(percent) < 5 else "c-warn" if percent > 0 else "c-ok"
    name = "Cost of a case" if one.name == "cost" else "Time, 95 of 100"
    return {"name": name, "before": show(round(one.before)), "after": show(round(one.after)), "change": text, "tone": tone}


def points(one: Changed | None) -> dict[str, str]:
    """Return how many hundredths more of a suite pass than with the active version, or why that cannot be said."""
    if one is None or one.points is None:
        return {"text": "", "tone": "", "why": one.why if one else "", "before": ""}
    whole = one.points
    text = f"{'+' if whole > 0 else '−' if whole < 0 else ''}{abs(whole):.1f}"
    before = f"{one.base.passed} of {one.base.done}" if one.base else ""
    return {"text": text, "tone": "c-ok" if whole > 0 else "c-warn" if whole < 0 else "dim", "why": "", "before": before}
