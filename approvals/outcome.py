"""What an accepted decision makes of its request: the decision's row, the move, the entries, in one write.

Whether it is accepted stands in `approvals.decisions`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from approvals.breaking import use_of
from approvals.controls import Resolution
from approvals.emergency import Glass
from approvals.errors import AlreadyDecided
from approvals.facts import Judgement, Person, Place
from approvals.lifecycle import REQUEST
from approvals.looked import Looked
from approvals.models import ApprovalRequest, Decision
from approvals.moves import judged, request_entry
from approvals.sameness import Same
from approvals.standing import give
from approvals.verdicts import APPROVALS, EFFECTS, KINDS, Said, event_of
from audit.actors import Actor
from audit.batch import NOW, After, Batch, Birth, Change, settled
from audit.entry import Entry, Text
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import Moment, transition


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
    origins: tuple[dict[str, Any], ...] = ()  # where each value comes from now
    sensitive: tuple[dict[str, Any], ...] = ()  # the places of what people see only once they ask to


@dataclass(frozen=True, slots=True)
class Decided:
    """What came of a decision: `effect` is pending (more votes), held, approved, rejected or answered.

    `replayed` marks the answer to a repeat of a decision that had been taken: nothing was done, nothing is to be done.
    `control` says that it was a control request: nothing runs by it, and people are told. `told` is what the caller asked to
    be read of it once it was locked.
    """

    request: ApprovalRequest
    decision: Decision
    effect: str
    votes: int
    replayed: bool = False
    control: bool = False
    told: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """What a decision is about to make of its request, for whoever writes its consequences in the same call."""

    request: ApprovalRequest  # as it was before
    said: Said
    by: str
    effect: str
    revision: int
    hold_s: int  # seconds of its undo period; 0 if it has none
    stands: bool = False  # further calls of the session may be covered by it


@dataclass(frozen=True, slots=True)
class Stands:
    """For which further calls an approval stands, and the number of the policy that allows it."""

    same: Same
    policy: int


def taken(request: ApprovalRequest, decision: Decision) -> AlreadyDecided:
    """Return the error that tells who decided, what, and when."""
    return AlreadyDecided(
        ref=request.ref,
        status="voted on" if request.status == "pending" else request.status,
        decided_name=decision.decided_name,
        verdict=decision.verdict,
        decided_at=decision.created_at,
    )


def _as_written(request: ApprovalRequest, status: str, values: Mapping[str, Any], at: datetime) -> None:
    """Bring the locked row in memory to what was written of it."""
    request.status = status
    for name, value in values.items():
        setattr(request, name, settled(value, at))


@dataclass(frozen=True, slots=True)
class Outcome:
    """One accepted decision on the locked request, on its way into the database."""

    request: ApprovalRequest
    person: Person
    actor: Actor
    said: Said
    edit: Edit | None
    key: str
    also: Callable[[Settled], Batch] | None = None
    looked: Looked | None = None
    place: Place | None = None  # of somebody absent, where it is decided in it
    control: Resolution | None = None
    stands: Stands | None = None
    broken: tuple[Glass, Sequence[str]] | None = None  # the glass, with what is missing of an ordinary approval
    moment: Moment | None = None

    def write(self, *, hold: bool) -> Decided:
        """Write decision, move, entries and consequences in one call.

        An edit makes the next revision and voids the votes on the one before.
        """
        request, edit, decision_id = self.request, self.edit, uuid7()
        earlier = [] if edit else self._others()
        votes = len(earlier) + (self.said.verdict in APPROVALS)
        required, hold_s = (edit.judgement.required, edit.judgement.hold_s) if edit else (request.required, request.hold_s)
        required_now, undoable = 1 if self.broken else required, hold and hold_s > 0 and not self.control
        event = event_of(self.said.verdict, votes=votes, required=required_now, hold=undoable)
        if edit:
            request.decisions.filter(voided="").update(voided="edit")
        values = {**self._revised(), **self._settled(event, hold_s)}
        events: tuple[str, ...] = ("revise", event) if edit else (event,)
        if self.control:
            events = (*(one for one in events if one != "reject"), "void")
            values["facts"] = {**self.control.facts, **values.get("facts", {})}
        guard = {"revision": request.revision, "digest": request.digest}
        change = Change(REQUEST, request.id, "pending", events, values, guard)
        decision = self._decision(decision_id)
        birth = Birth("approvals.Decision", {**decision, "created_at": NOW})
        batches = [Batch(changes=(change,), births=(birth,), entries=self._entries(event, votes, required))]
        batches += self._beside(decision_id)
        if self.also is not None:
            held_s = hold_s if event == "hold" else 0
            settled = Settled(request, self.said, self.person.name, EFFECTS[event], self._revision, held_s, bool(self.stands))
            batches.append(self.also(settled))
        if self.control:
            batches.append(self.control.batch)
        written = transition(batches, moment=self.moment)
        _as_written(request, REQUEST.follow("pending", events), values, written[0].at)
        made = Decision(**decision, created_at=written[0].at)
        return Decided(request, made, EFFECTS[event], votes, control=self.control is not None)

    def _beside(self, decision_id: UUID) -> Iterator[Batch]:
        """Give what is written with the decision where it stands for further calls, or broke the glass."""
        if self.stands is not None:
            yield self._given(self.stands, decision_id)
        if self.broken is not None:
            use, told = use_of(self.request, decision_id, self.person, self.actor, *self.broken)
            yield Batch(births=(use,), entries=(told,))

    def _others(self) -> list[Decision]:
        """Return the approvals of others; raise AlreadyDecided where this person's vote, or this place's, is given.

        Whoever agreed, and breaks the glass now that the others do not come, has one vote: the one that broke it. Whoever
        agreed, and sees the mistake before the others came, still has the veto that everybody has: it only stops.
        """
        earlier = self._earlier()
        mine = next(filter(self._takes_my_place, earlier), None)
        if mine is None:
            return earlier
        instead = self.broken or self.said.verdict == "reject"
        if not instead or mine.decided_by != self.person.id:
            raise taken(self.request, mine)
        self.request.decisions.filter(id=mine.id).update(voided="undo")
        return [vote for vote in earlier if vote.id != mine.id]

    def _earlier(self) -> list[Decision]:
        """Return the approvals that the revision has so far; where one is enough it would not be pending with one."""
        if self.request.required == 1:
            return []
        return list(self.request.decisions.filter(revision=self.request.revision, voided="", verdict__in=APPROVALS))

    def _takes_my_place(self, vote: Decision) -> bool:
        """Say whether the vote is this person's, or of the same place: given by the absent one, or for them."""
        places = {self.person.id} | ({self.place.of} if self.place else set())
        return not places.isdisjoint({vote.decided_by, vote.in_place_of})

    def _given(self, stands: Stands, decision_id: UUID) -> Batch:
        birth, entry = give(
            self.request, stands.same, decision_id=decision_id, policy=stands.policy, person=self.person, actor=self.actor
        )
        return Batch(births=(birth,), entries=(entry,))

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
            **(self.looked.stored if self.looked else {}),
            **({"in_place_of": self.place.of, "in_place_name": self.place.name} if self.place else {}),
            **({"broke_glass": True} if self.broken else {}),
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
            "facts": {**self.request.facts, "origins": list(edit.origins), **self._sensitive(edit)},
            **judged(edit.judgement),
        }

    def _sensitive(self, edit: Edit) -> dict[str, Any]:
        known = edit.sensitive or "sensitive" in self.request.facts
        return {"sensitive": list(edit.sensitive)} if known else {}

    def _settled(self, event: str, hold_s: int) -> dict[str, Any]:
        if event == "vote":
            return {}
        held = {"held_until": After(hold_s)} if event == "hold" else {}
        return {"decided_by": self.person.id, "decided_name": self.person.name, "decided_at": NOW, **held}

    def _entries(self, event: str, votes: int, required: int) -> tuple[Entry, ...]:
        request, edit = self.request, self.edit
        facts: dict[str, Any] = {"verdict": self.said.verdict, "votes": votes, "required": required}
        if self.place is not None:
            facts |= {"in_place_of": str(self.place.of), "in_place_name": self.place.name}
        if self.broken is not None:
            facts["broke_glass"] = True
        if self.said.amount is not None:
            facts["amount_microusd"] = self.said.amount
        if self.looked is not None:
            facts |= {**self.looked.stored, **({"quick": True} if self.looked.quick else {})}
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
