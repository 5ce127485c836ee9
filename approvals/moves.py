"""The moves of requests as values: what a caller hands to `audit.services.transition` in its own transaction.

Nothing is written here. A worker writes such moves for many sessions at once; what one person decides is written by
`approvals.services`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from approvals.errors import NotConsumable
from approvals.facts import Judgement
from approvals.lifecycle import REQUEST
from approvals.likeness import Likeness
from approvals.models import ApprovalRequest
from approvals.ready import Ready
from audit.actors import SYSTEM, Actor
from audit.batch import FUTURE, PAST, After, Birth, Change
from audit.entry import Entry, Text
from audit.events import EventKind

ESCALATES_AFTER = 0.8
"""The share of a request's time after which it is escalated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRequest:
    """Everything that is known of a request when it is made. `body` are its canonical bytes, `digest` their hash."""

    id: UUID
    number: int
    kind: str
    body: bytes
    digest: str
    summary: str
    judgement: Judgement
    session_id: UUID | None = None
    session_ref: str = ""
    call_id: UUID | None = None
    agent: str = ""
    environment: str = ""
    tool: str = ""
    tier: str = ""
    blast_radius: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    taint: tuple[Mapping[str, Any], ...] = ()
    reasoning_id: UUID | None = None
    raw_arguments_id: UUID | None = None
    cost_microusd: int = 0
    prompt_version: str = ""
    requested_by: str = ""
    requested_for: str = ""
    requester: int | None = None  # the human who started the session himself, not by a service token
    excluded: frozenset[int] = frozenset()
    likeness: Likeness = field(default_factory=Likeness)
    ttl_s: int | None = None  # never longer than the judgement's


def open_request(
    new: NewRequest, *, actor: Actor, texts: tuple[Text, ...] = (), trace: str = "", span: str = ""
) -> tuple[Birth, Entry]:
    """Return the new row of a request and the entry about it, for the batch in which its call starts to wait.

    `texts` are raw contents that the entry commits to (reasoning, arguments). Four eyes: the requester is excluded
    with everybody in `excluded`, and may confirm his own call only where the judgement says so.
    """
    judgement = new.judgement
    ttl_s = judgement.ttl_s if new.ttl_s is None else min(new.ttl_s, judgement.ttl_s)
    excluded = new.excluded if new.requester is None else new.excluded | {new.requester}
    values = {
        **{name: getattr(new, name) for name in _COPIED},
        "facts": dict(new.facts),
        "shape": new.likeness.shape,
        "target": new.likeness.target,
        "band": new.likeness.band,
        "taint": [dict(mark) for mark in new.taint],
        "excluded": sorted(excluded),
        "expires_at": After(ttl_s),
        "escalates_at": After(ttl_s * ESCALATES_AFTER),
        **judged(judgement),
    }
    facts: dict[str, Any] = {
        "request_kind": new.kind,
        "agent": new.agent,
        "tier": new.tier,
        "digest": new.digest,
        "expires_in_s": ttl_s,
        **_judged_facts(judgement),
        **({"tool": new.tool} if new.tool else {}),
    }
    ids = tuple(filter(None, (f"AP-{new.number}", new.session_ref)))
    stream = f"session:{new.session_ref}" if new.session_ref else f"approval:AP-{new.number}"
    entry = Entry(stream, EventKind.APPROVAL_REQUESTED, actor, facts, ids, 1, texts, new.requested_for, trace=trace, span=span)
    return Birth("approvals.ApprovalRequest", values, REQUEST), entry


def consume(
    ready: Ready, digest: str, *, actor: Actor, judgement: Judgement | None = None, trace: str = "", span: str = ""
) -> tuple[Change, Entry]:
    """Return the move that uses an approval up, to be written together with the intent to run its call.

    `digest` is computed anew from the bytes about to run, `judgement` is that of this moment: where it asks for more
    people, other groups or a password that the request did not ask for, the approval is not enough any more.
    The move holds only for an approval that is neither expired nor within its undo period by the database's clock, and
    only once. Raises NotConsumable with its cause where that is known already: "status", "digest", "expired", "held"
    (wait until `ready.held_until`), "votes" (void the request and ask again).
    """
    if refusal := _unusable(ready, digest) or _outgrown(ready, judgement):
        cause, reason = refusal
        raise NotConsumable(ref=ready.ref, cause=cause, reason=reason)
    held = ready.status == "held"
    change = Change(
        REQUEST,
        ready.id,
        ready.status,
        ("approve", "consume") if held else "consume",
        guard={
            "digest": digest,
            "revision": ready.revision,
            "expires_at": FUTURE,
            **({"held_until": PAST} if held else {}),
        },
    )
    facts: dict[str, Any] = {"digest": digest, "revision": ready.revision, "votes": ready.votes, "tool": ready.tool}
    entry = Entry(ready.stream, EventKind.APPROVAL_CONSUMED, actor, facts, ready.ids, ready.revision, trace=trace, span=span)
    return change, entry


def withdraw(requests: Iterable[ApprovalRequest], *, actor: Actor, reason: str) -> tuple[list[Change], list[Entry]]:
    """Return the moves of open requests whose session ended, was stopped or cancelled."""
    return _close(requests, "withdraw", EventKind.APPROVAL_WITHDRAWN, actor, reason)


def void(requests: Iterable[ApprovalRequest], *, actor: Actor, reason: str) -> tuple[list[Change], list[Entry]]:
    """Return the moves of open requests whose subject changed; what they asked about has to be asked anew."""
    return _close(requests, "void", EventKind.APPROVAL_VOIDED, actor, reason)


def expire(
    requests: Iterable[ApprovalRequest], facts: Mapping[UUID, Mapping[str, Any]] | None = None
) -> tuple[list[Change], list[Entry]]:
    """Return the moves of requests that nobody answered in time, or whose approval was not used in time.

    `facts` are those that a request, by its id, carries from now on.
    """
    requests = list(requests)
    values = {id_: {"facts": found} for id_, found in (facts or {}).items()}
    changes = [Change(REQUEST, row.id, row.status, "expire", values.get(row.id, {}), {"expires_at": PAST}) for row in requests]
    entries = [
        request_entry(row, EventKind.APPROVAL_EXPIRED, SYSTEM, {"was": row.status, "expired_at": row.expires_at.isoformat()})
        for row in requests
    ]
    return changes, entries


def judged(judgement: Judgement) -> dict[str, Any]:
    """Return the columns of a request that its judgement fills."""
    return {
        "risk": judgement.risk,
        "reasons": judgement.reasons_json(),
        "required": judgement.required,
        "groups": list(judgement.groups),
        "self_confirm": judgement.self_confirm,
        "reauthenticate": judgement.reauthenticate,
        "hold_s": judgement.hold_s,
    }


def request_entry(
    row: ApprovalRequest,
    kind: EventKind,
    actor: Actor,
    facts: Mapping[str, Any],
    *,
    texts: tuple[Text, ...] = (),
    revision: int = 0,
) -> Entry:
    """Return the audit entry that `kind` happened to a request; `revision` where it is not the row's own."""
    tool = {"tool": row.tool} if row.tool else {}
    facts = {"request_kind": row.kind, "digest": row.digest, **facts, **tool}
    return Entry(row.stream, kind, actor, facts, row.ids, revision or row.revision, texts)


_COPIED = (
    "id", "number", "kind", "body", "digest", "summary", "session_id", "session_ref", "call_id", "agent", "environment",
    "tool", "tier", "blast_radius", "reasoning_id", "raw_arguments_id", "cost_microusd", "prompt_version", "requested_by",
    "requested_for", "requester",
)  # fmt: skip


def _judged_facts(judgement: Judgement) -> dict[str, Any]:
    return {
        "risk": judgement.risk,
        "required": judgement.required,
        "groups": list(judgement.groups),
        "reasons": [reason.code for reason in judgement.reasons],
    }


def _unusable(ready: Ready, digest: str) -> tuple[str, str] | None:
    if ready.status not in ("approved", "held"):
        return "status", f"it is {ready.status}"
    if ready.digest != digest:
        return "digest", "what is about to run is not what was approved"
    if ready.now >= ready.expires_at:
        return "expired", "its time is over"
    if ready.status == "held" and (ready.held_until is None or ready.now < ready.held_until):
        return "held", "it can still be undone"
    if ready.votes < ready.required:
        return "votes", "not enough of those who agreed may still decide"
    return None


def _outgrown(ready: Ready, now: Judgement | None) -> tuple[str, str] | None:
    if now is None or now.verdict == "allow":
        return None
    more = now.required > ready.required or not set(now.groups) <= set(ready.groups)
    if more or (now.reauthenticate and not ready.reauthenticate):
        return "votes", "policy now asks for more than it did when this was approved"
    return None


def _close(
    requests: Iterable[ApprovalRequest], event: str, kind: EventKind, actor: Actor, reason: str
) -> tuple[list[Change], list[Entry]]:
    requests = list(requests)
    changes = [Change(REQUEST, row.id, row.status, event, guard={"revision": row.revision}) for row in requests]
    return changes, [request_entry(row, kind, actor, {"was": row.status, "reason": reason}) for row in requests]
