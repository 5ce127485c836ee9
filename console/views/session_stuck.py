"""The way out of a circle that a session's page offers: another version of the agent's prompt."""

from collections.abc import Mapping
from typing import Any

from agents import other_prompt
from agents.models import Session
from approvals.models import ApprovalRequest
from approvals.policy import verdicts_for
from console.auth import Caller
from console.rights import Right


def choices(row: Session, waiting: list[ApprovalRequest], caller: Caller) -> dict[str, Any] | None:
    """Return the request that this person may answer so, and the versions to choose from; None where there is nothing to choose."""
    asked = next((one for one in waiting if one.kind == "stuck" and one.status == "pending"), None)
    if asked is None or not caller.has(Right.DECIDE) or "answer" not in verdicts_for(caller.person(), asked.rights):
        return None
    others = [{"version": one.version, "note": one.note} for one in other_prompt.versions(row)]
    return {"digest": asked.digest, "versions": others, "now": row.prompt_version.version} if others else None


def go_on(caller: Caller, row: Session, sent: Mapping[str, Any]) -> None:
    """Let the session go on with what the form says. Raises CountersignError."""
    version, digest, instruction = (sent.get(name, "").replace("\r\n", "\n") for name in ("version", "digest", "instruction"))
    other_prompt.go_on(
        session=row.pk, version=version[:64], digest=digest[:64], person=caller.person(), actor=caller.actor(),
        instruction=instruction,
    )  # fmt: skip
