"""One approval request over the API: what it is, what was decided, and deciding. Lists stand in `console.api.queue`."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from ninja import Router
from pydantic import Field

from agents.gate.decide import answer, undo
from approvals import queries
from approvals.digest import ERASED
from approvals.emergency import Glass
from approvals.facts import DecisionVerdict, Person, Tier
from approvals.models import ApprovalRequest, Decision
from approvals.policy import verdicts_for
from approvals.reveals import reveal
from approvals.sensitive import places_of
from approvals.standing import stood_by
from approvals.verdicts import APPROVALS
from audit.content import read_texts
from console.api.answers import Answer
from console.api.approval_parts import ClaimOut, ReasonOut, claim_of
from console.api.controls import ControlOut, control_of
from console.api.deciding import DecisionBody, Digest, only_what_belongs, same_of
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import ApprovalRef, Body
from console.auth import Caller
from console.covering import Cover, cover_of
from console.readings import note_reading
from console.revealing import marks_of, reveals_request, summary_of
from console.rights import DECIDE_SCOPE, Right
from console.signin import reauthenticated
from console.standing import person_of

router = Router(tags=["approvals"])
Kind = Literal["tool_call", "budget", "question", "unknown_outcome", "stuck", "prompt_release"]
Status = Literal["pending", "held", "approved", "consumed", "rejected", "answered", "expired", "withdrawn", "void"]


class RevealBody(Body):
    """The digest of the revision that you were shown."""

    digest: Digest


class DecisionOut(Answer):
    """One person's decision. `voided` says why it no longer counts; `standing` that a standing approval gave it."""

    verdict: DecisionVerdict
    revision: int
    by: str
    at: datetime
    instruction: str | None
    answer: str | None
    amount: int | None
    difference: list[dict[str, Any]] | None
    voided: str
    broke_glass: bool = Field(description="approved alone, in an emergency")
    in_place_of: str | None = Field(description="in whose place it was given, by a cover")
    standing: bool


class SensitiveOut(Answer):
    """A field that people see only once they ask to; `shown` says whether you did, for this revision."""

    path: str
    kind: str
    shown: bool


class ApprovalOut(Answer):
    """An approval request. Raw content is null for those who may not read it, and in lists.

    `refused_before` are requests of the same intent that people refused in its session; empty in lists.
    """

    id: str
    kind: Kind
    status: Status
    revision: int
    session: str | None
    agent: str | None
    tool: str | None
    tier: Tier | None
    blast_radius: str | None
    risk: int
    environment: str
    summary: str
    reasoning: str | None
    arguments: dict[str, Any] | None
    raw_arguments: str | None
    origins: list[dict[str, Any]] | None
    sensitive: list[SensitiveOut]
    facts: dict[str, Any]
    digest: str
    reasons: list[ReasonOut]
    taint: list[dict[str, Any]]
    cost_microusd: int
    prompt_version: str
    requested_by: str
    requested_for: str | None
    created_at: datetime
    expires_at: datetime
    held_until: datetime | None
    escalated_at: datetime | None
    claim: ClaimOut | None
    by_standing: str | None
    required: int
    decisions: list[DecisionOut]
    refused_before: list[str]
    verdicts: list[DecisionVerdict]
    control: ControlOut | None


@endpoint(router, "GET", "/approvals/{ref}", right=Right.SEE, scope="approvals:read", answer=ApprovalOut, refuses=(404, 422))
def get_approval(request: ApiRequest, ref: ApprovalRef) -> ApprovalOut:
    """Return one request, with the verdicts that you may give now."""
    return read_whole(request.auth, queries.get(ref))


@endpoint(
    router, "POST", "/approvals/{ref}/reveal", right=Right.REVEAL_DECIDED, scope="approvals:write", answer=ApprovalOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def reveal_approval(request: ApiRequest, ref: ApprovalRef, body: RevealBody) -> ApprovalOut:
    """Have the sensitive fields of a revision shown to you from now on. It is an entry of the audit trail."""
    caller = request.auth
    row = reveal(
        request_id=queries.get(ref).id, person=caller.person(), actor=caller.actor(), digest=body.digest,
        reads_all=caller.has(Right.REVEAL),
    )  # fmt: skip
    return whole(caller, queries.get(row.id))


@endpoint(
    router, "POST", "/approvals/{ref}/decisions", right=Right.DECIDE, scope=DECIDE_SCOPE, answer=ApprovalOut, status=200,
    refuses=(404, 409, 410, 413, 415, 422), creates=True,
)  # fmt: skip
def decide_approval(request: ApiRequest, ref: ApprovalRef, body: DecisionBody) -> ApprovalOut:
    """Decide on the revision whose digest you were shown. A decision over the API has no undo period."""
    caller = request.auth
    only_what_belongs(body)
    if body.break_glass is not None:
        caller.check(Right.BREAK_GLASS, DECIDE_SCOPE)
    number = queries.number_of(ref)
    decided = answer(
        request_id=number,
        person=caller.person(reauthenticated=caller.kind == "user" and reauthenticated(request, body.digest)),
        actor=caller.actor(),
        verdict=body.verdict,
        digest=body.digest,
        instruction=body.instruction,
        arguments=body.arguments,
        answer=body.answer,
        amount=body.amount,
        idempotency_key=request.headers.get("Idempotency-Key", ""),
        hold=False,
        same=same_of(body.same),
        glass=Glass(body.break_glass.reason, body.break_glass.confirm) if body.break_glass else None,
        behind=queries.asked_behind(number),
    )
    # What a release made of its approval is written with the decision, and not known to it.
    if decided.replayed or decided.request.kind == "prompt_release":
        return whole(caller, queries.get(decided.request.id))
    return whole(caller, *queries.with_decision(decided))


@endpoint(
    router, "POST", "/approvals/{ref}/undo", right=Right.DECIDE, scope=DECIDE_SCOPE, answer=ApprovalOut, refuses=(404, 409, 422)
)
def undo_approval(request: ApiRequest, ref: ApprovalRef) -> ApprovalOut:
    """Take back an approval that you gave on a page, within its undo period."""
    undone = undo(request_id=queries.get(ref).id, actor=request.auth.actor())
    return whole(request.auth, queries.get(undone.id))


def read_whole(caller: Caller, row: ApprovalRequest) -> ApprovalOut:
    """Return a request with its raw content, and note who read it."""
    if reveals_request(caller):
        note_reading(caller, [row.ref])
    return whole(caller, row)


def whole(caller: Caller, row: ApprovalRequest, texts: Mapping[UUID, str] | None = None) -> ApprovalOut:
    """Return a request with its raw content, for those who may read it; `texts` where they were read already."""
    cover = cover_of(row, caller)
    person = person_of(caller, reauthenticated=False) if row.status == "pending" else caller.person()
    plain = shape(caller, row, cover, person)
    if not reveals_request(caller):
        return plain
    texts = read_texts(_texts_of(caller, row)) if texts is None else texts
    ids = {"reasoning": row.reasoning_id, "raw_arguments": row.raw_arguments_id}
    said = {name: texts.get(id_) if id_ else None for name, id_ in ids.items()}
    asked = None if bytes(row.body) == ERASED else json.loads(bytes(row.body)).get("arguments")
    return plain.model_copy(
        update={
            "reasoning": cover.value(said["reasoning"]),
            "raw_arguments": cover.document(said["raw_arguments"]) if said["raw_arguments"] else said["raw_arguments"],
            "arguments": cover.arguments(asked) if asked else asked,
            "origins": row.facts.get("origins"),
            "refused_before": [one.ref for one in queries.refused_before(row)],
        }
    )


def _texts_of(caller: Caller, row: ApprovalRequest) -> list[UUID]:
    """Return the ids of the raw texts of a request that this caller is answered with."""
    ids = (row.reasoning_id, row.raw_arguments_id) if reveals_request(caller) else ()
    return [id_ for id_ in ids if id_ is not None]


def shape(caller: Caller, row: ApprovalRequest, cover: Cover, person: Person) -> ApprovalOut:
    """Return a request as it stands in lists, without its raw content."""
    names = (
        "kind", "status", "revision", "risk", "environment", "digest", "cost_microusd",
        "prompt_version", "requested_by", "created_at", "expires_at", "held_until", "escalated_at", "required",
    )  # fmt: skip
    empty = ("agent", "tool", "tier", "blast_radius", "requested_for")
    optional: dict[str, Any] = {name: getattr(row, name) or None for name in empty} | {"session": row.session_ref or None}
    open_ = reveals_request(caller)
    return ApprovalOut(
        id=row.ref,
        **{name: getattr(row, name) for name in names},
        **optional,
        summary=summary_of(row, revealed=open_),
        reasoning=None,
        arguments=None,
        raw_arguments=None,
        origins=None,
        sensitive=[SensitiveOut(path=place.path, kind=place.kind, shown=not cover.places) for place in places_of(row.facts)],
        facts=cover.facts(row.facts) if open_ else {},
        taint=cover.value(marks_of(row.taint, revealed=open_)),
        reasons=[ReasonOut(**reason) for reason in row.reasons],
        decisions=[_decision(decision, cover, words=open_) for decision in row.decisions.all()],
        refused_before=[],
        verdicts=verdicts_now(caller, row, cover, person),
        claim=claim_of(row),
        control=control_of(row, words=open_),
        by_standing=stood_by(row),
    )


def verdicts_now(caller: Caller, row: ApprovalRequest, cover: Cover, person: Person) -> list[DecisionVerdict]:
    """Return the verdicts that the caller may give now; none without the right to decide or its scope.

    Nobody approves what is covered for them, nor a second time.
    """
    if row.status != "pending" or not caller.has(Right.DECIDE, DECIDE_SCOPE):
        return []
    shut = APPROVALS if cover.places else {"approve"} if _approved(row, person) else set()
    return [verdict for verdict in verdicts_for(person, row.rights) if verdict not in shut]


def _approved(row: ApprovalRequest, person: Person) -> bool:
    """Say whether the person is one of those who approved this revision, and others are still waited for."""
    votes = row.decisions.all() if row.required > 1 else ()
    return any(vote.decided_by == person.id and vote.revision == row.revision and not vote.voided for vote in votes)


def _decision(row: Decision, cover: Cover, *, words: bool) -> DecisionOut:
    """Return a decision; with `words` as it was given, else without what was written in it."""
    names = ("verdict", "revision", "amount", "voided")
    said: dict[str, Any] = {name: getattr(row, name) if words else None for name in ("instruction", "answer", "difference")}
    told = {
        **{name: getattr(row, name) for name in names},
        "in_place_of": row.in_place_name,
        "standing": bool(row.standing_id),
        "broke_glass": bool(row.broke_glass),
    }
    return DecisionOut(by=row.decided_name, at=row.created_at, **told, **cover.value(said))
