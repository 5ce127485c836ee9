"""What a verdict needs to be said with it, and what it makes of a request. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from approvals.errors import InvalidVerdict
from audit.events import EventKind

INSTRUCTION_CHARS = range(3, 2_001)
ANSWER_CHARS = range(1, 10_001)
MOST_MICROUSD = 10**12

APPROVALS = frozenset({"approve", "edit"})
"""Verdicts that count as votes of a quorum. Every other one settles the request at once; a rejection is a veto."""

EVENTS: Mapping[str, str] = {
    "reject": "reject",
    **dict.fromkeys(("answer", "extend", "happened", "run_again", "give_up"), "answer"),
}
KINDS: Mapping[str, EventKind] = {
    "vote": EventKind.DECISION_MADE,
    "hold": EventKind.APPROVAL_HELD,
    "approve": EventKind.APPROVAL_APPROVED,
    "reject": EventKind.APPROVAL_REJECTED,
    "answer": EventKind.APPROVAL_ANSWERED,
}
EFFECTS: Mapping[str, str] = {
    "vote": "pending",
    "hold": "held",
    "approve": "approved",
    "reject": "rejected",
    "answer": "answered",
}


@dataclass(frozen=True, slots=True)
class Said:
    """One verdict with what was said with it."""

    verdict: str
    instruction: str = ""
    answer: str = ""
    amount: int | None = None


def event_of(verdict: str, *, votes: int, required: int, hold: bool) -> str:
    """Return the event that `verdict` is to its request, this one being the last of `votes`."""
    if verdict not in APPROVALS:
        return EVENTS[verdict]
    if votes < required:
        return "vote"
    return "hold" if hold else "approve"


def checked(kind: str, said: Said) -> Said:
    """Return `said` with only what belongs to its verdict, trimmed; raise InvalidVerdict where something is missing.

    A rejected call tells the agent why; elsewhere an instruction with a rejection is optional. Somebody stuck can be
    answered in either field.
    """
    instruction, answer = _trimmed("instruction", said.instruction), _trimmed("answer", said.answer)
    match said.verdict:
        case "reject":
            _within("instruction", instruction, INSTRUCTION_CHARS, optional=kind != "tool_call")
            return Said("reject", instruction=instruction)
        case "answer":
            answer = answer or (instruction if kind == "stuck" else "")
            _within("answer", answer, ANSWER_CHARS)
            return Said("answer", answer=answer)
        case "happened":
            _within("answer", answer, ANSWER_CHARS, optional=True)
            return Said("happened", answer=answer)
        case "extend":
            return Said("extend", amount=_amount(said.amount))
        case _:
            return replace(said, instruction="", answer="", amount=None)


def _trimmed(field: str, text: str) -> str:
    if "\x00" in text or (not text.isprintable() and any("\ud800" <= char <= "\udfff" for char in text)):
        raise InvalidVerdict(field=field, reason="The text holds characters that cannot be stored.")
    return text.strip()


def _within(field: str, text: str, chars: range, *, optional: bool = False) -> None:
    if not text and optional:
        return
    if len(text) not in chars:
        raise InvalidVerdict(field=field, reason=f"The {field} needs {chars.start} to {chars.stop - 1:,} characters.")


def _amount(amount: int | None) -> int:
    if amount is None or isinstance(amount, bool) or not 0 < amount <= MOST_MICROUSD:
        raise InvalidVerdict(field="amount", reason=f"The amount needs to be 1 to {MOST_MICROUSD:,}, in the unit of the limit.")
    return amount
