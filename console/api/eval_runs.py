"""Runs of suites over the API: starting one, watching it, cancelling it, and what came of each case."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from ninja import Path, Query, Router, Schema
from pydantic import Field

from agents.evals import report, runs
from agents.evals.staleness import stale
from agents.models import EvalResult, EvalRun
from agents.rehearsals.play import transcript
from console.api.endpoint import ApiRequest, endpoint
from console.api.evals import Cap, ModelName, Repeats, Slug
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, Word
from console.auth import Caller
from console.readings import note_reading
from console.rehearsed import Veil
from console.revealing import may_read_prompts
from console.rights import Right

router = Router(tags=["evaluations"])
RunPath = Annotated[str, Path(pattern=r"^E-[1-9][0-9]{0,14}$", examples=["E-12"])]


class RunOut(Schema):
    """A run: how far it is, what it cost, and whether its version reached the threshold (null until it is done).

    `stale` names the tools that were declared anew since it was started: such a run opens no gate.
    """

    id: str
    suite: str
    prompt: str
    version: str
    model: str
    seed: int
    repeats: int
    threshold: int
    status: str
    done: int
    total: int
    passed: int
    reached: bool | None
    cost_microusd: int
    cap_microusd: int
    fingerprint: str
    error: str
    started_by: str
    created_at: datetime
    ended_at: datetime | None
    stale: list[str]


class RunPage(Schema):
    """A page of runs, newest first."""

    items: list[RunOut]
    next_cursor: str | None


class CaseRow(Schema):
    """One case of a run, and how many of its results passed in the run that it is compared with."""

    case: str
    title: str
    passed: int
    of: int
    before: list[int] | None = Field(description="How many of how many had passed")
    wrong: list[dict[str, Any]] | None = Field(description="What was not as expected; null for those who may not read cases")


class RunComparisonOut(Schema):
    """A run by case, what became worse first, beside the newest one of the version that most sessions start with.

    That one had the same model; `differs` says in what else it was played otherwise.
    """

    run: RunOut
    against: str | None
    differs: list[str]
    cases: list[CaseRow]


class ResultOut(Schema):
    """What came of one case in one repeat. Checks and transcript are null for those who may not read prompts and cases."""

    id: str
    case: str
    repeat: int
    passed: bool
    checks: list[dict[str, Any]] | None
    transcript: dict[str, Any] | None
    fingerprint: str
    turns: int
    tokens: int
    cost_microusd: int
    ms: int


class ResultPage(Schema):
    """A page of results, in the order in which they were written."""

    items: list[ResultOut]
    next_cursor: str | None


class NewRun(Body):
    """Which suite is played against which version. Without a model that of the agent."""

    suite: Slug
    version: Annotated[Word, Field(min_length=1, max_length=80)]
    model: ModelName = ""
    seed: Annotated[int, Field(ge=0, le=runs.LARGEST_SEED)] = 1
    repeats: Repeats | None = None
    cap_microusd: Cap | None = None


class RunsWhich(Paged):
    """A page of runs, of one suite, prompt or version or of all."""

    suite: Annotated[Word, Field(max_length=63)] = ""
    prompt: Annotated[Word, Field(max_length=63)] = ""
    version: Annotated[Word, Field(max_length=80)] = ""


class ResultsWhich(Paged):
    """A page of results; each holds a transcript."""

    limit: Annotated[int, Field(ge=1, le=50)] = 20


@endpoint(router, "GET", "/evals/runs", right=Right.SEE, scope="evals:read", answer=RunPage, refuses=(422,))
def list_eval_runs(request: ApiRequest, which: Query[RunsWhich]) -> RunPage:
    """List runs, newest first."""
    key = decode("eval_runs", which.cursor)
    before = int(key[0]) if key else None
    found = runs.newest_runs(which.limit + 1, before=before, suite=which.suite, prompt=which.prompt, version=which.version)
    following = [str(found[which.limit - 1].number)] if len(found) > which.limit else None
    return RunPage(items=run_shapes(found[: which.limit]), next_cursor=encode("eval_runs", following))


@endpoint(
    router, "POST", "/evals/runs", right=Right.EDIT_PROMPTS, scope="evals:write", answer=RunOut, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def start_eval_run(request: ApiRequest, body: NewRun) -> RunOut:
    """Have a suite played against a version, in the background."""
    return run_shapes([runs.start_run(actor=request.auth.actor(), **body.model_dump())])[0]


@endpoint(router, "GET", "/evals/runs/{run}", right=Right.SEE, scope="evals:read", answer=RunComparisonOut, refuses=(404, 422))
def get_eval_run(request: ApiRequest, run: RunPath) -> RunComparisonOut:
    """Return a run by case, what became worse or fails first."""
    row = runs.run_numbered(run)
    against = runs.compared_with(row)
    reads = may_read_prompts(request.auth)
    if reads:
        note_reading(request.auth, [f"run {run}"])
    cases = [
        CaseRow(
            case=one.case.name, title=one.case.title, passed=one.passed, of=one.of, before=list(one.before) if one.before else None,
            wrong=list(one.wrong) if reads else None,
        )
        for one in report.rows(row, against)
    ]  # fmt: skip
    return RunComparisonOut(
        run=run_shapes([row])[0], against=runs.ref_of(against.run) if against else None,
        differs=list(against.differs) if against else [], cases=cases,
    )  # fmt: skip


@endpoint(
    router, "GET", "/evals/runs/{run}/results", right=Right.SEE, scope="evals:read", answer=ResultPage, refuses=(404, 422)
)
def list_eval_results(request: ApiRequest, run: RunPath, page: Query[ResultsWhich]) -> ResultPage:
    """List what came of each case in each repeat, with what was said and done."""
    row = runs.run_numbered(run)
    key = decode("eval_results", page.cursor)
    found = runs.results(row, page.limit + 1, after=UUID(str(key[0])) if key else None)
    following = [str(found[page.limit - 1].pk)] if len(found) > page.limit else None
    items = _results(request.auth, run, found[: page.limit])
    return ResultPage(items=items, next_cursor=encode("eval_results", following))


@endpoint(
    router, "POST", "/evals/runs/{run}/cancel", right=Right.EDIT_PROMPTS, scope="evals:write", answer=RunOut,
    refuses=(404, 409, 422),
)  # fmt: skip
def cancel_eval_run(request: ApiRequest, run: RunPath) -> RunOut:
    """Cancel a run; what it has so far stays."""
    return run_shapes([runs.cancel_run(ref=run, actor=request.auth.actor())])[0]


def run_shapes(rows: list[EvalRun]) -> list[RunOut]:
    """Return runs, each with the tools that changed since."""
    old = stale(rows)
    return [_run(row, list(old.get(row.pk, ()))) for row in rows]


def _run(row: EvalRun, changed: list[str]) -> RunOut:
    names = ("model", "seed", "repeats", "threshold", "status", "done", "passed", "reached", "cost_microusd", "cap_microusd",
             "fingerprint", "error", "started_by", "created_at", "ended_at")  # fmt: skip
    return RunOut(
        **{name: getattr(row, name) for name in names}, id=runs.ref_of(row), suite=row.suite.slug, prompt=row.suite.prompt.slug,
        version=row.version.version, total=runs.total(row), stale=changed,
    )  # fmt: skip


def _results(caller: Caller, ref: str, rows: list[EvalResult]) -> list[ResultOut]:
    reads = may_read_prompts(caller)
    if reads and rows:
        note_reading(caller, [f"results of {ref}"])
    names = ("repeat", "passed", "fingerprint", "turns", "tokens", "cost_microusd", "ms")
    return [
        ResultOut(
            **{name: getattr(row, name) for name in names}, id=str(row.pk), case=row.case.name, **_texts(row, reads=reads)
        )
        for row in rows
    ]


def _texts(row: EvalResult, *, reads: bool) -> dict[str, Any]:
    """Return checks and transcript without the sensitive values of its calls; nothing for those who may not read cases."""
    if not reads:
        return {"checks": None, "transcript": None}
    told = transcript(row.transcript)
    veil = Veil(told)
    checks = [{**check, "expected": veil.text(check["expected"]), "actual": veil.text(check["actual"])} for check in row.checks]
    return {"checks": checks, "transcript": veil.transcript(told).as_json()}
