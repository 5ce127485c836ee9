"""What a second person judges a release of a prompt version by: what it changes, and what its suites say of it now."""

from typing import Any

from agents.errors import UnknownPromptVersion
from agents.models import PromptVersion
from agents.prompts.versions import version_named
from approvals.models import ApprovalRequest
from console.auth import Caller
from console.revealing import may_read_prompts, reveals_request
from console.views.evals import evaluation
from console.views.prompts import LONG, besides, compared


def release_of(row: ApprovalRequest, caller: Caller) -> dict[str, Any] | None:
    """Return the difference from the version that is live beside it, and its suites; None for a request of another kind."""
    if row.kind != "prompt_release" or "version" not in row.facts:
        return None
    try:
        asked = version_named(row.facts["prompt"], row.facts["version"])
    except UnknownPromptVersion:
        return None
    before = PromptVersion.objects.filter(prompt=asked.prompt_id, version=row.facts["beside"]).first()
    reads = reveals_request(caller) or may_read_prompts(caller)
    return {
        "version": asked.version,
        "against": before.version if before else "",
        "diff": compared(before.text, asked.text) if reads and before else None,
        "text": asked.text[:LONG] if reads and not before else "",
        "more": max(0, len(asked.text) - LONG) if reads and not before else 0,
        "besides": besides(before, asked) if reads and before else [],
        "hidden": not reads,
        "evaluation": evaluation(caller, asked),
        "reads": (f"prompt {asked.prompt.slug} {asked.version}",) if reads else (),
    }
