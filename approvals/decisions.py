"""One person's decision on a request, and taking it back: each in one transaction that joins the caller's.

Who may decide stands in `approvals.policy`, what a verdict needs in `approvals.verdicts`. `agents.gate` alone calls
these, because a decision has to wake the session in the same transaction.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from approvals import controls, standing
from approvals.breaking import checked as checked_glass
from approvals.emergency import Glass
from approvals.errors import (
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
    TooSoon,
)
from approvals.facts import Person, Place, RequestFacts
from approvals.lifecycle import REQUEST
from approvals.looked import Looked
from approvals.models import ApprovalRequest, Decision
from approvals.moves import request_entry
from approvals.outcome import Decided, Edit, Outcome, Settled, Stands, taken
from approvals.places import given_to, with_places
from approvals.policy import LENDABLE, may_decide, place_for
from approvals.reveals import must_have_seen
from approvals.sameness import Same
from approvals.verdicts import APPROVALS, Said, checked
from audit.actors import Actor
from audit.atomically import atomically
from audit.batch import Batch, Change
from audit.connection import locked_now
from audit.events import EventKind
from audit.services import Moment, transition

__all__ = ["Decided", "Edit", "Locked", "decide", "key_of", "refuse", "undo"]


class Locked(NamedTuple):
    """A request that is locked until the transaction ends, and the time after that."""

    request: ApprovalRequest
    now: datetime
    moment: Moment | None = None  # asked for after all that is to be changed was locked


Lock = Callable[[UUID | int], Locked | None]
"""Locks a request; None where there is none."""


@atomically
def decide(  # noqa: PLR0913  one name for each thing that can be said
    *,
    request_id: UUID | int,
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
    same: Same | None = None,
    glass: Glass | None = None,
    also: Callable[[Settled], Batch] | None = None,
    looked: Looked | None = None,
    lock: Lock | None = None,
) -> Decided:
    """Take one person's decision on the revision of a request that they were shown.

    Steps: 1 lock the request, 2 answer a repeat as before, 3 rights, 4 still open, 5 in time by the database's clock,
    6 what was shown is what stands, all of it and for long enough, 7 the verdict's own input, 8 write. `request_id` may
    be its number; `digest` is the one that was shown; `edit` is given with the verdict `edit`, or a function that
    prepares it from the locked request once steps 1 to 6 are passed; with `hold` an approval can be undone for a moment;
    `also` says what else is written in the same call; `looked` is what a page knows of how long it was before the
    person; with `same` an approval stands for further calls of the session; `glass` breaks it, in the place of groups
    and quorum; `lock` locks the request in the caller's way, who needs more locked behind it.
    Raises the errors of `approvals.errors`; nothing is written then.
    """
    said = Said(verdict, instruction, answer, amount)
    request, now, moment = _locked(request_id, lock)  # 1
    if earlier := _repeat(request, person, idempotency_key):  # 2
        return _replayed(request, earlier, said, digest, same)
    broken = None
    if glass is None:  # 3
        person, place = entitled(request, request.rights, person, verdict)
    else:
        place, broken = None, (glass, checked_glass(request, person, verdict, glass))
    _pending(request)  # 4
    if now >= request.expires_at:  # 5
        raise Expired(ref=request.ref, expires_at=request.expires_at)
    if digest != request.digest:  # 6
        raise StaleDigest(ref=request.ref, revision=request.revision)
    if verdict in APPROVALS:
        must_have_seen(request, person)
    if looked is not None and verdict in APPROVALS and looked.left_s:
        raise TooSoon(ref=request.ref, left_s=looked.left_s, dwell_s=looked.dwell_s)
    said = checked(request.kind, said)  # 7
    age_ms = round((now - request.created_at).total_seconds() * 1000)
    looked = looked.plausible(age_ms) if looked is not None else None
    stands = _stands(request, person, said, None if glass else same)
    fitting, place = _fitting(request, person, said, edit, place)
    control = _control(request, person, said, fitting)
    step = Outcome(request, person, actor, said, fitting, idempotency_key, also, looked, place, control, stands, broken, moment)
    return step.write(hold=hold)  # 8


GONE: Mapping[str, str] = {
    "approved": "its undo period is over",
    "consumed": "it has run",
    "pending": "it still waits for a decision",
}
"""Why there is nothing to take back, by the request's status."""


@atomically
def undo(*, request_id: UUID, actor: Actor) -> ApprovalRequest:
    """Take an approval back within its undo period; only who gave it last can. Other votes stay.

    An edit stays as the revision that it made, without its editor's vote. Raises NothingToUndo, NotYours.
    """
    request, now, _ = _locked(request_id)
    if request.status != "held" or request.held_until is None:
        raise NothingToUndo(ref=request.ref, reason=GONE.get(request.status, f"it is {request.status}"))
    if actor.kind != "user" or actor.id != str(request.decided_by):
        raise NotYours(refusal="undo", reason="Only who approved it can take it back.")
    if now >= request.held_until:
        raise NothingToUndo(ref=request.ref, reason="its undo period is over")
    request.decisions.filter(decided_by=int(actor.id), voided="").update(voided="undo")
    values = {"decided_by": None, "decided_name": "", "decided_at": None, "held_until": None}
    change = Change(REQUEST, request.id, "held", "undo", values, {"revision": request.revision})
    changes = (change, *standing.undone(request.id))
    transition(Batch(changes=changes, entries=(request_entry(request, EventKind.APPROVAL_UNDONE, actor, {}),)))
    request.refresh_from_db()
    return request


def entitled(request: ApprovalRequest, rights: RequestFacts, person: Person, verdict: str) -> tuple[Person, Place | None]:
    """Return the person, and the place of somebody absent in which they decide; None where it is their own right.

    Covers are read only where they can matter: a role or group is missing, or the request was given to somebody else.
    Raises as `refuse`.
    """
    refusal = may_decide(person, rights, verdict)
    others = given_to(request, person)
    if (others is not None) if refusal is None else refusal.code in LENDABLE:
        person = with_places(person)
    refuse(person, rights, verdict)
    return person, place_for(person, rights, verdict, given_to=others)


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


def key_of(request_id: UUID | int) -> str:
    """Return by which column a request is found."""
    return "number" if isinstance(request_id, int) else "id"


def _locked(request_id: UUID | int, lock: Lock | None = None) -> Locked:
    found = lock(request_id) if lock else _locked_alone(request_id)
    if found is None:
        raise ApprovalNotFound
    return found


def _locked_alone(request_id: UUID | int) -> Locked | None:
    # The time is that after the lock was got: waiting for it may have taken until after the expiry.
    found = locked_now(ApprovalRequest, request_id, by=key_of(request_id))
    return Locked(*found) if found else None


def _repeat(request: ApprovalRequest, person: Person, key: str) -> Decision | None:
    if not key:
        return None
    return request.decisions.filter(decided_by=person.id, idempotency_key=key).first()


def _replayed(request: ApprovalRequest, earlier: Decision, said: Said, digest: str, same: Same | None) -> Decided:
    said = checked(request.kind, said)
    if same != standing.said_with(earlier.id):
        raise IdempotencyConflict(ref=request.ref)
    now = (said.verdict, said.instruction, said.answer, said.amount, digest)
    if now != (earlier.verdict, earlier.instruction, earlier.answer, earlier.amount, earlier.digest):
        raise IdempotencyConflict(ref=request.ref)
    return Decided(request, earlier, request.status, _votes(request), replayed=True, control="control" in request.facts)


def _pending(request: ApprovalRequest) -> None:
    if request.status == "pending":
        return
    if request.status == "expired":
        raise Expired(ref=request.ref, expires_at=request.expires_at)
    last = request.decisions.filter(voided="").order_by("created_at").last()
    if last is None or request.decided_by is None:
        raise NotPending(ref=request.ref, status=request.status)
    raise taken(request, last)


def _fitting(
    request: ApprovalRequest,
    person: Person,
    said: Said,
    given: Edit | Callable[[ApprovalRequest], Edit] | None,
    place: Place | None,
) -> tuple[Edit | None, Place | None]:
    """Return the edit where the verdict is one; whoever edits has to be entitled to approve the result too."""
    if said.verdict != "edit":
        return None, place
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
    _, of_result = entitled(request, rights, person, "edit")
    return edit, of_result or place


def _control(request: ApprovalRequest, person: Person, said: Said, edit: Edit | None) -> controls.Resolution | None:
    """Return what becomes of a control request; None for every other."""
    mark = controls.waiting(request)
    if mark is None:
        return None
    changed = [str(part["path"]) for part in edit.difference] if edit else []
    return controls.judged(mark, request, said.verdict, changed, person)


def _stands(request: ApprovalRequest, person: Person, said: Said, same: Same | None) -> Stands | None:
    """Return for which further calls the approval stands; without a session, as a control request is, for none."""
    if same is None:
        return None
    stands = Stands(same, standing.checked(request, person, said.verdict, same))
    return stands if request.session_id is not None else None


def _votes(request: ApprovalRequest) -> int:
    return request.decisions.filter(revision=request.revision, voided="", verdict__in=APPROVALS).count()
