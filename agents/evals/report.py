"""A run in words: its score, the failing cases first, and what changed against the run it is compared with."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from agents.evals.runs import Against, compared_with, ref_of, total
from agents.models import Case, EvalResult, EvalRun

LONGEST_CELL = 300


@dataclass(frozen=True, slots=True)
class Row:
    """One case of a run: how many of its results passed, how many had in the other run, and what was wrong first."""

    case: Case
    passed: int
    of: int
    before: tuple[int, int] | None
    wrong: Sequence[dict[str, Any]]

    @property
    def change(self) -> float:
        """How much better or worse than before, in parts of one; 0 where there is nothing to compare."""
        if self.before is None or not self.of or not self.before[1]:
            return 0.0
        return self.passed / self.of - self.before[0] / self.before[1]


def rows(run: EvalRun, against: Against | None) -> list[Row]:
    """Return a run's cases: those that became worse first, then those that fail, then the others by name."""
    ids = [UUID(str(id_)) for id_ in run.plan]
    cases = {case.pk: case for case in Case.objects.filter(pk__in=ids).defer("document")}
    good: dict[UUID, int] = dict.fromkeys(ids, 0)
    count: dict[UUID, int] = dict.fromkeys(ids, 0)
    wrong: dict[UUID, list[dict[str, Any]]] = {id_: [] for id_ in ids}
    for case, passed, checks in (
        EvalResult.objects.filter(run=run).order_by("repeat").values_list("case_id", "passed", "checks")
    ):
        good[case] += passed
        count[case] += 1
        wrong[case] = wrong[case] or [check for check in checks if not check["passed"]]
    before = against.passed if against else {}
    found = [Row(cases[id_], good[id_], count[id_], before.get(id_), wrong[id_]) for id_ in ids]
    return sorted(found, key=lambda row: (row.change >= 0, row.passed == row.of, row.change, row.case.name))


def markdown(runs: Sequence[EvalRun]) -> str:
    """Return a report of runs for a pull request."""
    parts = []
    for run in runs:
        against = compared_with(run)
        state = "passed" if run.reached else "**below its threshold**" if run.status == "done" else f"**{run.status}**"
        score = f"{run.passed} of {total(run)} passed, {run.threshold} % are needed, ${run.cost_microusd / 1e6:.4f}"
        lines = [
            f"## {run.suite.slug} with {run.suite.prompt.slug} {run.version.version}: {state}",
            "",
            f"{ref_of(run)}: {score}.",
        ]
        lines += [f"It stopped: {run.error}"] if run.status == "failed" else []
        lines += [_against(against)] if against else []
        failing = [row for row in rows(run, against) if row.passed < row.of]
        if failing:
            lines += ["", "| case | passed | before | expected | actual |", "|---|---|---|---|---|"]
            lines += [_line(row) for row in failing]
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _against(against: Against) -> str:
    """With what a run is compared, and in what that was played otherwise."""
    more = f", which was played otherwise: {'; '.join(against.differs)}" if against.differs else ""
    return f"Compared with {ref_of(against.run)} of {against.run.version.version}{more}."


def _line(row: Row) -> str:
    first = row.wrong[0] if row.wrong else {"expected": "", "actual": ""}
    before = f"{row.before[0]} of {row.before[1]}" if row.before else "–"
    cells = [row.case.name, f"{row.passed} of {row.of}", before, first["expected"], first["actual"]]
    return f"| {' | '.join(_cell(cell) for cell in cells)} |"


def _cell(text: str) -> str:
    line = " ".join(text.split())[:LONGEST_CELL]
    return line.replace("\\", "\\\\").replace("|", "\\|").replace("<", "&lt;").replace("`", "\\`")
