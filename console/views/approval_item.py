"""One approval request as the page shows it: what would happen, why, where it came from, who may decide.

It only puts into words and rows what the request already holds. Raw content is put in for those alone who may read it.
"""

import json
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from django.urls import reverse
from django.utils import timezone

from agents.queries import steps_of
from agents.tools import registry
from approvals import queries
from approvals.facts import Person
from approvals.models import ApprovalRequest, Decision
from approvals.policy import VERDICTS, may_decide, verdicts_for
from audit.content import read_texts
from console.auth import Caller
from console.formats import ago, microusd
from console.revealing import reveals_request
from console.rights import Right, Role
from console.views.origins import Source, origin
from console.views.session_story import sources_of

EFFECTS = {
    "read_only": "Only reads",
    "reversible_write": "Can be undone",
    "irreversible_write": "Irreversible",
    "destructive": "Destroys",
}
REACH = {"narrow": "Narrow", "wide": "Wide"}
ASKED = {
    "budget": "The session has reached a limit and rests. If nobody decides, it ends with what it has.",
    "question": "The agent cannot go on by itself and asks a person. If nobody answers, it is told so.",
    "unknown_outcome": "Nobody can know whether this call had its effect. It is not tried again unless you say so.",
    "stuck": "The session makes no progress and rests. If nobody answers, it ends with what it has.",
    "prompt_release": "A prompt version waits for a second person before it gets traffic.",
}
VOWELS = "aeiou"
NOT_YOURS = "Your role does not read raw content."
TELLING = frozenset({"repeat", "denied_before", "tainted_egress", "tainted_write"})
"""Reasons that say something is unusual about this call, beside what its tier always asks."""


def url_of(ref: str) -> str:
    """Return the address of a request's page."""
    return reverse("approval", args=[ref])


def item(row: ApprovalRequest, caller: Caller) -> dict[str, Any]:
    """Return everything that the page shows of one request."""
    return {
        "ref": row.ref,
        "url": url_of(row.ref),
        **{name: getattr(row, name) for name in _COPIED},
        "egress": bool((tool := registry.get(row.tool)) and tool.egress),
        "lede": lede(row),
        "facts": _facts(row),
        **_content(row, caller),
        "session": _session(row),
        "people": _people(row),
        "decisions": [_decision(decision) for decision in row.decisions.all()],
        "similar": _similar(row),
    }


_COPIED = (
    "kind", "status", "revision", "digest", "summary", "risk", "tier", "agent", "environment", "tool", "created_at",
    "expires_at", "held_until", "decided_at", "decided_name", "required", "reasons", "taint",
)  # fmt: skip


def lede(row: ApprovalRequest) -> str:
    """Return who will do what, the consequence, and what happens if nobody decides, in the product's own words."""
    if row.kind != "tool_call":
        return ASKED.get(row.kind, "")
    where = f" in {row.environment}" if row.environment else ""
    parts = (
        f"{row.agent} will call {row.tool}{where}.",
        row.facts.get("consequence"),
        "If nobody decides, the call is refused.",
    )
    return " ".join(str(part) for part in parts if part)


def _facts(row: ApprovalRequest) -> list[dict[str, str]]:
    facts = []
    if row.tier:
        facts += [
            {"label": "Effect", "value": EFFECTS.get(row.tier, row.tier)},
            {"label": "Reach", "value": REACH.get(row.blast_radius, row.blast_radius or "Unknown")},
        ]
    facts.append({"label": "Session cost", "value": microusd(row.cost_microusd)})
    facts.append({"label": "Reviewers", "value": f"{row.required} needed"})
    if row.prompt_version:
        facts.append({"label": "Prompt", "value": row.prompt_version})
    return facts


def _content(row: ApprovalRequest, caller: Caller) -> dict[str, Any]:
    """Return what is raw: reasoning, arguments, question; or why it is not shown."""
    if not reveals_request(caller):
        return {"reasoning": "", "reasoning_note": NOT_YOURS, "arguments": [], "canonical": "{}", "raw": "{}", "changes": [],
                "question": "", "taint": [{**source, "quote": ""} for source in row.taint]}  # fmt: skip
    texts = read_texts([id_ for id_ in (row.reasoning_id, row.raw_arguments_id) if id_])
    arguments = json.loads(bytes(row.body)).get("arguments") or {}
    changes = row.facts.get("changed") or []
    edited = {str(change.get("path", "")).split(".")[0] for change in _edits(row)}
    sources = sources_of(row.session_id) if row.session_id and arguments else []
    lines = [argument(name, value, changes, name in edited, sources) for name, value in _ordered(row.tool, arguments)]
    return {
        "reasoning": texts.get(row.reasoning_id, "") if row.reasoning_id else "",
        "reasoning_note": "" if row.reasoning_id else "The model gave no reason.",
        "arguments": lines,
        "tainted_arguments": [line["name"] for line in lines if line["origin"]["tainted"]],
        "canonical": json.dumps(arguments, ensure_ascii=False),
        "raw": texts.get(row.raw_arguments_id, "") if row.raw_arguments_id else "",
        "changes": [*changes, *_edits(row)],
        "question": _question(row),
        "evidence": _evidence(row),
    }


def argument(
    name: str, value: object, changes: Sequence[Mapping[str, Any]], edited: bool, sources: Sequence[Source]
) -> dict[str, Any]:
    """Return one line of the table of arguments: what is sent, what the model wrote, where it comes from."""
    raw = next((change.get("before") for change in changes if change.get("path") == name and not change.get("added")), None)
    found = {"label": "A reviewer", "tainted": False} if edited else origin(value, sources)
    return {
        "name": name,
        "value": _plain(value),
        "raw": "" if raw is None else raw if isinstance(raw, str) else json.dumps(raw, ensure_ascii=False),
        "origin": found,
        "checks": [{"ok": True, "text": "Fits the schema"}],
        "failed": found["tainted"],
    }


def _plain(value: object) -> object:
    """Return a list of texts as its lines, which read better than JSON; everything else as it is."""
    texts = isinstance(value, list) and bool(value) and all(isinstance(part, str) and "\n" not in part for part in value)
    return "\n".join(value) if texts and isinstance(value, list) else value


def _ordered(tool: str, arguments: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the arguments in the order of the tool's schema, which is that of reading; the bytes sort them otherwise."""
    found = registry.get(tool)
    places = {name: place for place, name in enumerate(found.schema.get("properties", {}) if found else ())}
    return sorted(arguments.items(), key=lambda pair: places.get(pair[0], len(places)))


def _edits(row: ApprovalRequest) -> list[dict[str, Any]]:
    return [change for decision in row.decisions.all() if decision.verdict == "edit" for change in decision.difference]


def _question(row: ApprovalRequest) -> str:
    for name in ("question", "detail", "text", "message"):
        if said := row.facts.get(name):
            return str(said)
    return "" if row.kind == "tool_call" else row.summary


def _evidence(row: ApprovalRequest) -> list[dict[str, Any]]:
    if row.kind == "tool_call":
        return []
    shown = {name: value for name, value in row.facts.items() if name not in {"question", "detail", "text", "message"}}
    return [
        {"label": name.replace("_", " ").capitalize(), "value": _said(name, value), "mono": True}
        for name, value in shown.items()
        if value not in (None, "", [], {})
    ]


def _said(name: str, value: object) -> str:
    if name.endswith("_microusd") and isinstance(value, int):
        return microusd(value)
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _session(row: ApprovalRequest) -> dict[str, Any] | None:
    if row.session_id is None:
        return None
    return {"ref": row.session_ref, "url": reverse("session", args=[row.session_ref]), "steps": steps_of(row.session_id)}


def _people(row: ApprovalRequest) -> list[dict[str, Any]]:
    rows = [{"label": "Asked for by", "value": row.requested_by}, {"label": "On behalf of", "value": row.requested_for}]
    return [line for line in rows if line["value"]]


def _decision(row: Decision) -> dict[str, Any]:
    return {
        "name": row.decided_name,
        "verdict": row.verdict,
        "at": row.created_at,
        "instruction": row.instruction,
        "answer": row.answer,
        "voided": row.voided,
        "changes": row.difference,
    }


def _similar(row: ApprovalRequest) -> dict[str, Any] | None:
    items = []
    for past in queries.similar(row, 3):
        last = past.decisions.all()[len(past.decisions.all()) - 1] if past.decisions.all() else None
        note = f"by {past.decided_name}" + (f": “{last.instruction}”" if last and last.instruction else "")
        items.append(
            {"verdict": last.verdict if last else past.status, "text": past.summary, "note": note, "at": past.decided_at}
        )
    return {"items": items} if items else None


def bar(row: ApprovalRequest, caller: Caller, *, proven: bool) -> dict[str, Any]:
    """Return what the decision bar offers to this person, or the sentence that says why nothing."""
    person = caller.person(reauthenticated=True)
    votes = [vote for vote in row.decisions.all() if vote.revision == row.revision and not vote.voided]
    verdicts = verdicts_for(person, row.rights) if caller.has(Right.DECIDE) else ()
    refusal = "" if verdicts else refused(row, person)
    if any(vote.decided_by == person.id for vote in votes) and row.status == "pending":
        verdicts, refusal = (
            (),
            f"You have approved this. {len(votes)} of {row.required} reviewers have; somebody else comes next.",
        )
    unusual = [reason["text"] for reason in row.reasons if reason["code"] in TELLING]
    return {
        "verdicts": verdicts,
        "refusal": refusal,
        "note": " ".join(unusual) or ("Untrusted content came before this call." if row.taint else ""),
        "clean": not row.taint and not unusual,
        "approve_label": " despite untrusted content" if row.taint else " all the same",
        "needs_password": row.reauthenticate and not proven,
        "hold_s": row.hold_s,
        "votes": len(votes),
        "key": uuid.uuid4().hex,
        "ceiling": _ceiling(row),
    }


def _ceiling(row: ApprovalRequest) -> str:
    limit, suggested = str(row.facts.get("limit", "")), int(row.facts.get("suggested") or 0)
    if limit.endswith("_microusd"):
        return f"In dollars. The session was allowed {microusd(suggested)}; it may spend this much more."
    return f"How many {limit.removesuffix('_s').replace('_', ' ')} more. The session was allowed {suggested:,}."


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


def outcome(row: ApprovalRequest) -> str:
    """Return who decided a request and when, for its line in the queue; empty while it waits."""
    if row.status == "pending":
        return ""
    words = {"consumed": "Approved", "held": "Approved", "void": "Void"}.get(row.status, row.status.capitalize())
    by = f" by {row.decided_name}" if row.decided_name and row.status not in ("expired", "withdrawn", "void") else ""
    when = f", {ago(row.decided_at, timezone.now())}" if row.decided_at else ""
    return f"{words}{by}{when}{', can be undone' if row.status == 'held' else ''}"
