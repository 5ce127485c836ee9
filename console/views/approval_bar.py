"""The decision bar: what it offers to one person on one request, or the sentence that says why it offers nothing."""

import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.utils import timezone

from approvals.facts import Person, Place
from approvals.models import ApprovalRequest, Decision
from approvals.places import given_to
from approvals.policy import VERDICTS, may_decide, place_for, verdicts_for
from approvals.verdicts import APPROVALS
from console.auth import Caller
from console.formats import exact_microusd
from console.rights import Right, Role
from console.views.approval_lede import UNANSWERED
from console.views.approval_standing import offer

VOWELS = "aeiou"
TELLING = frozenset({"repeat", "denied_before", "tainted_egress", "tainted_write", "untrusted_value", "all_three",
                     "shift_credentials", "shift_host", "shift_exfiltration", "secret_inside"})  # fmt: skip
"""Reasons that say something is unusual about this call, beside what its tier always asks."""


def bar(row: ApprovalRequest, caller: Caller, person: Person, shown: Mapping[str, Any], *, proven: bool) -> dict[str, Any]:
    """Return what the decision bar offers to this person, or the sentence that says why nothing.

    `person` is the caller with the places of others in which they decide. `shown` is the request as the page shows it:
    its failed checks are named where it is approved.
    """
    votes = [vote for vote in row.decisions.all() if vote.revision == row.revision and not vote.voided]
    covered = bool(shown.get("sensitive") and shown["sensitive"]["covered"])
    open_ = verdicts_for(person, row.rights) if caller.has(Right.DECIDE) else ()
    verdicts, refusal, place, voted = _offered(
        row, person, votes, tuple(one for one in open_ if not (covered and one in APPROVALS))
    )
    unusual = [reason["text"] for reason in row.reasons if reason["code"] in TELLING]
    failed, note = _wrong(shown)
    return {
        "verdicts": verdicts,
        "refusal": refusal,
        "in_place_of": place.name if place else "",
        "voted": voted,
        "more": max(row.required - len(votes) - 1, 0),
        "note": note or " ".join(unusual) or ("Untrusted content came before this call." if row.taint else ""),
        "covered": covered and bool(verdicts),
        "clean": not row.taint and not unusual and not note,
        "approve_label": failed or (" despite untrusted content" if row.taint else " all the same"),
        "unread": [line["name"] for line in shown.get("long", ())],
        "needs_password": row.reauthenticate and not proven,
        "hold_s": row.hold_s,
        "votes": len(votes),
        "key": uuid.uuid4().hex,
        "ended": UNANSWERED.get(row.kind, "") if row.status == "expired" else "",
        "ceiling": _ceiling(row),
        "amount": _suggested(row),
        "again": offer(row, person) if "approve" in verdicts and not refusal else None,
    }


def _offered(
    row: ApprovalRequest, person: Person, votes: Sequence[Decision], verdicts: Sequence[str]
) -> tuple[Sequence[str], str, Place | None, str]:
    """Return which of these verdicts are left, why none is, in whose place they are given, and who has used the vote."""
    refusal = "" if verdicts else refused(row, person)
    place = place_for(person, row.rights, verdicts[0], given_to=given_to(row, person)) if verdicts else None
    if row.status == "pending" and row.expires_at <= timezone.now():
        return (), "The time to decide is over: nobody answered.", None, ""
    voted = _voted(votes, person, place) if row.status == "pending" else ""
    if not voted:
        return verdicts, refusal, place, ""
    voted = f"{voted} {len(votes)} of {row.required} reviewers have; somebody else comes next."
    mine = any(vote.decided_by == person.id for vote in votes)  # who sees the mistake now can still stop it
    left = tuple(one for one in verdicts if mine and one != "approve")
    return left, "" if left else voted, None, voted


def _voted(votes: Sequence[Decision], person: Person, place: Place | None) -> str:
    """Return who used this person's vote already, themselves or another in the same place; empty where nobody did."""
    for vote in votes:
        if vote.decided_by == person.id:
            return "You have approved this."
        if vote.in_place_of == person.id:
            return f"{vote.decided_name} has approved this in your place."
        if place and place.of in (vote.decided_by, vote.in_place_of):
            return f"{place.name} has approved this, or somebody did in that place."
    return ""


def _wrong(shown: Mapping[str, Any]) -> tuple[str, str]:
    """Return what Approve is called where checks failed, and the line that counts them and the untrusted values."""
    checks = [check for line in shown.get("arguments", ()) for check in line["checks"]]
    failed, foreign = sum(not check["ok"] for check in checks), len(shown.get("tainted_arguments", ()))
    told = [
        *([f"{failed} of {len(checks)} checks failed"] if failed else ()),
        *([f"{foreign} argument{'s' if foreign > 1 else ''} came from untrusted content"] if foreign else ()),
    ]
    label = f" despite {failed} failed check{'s' if failed > 1 else ''}" if failed else ""
    return label, f"{', and '.join(told)}." if told else ""


def _ceiling(row: ApprovalRequest) -> str:
    limit, allowed = str(row.facts.get("limit", "")), int(row.facts.get("allowed") or 0)
    if limit.endswith("_microusd"):
        return f"In dollars. The session was allowed {exact_microusd(allowed)}; it may spend this much more."
    return f"How many {limit.removesuffix('_s').replace('_', ' ')} more. The session was allowed {allowed:,}."


def _suggested(row: ApprovalRequest) -> str:
    """Return the amount that the form begins with, as people type it."""
    suggested = int(row.facts.get("suggested") or 0)
    if str(row.facts.get("limit", "")).endswith("_microusd"):
        return exact_microusd(suggested).removeprefix("$").replace(",", "")
    return str(suggested)


def refused(row: ApprovalRequest, person: Person) -> str:
    """Return why this person decides nothing here, and who can."""
    verdict = VERDICTS.get(row.kind, ("approve",))[0]
    refusal = may_decide(person, row.rights, verdict)
    able = [role for role in Role if may_decide(_somebody(role), row.rights, verdict) is None]
    names = " or ".join(f"{'an' if role.value[0] in VOWELS else 'a'} {role.value.replace('_', ' ')}" for role in able)
    who = f" {names.capitalize()} who did not take part in it can decide." if names else ""
    return (refusal.text if refusal else "Your role does not decide.") + who


def _somebody(role: Role) -> Person:
    return Person(id=-1, name="", roles=frozenset({role.value}), reauthenticated=True)
