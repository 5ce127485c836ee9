"""Untrusted results that look like orders: marked for people, and kept from the model where policy says so (GUARD-11).

A sign stands with the source of the result, on the call and among what tainted the session, so a reviewer sees it at the
quote. What is kept from the model is raw content of the entry that says so; the model reads a reference in its place
until a person releases it. The session is tainted all the same.
"""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from uuid import UUID

from agents.gate import words
from agents.gate.request import agent_of
from agents.guardrails.signs import Sign, signs
from agents.rules import Rules
from agents.state import Call, State
from agents.tools.results import Outcome
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import Entry, Text

CurrentRules = Callable[[], Awaitable[Rules]]
WITHHELD = "withheld"
"""The member of a source that names the raw content which the model was not given."""


async def flag(state: State, call: Call, outcome: Outcome, rules: CurrentRules) -> list[Entry]:
    """Set what of an ended call its signs change, and return the entry about them; nothing where there are none."""
    found = (*signs(readable(outcome.text)), *outcome.signs) if outcome.trust == "untrusted" else ()
    if not found:
        return []
    codes = [sign.code for sign in found]
    kept: Text | None = None
    if outcome.status == "success" and (await rules()).policy.tainted.quarantine == "flagged":
        kept = Text(uuid7(), WITHHELD, outcome.text)
        call.result = words.withheld(call.key, codes)
    call.sources = _marked(outcome.sources, found, kept.id if kept else None)
    told: dict[str, Any] = {"key": call.key, "tool": call.tool, "flags": codes, WITHHELD: kept is not None}
    return [
        Entry(
            state.stream, EventKind.MESSAGE_FLAGGED, agent_of(state), told, ids=(state.ref,), rev=state.step + state.nudges,
            texts=(kept,) if kept else (), on_behalf_of=state.on_behalf_of, trace=state.trace, span=call.span,
        )
    ]  # fmt: skip


def withheld(sources: Sequence[Mapping[str, str]]) -> UUID | None:
    """Return the id of the raw content that was kept from the model, None where nothing was."""
    return next((UUID(source[WITHHELD]) for source in sources if source.get(WITHHELD)), None)


def readable(document: str) -> str:
    """Return the texts inside a JSON document, without its escapes; a text that is no JSON as it is."""
    try:
        return "\n".join(_texts(json.loads(document)))
    except (ValueError, RecursionError):
        return document


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for part in value.items() for one in part for text in _texts(one)]
    if isinstance(value, list):
        return [text for part in value for text in _texts(part)]
    return [value] if isinstance(value, str) else []


def _marked(sources: Sequence[Mapping[str, str]], found: Sequence[Sign], kept: UUID | None) -> list[dict[str, str]]:
    """Put the signs to the source that holds them, by its quote; to the first where that cannot be told."""
    marked = [dict(source) for source in sources]
    for sign in found:
        place = next((mark for mark in marked if sign.passage[:40] in " ".join(mark.get("quote", "").split())), marked[0])
        place["flags"] = f"{place.get('flags', '')} {sign.code}".strip()
        place.setdefault("passage", sign.passage)
    if kept:
        marked[0][WITHHELD] = str(kept)
    return marked
