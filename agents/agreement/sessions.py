"""What the entries of a session say of its row: where it stands, and by which instructions it works. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from agents.agreement.found import Finding, differing
from agents.agreement.texts import Place, Texts, said
from agents.agreement.told import Told
from agents.lifecycle import SESSION_ENDS
from agents.starting import title_of

TABLE = "agents_session"
AFTER: Mapping[str, str] = {
    "session.started": "queued",
    "session.claimed": "running",
    "session.reclaimed": "running",
    "session.released": "queued",
    "session.stopped": "queued",
    "session.parked": "queued",
    "session.waiting_approval": "waiting_approval",
    "session.waiting_input": "waiting_input",
    "session.resumed": "queued",
    "session.paused": "paused",
    "session.unpaused": "queued",
    "session.replayed": "queued",
    "session.completed": "completed",
    "session.halted": "halted",
    "session.failed": "failed",
    "session.cancelled": "cancelled",
    "session.expired": "expired",
    "session.dead_lettered": "dead_letter",
    "session.closed": "failed",
}
"""Where a session stands after an entry of this kind."""
HEARD = frozenset({"message.received", "message.released", "session.refusals_lifted"})
"""What lets a session go on that waits for a message."""


@dataclass(slots=True)
class SessionTold:
    """What the log says of one session so far. `states` are several only where an entry leaves it open."""

    states: frozenset[str] = frozenset()
    seq: int | None = None  # the entry that says so
    prompt: str = ""
    prompt_seq: int | None = None
    revision: int | None = None  # of the agent
    first: Told | None = None
    turns: dict[int, Told] = field(default_factory=dict)
    goal: Place | None = None
    last: Told | None = None

    def hear(self, entry: Told) -> None:
        """Take the next entry of the session's stream."""
        before, self.last = self.states, entry
        self.states = after(before, entry)
        if self.states != before or entry.kind in AFTER:
            self.seq = entry.seq
        if entry.kind == "session.started":
            self.first = self.first or entry
        if entry.kind in ("session.started", "session.replayed") and "goal" in entry.content:
            self.goal = Place(entry.seq, "goal", entry.content["goal"])
        if entry.kind in ("session.started", "session.moved") and "prompt_version" in entry.facts:
            self.prompt, self.prompt_seq = entry.fact("prompt_version"), entry.seq
        if entry.kind in ("session.started", "session.moved") and isinstance(number := entry.facts.get("revision"), int):
            self.revision = number
        if entry.kind == "turn.planned" and isinstance(number := entry.facts.get("turn"), int):
            self.turns[number] = entry


def after(states: frozenset[str], entry: Told) -> frozenset[str]:
    """Return where a session can stand after an entry of its stream."""
    if entry.kind in AFTER:
        return frozenset({AFTER[entry.kind]})
    if entry.kind in HEARD:
        return frozenset("queued" if state == "waiting_input" else state for state in states)
    if entry.kind == "approval.expired":
        return frozenset("queued" if state == "waiting_approval" else state for state in states)
    if entry.kind == "session.moved" and "waiting_approval" in states:
        return states | {"queued"}  # it is woken where something of it waited that waits no more
    return states


def disagreeing(
    row: Mapping[str, Any], told: SessionTold, turns: Sequence[Mapping[str, Any]], texts: Texts | None = None
) -> list[Finding]:
    """Return what of a session's row, and of its turns, is not what the log says."""
    ref, stream = row["ref"], f"session:{row['ref']}"
    if told.first is None:
        return [Finding(TABLE, ref, "the session", row["status"], "nothing: its stream does not begin with its start", stream)]
    found = _place(row, told, ref, stream)
    first, facts = told.first, told.first.facts
    pinned = {
        "agent": (row["agent"], first.fact("agent")),
        "started by": (row["started_by"], first.by),
        "environment": (row["environment"], first.fact("environment")),
        "task type": (row["task_type"], first.fact("task_type")),
        "tenant": (row["tenant"], first.fact("tenant")),
        "feature": (row["feature"], first.fact("feature")),
        "agent revision": (row["revision"], told.revision),
        "dry run": (row["dry_run"], bool(facts.get("dry_run"))),
    }
    found += differing(TABLE, ref, pinned, stream, first.seq)
    found += differing(TABLE, ref, {"prompt version": (row["prompt"], told.prompt)}, stream, told.prompt_seq)
    return (
        found
        + _turns(ref, stream, told, turns)
        + _counted(row, told, ref, stream)
        + _titled(row, told, texts or {}, ref, stream)
    )


def _counted(row: Mapping[str, Any], told: SessionTold, ref: str, stream: str) -> list[Finding]:
    """Hold the counters against the turns that were planned; where the stream ends, against what its last entry says."""
    says = {"turns": (row["turns"], len(told.turns))}
    for name in ("input_tokens", "output_tokens", "cost_microusd"):
        spent = sum(_whole(entry.facts.get(name)) for entry in told.turns.values())
        says[name] = (row[name], max(row[name], spent))  # what helped a turn, or never came whole, is spent beside them
    last = told.last
    if row["closed"] and last is not None and "cost_microusd" in last.facts:
        says["cost_microusd"] = (row["cost_microusd"], last.facts["cost_microusd"])
    return differing(TABLE, ref, says, stream, last.seq if last else None)


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _titled(row: Mapping[str, Any], told: SessionTold, texts: Texts, ref: str, stream: str) -> list[Finding]:
    """Hold the title against the goal that it is the beginning of, where that is still there."""
    goal = said(told.goal, texts)
    if told.goal is None or goal is None:
        return []
    return differing(TABLE, ref, {"title": (row["title"], title_of(goal))}, stream, told.goal.seq)


def _place(row: Mapping[str, Any], told: SessionTold, ref: str, stream: str) -> list[Finding]:
    found = []
    if row["status"] not in told.states:
        found += differing(TABLE, ref, {"status": (row["status"], told.states)}, stream, told.seq)
    # A dead letter may be replayed, so its stream stays open.
    ended = row["status"] in SESSION_ENDS and row["status"] != "dead_letter"
    if row["closed"] is None or ended != row["closed"]:
        word = {None: "not there", True: "closed", False: "open"}[row["closed"]]
        found.append(Finding("audit_stream", stream, "the stream", word, f"the session is {row['status']}", stream, told.seq))
    return found


def _turns(ref: str, stream: str, told: SessionTold, turns: Sequence[Mapping[str, Any]]) -> list[Finding]:
    table, found = "agents_turn", []
    rows = {row["number"]: row for row in turns}
    for number in sorted(rows.keys() | told.turns.keys()):
        row, entry, name = rows.get(number), told.turns.get(number), f"{ref} turn {number}"
        if entry is None:
            found.append(Finding(table, name, "the turn", "there", "nothing: no entry has it planned", stream))
        elif row is None:
            found.append(Finding(table, name, "the turn", "missing", "it was planned", stream, entry.seq))
        else:
            names = ("model", "input_tokens", "output_tokens", "cost_microusd", "finish_reason")
            found += differing(table, name, {one: (row[one], entry.facts.get(one)) for one in names}, stream, entry.seq)
    return found
