"""What changes against the version that most sessions start with: how much passes, what a case costs, how long it takes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Q

from agents.models import EvalRun, PromptVersion
from agents.prompts.gate import Gate
from audit.connection import read

_FIGURES = """
SELECT run_id = ANY(%s) AS base, avg(cost_microusd)::float AS cost_microusd, percentile_cont(0.95) WITHIN GROUP (ORDER BY ms) AS ms
FROM agents_evalresult WHERE run_id = ANY(%s) GROUP BY 1"""


@dataclass(frozen=True, slots=True)
class Changed:
    """One suite: the run of the version beside that of the active one; `why` says why there is none to compare with."""

    run: EvalRun | None
    base: EvalRun | None
    why: str = ""

    @property
    def points(self) -> float | None:
        """How many hundredths more pass; None where there is nothing to compare."""
        if self.why or self.run is None or self.base is None or not self.run.done or not self.base.done:
            return None
        return 100 * (self.run.passed / self.run.done - self.base.passed / self.base.done)


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure of a case in both: what it costs on average, or how long 95 of 100 take at most."""

    name: str
    before: float
    after: float

    @property
    def percent(self) -> float | None:
        """By how many hundredths it grew; None where it was nothing before."""
        return 100 * (self.after - self.before) / self.before if self.before else None


@dataclass(frozen=True, slots=True)
class Changes:
    """A version beside the active one; `why` says why there is nothing to compare at all."""

    active: PromptVersion | None
    suites: dict[UUID, Changed]
    figures: tuple[Figure, ...]
    why: str = ""


def changes(version: PromptVersion, found: Sequence[Gate]) -> Changes:
    """Return a version beside the active one of its prompt, suite by suite."""
    active = PromptVersion.objects.filter(prompt=version.prompt_id, status="active").first()
    if active is None:
        return Changes(None, {}, (), "No version is active yet.")
    if active.pk == version.pk:
        return Changes(active, {}, (), "This is the active version: others are compared with it.")
    base = _newest(active, [one.run for one in found if one.run is not None])
    rows = {one.suite.pk: _changed(one.run, base.get(one.suite.pk)) for one in found}
    return Changes(active, rows, figures([one for one in rows.values() if one.points is not None]))


def _newest(active: PromptVersion, runs: Sequence[EvalRun]) -> dict[UUID, EvalRun]:
    """The newest run of the active version that was played to its end with the model that each of these had, by suite."""
    like = Q(pk__in=())
    for run in runs:
        like |= Q(suite=run.suite_id, model=run.model)
    rows = EvalRun.objects.filter(like, version=active, status="done").order_by("suite_id", "-number")
    return {run.suite_id: run for run in rows.distinct("suite_id")}


def _changed(run: EvalRun | None, base: EvalRun | None) -> Changed:
    why = ""
    if run is None:
        why = "nothing to compare"
    elif run.status != "done":
        why = "still runs" if run.status in ("queued", "running") else "not played to its end"
    elif base is None:
        why = f"the active version was never run with {run.model}"
    elif set(run.plan) != set(base.plan):
        why = "other cases then"
    return Changed(run, base, why)


def figures(rows: Sequence[Changed]) -> tuple[Figure, ...]:
    """Return what a case costs and how long it takes, over all suites that can be compared."""
    runs = [one.run.pk for one in rows if one.run]
    base = [one.base.pk for one in rows if one.base]
    if not runs or not base:
        return ()
    told: dict[bool, dict[str, Any]] = {row["base"]: row for row in read(_FIGURES, [base, [*runs, *base]])}
    if len(told) < 2:
        return ()
    return (
        Figure("cost", told[True]["cost_microusd"], told[False]["cost_microusd"]),
        Figure("ms", told[True]["ms"], told[False]["ms"]),
    )


def of_run(run: EvalRun) -> Changes:
    """Return a run beside the newest one of the active version."""
    active = PromptVersion.objects.filter(prompt=run.suite.prompt_id, status="active").first()
    if active is None:
        return Changes(None, {}, (), "Nothing to compare with: no version is active yet.")
    if active.pk == run.version_id:
        return Changes(active, {}, (), "Nothing to compare with: it was played with the active version itself.")
    base = _newest(active, [run]).get(run.suite_id)
    if base is None:
        why = f"Nothing to compare with: the active version {active.version} was never played to its end with {run.model}."
        return Changes(active, {}, (), why)
    changed = _changed(run, base)
    return Changes(active, {run.suite_id: changed}, figures([changed] if changed.points is not None else []))
