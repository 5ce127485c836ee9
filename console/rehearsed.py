"""Rehearsals as people may see them: sensitive values of their calls covered, as in the story of a session, and in words."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from agents.rehearsals.play import Acted, Transcript
from approvals.sensitive import UNREAD, Mask
from console.covering import hides, places_in

VERDICTS = {"allow": ("Would run", "ok"), "ask": ("Asked people", "warn"), "deny": ("Denied", "bad")}
"""How a call of a session was judged."""
JUDGED: Mapping[str, tuple[str, str]] = {
    "would run": ("Would run", "ok"), "would ask": ("Would ask people", "warn"), "denied": ("Denied", "bad"),
    "invalid": ("Not valid", "bad"),
}  # fmt: skip
"""How a call of a rehearsal is."""
BY: Mapping[str, str] = {
    "record": "Answered from the record", "sandbox": "Ran: it only reads", "dry run": "Not recorded: a dry run answered",
    "nothing": "Not recorded: it was told so",
}  # fmt: skip
UNRECORDED = ("dry run", "nothing")
ENDED: Mapping[str, str] = {
    "answered": "Answered", "turns": "Broken off at its most turns", "cost": "Broken off at its most cost",
    "time": "Broken off at its most time", "tokens": "Broken off at its most tokens", "error": "The model did not answer",
    "left": "Goes on",
}  # fmt: skip


class Veil:
    """What covers a rehearsal: the sensitive values of its own calls, wherever they are met, and other masks before that."""

    def __init__(self, told: Transcript, *masks: Mask) -> None:
        known = [
            (call.value, places_in(call.tool, call.arguments))
            for call in told.calls
            if hides(call.tool) and _object(call.arguments)
        ]
        self._masks = (*masks, Mask(known))

    def text(self, text: str) -> str:
        """Return a text that may be JSON without what is covered."""
        for mask in self._masks:
            text = mask.document(text)
        return text

    def arguments(self, tool: str, document: str) -> str:
        """Return the arguments of a call without what is covered; nothing of what cannot be read and may hold anything."""
        if hides(tool) and not _object(document):
            return UNREAD
        places = places_in(tool, document)
        for mask in self._masks:
            document = mask.document(document, places)
        return document

    def transcript(self, told: Transcript) -> Transcript:
        """Return a rehearsal without what is covered."""
        turns = tuple(
            replace(turn, text=self.text(turn.text), whole="", calls=tuple(self._call(call) for call in turn.calls))
            for turn in told.turns
        )
        return replace(told, turns=turns)

    def _call(self, call: Acted) -> Acted:
        arguments = UNREAD if hides(call.tool) and call.judged == "invalid" else self.arguments(call.tool, call.arguments)
        return replace(call, arguments=arguments, result=self.text(call.result), whole="")


def bare(told: Transcript) -> Transcript:
    """Return a rehearsal without its texts, for those who may not read them."""
    return replace(told, turns=tuple(
        replace(turn, text="", whole="", calls=tuple(replace(call, arguments="", result="", whole="") for call in turn.calls))
        for turn in told.turns
    ))  # fmt: skip


def _object(document: str) -> bool:
    try:
        return isinstance(json.loads(document or "{}"), dict)
    except (ValueError, RecursionError):
        return False


def shown_call(call: Acted) -> dict[str, Any]:
    """Return a call as `evals/_acted.html` shows it."""
    word, tone = JUDGED[call.judged]
    return {
        "tool": call.tool, "tier": call.tier, "judged": word, "tone": tone, "reasons": call.reasons, "status": call.status,
        "by": BY.get(call.by, ""), "unrecorded": call.by in UNRECORDED, "arguments": call.arguments,
        "result": call.result,
    }  # fmt: skip
