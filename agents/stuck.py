"""What follows when a session goes in circles (GUARD-2): the model is told; if it goes on, people are asked; else it ends.

What was said of it stands in the session's notes, so that any worker goes on from there: `loop` holds the place and the marks
of the hint, `stuck` how often people were asked and, where they gave it up, who did.
"""

import hashlib
from typing import Any

from agents import rests
from agents.guardrails.loops import Finished, Loop, detect, trail
from agents.hands import Hands
from agents.ledger import Record
from agents.state import Call, Said, State
from agents.steps import entry, move, record
from agents.tools import registry
from agents.tools.arguments import restore
from agents.tools.execute import summary
from audit.events import EventKind

MOST_ASKED = 3  # stuck requests of one session; a fourth time it ends
SHOWN = 8  # calls of the evidence
MARK = 16  # characters of a hash that are compared within one session
HINT = (
    "Doing it again will not help. Go another way, ask for what you lack, or answer with what you have and say what is missing."
)


async def look(state: State, hands: Hands) -> Record | None:
    """Return the record that tells the model, asks people or ends the session; None where it does not go in circles."""
    asked: dict[str, Any] = state.notes.get("stuck", {})
    if ended := asked.get("ended"):
        return await rests.halt(state, str(ended), hands.ledger.read, category="model", code="stuck")
    found = _found(state)
    if found is None:
        return None
    if state.config.loops.hint and not found.hinted:
        return _hint(state, found)
    times = int(asked.get("asked", 0))
    if not state.config.loops.ask or times >= MOST_ASKED:
        return await rests.halt(state, found.text, hands.ledger.read, category="model", code="loop")
    state.notes = {**state.notes, "stuck": {"asked": times + 1}}
    told = _evidence(state, found)
    noted = entry(state, EventKind.SESSION_STUCK, {"loop": found.kind, "times": found.times, "asked": times + 1})
    line = f"{state.ref} makes no progress: {found.text[0].lower()}{found.text[1:].rstrip('.')}"
    return await rests.ask_people(state, "stuck", line, told, found.text, hands.numbers, noted)


def _found(state: State) -> Loop | None:
    """Take up what came since the last look, and look."""
    if state.trail is None:
        state.trail = trail(state.config.loops)
    at = state.notes.get("loop", {}).get("at")
    for item in state.items[state.walked :]:
        if not isinstance(item, Said):
            state.trail.add([_finished(call) for call in item.calls])
        elif item.source != "system":
            state.trail.begin_anew()
        elif item.index == at:
            state.trail.hint(state.notes["loop"]["marks"])
    state.walked = len(state.items)
    return detect(state.trail, state.config.loops)


def _finished(call: Call) -> Finished:
    """The call as it is compared: texts of strangers and of models only by their hashes."""
    made = call.fingerprint or _hash(f"{call.tool} {call.raw}")
    came = call.result_hash or _hash(call.result or "")
    done = call.tier != "read_only" and call.status in ("succeeded", "resolved")
    return Finished(call.key, call.tool, made[:MARK], f"{call.status}:{came[:MARK]}", done)


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _hint(state: State, found: Loop) -> Record:
    marks = [] if found.kind == "nothing_new" else [one.mark for one in found.window]
    state.notes = {**state.notes, "loop": {"at": state.next_index, "marks": marks}}
    birth, text = rests.say(state, f"{found.text} {HINT}")
    told = {"loop": found.kind, "times": found.times, "calls": [one.key for one in found.window[-SHOWN:]]}
    return record(state, changes=[move(state)], births=[birth], entries=[entry(state, EventKind.SESSION_WARNED, told, text)])


def _evidence(state: State, found: Loop) -> dict[str, Any]:
    """What people are shown: what repeats, how often, and what the session has cost with it."""
    calls = {call.key: call for item in state.items if not isinstance(item, Said) for call in item.calls}
    shown = [calls[one.key] for one in found.window[-SHOWN:]]
    return {
        "loop": found.kind,
        "times": found.times,
        "calls": [{"key": call.key, "tool": call.tool, "what": _what(call), "status": call.status} for call in shown],
        "told": found.hinted,
        "turns": state.turns,
        "cost_microusd": state.cost_microusd,
    }


def _what(call: Call) -> str:
    """The call in one sentence, without sensitive values."""
    tool = registry.get(call.tool)
    try:
        return summary(tool, restore(tool, (call.arguments or "").encode())) if tool and call.arguments else call.tool
    except ValueError:
        return call.tool
