"""Uses of break-glass: whether one is accepted, what is written of it, and its review by somebody else (THREATS 60)."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals.emergency import REASON_CHARS, Glass, may_break, missing
from approvals.errors import InvalidVerdict, NeedsReauthentication, NotYours, UnknownGlassUse
from approvals.facts import Person
from approvals.lifecycle import GLASS
from approvals.models import ApprovalRequest, GlassUse
from approvals.policies import current
from approvals.verdicts import APPROVALS
from audit.actors import Actor
from audit.batch import NOW, Batch, Birth, Change
from audit.entry import Entry, Text
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import transition

REVIEWERS = frozenset({"auditor", "admin"})
"""Roles that review a use, if it was not theirs."""


def checked(request: ApprovalRequest, person: Person, verdict: str, glass: Glass) -> tuple[str, ...]:
    """Return what of an ordinary approval is missing, where the glass may be broken for it.

    Raises NotYours, NeedsReauthentication, InvalidVerdict with the field that is wrong.
    """
    if verdict != "approve":
        raise InvalidVerdict(field="break_glass", reason="The glass is broken to approve, and for nothing else.")
    refusal = may_break(person, request.rights, enabled=current(fresh=True).policy.break_glass.enabled)
    if refusal is not None and refusal.code == "reauthenticate":
        raise NeedsReauthentication
    if refusal is not None:
        raise NotYours(refusal=refusal.code, reason=refusal.text)
    if len(glass.reason.strip()) not in REASON_CHARS:
        least, most = REASON_CHARS.start, REASON_CHARS.stop - 1
        raise InvalidVerdict(field="reason", reason=f"Say why, in {least} to {most:,} characters. Everybody reads it.")
    if glass.confirm.strip().upper() != request.ref:
        raise InvalidVerdict(field="confirm", reason=f"Type {request.ref}, as it stands here.")
    lacks = missing(person, request.rights, votes=votes_of_others(request, person), required=request.required)
    if not lacks:
        raise InvalidVerdict(field="break_glass", reason="Nothing is missing: approve it without breaking the glass.")
    return lacks


def votes_of_others(request: ApprovalRequest, person: Person) -> int:
    """Return how many others have approved the revision."""
    votes = request.decisions.filter(revision=request.revision, voided="", verdict__in=APPROVALS)
    return votes.exclude(decided_by=person.id).count()


def use_of(
    request: ApprovalRequest, decision_id: UUID, person: Person, actor: Actor, glass: Glass, lacks: Sequence[str]
) -> tuple[Birth, Entry]:
    """Return the row of a use and the entry about it, to be written with the decision."""
    reason = glass.reason.strip()
    values = {
        "id": uuid7(), "request_id": request.id, "ref": request.ref, "tool": request.tool, "agent": request.agent,
        "decision_id": decision_id, "used_by": person.id, "used_name": person.name, "reason": reason, "lacked": list(lacks),
    }  # fmt: skip
    facts: dict[str, Any] = {
        "decision": str(decision_id),
        "tool": request.tool,
        "digest": request.digest,
        "lacked": list(lacks),
    }
    texts = (Text(uuid7(), "reason", reason),)
    entry = Entry(request.stream, EventKind.GLASS_BROKEN, actor, facts, request.ids, request.revision, texts)
    return Birth("approvals.GlassUse", values, GLASS), entry


@transaction.atomic
def review(use_id: UUID, *, note: str, person: Person, actor: Actor) -> GlassUse:
    """Take the note of somebody else on a use; once. Raises UnknownGlassUse, NotYours, InvalidVerdict."""
    row = GlassUse.objects.select_for_update(no_key=True).filter(pk=use_id).first()
    if row is None:
        raise UnknownGlassUse
    if person.service or not person.roles & REVIEWERS:
        raise NotYours(refusal="role", reason="An auditor or an admin reviews this.")
    if person.id == row.used_by:
        raise NotYours(refusal="four_eyes", reason="You broke the glass, so somebody else has to review it.")
    if row.status != "open":
        return row
    said = note.strip()
    if len(said) not in REASON_CHARS:
        least, most = REASON_CHARS.start, REASON_CHARS.stop - 1
        raise InvalidVerdict(field="note", reason=f"Say what you found, in {least} to {most:,} characters.")
    values = {"reviewed_by": person.id, "reviewed_name": person.name, "note": said, "reviewed_at": NOW}
    facts = {"used_by": str(row.used_by), "tool": row.tool}
    entry = Entry("system", EventKind.GLASS_REVIEWED, actor, facts, (row.ref,), texts=(Text(uuid7(), "note", said),))
    transition(Batch((Change(GLASS, row.id, "open", "review", values),), (), (entry,)))
    transaction.on_commit(index_soon)
    row.refresh_from_db()
    return row


def open_uses(most: int = 20) -> list[GlassUse]:
    """Return the uses that nobody has reviewed, oldest first: what the banner names."""
    return list(GlassUse.objects.filter(status="open").order_by("id")[:most])


def uses(*, only_open: bool = False, before: UUID | None = None, limit: int = 50) -> list[GlassUse]:
    """Return uses, newest first."""
    rows = GlassUse.objects.order_by("-id")
    if only_open:
        rows = rows.filter(status="open")
    return list((rows if before is None else rows.filter(id__lt=before))[:limit])
