"""Whether the rows that people are shown are what the log says, and the drill: what a finding looks like, on a copy."""

from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_safe

from agents.agreement import runs
from agents.agreement.drill import TAMPERINGS, hold
from agents.agreement.errors import BeingChecked
from agents.models import AgreementRun
from audit.errors import CountersignError
from console.api.agreement import drilled
from console.api.errors import status_of
from console.auth import caller_of
from console.fragments import page
from console.rights import Right
from console.views.form_only import form_only
from console.views.guard import guard

PAST = 20
COUNTED = (
    ("sessions", "Sessions"), ("turns", "Turns"), ("calls", "Tool calls"), ("effects", "Effects, each with its intent"),
    ("approved", "of them by a used approval"), ("requests", "Requests"), ("decisions", "Decisions"), ("prompts", "Prompts"),
    ("versions", "Versions"), ("releases", "Releases"), ("policies", "Policy revisions"), ("streams", "Streams"),
    ("entries", "Entries read"), ("deleted_texts", "Deleted texts"), ("revisions", "Agent revisions"), ("settings", "Tool settings"),
    ("schedules", "Schedules"), ("inlets", "Inlets"), ("budgets", "Budgets"), ("stops", "Stops"), ("covers", "Covers"),
    ("holds", "Holds on content"), ("rules", "Rules of retention"),
    ("unsettled", "Outcomes that nobody knows, in ended sessions"),
)  # fmt: skip
"""What a check counts, with its words."""
KINDS = {
    "agents_schedule": "Schedule", "agents_inlet": "Inlet", "agents_budget": "Budget", "agents_stop": "Stop",
    "approvals_cover": "Cover", "audit_hold": "Hold", "audit_retention_rule": "Rule of retention",
    "agents_session": "Session", "agents_turn": "Turn", "agents_toolcall": "Tool call", "approvals_approvalrequest": "Request",
    "approvals_decision": "Decision", "agents_promptversion": "Prompt version", "agents_release": "Release",
    "agents_prompt": "Prompt", "agents_agent": "Agent", "approvals_policyrevision": "Policy", "audit_stream": "Stream",
    "audit_entry": "Entries", "audit_content": "Raw text", "agents_agentrevision": "Agent revision",
    "approvals_toolsetting": "Tool setting",
}  # fmt: skip


@require_safe
@guard(Right.VERIFY_AUDIT)
def agreement(request: HttpRequest) -> HttpResponse:
    """Show the last check and those before it."""
    return page(request, "audit/agreement.html", _agreement)


@form_only
@guard(Right.VERIFY_AUDIT)
def check(request: HttpRequest) -> HttpResponse:
    """Hold all rows against the log now."""
    try:
        runs.run(actor=caller_of(request).actor())
    except BeingChecked as error:
        messages.error(request, str(error))
    return redirect(reverse("audit-agreement"))


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.VERIFY_AUDIT)
def drill(request: HttpRequest) -> HttpResponse:
    """Let somebody choose a tampering; show what the checks find in a copy of it."""
    chosen, held, problem, status = request.POST.get("tampering", ""), None, "", 200
    if request.method == "POST":
        try:
            held = drilled(hold(chosen, actor=caller_of(request).actor()))
        except CountersignError as error:
            problem, status = error.detail, status_of(error)
    return page(request, "audit/drill.html", lambda: _drill(held, chosen, problem), status=status)


def _agreement() -> dict[str, Any]:
    last = runs.newest()
    return {"nav": "audit", "last": _shown(last) if last else None, "past": [_line(row) for row in runs.newest_runs(PAST)]}


def _line(row: AgreementRun) -> dict[str, Any]:
    return {"at": row.ended_at, "by": row.by_name, "wrong": row.wrong, "looked": sum(row.counts.values()), "ms": row.ms}


def _shown(row: AgreementRun) -> dict[str, Any]:
    counts = [(word, row.counts[name]) for name, word in COUNTED if name in row.counts]
    return {**_line(row), "ok": row.ok, "counts": counts, "findings": [_finding(one) for one in row.findings]}


def _finding(one: dict[str, Any]) -> dict[str, Any]:
    at = one["log_index"]
    return {**one, "kind": KINDS.get(one["table"], one["table"]), "url": reverse("audit-entry", args=[at]) if at else ""}


def _drill(held: Any, chosen: str, problem: str) -> dict[str, Any]:
    said = held.model_dump() if held else None
    if said and said["disagreement"]:
        said["disagreement"] = _finding(said["disagreement"])
    known = TAMPERINGS.get(chosen)
    return {
        "nav": "audit", "tamperings": list(TAMPERINGS.values()), "chosen": chosen, "problem": problem, "held": said,
        "tampering": known,
    }  # fmt: skip
