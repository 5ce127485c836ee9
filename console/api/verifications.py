"""Verification over the API: verify now, what came of it, and a person's answer to a finding. The same services as the page's."""

from dataclasses import asdict
from datetime import datetime
from typing import Annotated, Any

from ninja import Path, Query, Router, Schema
from pydantic import Field

from audit import findings
from audit.models import VerificationRun
from console.api.endpoint import ApiRequest, endpoint
from console.api.paging import Paged, decode, encode
from console.api.reading import Body, Sentence, Text, Word
from console.rights import Right
from console.verifying import verify_now

router = Router(tags=["audit"])
Number = Annotated[int, Path(ge=1, le=2**62)]


class VerifyBody(Body):
    """What to verify: one stream, what follows a signed checkpoint that you trust, or without either the whole log."""

    stream: Word | None = None
    since: Annotated[Text | None, Field(description="a checkpoint as a signed note")] = None


class FirstBad(Schema):
    """The first entry that does not verify, and why."""

    stream: str
    seq: int | None
    log_index: int | None
    reason: str


class Verified(Schema):
    """The outcome of a verification; `ok` is null while a long one is under way, and `run` is its number."""

    ok: bool | None
    checked: int
    first_bad: FirstBad | None
    run: int


class VerificationOut(Verified):
    """A verification that is kept. `place` of `upto` entries are done; what comes before `since` is held against the tree alone."""

    what: str
    stream: str
    since: int
    place: int
    upto: int
    by: str
    remark: str
    began_at: datetime
    ended_at: datetime | None
    seconds: float
    acknowledged_at: datetime | None
    acknowledged_by: str
    note: str


class FindingsRange(Schema):
    """Findings of one kind: how many, in how many streams, from which place of the log to which; `stream` where all are of one."""

    findings: int
    streams: int
    first: int | None
    last: int | None
    stream: str
    first_seq: int | None
    last_seq: int | None


class VerificationEvidence(VerificationOut):
    """A verification with the evidence of its finding: both copies of the entry, the last good one, head and checkpoints.

    `covers` is what an answer with `together` is about; null where there is no other finding of the kind.
    """

    covers: FindingsRange | None
    evidence: dict[str, Any] | None


class VerificationPage(Schema):
    """Verifications, newest first."""

    items: list[VerificationOut]
    next_cursor: str | None


class AnswerBody(Body):
    """What you make of a finding; with `together`, of it and all findings of its kind that its verification lists."""

    note: Sentence
    together: bool = False


@endpoint(
    router,
    "POST",
    "/audit/verify",
    right=Right.VERIFY_AUDIT,
    scope="audit:read",
    answer=Verified,
    refuses=(404, 409, 413, 415, 422, 429),
)
def verify_log(request: ApiRequest, body: VerifyBody | None = None) -> Verified:
    """Verify the log, a part or one stream: every hash, every link, every place; the first bad entry is named."""
    asked = body or VerifyBody()
    run = verify_now(request.auth, stream=asked.stream or "", since=asked.since or "")
    return Verified(ok=run.ok, checked=run.checked, first_bad=_first_bad(run), run=run.pk)


@endpoint(
    router, "GET", "/audit/verifications", right=Right.READ_AUDIT, scope="audit:read", answer=VerificationPage, refuses=(422,)
)
def list_verifications(request: ApiRequest, page: Query[Paged]) -> VerificationPage:
    """List verifications, newest first: those that somebody asked for, and those that are done by themselves."""
    key = decode("verifications", page.cursor)
    rows = findings.runs(before=key[0] if key else None, limit=page.limit + 1)
    items = [VerificationOut(**_shape(row)) for row in rows[: page.limit]]
    return VerificationPage(
        items=items, next_cursor=encode("verifications", [items[-1].run] if len(rows) > page.limit else None)
    )


@endpoint(
    router,
    "GET",
    "/audit/verifications/{number}",
    right=Right.READ_AUDIT,
    scope="audit:read",
    answer=VerificationEvidence,
    refuses=(404, 422),
)
def get_verification(request: ApiRequest, number: Number) -> VerificationEvidence:
    """Return one verification, with the evidence where it found something."""
    row = findings.of(number)
    covers = findings.covered_by(row)
    return VerificationEvidence(
        evidence=row.evidence, covers=None if covers is None else FindingsRange(**asdict(covers)), **_shape(row)
    )


@endpoint(
    router,
    "POST",
    "/audit/verifications/{number}/acknowledge",
    right=Right.ANSWER_FINDINGS,
    scope="audit:write",
    answer=VerificationOut,
    refuses=(404, 409, 413, 415, 422),
)
def acknowledge_finding(request: ApiRequest, number: Number, body: AnswerBody) -> VerificationOut:
    """Write down what you make of a finding: the banner goes, the finding stays."""
    row = findings.acknowledge(number, actor=request.auth.actor(), note=body.note, together=body.together)
    return VerificationOut(**_shape(row))


def _first_bad(row: VerificationRun) -> FirstBad | None:
    return FirstBad(**row.first_bad) if row.first_bad and row.ok is False else None


def _shape(row: VerificationRun) -> dict[str, Any]:
    copied = ("ok", "checked", "what", "stream", "since", "place", "upto", "remark", "began_at", "ended_at", "seconds",
              "acknowledged_at", "acknowledged_by", "note")  # fmt: skip
    return {"run": row.pk, "by": row.actor_name, "first_bad": _first_bad(row), **{name: getattr(row, name) for name in copied}}
