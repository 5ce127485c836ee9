"""The words, icons and colours of statuses, tiers, risks and people. Pure.

The word and the icon carry the meaning, the colour only helps.
"""

import re
from dataclasses import dataclass

RISKS = {1: "Low risk", 2: "Elevated risk", 3: "High risk", 4: "Critical risk"}
TONES = {"error": "bad", "warning": "warn", "success": "ok"}
TIER_WORDS = {
    "read_only": "Read only",
    "reversible_write": "Reversible write",
    "irreversible_write": "Irreversible write",
    "destructive": "Destructive",
}


@dataclass(frozen=True, slots=True)
class Look:
    """How a status is shown; the word and the icon carry it, the colour only helps."""

    word: str
    icon: str
    tone: str


LOOKS = {
    "queued": Look("Queued", "hourglass", ""),
    "running": Look("Running", "play", "acc"),
    "waiting_approval": Look("Waiting for approval", "pause", "warn"),
    "waiting_input": Look("Answered", "circle-check", "ok"),
    "paused": Look("Paused", "circle-pause", "warn"),
    "completed": Look("Completed", "circle-check", "ok"),
    "halted": Look("Halted by a limit", "octagon-x", "warn"),
    "failed": Look("Failed", "circle-x", "bad"),
    "cancelled": Look("Cancelled", "ban", ""),
    "expired": Look("Expired", "clock", "warn"),
    "dead_letter": Look("Dead letter", "circle-x", "bad"),
    "pending": Look("Waiting", "hourglass", "warn"),
    "held": Look("Approved, can be undone", "undo-2", "acc"),
    "approved": Look("Approved", "check", "ok"),
    "consumed": Look("Approved and used", "circle-check", "ok"),
    "rejected": Look("Rejected", "x", "bad"),
    "answered": Look("Answered", "message-square", "ok"),
    "withdrawn": Look("Withdrawn", "ban", ""),
    "void": Look("Void", "ban", ""),
    "proposed": Look("Proposed", "circle-dot", ""),
    "invalid": Look("Not valid", "circle-alert", "warn"),
    "denied": Look("Denied by policy", "ban", "bad"),
    "allowed": Look("Allowed", "check", ""),
    "awaiting": Look("Waiting for approval", "pause", "warn"),
    "executing": Look("Running", "play", "acc"),
    "succeeded": Look("Succeeded", "check", "ok"),
    "closed": Look("Closed", "circle-check", "ok"),
    "open": Look("Open", "unplug", "bad"),
    "half_open": Look("Being probed", "hourglass", "warn"),
    "forced_open": Look("Held open", "lock", "bad"),
    "forced_closed": Look("Held closed", "lock", "warn"),
    "degraded": Look("Degraded", "triangle-alert", "warn"),
    "minimal": Look("Without a model", "unplug", "bad"),
    "unknown": Look("Outcome unknown", "circle-question-mark", "warn"),
    "resolved": Look("Resolved", "circle-check", ""),
}


def initials(name: str) -> str:
    """Give the two letters that stand for a person."""
    parts = [part for part in re.split(r"[\s._@-]+", name) if part]
    return "".join(part[0] for part in parts[:2]).upper() or "?"


def tint(name: str) -> str:
    """Choose one of three avatar colours, always the same for the same name."""
    return ("", "b", "c")[sum(map(ord, name)) % 3]
