"""One person's decision on a request, and taking it back: each in one transaction that joins the caller's.

Who may decide stands in `approvals.policy`, what a verdict needs in `approvals.verdicts`. `agents.gate` alone calls
these, because a decision has to wake the session in the same transaction.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction

from approvals.errors import (
    AlreadyDecided,
    ApprovalNotFound,
    EditRefused,
    Expired,
    IdempotencyConflict,
    InvalidVerdict,
    NeedsReauthentication,
    NothingToUndo,
    NotPending,
    NotYours,
    StaleDigest,
)
from approvals.facts import Judgement, Person, RequestFacts
from approvals.lifecycle import REQUEST
from approvals.models import ApprovalRequest, Decision
from approvals.moves import judged, request_entry
from approvals.policy import may_decide
from approvals.verdicts import APPROVALS, EFFECTS, KINDS, Said, checked, event_of
from audit.actors import Actor
from audit.batch import NOW, After, Batch, Birth, Change
from audit.entry import Entry, Text
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """What a reviewer made of a call, validated and judged again: the next revision of its request."""

    body: bytes  # with the next revision in it
    digest: str
    summary: str
    judgement: Judgement
    difference: tuple[dict[str, Any], ...]  # [{path, before, after}]
    tier: str = ""
    blast_radius: str = ""


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision: `effect` is pending (more votes), held, approved, rejected or answered.

    `replayed` marks the answer to a repeat of a decision that had been taken: nothing was done, nothing is to be done.
    """

    request: ApprovalRequest
    decision: Decision
    effect: str
    votes: int
    replayed: bool = False


@transaction.atomic
def decide(  # noqa: PLR0913  one name for each thing that can be said
    *,
    request_id: UUID,
    person: Person,
    actor: Actor,
    verdict: str,
    digest: str,
    instruction: str = "",
    answer: str = "",
    amount: int | None = None,
    edit: Edit | Callable[[ApprovalRequest], Edit] | None = None,
    idempotency_key: str = "",
    hold: bool = False,
) -> Decided:
    """Take one person's decision on the revision of a request that they were shown.

    Steps: 1 lock the request, 2 answer a repeat as before, 3 rights, 4 still open, 5 in time by the database's clock,
    6 what was shown is what stands, 7 the verdict's own input, 8 write. `digest` is the one that was shown; `edit` is
    given with the verdict `edit`, or a function that prepares it from the locked request once all but 7 is passed; with `hold` an approval can be undone for a moment.
    Raises the errors of `approvals.errors`; nothing is written then.
    """
    said = Said(verdict, instruction, answer, amount)
    request, now = _locked(request_id)  # 1
    if earlier := _repeat(request, person, idempotency_key):  # 2
        return _replayed(request, earlier, said, digest)
    refuse(person, request.rights, verdict)  # 3
    _pending(request)  # 4
    if now >= request.expires_at:  # 5
        raise Expired(ref=request.ref, expires_at=request.expires_at)
    if digest != request.digest:  # 6
        raise StaleDigest(ref=request.ref, revision=request.revision)
    said = checked(request.kind, said)  # 7
    step = _Step(request, person, actor, said, _fitting(request, person, said, edit), idempotency_key)
    return step.write(hold=hold)  # 8


@transaction.atomic
def undo(*, request_id: UUID, actor: Actor) -> ApprovalRequest:
    """Take an approval back within its undo period; only who gave it last can. Other votes stay.

    An edit stays as the revision that it made, without its editor's vote. Raises NothingToUndo, NotYours.
    """
    request, now = _locked(request_id)
    if request.status != "held" or request.held_until is None:
        raise NothingToUndo(ref=request.ref, reason=f"it is {request.status}")
    if actor.kind != "user" or actor.id != str(request.decided_by):
        raise NotYours(refusal="undo", reason="Only who approved it can take it back.")
    if now >= request.held_until:
        raise NothingToUndo(ref=request.ref, reason="its undo period is over")
    request.decisions.filter(decided_by=int(actor.id), voided="").update(voided="undo")
    values = {"decided_by": None, "decided_name": "", "decided_at": None, "held_until": None}
    change = Change(REQUEST, request.id, "held", "undo", values, {"revision": request.revision})
    transition(Batch(changes=(change,), entries=(request_entry(request, EventKind.APPROVAL_UNDONE, actor, {}),)))
    request.refresh_from_db()
    return request


def refuse(person: Person, rights: RequestFacts, verdict: str) -> None:
    """Raise NotYours, NeedsReauthentication or InvalidVerdict where `person` may not give `verdict`."""
    refusal = may_decide(person, rights, verdict)
    if refusal is None:
        return
    if refusal.code == "invalid_verdict":
        raise InvalidVerdict(field="verdict", reason=refusal.text)
    if refusal.code == "reauthenticate":
        raise NeedsReauthentication
    raise NotYours(refusal=refusal.code, reason=refusal.text)


def _locked(request_id: UUID) -> tuple[ApprovalRequest, datetime]:
    request = ApprovalRequest.objects.select_for_update().filter(id=request_id).first()
    if request is None:
        raise ApprovalNotFound
    with connection.cursor() as cursor:
        # Asked after the lock was got: waiting for it may have taken until after the expiry.
        cursor.execute("SELECT clock_timestamp()")
        (now,) = cursor.fetchone()
    return request, now


def _repeat(request: ApprovalRequest, person: Person, key: str) -> Decision | None:
    if not key:
        return None
    return request.decisions.filter(decided_by=person.id, idempotency_key=key).first()


def _replayed(request: ApprovalRequest, earlier: Decision, said: Said, digest: str) -> Decided:
    said = checked(request.kind, said)
    now = (said.verdict, said.instruction, said.answer, said.amount, digest)
    if now != (earlier.verdict, earlier.instruction, earlier.answer, earlier.amount, earlier.digest):
        raise IdempotencyConflict(ref=request.ref)
    return Decided(request, earlier, request.status, _votes(request), replayed=True)


def _pending(request: ApprovalRequest) -> None:
    if request.status == "pending":
        return
    if request.status == "expired":
        raise Expired(ref=request.ref, expires_at=request.expires_at)
    last = request.decisions.filter(voided="").order_by("created_at").last()
    if last is None or request.decided_by is None:
        raise NotPending(ref=request.ref, status=request.status)
    raise _taken(request, last)


def _taken(request: ApprovalRequest, decision: Decision) -> AlreadyDecided:
    return AlreadyDecided(
        ref=request.ref,
        status=request.status,
        decided_name=decision.decided_name,
        verdict=decision.verdict,
        decided_at=decision.created_at,
    )


def _fitting(
    request: ApprovalRequest, person: Person, said: Said, given: Edit | Callable[[ApprovalRequest], Edit] | None
) -> Edit | None:
    """Return the edit where the verdict is one; whoever edits has to be entitled to approve the result too."""
    if said.verdict != "edit":
        return None
    if given is None:
        raise InvalidVerdict(field="arguments", reason="An edit needs the arguments that shall be used instead.")
    edit = given(request) if callable(given) else given
    if edit.judgement.verdict == "deny":
        raise EditRefused(reason=" ".join(reason.text for reason in edit.judgement.reasons))
    judgement = edit.judgement
    rights = RequestFacts(
        kind=request.kind,
        excluded=frozenset(request.excluded),
        requester=request.requester,
        groups=judgement.groups,
        self_confirm=judgement.self_confirm,
        reauthenticate=judgement.reauthenticate,
    )
    refuse(person, rights, "edit")
    return edit


@dataclass(frozen=True, slots=True)
class _Step:
    """One accepted decision on the locked request, on its way into the database."""

    request: ApprovalRequest
    person: Person
    actor: Actor
    said: Said
    edit: Edit | None
    key: str

    def write(self, *, hold: bool) -> Decided:
        """Write decision, move and entries; an edit makes the next revision and voids the votes on the one before."""
        request, edit, decision_id = self.request, self.edit, uuid7()
        earlier = [] if edit else list(request.decisions.filter(revision=request.revision, voided="", verdict__in=APPROVALS))
        if mine := next((vote for vote in earlier if vote.decided_by == self.person.id), None):
            raise _taken(request, mine)
        votes = len(earlier) + (self.said.verdict in APPROVALS)
        required, hold_s = (edit.judgement.required, edit.judgement.hold_s) if edit else (request.required, request.hold_s)
        event = event_of(self.said.verdict, votes=votes, required=required, hold=hold and hold_s > 0)
        if edit:
            request.decisions.filter(voided="").update(voided="edit")
        values = {**self._revised(), **self._settled(event, hold_s)}
        events = ("revise", event) if edit else (event,)
        guard = {"revision": request.revision, "digest": request.digest}
        change = Change(REQUEST, request.id, "pending", events, values, guard)
        birth = Birth("approvals.Decision", self._decision(decision_id))
        transition(Batch(changes=(change,), births=(birth,), entries=self._entries(event, votes, required)))
        request.refresh_from_db()
        return Decided(request, Decision.objects.get(id=decision_id), EFFECTS[event], votes)

    @property
    def _revision(self) -> int:
        return self.request.revision + (self.edit is not None)

    def _decision(self, decision_id: UUID) -> dict[str, Any]:
        return {
            "id": decision_id,
            "request_id": self.request.id,
            "revision": self._revision,
            "verdict": self.said.verdict,
            "digest": self.request.digest,
            "decided_by": self.person.id,
            "decided_name": self.person.name,
            "token": self.actor.token,
            "instruction": self.said.instruction,
            "answer": self.said.answer,
            "amount": self.said.amount,
            "difference": list(self.edit.difference) if self.edit else [],
            "idempotency_key": self.key,
        }

    def _revised(self) -> dict[str, Any]:
        edit = self.edit
        if edit is None:
            return {}
        return {
            "revision": self._revision,
            "body": edit.body,
            "digest": edit.digest,
            "summary": edit.summary,
            "tier": edit.tier or self.request.tier,
            "blast_radius": edit.blast_radius or self.request.blast_radius,
            **judged(edit.judgement),
        }

    def _settled(self, event: str, hold_s: int) -> dict[str, Any]:
        if event == "vote":
            return {}
        held = {"held_until": After(hold_s)} if event == "hold" else {}
        return {"decided_by": self.person.id, "decided_name": self.person.name, "decided_at": NOW, **held}

    def _entries(self, event: str, votes: int, required: int) -> tuple[Entry, ...]:
        request, edit = self.request, self.edit
        facts: dict[str, Any] = {"verdict": self.said.verdict, "votes": votes, "required": required}
        if self.said.amount is not None:
            facts["amount_microusd"] = self.said.amount
        spoken = {"instruction": self.said.instruction, "answer": self.said.answer}
        texts = tuple(Text(uuid7(), name, body) for name, body in spoken.items() if body)
        if edit is None:
            return (request_entry(request, KINDS[event], self.actor, facts, texts=texts),)
        facts |= {"digest": edit.digest, "replaces": request.digest}
        paths = [part["path"] for part in edit.difference]
        revised = request_entry(
            request, EventKind.APPROVAL_REVISED, self.actor, {**facts, "changed": paths}, revision=self._revision
        )
        if event == "vote":
            return (revised,)
        return (revised, request_entry(request, KINDS[event], self.actor, facts, revision=self._revision))


def _votes(request: ApprovalRequest) -> int:
    return request.decisions.filter(revision=request.revision, voided="", verdict__in=APPROVALS).count()
