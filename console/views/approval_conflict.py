"""What is shown when a decision was not taken: who was faster or what is missing, with everything that was typed."""

from typing import Any

from django.utils import timezone

from approvals.errors import AlreadyDecided, Expired, InvalidVerdict, NeedsReauthentication, NotPending, StaleDigest
from approvals.models import ApprovalRequest
from audit.errors import CountersignError, StaleState
from console.errors import SignInRefused
from console.formats import ago
from console.forms import Said

VERBS = {
    "approve": "approved this",
    "reject": "rejected this",
    "edit": "edited and approved this",
    "answer": "answered this",
    "extend": "extended the limit",
    "happened": "said that this happened",
    "run_again": "had it run again",
    "give_up": "gave this up",
}


def said_back(row: ApprovalRequest, said: Said, error: CountersignError) -> dict[str, Any]:
    """Return the context that explains why nothing was decided, and keeps the person's words."""
    typed = {"instruction": said.instruction, "answer": said.answer, "amount": said.amount, "again": said.again}
    if isinstance(error, InvalidVerdict):
        return {"typed": typed, "errors": {error.field: [error.detail]}}
    if isinstance(error, (NeedsReauthentication, SignInRefused)):
        return {"typed": typed, "errors": {"password": [error.detail]}}
    return {"typed": typed, "errors": {}, "conflict": {**_told(row, error), "kept": said.instruction or said.answer}}


def _told(row: ApprovalRequest, error: CountersignError) -> dict[str, str]:
    if isinstance(error, AlreadyDecided):
        return {"title": _who(row, error), "text": _words(row)}
    if isinstance(error, Expired):
        return {
            "title": "This request has expired",
            "text": "Nobody answered in time, so the call is refused and the agent is told so.",
        }
    if isinstance(error, StaleDigest):
        return {
            "title": "This has changed since you were shown it",
            "text": "Below is what stands now. Look at it and decide again.",
        }
    if isinstance(error, (NotPending, StaleState)):
        return {"title": "Somebody was faster", "text": error.detail}
    return {"title": "Your decision was not taken", "text": error.detail}


def _who(row: ApprovalRequest, error: AlreadyDecided) -> str:
    when = f" {ago(error.decided_at, timezone.now())}" if error.decided_at else ""
    return f"{error.decided_name} {VERBS.get(error.verdict, 'decided this')}{when}"


def _words(row: ApprovalRequest) -> str:
    said = [decision.instruction or decision.answer for decision in row.decisions.all() if not decision.voided]
    return f"“{said[-1]}”" if said and said[-1] else ""
