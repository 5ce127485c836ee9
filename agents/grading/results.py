"""Agreement as it was measured: the judge with people, and people with each other, criterion by criterion.

Of each grader the newest grade of an item counts, and of each item the first two people. What was graded against another
revision of the rubric is another measurement, and is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Count

from agents.grading.agreement import Agreement, Pair, agreement
from agents.grading.document import Criterion
from agents.grading.rubrics import document_of
from agents.models import EvalRun, Grade, GradingItem, GradingRubric, GradingRule

MOST = 5_000  # grades that are looked at, the newest


@dataclass(frozen=True, slots=True)
class Measured:
    """One criterion: how the judge agrees with people, and people with each other."""

    criterion: Criterion
    judge: Agreement
    people: Agreement


@dataclass(frozen=True, slots=True)
class Results:
    """What was measured of one rule: against which revision of the rubric, and with which judge."""

    rule: GradingRule
    rubric: GradingRubric
    graded: int  # items that people graded
    measured: tuple[Measured, ...]

    @property
    def judged(self) -> bool:
        """Whether any item was graded by the judge and by people."""
        return any(one.judge.n for one in self.measured)


@dataclass(frozen=True, slots=True)
class _Given:
    """What counts of one item."""

    judge: dict[str, int] | None
    people: tuple[dict[str, int], ...]


def results(rules: Sequence[GradingRule]) -> list[Results]:
    """Return what was measured of rules, in their order, in two queries; a rule whose rubric is gone is left out."""
    slugs = {rule.rubric for rule in rules}
    rubrics = {row.slug: row for row in GradingRubric.objects.filter(slug__in=slugs, status="current")}
    given = _given(rules)
    return [_results(rule, rubrics[rule.rubric], given.get(rule.pk, [])) for rule in rules if rule.rubric in rubrics]


def _results(rule: GradingRule, rubric: GradingRubric, given: Sequence[_Given]) -> Results:
    return Results(rule, rubric, sum(bool(one.people) for one in given), tuple(
        Measured(one, agreement(_judge(given, one), one.steps), agreement(_people(given, one), one.steps))
        for one in document_of(rubric).criteria
    ))  # fmt: skip


def _judge(given: Iterable[_Given], criterion: Criterion) -> list[Pair]:
    name = criterion.name
    return [(one.people[0][name], one.judge[name]) for one in given if one.judge is not None and one.people]


def _people(given: Iterable[_Given], criterion: Criterion) -> list[Pair]:
    name = criterion.name
    return [(one.people[0][name], one.people[1][name]) for one in given if len(one.people) > 1]


def _given(rules: Sequence[GradingRule]) -> dict[UUID, list[_Given]]:
    """What counts of each item of these rules, by rule: the judge that the rule names now, and people in their order."""
    judges = {rule.pk: rule.judge for rule in rules}
    rows = Grade.objects.filter(item__rule__in=rules, item__rubric__status="current").order_by("-created_at", "-id")
    names = ("item_id", "item__rule_id", "item__rubric__slug", "by_kind", "by", "scores", "created_at")
    newest: dict[UUID, dict[tuple[str, str], dict[str, Any]]] = {}
    first: dict[tuple[UUID, str], Any] = {}
    rubric_of = {rule.pk: rule.rubric for rule in rules}
    for row in rows.values(*names)[:MOST]:
        if row["item__rubric__slug"] != rubric_of[row["item__rule_id"]]:
            continue
        if row["by_kind"] == "judge" and row["by"] != judges[row["item__rule_id"]]:
            continue
        newest.setdefault(row["item_id"], {}).setdefault((row["by_kind"], row["by"]), row)
        first[row["item_id"], row["by"]] = row["created_at"]  # rows come from the newest on: the last one seen is the first
    found: dict[UUID, list[_Given]] = {}
    for item, grades in newest.items():
        people = [row for (kind, _), row in grades.items() if kind == "person"]
        people.sort(key=lambda row, item=item: first[item, row["by"]])  # type: ignore[misc]  # mypy cannot infer the default
        judge = next((row["scores"] for (kind, _), row in grades.items() if kind == "judge"), None)
        rule = next(iter(grades.values()))["item__rule_id"]
        found.setdefault(rule, []).append(_Given(judge, tuple(row["scores"] for row in people)))
    return found


def of_judge(suite: str, agent: str, judge: str) -> Results | None:
    """Return how far a judge was measured for a suite, else for the suite's agent; None where it never was."""
    rows = GradingRule.objects.select_related("agent").filter(judge=judge)
    rules = list(rows.filter(kind="suite", key=suite)) + list(rows.filter(kind="agent", key=agent))
    return next((one for one in results(rules) if one.judged), None)


def of_run(run: EvalRun) -> Results | None:
    """Return how far the judge of a run was measured."""
    return of_judge(run.suite.slug, run.suite.agent.slug, run.judge)


def counts(rules: Iterable[UUID]) -> dict[UUID, dict[str, int]]:
    """Return how many items of each rule there are, by state."""
    found: dict[UUID, dict[str, int]] = {}
    for row in GradingItem.objects.filter(rule__in=list(rules)).values("rule_id", "status").annotate(count=Count("pk")):
        found.setdefault(row["rule_id"], {})[row["status"]] = row["count"]
    return found
