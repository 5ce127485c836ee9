"""One approval request as the page shows it: what would happen, why, where it came from, who may decide.

It only puts into words and rows what the request already holds. Raw content is put in for those alone who may read it.
"""

from collections.abc import Mapping
from typing import Any

from django.urls import reverse
from django.utils import timezone

from agents.queries import steps_of
from agents.tools import registry
from approvals import controls
from approvals.looked import Looked
from approvals.models import ApprovalRequest, Decision
from approvals.queries import refused_before
from approvals.similar import similar
from approvals.verdicts import APPROVALS
from console.auth import Caller
from console.covering import cover_of, sensitive_of
from console.formats import ago, duration, microusd
from console.revealing import reveals_request, summary_of
from console.rights import Right
from console.views.approval_content import content
from console.views.approval_lede import choices, heading, lede
from console.views.approval_release import release_of
from console.views.approval_standing import stood

EFFECTS = {
    "read_only": "Only reads",
    "reversible_write": "Can be undone",
    "irreversible_write": "Irreversible",
    "destructive": "Destroys",
}
REACH = {"narrow": "Narrow", "wide": "Wide"}
RULES = {
    "tier_asks": "By its tier",
    "tainted_egress": "Untrusted, then out",
    "tainted_write": "Untrusted, then a write",
    "untrusted_value": "Untrusted values",
    "all_three": "Untrusted, private, out",
    "shift_credentials": "Looks for passwords",
    "shift_host": "An unnamed place",
    "shift_exfiltration": "Carries out what is inside",
    "secret_inside": "A key would leave",
    "repeat": "Made before",
    "denied_before": "Refused before",
    "budget": "A limit was met",
    "unknown_outcome": "Outcome unknown",
}
"""What made policy ask, in a few words; its sentences stand below."""
OUTCOMES = {"approve": "Approved", "edit": "Edited", "reject": "Rejected", "give_up": "Given up"}


def url_of(ref: str) -> str:
    """Return the address of a request's page."""
    return reverse("approval", args=[ref])


def item(row: ApprovalRequest, caller: Caller) -> dict[str, Any]:
    """Return everything that the page shows of one request."""
    reveal = reveals_request(caller)
    cover = cover_of(row, caller)
    return {
        "ref": row.ref,
        "url": url_of(row.ref),
        **{name: getattr(row, name) for name in _COPIED},
        "summary": summary_of(row, revealed=reveal),
        "egress": bool((tool := registry.get(row.tool)) and tool.egress),
        "lede": lede(row),
        "heading": heading(row),
        "choices": choices(row),
        "facts": _facts(row),
        **content(row, reveal, cover),
        "release": release_of(row, caller),
        "sensitive": sensitive_of(row, caller, cover),
        "stood": stood(row),
        **({"tier": "", "reasons": []} if row.kind == "question" else {}),
        "session": _session(row),
        "people": _people(row),
        "decisions": [cover.value(_decision(decision, reveal, caller)) for decision in row.decisions.all()],
        "similar": _similar(row, reveal),
        "control": _control(row, reveal, caller),
        "refused": [
            _past(one, [vote for vote in one.decisions.all() if not vote.voided][-1:], reveal) for one in refused_before(row)
        ],
    }


_COPIED = (
    "kind", "status", "revision", "digest", "risk", "tier", "agent", "environment", "tool", "created_at",
    "expires_at", "held_until", "decided_at", "decided_name", "required", "reasons", "taint",
)  # fmt: skip


CONTROLLED: Mapping[str, tuple[str, str]] = {
    "caught": ("You were right: this was a control request", "{by} was right: this was a control request"),
    "missed": ("This was a control request, and you approved it", "This was a control request, and {by} approved it"),
    "lapsed": ("This was a control request", "This was a control request"),
}
"""What a resolved control request is called, to whom decided it and to others."""


def _control(row: ApprovalRequest, reveal: bool, caller: Caller) -> dict[str, str] | None:
    """Return what a request turned out to be: a control request, and why it should have been rejected."""
    mark = row.facts.get("control")
    if not mark:
        return None
    mine, others = CONTROLLED[mark["outcome"]]
    title = mine if row.decided_by == caller.user_id else others.format(by=mark["by"])
    return {"outcome": mark["outcome"], "title": title, "text": controls.told(row) if reveal else ""}


def _facts(row: ApprovalRequest) -> list[dict[str, str]]:
    facts = []
    if row.tier and row.kind != "question":
        facts += [
            {"label": "Effect", "value": EFFECTS.get(row.tier, row.tier)},
            {"label": "Reach", "value": REACH.get(row.blast_radius, row.blast_radius or "Unknown")},
        ]
    if row.reasons and row.kind != "question":
        facts.append({"label": "Rule", "value": _rule(row.reasons)})
    if row.session_ref:
        facts.append({"label": "Session cost", "value": microusd(row.cost_microusd)})
    votes = [vote for vote in row.decisions.all() if vote.revision == row.revision and not vote.voided]
    have = f", {len(votes)} approved" if votes and row.status == "pending" else ""
    facts.append({"label": "Reviewers", "value": f"{row.required} needed{have}"})
    if row.prompt_version:
        facts.append({"label": "Prompt", "value": row.prompt_version})
    return facts


def _rule(reasons: list[dict[str, str]]) -> str:
    """Return what made policy ask, in a few words; a rule of the policy by its name."""
    named = next((reason["text"] for reason in reasons if reason["code"] == "rule"), "")
    if named:
        return named.removeprefix("Policy rule ").strip(".'")
    first = RULES.get(reasons[0]["code"], "Asks a person")
    return first if len(reasons) == 1 else f"{first}, and {len(reasons) - 1} more"


def _session(row: ApprovalRequest) -> dict[str, Any] | None:
    if row.session_id is None:
        return None
    return {"ref": row.session_ref, "url": reverse("session", args=[row.session_ref]), "steps": steps_of(row.session_id)}


def _people(row: ApprovalRequest) -> list[dict[str, Any]]:
    rows = [{"label": "Asked for by", "value": row.requested_by}, {"label": "On behalf of", "value": row.requested_for}]
    return [line for line in rows if line["value"]]


def _decision(row: Decision, reveal: bool, caller: Caller) -> dict[str, Any]:
    said = {"instruction": row.instruction, "answer": row.answer, "changes": row.difference}
    return {
        "name": row.decided_name,
        "verdict": row.verdict,
        "at": row.created_at,
        "voided": row.voided,
        **_time(row, caller),
        "in_place_of": row.in_place_name or "",
        "broke_glass": bool(row.broke_glass),
        **(said if reveal else {"instruction": "", "answer": "", "changes": []}),
    }


def _time(row: Decision, caller: Caller) -> dict[str, Any]:
    """Return how long they had it before them, for themselves and for those who could read it in the trail."""
    looked = Looked(served_ms=row.served_ms, screen_ms=row.screen_ms)
    if not looked.stored or not (row.decided_by == caller.user_id or caller.has(Right.READ_AUDIT)):
        return {"looked": "", "quick": False}
    return {"looked": duration(min(looked.stored.values())), "quick": looked.quick and row.verdict in APPROVALS}


def _similar(row: ApprovalRequest, reveal: bool) -> dict[str, Any] | None:
    """Return what people said of requests like this one: how often, and of the nearest three with their reasons."""
    past = similar(row)
    if past is None:
        return None
    counted = {name: getattr(past, name) for name in ("approved", "edited", "rejected")}
    last = [[vote for vote in other.decisions.all() if not vote.voided][-1:] for other in past.nearest]
    return {**counted, "items": [_past(other, vote, reveal) for other, vote in zip(past.nearest, last, strict=True)]}


def _past(row: ApprovalRequest, vote: list[Decision], reveal: bool) -> dict[str, Any]:
    reason = f": “{vote[0].instruction}”" if vote and vote[0].instruction and reveal else ""
    verdict = vote[0].verdict if vote else row.status
    return {
        "ref": row.ref,
        "url": url_of(row.ref),
        "verdict": verdict,
        "text": summary_of(row, revealed=reveal),
        "note": f"{OUTCOMES.get(verdict, 'Answered')} by {row.decided_name}{reason}",
        "at": row.decided_at,
    }


def outcome(row: ApprovalRequest) -> str:
    """Return who decided a request and when, for its line in the queue; empty while it waits."""
    if row.status == "pending":
        return ""
    if mark := row.facts.get("control"):
        by, when = (
            f" by {mark['by']}" if mark["by"] else "",
            f", {ago(row.decided_at, timezone.now())}" if row.decided_at else "",
        )
        return f"Control request, {mark['outcome']}{by}{when}"
    words = {"consumed": "Approved", "held": "Approved", "void": "Void"}.get(row.status, row.status.capitalize())
    by = f" by {row.decided_name}" if row.decided_name and row.status not in ("expired", "withdrawn", "void") else ""
    when = f", {ago(row.decided_at, timezone.now())}" if row.decided_at else ""
    return f"{words}{by}{when}"
