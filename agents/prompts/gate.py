"""The gate before traffic: which suites hold a version back, and why. Reads only; `agents.evals` makes the runs.

A suite holds a version back until its newest run with that version, of the cases and tools as they are now, reached the threshold.
A run with another model than sessions are given, or with fewer repeats than the suite asks for, compares: it opens and shuts nothing.
All of them together have to reach the installation's own overall share.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings
from django.db.models import F, OuterRef, QuerySet, Subquery
from django.db.models.fields.json import KeyTextTransform

from agents.errors import BadText, BelowGate
from agents.evals.staleness import stale
from agents.models import AgentRevision, Case, EvalRun, PromptVersion, Suite
from audit.actors import Actor

OVERRIDE_CHARACTERS = range(10, 501)


@dataclass(frozen=True, slots=True)
class Gate:
    """One suite before a version: its newest run with it, and why that is not enough; empty where it is."""

    suite: Suite
    run: EvalRun | None
    cases: int
    why: str
    stale: tuple[str, ...] = ()  # tools that were declared anew since that run


def gates(version: PromptVersion) -> list[Gate]:
    """Return every active suite of a version's prompt that has cases, with the newest run, by name."""
    suites = list(Suite.objects.filter(prompt=version.prompt_id, status="active").order_by("slug"))
    cases: dict[UUID, set[UUID]] = {}
    for suite_id, case_id in Case.objects.filter(suite__in=suites, status="current").values_list("suite_id", "id"):
        cases.setdefault(suite_id, set()).add(case_id)
    newest = {run.suite_id: run for run in _counting(suites, version)}
    old = stale(list(newest.values()))
    return [_gate(suite, newest.get(suite.pk), cases[suite.pk], old) for suite in suites if suite.pk in cases]


def _counting(suites: Sequence[Suite], version: PromptVersion) -> QuerySet[EvalRun]:
    """The newest run of each suite that was played as the suite asks, with the model that its agent has now."""
    revisions = AgentRevision.objects.filter(agent=OuterRef("suite__agent"), current=True)
    model = Subquery(revisions.values_list(KeyTextTransform("model", "document")))
    rows = EvalRun.objects.filter(suite__in=suites, version=version, model=model, repeats__gte=F("suite__repeats"))
    return rows.order_by("suite_id", "-number").distinct("suite_id")


def _gate(suite: Suite, run: EvalRun | None, cases: set[UUID], old: Mapping[UUID, Sequence[str]]) -> Gate:
    tools = tuple(old.get(run.pk, ())) if run is not None else ()
    return Gate(suite, run, len(cases), _why(suite, run, cases, tools), tools)


def _why(suite: Suite, run: EvalRun | None, cases: set[UUID], tools: Sequence[str]) -> str:
    if run is None:
        return f"{suite.slug} was never run with it, as it asks and with the agent’s model"
    if run.status != "done":
        return (
            f"{suite.slug} runs with it now (E-{run.number})"
            if run.status in ("queued", "running")
            else f"{suite.slug} was not played to its end (E-{run.number} {run.status})"
        )
    if {UUID(str(id_)) for id_ in run.plan} != cases:
        return f"the cases of {suite.slug} have changed since E-{run.number}"
    if tools:
        return f"{', '.join(tools)} changed since E-{run.number}, so {suite.slug} has to be run again"
    if run.passed * 100 < suite.threshold * run.done:
        return f"{suite.slug} passed {run.passed} of {run.done}, {suite.threshold} % are needed (E-{run.number})"
    return ""


def reasons(found: Sequence[Gate]) -> list[str]:
    """Return why a version may have no traffic: each suite that holds it back, and all of them together."""
    holding = [one for one in found if one.suite.gate]
    why = [one.why for one in holding if one.why]
    done = sum(one.run.done for one in holding if one.run)
    passed = sum(one.run.passed for one in holding if one.run)
    if not why and passed * 100 < settings.EVAL_OVERALL * done:
        why = [f"all suites together passed {passed} of {done}, {settings.EVAL_OVERALL} % are needed"]
    return why


def refuse_below(version: PromptVersion, *, override: str, actor: Actor) -> list[str]:
    """Return what is overridden: nothing where nothing holds the version back.

    Raises:
        BelowGate: its suites hold it back, and nobody said why it should have traffic all the same.
        BadText: the reason is none.
    """
    why = reasons(gates(version))
    if not why:
        return []
    if not override.strip():
        raise BelowGate(slug=version.prompt.slug, version=version.version, reason="; ".join(why))
    if actor.kind != "user":
        raise BelowGate(slug=version.prompt.slug, version=version.version, reason="only a person overrides that")
    if len(override.strip()) not in OVERRIDE_CHARACTERS or "\x00" in override:
        raise BadText(field="override", reason="says why, in 10 to 500 characters: it stands in the audit trail")
    return why
