"""Standing approvals as pages show them: what may be offered, what stands, how much is left, and why it ended."""

import json
from collections.abc import Iterable
from typing import Any

from django.urls import reverse

from agents.gate.standing import standing, standing_in
from agents.models import Session
from approvals import policies
from approvals.facts import Person
from approvals.models import ApprovalRequest
from approvals.standing import Standing, may_revoke, offered, stood_by, variable_of
from console.auth import Caller
from console.rights import Right

USUAL_COUNT, USUAL_MINUTES = 3, 30
GIVEN_ON = ("held", "approved", "consumed")


def offer(row: ApprovalRequest, person: Person) -> dict[str, Any] | None:
    """Return the most for which this person's approval may stand, and what of the arguments may vary; None where not at all."""
    most = offered(row, person, policies.current().policy)
    if most is None:
        return None
    arguments = json.loads(bytes(row.body))["arguments"]
    free = variable_of(row)
    return {
        "most": most,
        "count": min(USUAL_COUNT, most.count),
        "minutes": min(USUAL_MINUTES, most.minutes),
        "texts": [name for name, kind in free.items() if kind == "text"],
        "numbers": [{"name": name, "value": arguments[name]} for name, kind in free.items() if kind == "number"],
        "fixed": [name for name in arguments if name not in free],
    }


def stood(row: ApprovalRequest) -> dict[str, str] | None:
    """Return which standing approval decided a request, or why none did; None where its session had none."""
    told = row.facts.get("standing")
    if not told:
        return None
    ref = stood_by(row)
    return (
        {"ref": ref, "url": reverse("approval", args=[ref]), "why": ""} if ref else {"ref": "", "why": str(told.get("why", ""))}
    )


def of_request(row: ApprovalRequest, caller: Caller) -> dict[str, Any] | None:
    """Return the standing approval that was given on a request; None where there is none."""
    if row.status not in GIVEN_ON or row.kind != "tool_call" or row.session_id is None:
        return None
    found = standing(row.session_id, row.agent, request_id=row.id)
    return _shown(found[0], may=_may(caller, row)) if found else None


def of_session(row: Session, caller: Caller) -> list[dict[str, Any]]:
    """Return the standing approvals of a session, the newest first."""
    found = standing_in(row)
    requests = _requests(one.given.ref for one in found)
    return [_shown(one, may=_may(caller, requests[one.given.ref])) for one in found]


def _requests(refs: Iterable[str]) -> dict[str, ApprovalRequest]:
    numbers = [int(ref.removeprefix("AP-")) for ref in refs]
    return {row.ref: row for row in ApprovalRequest.objects.filter(number__in=numbers).defer("body")}


def _may(caller: Caller, row: ApprovalRequest) -> bool:
    return caller.has(Right.DECIDE) and may_revoke(caller.person(reauthenticated=True), row)


def _shown(one: Standing, *, may: bool) -> dict[str, Any]:
    given = one.given
    return {
        "ref": given.ref, "url": reverse("approval", args=[given.ref]), "tool": given.asked.get("tool", ""), "by": given.by,
        "at": one.made_at, "ends_at": one.ends_at, "left": given.left, "count": given.count, "ended": one.ended,
        "vary": list(given.vary), "up_to": [{"name": name, "most": most} for name, most in given.up_to.items()],
        "deleted": given.asked.keys() <= {"tool", "arguments"},  # on request, with what could differ
        "revoke_url": reverse("approval-revoke", args=[given.ref]) if may and not one.ended else "",
    }  # fmt: skip
