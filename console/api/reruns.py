"""Re-runs of sessions over the API: starting one, watching it, cancelling it, and what it did beside what was done then."""

from datetime import datetime
from typing import Annotated

from ninja import Path, Query, Router, Schema
from pydantic import Field

from agents import services
from agents.models import Rerun
from agents.rehearsals.play import Acted
from agents.reruns import reruns
from agents.reruns.sides import Row
from console.api.endpoint import ApiRequest, endpoint
from console.api.evals import Cap, ModelName
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, SessionRef, Word
from console.diff import Diff
from console.readings import note_reading
from console.reruns import Beside, Made, Took, beside
from console.revealing import check_reads
from console.rights import Right

router = Router(tags=["sessions"])
RerunPath = Annotated[str, Path(pattern=r"^R-[1-9][0-9]{0,14}$", examples=["R-12"])]
MARKS = {"same": " ", "add": "+", "del": "-"}


class RerunOut(Schema):
    """A re-run of a session: with what, how far it is, what it cost."""

    id: str
    session: str
    prompt: str
    version: str
    model: str
    from_turn: int
    most_turns: int
    cap_microusd: int
    most_seconds: int
    status: str
    turns: int
    cost_microusd: int
    error: str
    started_by: str
    created_at: datetime
    ended_at: datetime | None


class RerunPage(Schema):
    """A page of a session's re-runs, newest first."""

    items: list[RerunOut]
    next_cursor: str | None


class TookOut(Schema):
    """What one side took, from the first turn that is played again; `ms` is time at the model."""

    turns: int
    calls: int
    tokens: int
    cost_microusd: int
    ms: int


class ThenCall(Schema):
    """A call of the session; its arguments as the model planned them, null for those who may not read."""

    tool: str
    tier: str
    status: str
    verdict: str
    arguments: str | None


class NowCall(Schema):
    """A call of the re-run. `by` is what answered it: record, dry run, nothing, or rules, which refused it."""

    tool: str
    tier: str
    judged: str
    reasons: list[str]
    by: str
    elsewhere: bool = Field(description="Its answer was recorded for other arguments")
    status: str
    arguments: str | None
    result: str | None


class CallPair(Schema):
    """A call of both sides, or of one; `same`: the same tool with the same arguments."""

    same: bool
    then: ThenCall | None
    now: NowCall | None


class TurnPair(Schema):
    """A turn of both sides, or of one: numbers are null where a side has none, texts for those who may not read."""

    then: int | None
    now: int | None
    differs: bool
    same_text: bool
    then_text: str | None
    now_text: str | None
    calls: list[CallPair]


class RerunBeside(Schema):
    """A re-run beside its session. `first_difference` counts `turns` from 0; null where nothing else was done."""

    rerun: RerunOut
    ended: str = Field(description="answered, or the bound that broke it off; `left` while it goes on")
    why: str
    then: TookOut
    now: TookOut
    first_difference: int | None
    turns: list[TurnPair]
    not_compared: int = Field(description="Turns of the session that the re-run has not come to, or that are too many")
    answer: list[str] | None = Field(description="The lines of the final answers, with + or - before those that differ")


class NewRerunOfSession(Body):
    """With what it is played again: as it ran, where something is left out."""

    version: Annotated[Word, Field(max_length=80)] = ""
    model: ModelName = ""
    from_turn: Annotated[int, Field(ge=1, le=10**9)] = 1
    turns: Annotated[int, Field(ge=1, le=reruns.MOST_TURNS)] | None = None
    cap_microusd: Cap | None = None
    seconds: Annotated[int, Field(ge=1, le=reruns.LONGEST_S)] = reruns.USUAL_S


@endpoint(
    router, "POST", "/sessions/{ref}/reruns", right=Right.EDIT_PROMPTS, scope="evals:write", answer=RerunOut, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def start_rerun(request: ApiRequest, ref: SessionRef, body: NewRerunOfSession) -> RerunOut:
    """Have a session that rests or ended played again, in the background. For those who may read its texts."""
    session = services.get_session(ref)
    check_reads(request.auth, session)
    return _rerun(reruns.start_rerun(session=session, actor=request.auth.actor(), **body.model_dump()))


@endpoint(router, "GET", "/sessions/{ref}/reruns", right=Right.SEE, scope="evals:read", answer=RerunPage, refuses=(404, 422))
def list_reruns(request: ApiRequest, ref: SessionRef, page: Query[Paged]) -> RerunPage:
    """List a session's re-runs, newest first."""
    key = decode("reruns", page.cursor)
    found = reruns.reruns_of(services.get_session(ref), page.limit + 1, before=int(key[0]) if key else None)
    following = [str(found[page.limit - 1].number)] if len(found) > page.limit else None
    return RerunPage(items=[_rerun(row) for row in found[: page.limit]], next_cursor=encode("reruns", following))


@endpoint(router, "GET", "/reruns/{rerun}", right=Right.SEE, scope="evals:read", answer=RerunBeside, refuses=(404, 422))
def get_rerun(request: ApiRequest, rerun: RerunPath) -> RerunBeside:
    """Return a re-run beside its session, turn by turn."""
    found = beside(request.auth, reruns.rerun_numbered(rerun))
    session = found.row.session
    if found.revealed and session.started_user != request.auth.user_id:
        note_reading(request.auth, [session.ref])
    then, now = found.took
    return RerunBeside(
        rerun=_rerun(found.row), ended=found.told.ended, why=found.told.error, then=_took(then), now=_took(now),
        first_difference=found.first, turns=[_pair(found, row) for row in found.rows], not_compared=found.more,
        answer=_lines(found.answer) if found.answer is not None else None,
    )  # fmt: skip


@endpoint(
    router, "POST", "/reruns/{rerun}/cancel", right=Right.EDIT_PROMPTS, scope="evals:write", answer=RerunOut,
    refuses=(404, 409, 422),
)  # fmt: skip
def cancel_rerun(request: ApiRequest, rerun: RerunPath) -> RerunOut:
    """Cancel a re-run; what it has so far stays."""
    return _rerun(reruns.cancel_rerun(ref=rerun, actor=request.auth.actor()))


def _rerun(row: Rerun) -> RerunOut:
    names = ("model", "from_turn", "most_turns", "cap_microusd", "most_seconds", "status", "turns", "cost_microusd", "error", "started_by",
             "created_at", "ended_at")  # fmt: skip
    return RerunOut(
        **{name: getattr(row, name) for name in names}, id=reruns.ref_of(row), session=row.session.ref, prompt=row.version.prompt.slug,
        version=row.version.version,
    )  # fmt: skip


def _took(side: Took) -> TookOut:
    return TookOut(turns=side.turns, calls=side.calls, tokens=side.tokens, cost_microusd=side.cost_microusd, ms=side.ms)


def _lines(diff: Diff) -> list[str]:
    return [MARKS[row.kind] + "".join(part.text for part in row.segments) for row in diff.rows if row.kind in MARKS]


def _pair(found: Beside, row: Row) -> TurnPair:
    then = found.then[row.then] if row.then is not None else None
    now = found.told.turns[row.now] if row.now is not None else None
    calls = [
        CallPair(
            same=one.same,
            then=_then(then.calls[one.then], found.revealed) if then and one.then is not None else None,
            now=_now(now.calls[one.now], found, (row.now or 0, one.now)) if now and one.now is not None else None,
        )
        for one in row.calls
    ]
    return TurnPair(
        then=then.turn.number if then else None, now=now.number if now else None, differs=row.differs, same_text=row.same_text,
        then_text=then.text if then and found.revealed else None, now_text=now.text if now and found.revealed else None, calls=calls,
    )  # fmt: skip


def _then(made: Made, revealed: bool) -> ThenCall:
    call, verdict = made.call, str(made.call.judgement.get("verdict", ""))
    return ThenCall(
        tool=call.tool, tier=call.tier, status=call.status, verdict=verdict, arguments=made.arguments if revealed else None
    )


def _now(call: Acted, found: Beside, place: tuple[int, int]) -> NowCall:
    return NowCall(
        tool=call.tool, tier=call.tier, judged=call.judged, reasons=list(call.reasons), by=call.by, elsewhere=place in found.elsewhere,
        status=call.status, arguments=call.arguments if found.revealed else None, result=call.result if found.revealed else None,
    )  # fmt: skip
