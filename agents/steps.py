"""The records of a session: what one step changes, as values for the ledger.

Every record holds one change of the session's row, guarded by the lease's fencing token and by the number of the
step. A worker that lost its lease, and a record that is written a second time, both find the guard unmet.
"""

from typing import Any

from agents.gate.request import agent_of
from agents.ledger import Record
from agents.lifecycle import SESSION
from agents.state import LOST_COST, LOST_TOKENS, State
from audit.events import EventKind
from audit.services import NOW, Batch, Birth, Change, Entry, Text

FREE: dict[str, Any] = {"lease_owner": None, "lease_expires": None}
ENDS = {
    "complete": EventKind.SESSION_COMPLETED,
    "halt": EventKind.SESSION_HALTED,
    "fail": EventKind.SESSION_FAILED,
    "give_up": EventKind.SESSION_DEAD_LETTERED,
    "cancel": EventKind.SESSION_CANCELLED,
    "expire": EventKind.SESSION_EXPIRED,
}


def spent(state: State) -> dict[str, Any]:
    """The counters of a session, as they stand in memory."""
    return {
        "turns": state.turns,
        "tool_calls": state.tool_calls,
        "input_tokens": state.input_tokens,
        "output_tokens": state.output_tokens,
        "cost_microusd": state.cost_microusd,
        "active_ms": state.active_ms,
        "consecutive_errors": state.consecutive_errors,
        "notes": _notes(state),
        "taint": state.taint,
        "next_index": state.next_index,
    }


def _notes(state: State) -> dict[str, Any]:
    """The session's notes, with what calls may have used whose count never came."""
    purse = state.purse
    if purse is None or not purse.tokens.lost:
        return state.notes
    return {**state.notes, LOST_TOKENS: purse.tokens.lost, LOST_COST: purse.cost.lost}


def move(state: State, event: str = "progress", *, quiet: bool = False, **values: Any) -> Change:
    """The change of the session's row for the next step.

    Args:
        state: the session; its step is not advanced yet (see `record`).
        event: what happens to it.
        quiet: only if nothing came from outside since it was read.
        values: further columns.
    """
    guard: dict[str, Any] = {"lease_owner": state.owner, "lease_token": state.lease_token, "step": state.step}
    if quiet:
        guard["nudges"] = state.nudges
    written = {**spent(state), "step": state.step + 1, "attempts": 0, "updated_at": NOW, **values}
    if state.mode != state.stored_mode:
        written["mode"] = state.mode or None
    if state.waits != state.stored_waits:
        written |= {"waits_for": state.waits or None, "waits_since": NOW if state.waits else None}
    return Change(SESSION, state.id, "running", event, written, guard)


def record(
    state: State,
    *,
    changes: list[Change],
    births: list[Birth] | None = None,
    entries: list[Entry] | None = None,
    fallback: Batch | None = None,
    premise: str = "",
) -> Record:
    """One step, ready for the ledger; advances the step in memory."""
    state.step += 1
    state.stored_mode, state.stored_waits = state.mode, state.waits
    uses, state.uses = tuple(state.uses), []
    batch = Batch(tuple(changes), (*(births or ()), *uses), tuple(entries or ()))
    if fallback is not None and uses:
        fallback = Batch(fallback.changes, (*fallback.births, *uses), fallback.entries)
    return Record(state.id, batch, premise=premise, fallback=fallback)


def entry(state: State, kind: EventKind, told: dict[str, Any], *texts: Text, closes: bool = False, span: str = "") -> Entry:
    """An entry in the session's stream, by its agent."""
    return Entry(
        state.stream, kind, agent_of(state), told, ids=(state.ref,), rev=state.step + state.nudges + 1, texts=texts,
        on_behalf_of=state.on_behalf_of, trace=state.trace, span=span, closes=closes,
    )  # fmt: skip
