"""What a request is about, in the product's own words and as it stands now: what will happen, or what became of it. Pure."""

from collections.abc import Mapping
from typing import Any

from approvals.models import ApprovalRequest

ASKED: Mapping[str, str] = {
    "budget": "The session has reached a limit and rests. If nobody decides, it ends with what it has.",
    "question": "The agent cannot go on by itself and asks a person. If nobody answers, it is told so.",
    "unknown_outcome": "The call was started, and its answer never came: whether it had its effect, nobody here can know."
    " Look at the other side first. If nobody decides, it is not run again, and the agent is told that nobody knows.",
    "stuck": "The session makes no progress and rests. If nobody answers, it ends with what it has.",
    "prompt_release": "A prompt version waits for a second person before it gets traffic. If nobody decides, it gets none.",
}
"""What a request of another kind than a call waits for."""
AHEAD: Mapping[str, str] = {
    "pending": "If nobody decides, the call is refused.",
    "held": "It runs when the undo period is over.",
    "approved": "It runs once, exactly as it is shown here.",
}
"""While the call has not run: what has to come first."""
BEHIND: Mapping[str, str] = {
    "rejected": "It was refused and did not run.",
    "expired": "Its time ran out, so it did not run.",
    "withdrawn": "The request was withdrawn, so it did not run.",
    "void": "What it was about changed, so it did not run under this request.",
}
"""When the call cannot run any more: why."""
CLOSED: Mapping[str, str] = {
    "approved": "A person has approved it.",
    "consumed": "A person has approved it.",
    "held": "A person has approved it; it can still be undone for a moment.",
    "answered": "A person has answered it, and the session was told.",
    "rejected": "A person has refused it, and the session was told.",
    "expired": "Nobody answered in time, and the session was told.",
    "withdrawn": "It was withdrawn before anybody answered.",
    "void": "What it was about changed before anybody answered.",
}
"""What became of a request of another kind than a call."""
RELEASE: Mapping[str, str] = {
    "consumed": "A second person agreed, and the version got its sessions.",
    "rejected": "A second person refused it. Everything is as it was.",
    "expired": "Nobody answered in time, so the version got no session.",
    "withdrawn": "It was taken back before anybody answered. Everything is as it was.",
    "void": "The prompt's traffic was routed anew meanwhile, or the version set aside, so it has to be asked anew.",
}
"""What became of a request to release a prompt version."""
UNANSWERED: Mapping[str, str] = {
    "tool_call": "Nobody answered in time, so the call was refused and the agent was told so.",
    "question": "Nobody answered in time, and the agent was told so.",
    "budget": "Nobody answered in time, so the limit stayed and the session ended with what it had.",
    "stuck": "Nobody answered in time, so the session ended with what it had.",
    "unknown_outcome": "Nobody answered in time, so it was not run again, and the agent was told that nobody knows.",
    "prompt_release": "Nobody answered in time, so the version was not released.",
}
"""What the end of its time meant, by kind."""
OUTCOMES: tuple[tuple[str, str], ...] = (
    ("It happened", "Nothing is run. The agent goes on as if the call had returned what you write."),
    (
        "Run it again",
        "The call is judged anew and runs, asking once more where policy says so. If it went through, it is done twice.",
    ),
    ("Give up", "Nothing is run. The agent is told that nobody knows, and not to repeat it."),
)
"""What each verdict on an unknown outcome does."""
WAYS_OUT: tuple[tuple[str, str], ...] = (
    ("Answer", "The agent reads what you write as an instruction, and goes on from where it is."),
    ("Give up", "The session ends with what it has reached, and says that it made no progress."),
)
"""What each verdict on a session without progress does."""
CHOICES = {"unknown_outcome": OUTCOMES, "stuck": WAYS_OUT}


def lede(row: ApprovalRequest) -> str:
    """Return who will do what and the consequence, or what became of it, in the product's own words."""
    if row.kind == "prompt_release" and row.status in RELEASE:
        return RELEASE[row.status]
    if row.kind != "tool_call":
        return CLOSED.get(row.status, ASKED.get(row.kind, ""))
    if "control" in row.facts:
        return "No agent asked for it, and nothing ran by it."
    where = f" in {row.environment}" if row.environment else ""
    if row.status == "consumed":
        return f"{row.agent} called {row.tool}{where}, once and exactly as it is shown here. The session says what came of it."
    if row.status in BEHIND:
        return f"{row.agent} wanted to call {row.tool}{where}. {BEHIND[row.status]}"
    parts = (f"{row.agent} will call {row.tool}{where}.", row.facts.get("consequence"), AHEAD.get(row.status))
    return " ".join(str(part) for part in parts if part)


def heading(row: ApprovalRequest) -> str:
    """Return what stands above the arguments: what will be sent, what was, or what would have been."""
    if row.kind == "unknown_outcome":
        return "What was sent"
    if row.kind == "tool_call" and (row.status in BEHIND or "control" in row.facts):
        return "What would have been sent"
    return "What was sent" if row.kind == "tool_call" and row.status == "consumed" else "What will be sent"


def choices(row: ApprovalRequest) -> list[dict[str, str]]:
    """Return what each verdict does, where its name alone does not say it; nothing once one was given."""
    if row.status != "pending":
        return []
    known = _release(row.facts) if row.kind == "prompt_release" and "version" in row.facts else CHOICES.get(row.kind, ())
    return [{"label": verdict, "value": does} for verdict, does in known]


def _release(facts: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    version, share, beside = facts["version"], facts["share"], facts["beside"]
    rest = "" if share == 100 or beside == "nothing" else f", the others with {beside}"
    begins = f"At once, on every worker, {share}% of the sessions that start begin with {version}{rest}."
    after = "Sessions that run keep their version. It can be rolled back in a second, and that asks nobody."
    return (
        ("Approve", f"{begins} {after}"),
        ("Reject", f"Nothing changes: {version} gets no session by this and stays as it is."),
    )
