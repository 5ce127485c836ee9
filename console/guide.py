"""The demo's first steps: five things to try, which tick themselves off by what the log and the tables say was done.

Whoever does them: one newcomer plays all of the demo's people; what these said before nobody has tried.
Each person puts the list away for themselves.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import reverse

from agents.demo.past import KEY
from agents.models import Release
from approvals.models import Decision
from audit.events import EventKind
from audit.models import AuditEntry
from console.auth import Caller
from console.rights import Right


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to try: where, and who may, in words for those who may not."""

    text: str
    url: str
    done: bool
    who: str


def steps(caller: Caller) -> list[Step]:
    """Return the five steps, each done or not; `who` is empty where this person may do it."""
    own = Decision.objects.exclude(idempotency_key__startswith=KEY)
    said = set(own.filter(verdict__in=["approve", "edit"]).values_list("verdict", flat=True).distinct())
    told = own.filter(verdict="reject").exclude(instruction="").exists()
    verified = AuditEntry.objects.filter(kind=EventKind.AUDIT_VERIFIED).exclude(actor_kind="system").exists()
    back = Release.objects.filter(status="rolled_back").exists()
    return [
        _step(caller, "Approve a request", "approvals", Right.DECIDE, "Remy", done="approve" in said),
        _step(caller, "Reject one and say what to do instead", "approvals", Right.DECIDE, "Remy", done=told),
        _step(caller, "Change what an agent wants to send", "approvals", Right.DECIDE, "Remy", done="edit" in said),
        _step(caller, "Release a prompt to a few, and roll it back", "prompts", Right.EDIT_PROMPTS, "Paul", done=back),
        _step(caller, "Verify the log", "audit", Right.VERIFY_AUDIT, "Audrey", done=verified),
    ]


def guide(caller: Caller) -> Mapping[str, Any]:
    """Return what the menu shows of it."""
    found = steps(caller)
    return {"steps": found, "done": sum(step.done for step in found)}


def _step(caller: Caller, text: str, page: str, right: Right, who: str, *, done: bool) -> Step:
    return Step(text, reverse(page), done, "" if caller.has(right) else f"Sign in as {who} for this.")
