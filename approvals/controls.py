"""Control requests (APPR-11): planted among the real ones to see who reads what they approve, and resolved at once.

A control request has neither session nor call, so nothing can run by it; a trigger refuses to have one approved for use.
Until it is decided nothing tells it apart, in the trail neither. Its own bytes hold a commitment: the name of its call is
the hash of a salt. The entry `control.planted`, written when it is resolved, opens that commitment, so anybody can check
that it was a control request from its beginning and was not made one afterwards.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import Count

from approvals.control_models import ControlRequest, ControlSetting
from approvals.control_templates import Spoilt
from approvals.errors import InvalidVerdict, NotAllowedToSet, StaleSetting
from approvals.facts import Person
from approvals.lifecycle import CONTROL, REQUEST
from approvals.models import ApprovalRequest
from approvals.moves import NewRequest, open_request, request_entry
from audit.actors import SYSTEM, Actor
from audit.batch import NOW, Batch, Birth, Change
from audit.entry import Entry, Text
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.randomness import random_bytes
from audit.services import record, transition

STREAM = "controls"
ONE_IN = range(5, 10_001)
PER_DAY = range(1, 21)
OUTCOMES = {"catch": "caught", "miss": "missed", "lapse": "lapsed"}


@dataclass(frozen=True, slots=True)
class Resolution:
    """What a request that is over turns out to be: facts that it carries from now on, and what is written with them."""

    facts: dict[str, Any] = field(default_factory=dict)
    batch: Batch = field(default_factory=Batch)


def setting() -> ControlSetting:
    """Return how often control requests are planted; off where nobody has set it."""
    return ControlSetting.objects.first() or ControlSetting(revision=0)


@transaction.atomic
def set_rate(
    *, on: bool, one_in: int, per_day: int, reason: str, person: Person, actor: Actor, revision: int | None = None
) -> ControlSetting:
    """Switch control requests on or off, about one in `one_in` requests, at most `per_day` before one person in a day.

    Switched off, those that wait fall away. `revision` is the one that was shown, where it shall be compared.
    Raises NotAllowedToSet, InvalidVerdict, StaleSetting.
    """
    if person.service:
        raise NotAllowedToSet(reason="A person switches control requests on and off, not a program.")
    _within("one_in", one_in, ONE_IN)
    _within("per_day", per_day, PER_DAY)
    if not reason.strip():
        raise InvalidVerdict(field="reason", reason="Say why: the reason stands in the audit trail.")
    _, first = ControlSetting.objects.get_or_create(id=1)
    row = ControlSetting.objects.select_for_update().get(id=1)
    if revision is not None and revision != (0 if first else row.revision):
        raise StaleSetting(name="control requests", revision=row.revision)
    row.on, row.one_in, row.per_day = on, one_in, per_day
    row.reason, row.changed_by, row.revision = reason.strip(), actor.name, row.revision + 1
    row.next_number = (_newest() or 0) + _gap(one_in)
    row.save()
    facts: dict[str, Any] = {"on": on, "one_in": one_in, "per_day": per_day, "reason": row.reason}
    record([Entry(STREAM, EventKind.CONTROL_SET, actor, facts, ("controls",), row.revision)])
    if not on:
        _withdraw(actor)
    transaction.on_commit(index_soon)
    return row


def due() -> ControlSetting | None:
    """Return the setting, locked for the caller's transaction, where the next one may be planted now; else None.

    At most `per_day` may come before one person: those that wait could all be decided by whoever decided most of late.
    """
    here = ControlSetting.objects.filter(on=True).first()
    if here is None or (_newest() or 0) < here.next_number:
        return None
    row = ControlSetting.objects.select_for_update(skip_locked=True).filter(on=True, next_number=here.next_number).first()
    if row is None:
        return None
    open_ = ControlRequest.objects.filter(status="planted").count()
    return row if open_ + _most_of_late() < row.per_day else None


def plant(row: ControlSetting, new: NewRequest, spoilt: Spoilt, *, salt: str, asked_by: Actor, texts: tuple[Text, ...]) -> None:
    """Put a control request up, as `due` allows it. `new` holds its bytes, in which the call is `call_of(salt)`."""
    birth, entry = open_request(new, actor=asked_by, texts=texts)
    mark = {"id": uuid7(), "request_id": new.id, "template": spoilt.template, "wrong": spoilt.wrong, "because": spoilt.because,
            "salt": salt}  # fmt: skip
    transition(Batch(births=(birth, Birth("approvals.ControlRequest", mark, CONTROL)), entries=(entry,)))
    ControlSetting.objects.filter(id=row.id).update(next_number=new.number + _gap(row.one_in))


def new_salt() -> str:
    """Return a salt for one control request."""
    return random_bytes(16).hex()


def call_of(salt: str) -> str:
    """Return what stands for the call in a control request's bytes: the hash of its salt, in the form of a call's id."""
    return str(UUID(bytes=hashlib.sha256(bytes.fromhex(salt)).digest()[:16], version=4))


def waiting(request: ApprovalRequest) -> ControlRequest | None:
    """Return the mark of a request that waits as a control request; asked only where it has no session."""
    if request.session_id is not None or request.kind != "tool_call":
        return None
    return ControlRequest.objects.filter(request_id=request.id, status="planted").first()


def judged(control: ControlRequest, request: ApprovalRequest, verdict: str, changed: Sequence[str], by: Person) -> Resolution:
    """Return what a decision makes of a control request: caught by a rejection, or by an edit of what is wrong with it."""
    corrected = any(path.partition(".")[0] == control.wrong for path in changed)
    event = "catch" if verdict == "reject" or corrected else "miss"
    return _resolution(control, request, event, by)


def lapsed(requests: Sequence[ApprovalRequest]) -> dict[UUID, Resolution]:
    """Return what becomes of those among `requests` that are control requests, as nobody decided them."""
    alone = {row.id: row for row in requests if row.session_id is None and row.kind == "tool_call"}
    if not alone:
        return {}
    marks = ControlRequest.objects.select_for_update(no_key=True).filter(request_id__in=alone, status="planted").order_by("id")
    return {mark.request_id: _resolution(mark, alone[mark.request_id], "lapse", None) for mark in marks}


def told(request: ApprovalRequest) -> str:
    """Return what tells people why a control request that is over should have been rejected; else nothing."""
    mark = request.facts.get("control")
    return f"It should have been rejected: {mark['because']} Nothing was sent or changed." if mark else ""


def _resolution(control: ControlRequest, request: ApprovalRequest, event: str, by: Person | None) -> Resolution:
    outcome = OUTCOMES[event]
    mark = {"outcome": outcome, "because": control.because, "by": by.name if by else ""}
    values = {"resolved_at": NOW, "decided_by": by.id if by else None, "decided_name": by.name if by else ""}
    planted = {"template": control.template, "wrong": control.wrong, "salt": control.salt,
               "planted_at": control.planted_at.isoformat()}  # fmt: skip
    resolved: dict[str, Any] = {"outcome": outcome, **({"by": str(by.id)} if by else {})}
    entries = tuple(
        Entry(request.stream, kind, SYSTEM, {"tool": request.tool, "agent": request.agent, **facts}, request.ids)
        for kind, facts in ((EventKind.CONTROL_PLANTED, planted), (EventKind.CONTROL_RESOLVED, resolved))
    )
    change = Change(CONTROL, control.id, "planted", event, values)
    return Resolution({**request.facts, "control": mark}, Batch(changes=(change,), entries=entries))


def _withdraw(actor: Actor) -> None:
    """Let those that wait fall away, since control requests were switched off."""
    rows = list(
        ApprovalRequest.objects.select_for_update(no_key=True, of=("self",))
        .filter(status="pending", control__status="planted")
        .order_by("id")
    )
    found = lapsed(rows)
    batches = [one.batch for one in found.values()]
    for row in rows:
        change = Change(REQUEST, row.id, "pending", "withdraw", {"facts": found[row.id].facts}, {"revision": row.revision})
        entry = request_entry(
            row, EventKind.APPROVAL_WITHDRAWN, actor, {"was": "pending", "reason": "control requests were switched off"}
        )
        batches.insert(0, Batch(changes=(change,), entries=(entry,)))
    if batches:
        transition(batches)


def _most_of_late() -> int:
    """Return how many control requests the person who decided most of them had in the last day."""
    rows = ControlRequest.objects.extra(where=["resolved_at >= now() - interval '1 day'"]).filter(decided_by__isnull=False)
    counted = rows.order_by().values("decided_by").annotate(count=Count("id")).order_by("-count")
    return int(counted[0]["count"]) if counted else 0


def _newest() -> int | None:
    return ApprovalRequest.objects.order_by("-number").values_list("number", flat=True).first()


def _gap(one_in: int) -> int:
    """Return after how many requests the next one comes: on average `one_in`, and never to be guessed."""
    return one_in // 2 + int.from_bytes(random_bytes(4)) % (one_in + 1)


def _within(name: str, value: int, bounds: range) -> None:
    if value not in bounds:
        raise InvalidVerdict(field=name, reason=f"It needs to be {bounds.start:,} to {bounds.stop - 1:,}.")
