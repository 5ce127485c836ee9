"""Runs of suites: starting one, cancelling it, and reading what came of it. What plays them is `agents.evals.work`."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Max

from agents.errors import BadText
from agents.evals.errors import RunEnded, UnknownRun
from agents.evals.suites import suite_named
from agents.known_models import check_model
from agents.lifecycle import EVAL_RUN
from agents.models import AgentRevision, Case, EvalResult, EvalRun, Suite
from agents.prompts.versions import version_named
from agents.queue import evaluate_soon
from agents.starters import one_at_a_time
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Birth, Change, Entry
from audit.services import transition as write

OPEN = ("queued", "running")
LARGEST_SEED = 2**31 - 1
MOST_OPEN = 50  # runs that wait or play at once


@dataclass(frozen=True, slots=True)
class Against:
    """What a run is compared with: the newest run of the suite with another version and the same model, by case."""

    run: EvalRun
    passed: dict[UUID, tuple[int, int]]  # by case: how many of how many
    differs: tuple[str, ...] = ()  # in what else than the version, in words


@atomically
def start_run(
    *, suite: str, version: str, actor: Actor, model: str = "", seed: int = 1, repeats: int | None = None,
    cap_microusd: int | None = None,
) -> EvalRun:  # fmt: skip
    """Have a suite played against a version of its prompt, in the background.

    Args:
        suite: the suite's name.
        version: the version's number.
        actor: who starts it; the caller has checked the right to.
        model: another one than the agent's, which some agent names.
        seed: the same gives the same, as far as the model keeps to it.
        repeats, cap_microusd: other ones than the suite's.

    Raises:
        UnknownSuite, UnknownPromptVersion, BadText.
    """
    found = suite_named(suite)
    target = version_named(found.prompt.slug, version)
    revision = AgentRevision.objects.get(agent=found.agent, current=True)
    plan = current_cases(found)
    values: dict[str, Any] = {
        "repeats": found.repeats if repeats is None else repeats,
        "cap_microusd": found.cap_microusd if cap_microusd is None else cap_microusd,
        "model": model.strip() or revision.document["model"],
    }
    judge = found.judge or revision.document.get("cheap_model") or revision.document["model"]
    _check(values, seed, plan)
    check_model("model", values["model"])
    check_model("judge", judge)
    one_at_a_time("evaluations")
    if EvalRun.objects.filter(status__in=OPEN).count() >= MOST_OPEN:
        raise BadText(field="suite", reason=f"cannot be run now: {MOST_OPEN} runs wait already")
    number = (EvalRun.objects.aggregate(last=Max("number"))["last"] or 0) + 1
    row = {
        "id": uuid7(), "number": number, "suite_id": found.pk, "version_id": target.pk, "revision_id": revision.pk, "seed": seed,
        "threshold": found.threshold, "plan": [str(id_) for id_ in plan], "started_by": actor.name, "judge": judge, **values,
    }  # fmt: skip
    facts = {"run": f"E-{number}", "suite": suite, "version": version, "cases": len(plan), "seed": seed, **values}
    entry = entry_of(found.prompt.slug, f"E-{number}", EventKind.EVAL_RUN_STARTED, actor, facts)
    write(Batch(births=(Birth("agents.EvalRun", row, EVAL_RUN),), entries=(entry,)))
    transaction.on_commit(index_soon)
    transaction.on_commit(evaluate_soon)
    return run_numbered(f"E-{number}")


def _check(values: dict[str, Any], seed: int, plan: Sequence[UUID]) -> None:
    if not plan:
        raise BadText(field="suite", reason="has no case yet")
    if not 1 <= values["repeats"] <= 20:
        raise BadText(field="repeats", reason="lies between 1 and 20")
    if not 1 <= values["cap_microusd"] <= 10**12:
        raise BadText(field="cap_microusd", reason="lies between 1 and 1,000,000,000,000")
    if not 0 <= seed <= LARGEST_SEED:
        raise BadText(field="seed", reason=f"lies between 0 and {LARGEST_SEED:,}")


@atomically
def cancel_run(*, ref: str, actor: Actor) -> EvalRun:
    """Cancel a run; what it has so far stays. Raises UnknownRun, RunEnded."""
    row = _locked(ref)
    if row.status not in OPEN:
        raise RunEnded(ref=ref)
    change = Change(EVAL_RUN, row.pk, row.status, "cancel", {"ended_at": NOW, "lease_expires": None})
    facts = {"run": ref, "done": row.done, "of": total(row), "cost_microusd": row.cost_microusd}
    entry = entry_of(row.suite.prompt.slug, ref, EventKind.EVAL_RUN_CANCELLED, actor, facts)
    write(Batch((change,), (), (entry,)))
    transaction.on_commit(index_soon)
    return run_numbered(ref)


def _locked(ref: str) -> EvalRun:
    row = EvalRun.objects.select_for_update(of=("self",)).filter(number=_number(ref)).first()
    if row is None:
        raise UnknownRun(ref=ref[:30])
    return row


def run_numbered(ref: str) -> EvalRun:
    """Return a run by its short id, with its suite and version. Raises UnknownRun."""
    rows = EvalRun.objects.select_related("suite", "suite__prompt", "suite__agent", "version", "revision")
    found = rows.filter(number=_number(ref)).first()
    if found is None:
        raise UnknownRun(ref=ref[:30])
    return found


def _number(ref: str) -> int:
    number = ref.removeprefix("E-")
    return int(number) if number.isascii() and number.isdecimal() and len(number) < 16 else 0


def ref_of(run: EvalRun) -> str:
    """Return the short id that people use."""
    return f"E-{run.number}"


def total(run: EvalRun) -> int:
    """Return how many results a run has when it is done."""
    return len(run.plan) * run.repeats


def current_cases(suite: Suite) -> list[UUID]:
    """Return the current revisions of a suite's cases, by name."""
    return list(Case.objects.filter(suite=suite, status="current").order_by("name").values_list("pk", flat=True))


def newest_runs(
    limit: int, *, before: int | None = None, suite: str = "", prompt: str = "", version: str = ""
) -> list[EvalRun]:
    """Return runs, the newest first, of one suite, prompt or version or of all; `before` is the number of the last one seen."""
    rows = EvalRun.objects.select_related("suite", "suite__prompt", "version").defer("version__text").order_by("-number")
    rows = rows.filter(suite__slug=suite) if suite else rows
    rows = rows.filter(suite__prompt__slug=prompt) if prompt else rows
    rows = rows.filter(version__version=version) if version else rows
    return list((rows.filter(number__lt=before) if before is not None else rows)[:limit])


def results(run: EvalRun, limit: int, *, after: UUID | None = None) -> list[EvalResult]:
    """Return results of a run in the order in which they were written, behind `after`."""
    rows = EvalResult.objects.filter(run=run).select_related("case").order_by("id")
    return list((rows.filter(pk__gt=after) if after else rows)[:limit])


def repeats_of(run: EvalRun, case: str) -> list[tuple[int, bool]]:
    """Return which repeats of a case have a result, and whether it passed."""
    return list(EvalResult.objects.filter(run=run, case__name=case).order_by("repeat").values_list("repeat", "passed"))


def result_of(run: EvalRun, case: str, repeat: int) -> EvalResult:
    """Return what came of a case in a repeat that `repeats_of` names, with the case as it was then."""
    return EvalResult.objects.select_related("case").get(run=run, case__name=case, repeat=repeat)


def counted(runs: Iterable[EvalRun]) -> dict[UUID, dict[UUID, tuple[int, int]]]:
    """Return, by run and case, how many of its results passed, and how many there are."""
    found: dict[UUID, dict[UUID, tuple[int, int]]] = {run.pk: {} for run in runs}
    for run, case, passed in EvalResult.objects.filter(run__in=found).values_list("run_id", "case_id", "passed"):
        good, all_ = found[run].get(case, (0, 0))
        found[run][case] = (good + passed, all_ + 1)
    return found


def compared_with(run: EvalRun) -> Against | None:
    """Return what a run is compared with: the newest done run of its suite with the version that most sessions start with.

    Of another model nothing is said: its difference would be taken for the version's.
    """
    rows = EvalRun.objects.select_related("version").filter(suite=run.suite, status="done", version__status="active")
    other = rows.filter(model=run.model).exclude(version=run.version_id).order_by("-number").first()
    return Against(other, counted([other])[other.pk], differences(run, other)) if other is not None else None


def differences(run: EvalRun, other: EvalRun) -> tuple[str, ...]:
    """Return in what the other run was played otherwise, beside its version, in words."""
    found = []
    if other.repeats != run.repeats:
        found.append(f"each case {other.repeats} time{'s' if other.repeats != 1 else ''}, not {run.repeats}")
    rubrics = Case.objects.filter(pk__in=run.plan, document__expect__contains=[{"kind": "rubric"}])
    if other.judge != run.judge and rubrics.exists():
        found.append(f"judged by {other.judge}, not {run.judge}")
    return tuple(found)


def fingerprint_of(run: EvalRun) -> str:
    """SHA-256 over all results of a run, in the order of its plan: equal for runs in which the same happened."""
    rows = (
        EvalResult.objects.filter(run=run).select_related("case").values_list("case__name", "repeat", "fingerprint", "passed")
    )
    told = "\n".join(f"{name} {repeat} {print_} {passed}" for name, repeat, print_, passed in sorted(rows))
    return hashlib.sha256(told.encode()).hexdigest()


def entry_of(prompt: str, ref: str, kind: EventKind, actor: Actor, facts: dict[str, Any]) -> Entry:
    """Return an entry about a run, in its prompt's stream."""
    return Entry(f"prompt:{prompt}", kind, actor, facts, ids=(prompt, ref))
