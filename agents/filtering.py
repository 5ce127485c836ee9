"""What the model said on its way to people: filtered before it is stored or shown, with the raw text kept apart (GUARD-13)."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from agents.guardrails.outputs import filtered
from agents.llm.provider import Completion
from agents.state import State
from agents.steps import entry
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import Entry, Text

REMOVED = "removed"
"""The note of a session that counts what was taken out of its answers, by kind."""


def clean(state: State, completion: Completion) -> tuple[Completion, list[Entry]]:
    """Return the completion as people may read it, and the entry about what was taken out of it, if anything was."""
    found = filtered(completion.text, state.config.output.remove, _prompt(state))
    if not found.removed:
        return completion, []
    before: dict[str, int] = state.notes.get(REMOVED, {})
    counts = {kind: before.get(kind, 0) + found.removed.get(kind, 0) for kind in {**before, **found.removed}}
    state.notes = {**state.notes, REMOVED: counts}
    told: dict[str, Any] = {"turn": state.turns + 1, REMOVED: found.removed}
    raw = Text(uuid7(), "raw_answer", completion.text)
    return replace(completion, text=found.text), [entry(state, EventKind.MESSAGE_FLAGGED, told, raw)]


def shown(state: State) -> Callable[[str], str]:
    """Return what makes of an unfinished answer of this session what people may read of it."""
    kinds, prompt = state.config.output.remove, _prompt(state)
    return lambda text: filtered(text, kinds, prompt).text


def _prompt(state: State) -> str:
    return state.prompt if state.config.output.prompt else ""
