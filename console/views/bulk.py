"""Deciding many requests in one go: every value on one page before it is confirmed, one result for each afterwards."""

import uuid
from collections.abc import Sequence
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from approvals import bulk
from approvals.bulk import BulkVerdict
from approvals.controls import told
from approvals.errors import InvalidVerdict
from approvals.inbox import REF
from approvals.services import Decided
from approvals.verdicts import Said as Spoken
from approvals.verdicts import checked
from audit.errors import CountersignError
from console.api.errors import status_of
from console.auth import Caller, caller_of
from console.forms import Said
from console.fragments import page
from console.revealing import reveals_request, summary_of
from console.rights import Right
from console.standing import standing
from console.views.approval_queue import Asked, asked_of
from console.views.approvals import decide, stamp_of
from console.views.bulk_lines import Line, lines_of
from console.views.guard import guard

TEMPLATE = "approvals/bulk.html"
LOOKED_AT = 60
EFFECTS = {
    "held": "Approved, can be undone",
    "approved": "Approved",
    "rejected": "Rejected",
    "pending": "Your vote is counted; somebody else comes next",
}


@require_http_methods(["GET", "HEAD", "POST"])
@guard(Right.DECIDE)
def many(request: HttpRequest) -> HttpResponse:
    """Show what would be decided, or decide it: each request in a transaction of its own."""
    sent = request.POST if request.method == "POST" else request.GET
    verdict: BulkVerdict = "reject" if sent.get("verdict") == "reject" else "approve"
    refs = list(dict.fromkeys(ref for ref in sent.getlist("ref")[:LOOKED_AT] if REF.match(ref)))
    if request.method != "POST":
        return page(request, TEMPLATE, lambda: _table(request, verdict, refs))
    instruction = sent.get("instruction", "")[:20_000].replace("\r\n", "\n")
    lines = lines_of(verdict, refs, caller_of(request), standing(request))
    try:
        _check(verdict, lines, instruction)
    except CountersignError as error:
        wrong = {"error": error.detail, "typed": instruction}
        return page(request, TEMPLATE, lambda: {**_table(request, verdict, refs), **wrong}, status=status_of(error))
    results = [_result(request, line, verdict, instruction) for line in lines]
    return page(request, TEMPLATE, lambda: {**_around(asked_of(request), verdict), "results": results})


def _check(verdict: BulkVerdict, lines: Sequence[Line], instruction: str) -> None:
    """Raise InvalidVerdict where nothing of the set may be decided: its rule, or words that are missing."""
    if wrong := bulk.refusal(verdict, [line.member for line in lines if not line.why]):
        raise InvalidVerdict(field="ref", reason=wrong)
    if verdict == "reject":
        checked("tool_call", Spoken("reject", instruction=instruction))


def _result(request: HttpRequest, line: Line, verdict: BulkVerdict, instruction: str) -> dict[str, Any]:
    """Decide one request on the digest that was shown, and say what came of it; its failure is its own."""
    row, sent = line.row, request.POST
    shown = {"ref": row.ref, "url": asked_of(request).within(row.ref), "tool": row.tool,
             "summary": summary_of(row, revealed=reveals_request(caller_of(request)))}  # fmt: skip
    key = sent.get("idempotency_key", "")[:64]
    if line.why and not _repeats(line, caller_of(request), f"{key}-{row.ref}"):
        return {**shown, "done": False, "text": line.why}
    said = Said(verdict, sent.get(f"digest-{row.ref}", "")[:64], f"{key}-{row.ref}" if key else "", instruction,
                stamp=sent.get(f"stamp-{row.ref}", "")[:100])  # fmt: skip
    try:
        decided = decide(request, row, said)
    except CountersignError as error:
        return {**shown, "done": False, "text": error.detail}
    if decided.control:
        return {**shown, "done": True, "text": f"This was a control request. {told(decided.request)}"}
    return {**shown, "done": True, "text": EFFECTS.get(decided.effect, decided.effect), **_undo(decided)}


def _repeats(line: Line, caller: Caller, key: str) -> bool:
    """Return whether this form was sent before: then the decision answers as it did, and nothing is done."""
    return any(vote.decided_by == caller.user_id and vote.idempotency_key == key for vote in line.row.decisions.all())


def _undo(decided: Decided) -> dict[str, Any]:
    if decided.effect != "held" or decided.request.status != "held":
        return {}
    row = decided.request
    return {"undo_url": reverse("approval-undo", args=[row.ref]), "until": row.held_until, "since": row.decided_at}


def _table(request: HttpRequest, verdict: BulkVerdict, refs: Sequence[str]) -> dict[str, Any]:
    caller = caller_of(request)
    lines = lines_of(verdict, refs, caller, standing(request))
    fit = [line for line in lines if not line.why]
    names = list(dict.fromkeys(value["name"] for line in fit for value in line.values))
    reveal = reveals_request(caller)
    return {
        **_around(asked_of(request), verdict),
        "reads": [line.row.ref for line in lines] if reveal else (),
        "refusal": bulk.refusal(verdict, [line.member for line in fit]),
        "error": "",
        "names": names,
        "rows": [
            {**_shown(line, names, reveal), "stamp": stamp_of(request, line.row.digest, f"stamp-{line.row.ref}")}
            for line in fit
        ],
        "left": [_shown(line, (), reveal) for line in lines if line.why],
        "key": uuid.uuid4().hex,
        "hold_s": max((line.row.hold_s for line in fit), default=0),
    }


def _around(asked: Asked, verdict: BulkVerdict) -> dict[str, Any]:
    return {"nav": "approvals", "verdict": verdict, "back_url": asked.url(), "carried": asked.carried}


def _shown(line: Line, names: Sequence[str], reveal: bool) -> dict[str, Any]:
    row, values = line.row, {value["name"]: value for value in line.values}
    copied = {
        name: getattr(row, name) for name in ("ref", "digest", "risk", "agent", "tool", "tier", "expires_at", "created_at")
    }
    cells = [{"name": name, "value": values[name]["value"] if name in values else ""} for name in names]
    return {**copied, "summary": summary_of(row, revealed=reveal), "why": line.why, "cells": cells}
