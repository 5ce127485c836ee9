"""Standing approvals: giving one with an approval, what it makes of a later call, and revoking it.

What one covers stands in `approvals.sameness`. It is given in the transaction of its decision and used in that of the
turn which plans the call; both as values for the one writer. Only who may decide gives one, and it decides in his name.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction

from approvals import policies
from approvals.claims import DISPATCHERS
from approvals.document import Policy, Repeat
from approvals.errors import ApprovalNotFound, InvalidVerdict, NothingStands, NotYours
from approvals.facts import Origin, Person
from approvals.lifecycle import REQUEST, STANDING
from approvals.models import ApprovalRequest, StandingApproval
from approvals.moves import request_entry
from approvals.policy import may_decide
from approvals.sameness import Given, Kind, Same, refusal, variable
from approvals.sensitive import places_of
from audit.actors import SYSTEM, Actor
from audit.batch import FUTURE, NOW, After, Batch, Birth, Change
from audit.connection import read
from audit.entry import Entry
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import transition

MOST_READ = 20  # of a session's for one tool, the newest


@dataclass(frozen=True, slots=True)
class Standing:
    """A standing approval as the gate reads it: what it covers, and in whose name with which roles of today."""

    id: UUID
    giver: Person
    active: bool
    made_at: datetime
    ends_at: datetime
    call_id: UUID | None  # of the request that it was given on
    given: Given

    @property
    def ended(self) -> str:
        """Why it covers nothing more, in a sentence; empty while it does."""
        return self.given.fallen or ("" if self.given.left else "All calls that it covers were made.")

    def used(self) -> "Standing":
        """Return it with one call less."""
        return replace(self, given=replace(self.given, left=self.given.left - 1))

    def fallen(self, why: str) -> "Standing":
        """Return it with a reason why it does not stand any more; an earlier one stays."""
        return replace(self, given=replace(self.given, fallen=self.given.fallen or why))


def most_of(policy: Policy, tier: str) -> Repeat | None:
    """Return what policy gives calls of a tier; nothing for an unknown one."""
    return next((row.repeat for name, row in policy.tiers.items() if name == tier), None)


def offered(request: ApprovalRequest, person: Person, policy: Policy) -> Repeat | None:
    """Return the most that `person` may approve further calls like this one, None where not at all.

    Not where more than one person or a password is asked for, not by who confirms a call of his own, and not in the place
    of somebody absent: further calls are decided by the giver's own right.
    """
    alone = request.kind == "tool_call" and request.required == 1 and not request.reauthenticate
    rights = replace(request.rights, self_confirm=False)
    own = may_decide(replace(person, places=(), reauthenticated=True), rights, "approve") is None
    return most_of(policy, request.tier) if alone and own else None


def variable_of(request: ApprovalRequest) -> dict[str, Kind]:
    """Return which arguments of a request may be let vary; what people see only once they ask to never may."""
    asked = json.loads(bytes(request.body)).get("arguments")
    origins = [Origin(**part) for part in request.facts.get("origins", ())]
    if not isinstance(asked, dict):
        return {}
    hidden = {place.parts[0] for place in places_of(request.facts) if place.parts}
    found = variable(asked, origins, tainted=bool(request.taint))
    return {name: kind for name, kind in found.items() if name not in hidden}


def checked(request: ApprovalRequest, person: Person, verdict: str, same: Same) -> int:
    """Return the number of the policy by which `same` may be said with this verdict; raise InvalidVerdict where it may not."""
    if verdict != "approve":
        raise InvalidVerdict(field="same", reason="Only an approval can stand for further calls.")
    now = policies.current(fresh=True)
    if why := refusal(same, offered(request, person, now.policy), variable_of(request)):
        raise InvalidVerdict(field="same", reason=why)
    return now.number


def give(
    request: ApprovalRequest, same: Same, *, decision_id: UUID, policy: int, person: Person, actor: Actor
) -> tuple[Birth, Entry]:
    """Return the new row and its entry, for the batch of the decision."""
    values = {
        "id": uuid7(), "request_id": request.id, "decision_id": decision_id, "session_id": request.session_id,
        "session_ref": request.session_ref, "tool": request.tool, "count": same.count, "left": same.count,
        "minutes": same.minutes, "ends_at": After(same.minutes * 60), "vary": sorted(same.vary), "up_to": dict(same.up_to),
        "policy": policy, "given_by": person.id, "given_name": person.name, "created_at": NOW,
    }  # fmt: skip
    facts = {
        "count": same.count, "minutes": same.minutes, "vary": sorted(same.vary),
        "up_to": {name: str(most) for name, most in same.up_to.items()},
    }  # fmt: skip
    return Birth("approvals.StandingApproval", values, STANDING), request_entry(
        request, EventKind.APPROVAL_STANDS, actor, facts
    )


def use(standing: Standing, request: Mapping[str, Any], *, trace: str, span: str) -> Batch:
    """Return what approves a new request in the giver's name: his decision, the request's move, one call less, the entry.

    To be written with the request itself. Holds only if as many are left as were read and its time is not over.
    """
    left, ref = standing.given.left, f"AP-{request['number']}"
    decision = {
        "id": uuid7(), "request_id": request["id"], "revision": 1, "verdict": "approve", "digest": request["digest"],
        "decided_by": standing.giver.id, "decided_name": standing.giver.name, "difference": [],
        "standing_id": standing.id, "created_at": NOW,
    }  # fmt: skip
    decided = {"decided_by": standing.giver.id, "decided_name": standing.giver.name, "decided_at": NOW}
    changes = (
        Change(REQUEST, request["id"], "pending", "approve", decided, {"revision": 1, "digest": request["digest"]}),
        Change(
            STANDING, standing.id, "active", "use_last" if left == 1 else "use", {"left": left - 1},
            {"left": left, "ends_at": FUTURE},
        ),
    )  # fmt: skip
    facts = {
        "request_kind": request["kind"], "tool": request["tool"], "digest": request["digest"], "verdict": "approve",
        "standing": standing.given.ref, "by": str(standing.giver.id), "by_name": standing.giver.name, "left": left - 1,
    }  # fmt: skip
    ids = (ref, request["session_ref"], standing.given.ref)
    stream = f"session:{request['session_ref']}"
    entry = Entry(stream, EventKind.APPROVAL_REPEATED, SYSTEM, facts, ids, 1, trace=trace, span=span)
    return Batch(changes, (Birth("approvals.Decision", decision),), (entry,))


def run(standing: Standing) -> Change:
    """Return the move that goes with the intent of a call that it approved: it holds only while it still stands."""
    state = "active" if standing.given.left else "used_up"
    return Change(STANDING, standing.id, state, "run", guard={"ends_at": FUTURE})


def said_with(decision_id: UUID) -> Same | None:
    """Return what was said of further calls with a decision."""
    row = StandingApproval.objects.filter(decision_id=decision_id).first()
    return Same(count=row.count, minutes=row.minutes, vary=tuple(row.vary), up_to=row.up_to) if row else None


def undone(request_id: UUID) -> tuple[Change, ...]:
    """Return the moves of what was given with an approval that is taken back."""
    rows = StandingApproval.objects.filter(request_id=request_id, status="active").values_list("id", flat=True)
    return tuple(Change(STANDING, id_, "active", "undo") for id_ in rows)


@transaction.atomic
def revoke(*, request_id: UUID, person: Person, actor: Actor) -> StandingApproval:
    """End the standing approval that was given on a request: nothing that it approved runs any more without a person.

    Whoever may decide the request may, and operators and admins. Raises ApprovalNotFound, NotYours, NothingStands.
    """
    request = ApprovalRequest.objects.filter(id=request_id).defer("body").first()
    if request is None:
        raise ApprovalNotFound
    if not may_revoke(person, request):
        raise NotYours(refusal="role", reason="Only who may decide such requests, an operator or an admin can revoke it.")
    rows = StandingApproval.objects.select_for_update(no_key=True).filter(request_id=request_id)
    row = rows.filter(status__in=("active", "used_up")).first()
    if row is None:
        raise NothingStands(ref=request.ref)
    values = {"ended_name": actor.name or actor.id, "ended_at": NOW}
    entry = request_entry(request, EventKind.APPROVAL_REVOKED, actor, {"left": row.left, "given_by": row.given_name})
    transition(Batch((Change(STANDING, row.id, row.status, "revoke", values),), (), (entry,)))
    transaction.on_commit(index_soon)
    row.refresh_from_db()
    return row


def stood_by(request: ApprovalRequest) -> str | None:
    """Return the request on which the standing approval was given that decided this one; None where people did."""
    used = any(vote.standing_id is not None for vote in request.decisions.all())
    return str(request.facts["standing"]["ref"]) if used else None


def may_revoke(person: Person, request: ApprovalRequest) -> bool:
    """Say whether `person` may revoke what was given on a request."""
    if person.service:
        return False
    return bool(person.roles & DISPATCHERS) or may_decide(person, request.rights, "reject") is None


_GIVEN = """
    SELECT s.id, s.tool, s.given_by, s.given_name, s.created_at,
        s.ends_at, s.status, s.count, s.minutes, s."left", s.vary, s.up_to, s.ended_name,
        s.ends_at <= clock_timestamp() AS over, s.policy, r.number, r.status AS request_status, r.body, r.reasons,
        r.blast_radius, r.risk, r.call_id, d.voided,
        coalesce((SELECT number FROM approvals_policyrevision WHERE current), 0) AS policy_now,
        EXISTS (SELECT FROM approvals_toolsetting t WHERE t.name = s.tool AND t.changed_at > s.created_at) AS tool_set,
        EXISTS (SELECT FROM auth_user u WHERE u.id = s.given_by AND u.is_active) AS active,
        (SELECT array_agg(g.name) FROM auth_user_groups m JOIN auth_group g ON g.id = m.group_id
            WHERE m.user_id = s.given_by) AS roles
    FROM approvals_standingapproval s
    JOIN approvals_approvalrequest r ON r.id = s.request_id JOIN approvals_decision d ON d.id = s.decision_id
    WHERE s.session_id = %s AND s.status <> 'undone' AND (%s::text[] IS NULL OR s.tool = ANY(%s))
        AND (%s::uuid IS NULL OR s.id = %s) AND (%s::uuid IS NULL OR s.request_id = %s)
    ORDER BY s.created_at DESC LIMIT %s
"""


def given(
    session_id: UUID, *, tools: Sequence[str] | None = None, id_: UUID | None = None, request_id: UUID | None = None
) -> list[Standing]:
    """Return a session's standing approvals, the newest first, as they stand now; all, or those that the others name."""
    named = None if tools is None else list(tools)
    wanted = [session_id, named, named, id_, id_, request_id, request_id, MOST_READ]
    return [_standing(row) for row in read(_GIVEN, wanted)]


def _standing(row: Mapping[str, Any]) -> Standing:
    covers = Given(
        ref=f"AP-{row['number']}", by=row["given_name"], asked={"tool": row["tool"], **json.loads(bytes(row["body"]))},
        reasons=frozenset((reason["code"], reason["text"]) for reason in _json(row["reasons"])),
        radius=row["blast_radius"], risk=row["risk"], vary=tuple(_json(row["vary"])), up_to=_json(row["up_to"]),
        count=row["count"], minutes=row["minutes"], left=row["left"], fallen=_fallen(row),
    )  # fmt: skip
    giver = Person(row["given_by"], row["given_name"], frozenset(row["roles"] or ()))
    return Standing(row["id"], giver, row["active"], row["created_at"], row["ends_at"], row["call_id"], covers)


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value  # jsonb comes as text over Django's connection


def _fallen(row: Mapping[str, Any]) -> str:
    """Return why it does not stand any more, in a sentence; empty where it does."""
    if row["status"] == "revoked":
        return f"{row['ended_name']} revoked it."
    if row["voided"] or row["request_status"] != "consumed":
        return "The approval that it was given with was not used."
    if row["over"]:
        return "Its time is over."
    if row["policy"] != row["policy_now"]:
        return "The policy was changed since."
    return "The tool's setting was changed since." if row["tool_set"] else ""
