"""Over the API: whether the rows that people are shown are what the log says, and drills on a copy."""

from datetime import datetime

from ninja import Router, Schema

from agents.agreement import runs
from agents.agreement.drill import TAMPERINGS, Drill, hold
from agents.models import AgreementRun
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import Body, Word
from console.rights import Right

router = Router(tags=["audit"])


class Disagreement(Schema):
    """A row that is not what the log says, or one of the two without the other; the entry that says so."""

    table: str
    row: str
    what: str
    row_says: str
    log_says: str
    stream: str
    seq: int | None
    log_index: int | None


class AgreementRunOut(Schema):
    """One check of all rows against the log: how many were looked at, how many disagree, and the first of those."""

    ok: bool
    by: str
    started_at: datetime
    ended_at: datetime | None
    ms: int
    counts: dict[str, int]
    wrong: int
    findings: list[Disagreement]


class LastAgreement(Schema):
    """The last check that came to its end; null where there was none."""

    last: AgreementRunOut | None


class DrillBody(Body):
    """Which tampering to try on a copy."""

    tampering: Word


class TamperingOut(Schema):
    """A way to tamper that can be drilled."""

    name: str
    title: str
    does: str


class Tamperings(Schema):
    """The ways to tamper that can be drilled."""

    items: list[TamperingOut]


class DrillBad(Schema):
    """The first entry of the copy that is wrong."""

    stream: str
    seq: int | None
    log_index: int | None
    reason: str


class DrillOut(Schema):
    """What the checks found in a copy that was tampered with: an entry that is wrong, or else a row."""

    tampering: str
    found: bool
    stream: str
    entries: int
    first_bad: DrillBad | None
    disagreement: Disagreement | None
    wrong: int


@endpoint(router, "GET", "/audit/agreement", right=Right.VERIFY_AUDIT, scope="audit:read", answer=LastAgreement)
def get_agreement(request: ApiRequest) -> LastAgreement:
    """Return the last check of all rows against the log."""
    last = runs.newest()
    return LastAgreement(last=shape(last) if last else None)


@endpoint(
    router, "POST", "/audit/agreement", right=Right.VERIFY_AUDIT, scope="audit:read", answer=AgreementRunOut, refuses=(409, 422)
)
def check_agreement(request: ApiRequest) -> AgreementRunOut:
    """Hold every row against the log now: sessions, calls, requests, decisions, prompts, and the registry of streams."""
    return shape(runs.run(actor=request.auth.actor()))


@endpoint(router, "GET", "/audit/drills", right=Right.VERIFY_AUDIT, scope="audit:read", answer=Tamperings)
def list_drills(request: ApiRequest) -> Tamperings:
    """List the ways to tamper that can be drilled."""
    return Tamperings(items=[TamperingOut(name=one.name, title=one.title, does=one.does) for one in TAMPERINGS.values()])


@endpoint(
    router, "POST", "/audit/drills", right=Right.VERIFY_AUDIT, scope="audit:read", answer=DrillOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def hold_drill(request: ApiRequest, body: DrillBody) -> DrillOut:
    """Tamper with a copy of one session and verify it. The log itself is not touched; that a drill was held is an entry."""
    return drilled(hold(body.tampering, actor=request.auth.actor()))


def shape(row: AgreementRun) -> AgreementRunOut:
    """Return a check as the API gives it."""
    return AgreementRunOut(
        ok=row.ok, by=row.by_name, started_at=row.started_at, ended_at=row.ended_at, ms=row.ms, counts=row.counts,
        wrong=row.wrong, findings=[Disagreement(**one) for one in row.findings],
    )  # fmt: skip


def drilled(held: Drill) -> DrillOut:
    """Return a drill as the API gives it."""
    bad, finding = held.bad, held.finding
    return DrillOut(
        tampering=held.tampering.name, found=held.found, stream=held.stream, entries=held.entries, wrong=held.wrong,
        first_bad=DrillBad(stream=bad.stream, seq=bad.seq, log_index=bad.log_index, reason=bad.reason) if bad else None,
        disagreement=None if finding is None else Disagreement(
            table=finding.table, row=finding.row, what=finding.what, row_says=finding.row_says, log_says=finding.log_says,
            stream=finding.stream, seq=finding.seq, log_index=finding.log_index,
        ),
    )  # fmt: skip
