"""Writing what came of a run: results with its progress, and its end. Each write is guarded by the claim that it was played under."""

import contextlib
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from agents.evals.document import CaseDocument
from agents.evals.leases import LEASE_S
from agents.evals.runs import entry_of, fingerprint_of, ref_of, total
from agents.evals.uses import Use
from agents.lifecycle import EVAL_RUN
from agents.models import Case, EvalRun
from agents.rehearsals.play import Transcript, storable
from agents.rehearsals.stage import Interrupted
from audit.actors import SYSTEM
from audit.errors import StaleState
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, After, Batch, Birth, Change, Plus
from audit.services import transition as write


@dataclass(frozen=True, slots=True)
class Piece:
    """One case of a run in one repeat."""

    case: Case
    document: CaseDocument
    repeat: int


@dataclass(frozen=True, slots=True)
class Played:
    """What came of a piece."""

    piece: Piece
    transcript: Transcript
    checks: list[dict[str, Any]]
    passed: bool
    uses: list[Use]

    @property
    def cost_microusd(self) -> int:
        """What its models cost, the judge included."""
        return sum(one.cost_microusd for one in self.uses)


def write_progress(run: EvalRun, done: list[Played], unkept: int = 0) -> None:
    """Write results with the run's counts, and renew its lease; nothing of it where the run is not this worker's any more.

    `unkept` is what was paid for pieces that came to no result.
    """
    values: dict[str, Any] = {"lease_expires": After(LEASE_S)}
    if done:
        values |= {"done": Plus(len(done)), "passed": Plus(sum(one.passed for one in done))}
    if cost := unkept + sum(one.cost_microusd for one in done):
        values["cost_microusd"] = Plus(cost)
    births = tuple(Birth("agents.EvalResult", _result(run, one)) for one in done)
    _move(run, "progress", values, births)


def _result(run: EvalRun, one: Played) -> dict[str, Any]:
    transcript = one.transcript
    return {
        "id": uuid7(), "run_id": run.pk, "case_id": one.piece.case.pk, "repeat": one.piece.repeat, "passed": one.passed,
        "checks": one.checks, "transcript": storable(transcript.as_json()), "fingerprint": transcript.fingerprint,
        "turns": len(transcript.turns), "tokens": transcript.tokens, "cost_microusd": one.cost_microusd,
        "uses": [use.as_json() for use in one.uses], "ms": round(transcript.seconds * 1000),
    }  # fmt: skip


def finish(run: EvalRun) -> None:
    """A run has all its results: its score, and whether that is enough."""
    reached = run.passed * 100 >= run.threshold * total(run)
    fingerprint = fingerprint_of(run)
    facts = {"passed": run.passed, "of": total(run), "threshold": run.threshold, "reached": reached, "fingerprint": fingerprint,
             "cost_microusd": run.cost_microusd}  # fmt: skip
    values = {"reached": reached, "fingerprint": fingerprint, "ended_at": NOW, "lease_expires": None}
    _move(run, "finish", values, kind=EventKind.EVAL_RUN_DONE, facts=facts)


def fail(run: EvalRun, why: str) -> None:
    """A run cannot go on; what it has so far stays."""
    values = {"error": why[:500], "ended_at": NOW, "lease_expires": None}
    facts = {"why": why[:500], "done": run.done, "of": total(run), "cost_microusd": run.cost_microusd}
    _move(run, "fail", values, kind=EventKind.EVAL_RUN_FAILED, facts=facts)


def charge(run: EvalRun, cost_microusd: int) -> None:
    """Count what a run had under way as it was cancelled: nothing came of it, and it was paid for. Of another run nothing."""
    if not cost_microusd:
        return
    change = Change(
        EVAL_RUN, run.pk, "cancelled", "charge", {"cost_microusd": Plus(cost_microusd)}, {"lease_token": run.lease_token}
    )
    facts = {"run": ref_of(run), "cost_microusd": cost_microusd}
    entry = entry_of(run.suite.prompt.slug, ref_of(run), EventKind.EVAL_RUN_CHARGED, SYSTEM, facts)
    with contextlib.suppress(StaleState), transaction.atomic():
        write(Batch((change,), (), (entry,)))
        transaction.on_commit(index_soon)


def give_back(run: EvalRun, why: Interrupted | None) -> None:
    """A run is played further later."""
    wait_s = why.wait_s if why is not None and why.wait_s else 0.0
    _move(run, "release", {"ready_at": After(wait_s), "lease_expires": None, "error": why.detail[:500] if why else ""})


def _move(
    run: EvalRun, event: str, values: dict[str, Any], births: tuple[Birth, ...] = (), *, kind: EventKind | None = None,
    facts: dict[str, Any] | None = None,
) -> None:  # fmt: skip
    told = {"run": ref_of(run), "suite": run.suite.slug, "version": run.version.version, **(facts or {})}
    entries = (entry_of(run.suite.prompt.slug, ref_of(run), kind, SYSTEM, told),) if kind else ()
    change = Change(EVAL_RUN, run.pk, "running", event, values, {"lease_token": run.lease_token})
    with transaction.atomic():
        write(Batch((change,), births, entries))
        transaction.on_commit(index_soon)
