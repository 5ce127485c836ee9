"""Writing what came of a run: results with its progress, and its end. Each write is guarded by the claim that it was played under."""

from dataclasses import dataclass
from typing import Any

from django.db import transaction

from agents.evals.document import CaseDocument
from agents.evals.runs import entry_of, fingerprint_of, ref_of, total
from agents.lifecycle import EVAL_RUN
from agents.models import Case, EvalRun
from agents.rehearsals.play import Transcript
from agents.rehearsals.stage import Interrupted
from audit.actors import SYSTEM
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, After, Batch, Birth, Change, Plus
from audit.services import transition as write

LEASE_S = 30.0


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
    cost_microusd: int


def write_progress(run: EvalRun, done: list[Played]) -> None:
    """Write results with the run's counts, and renew its lease; nothing of it where the run is not this worker's any more."""
    values: dict[str, Any] = {"lease_expires": After(LEASE_S)}
    if done:
        values |= {"done": Plus(len(done)), "passed": Plus(sum(one.passed for one in done))}
        values["cost_microusd"] = Plus(sum(one.cost_microusd for one in done))
    births = tuple(Birth("agents.EvalResult", _result(run, one)) for one in done)
    _move(run, "progress", values, births)


def _result(run: EvalRun, one: Played) -> dict[str, Any]:
    transcript = one.transcript
    return {
        "id": uuid7(), "run_id": run.pk, "case_id": one.piece.case.pk, "repeat": one.piece.repeat, "passed": one.passed,
        "checks": one.checks, "transcript": _storable(transcript.as_json()), "fingerprint": transcript.fingerprint,
        "turns": len(transcript.turns), "tokens": transcript.tokens, "cost_microusd": one.cost_microusd,
        "ms": round(transcript.seconds * 1000),
    }  # fmt: skip


def _storable(value: Any) -> Any:
    """Without what no database text holds."""
    if isinstance(value, str):
        return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode()
    if isinstance(value, dict):
        return {name: _storable(part) for name, part in value.items()}
    return [_storable(part) for part in value] if isinstance(value, list | tuple) else value


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
