"""What the entries of a session say of its tool calls: arguments, intent, authority, outcome. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from agents.agreement.found import Finding, differing
from agents.agreement.texts import Place, Texts, pointing, said
from agents.agreement.told import Told

TABLE = "agents_toolcall"
AFTER: Mapping[str, str] = {
    "tool_call.executing": "executing",
    "tool_call.succeeded": "succeeded",
    "tool_call.failed": "failed",
    "tool_call.unknown": "unknown",
    "tool_call.resolved": "resolved",
    "tool_call.rejected": "rejected",
    "tool_call.expired": "expired",
    "tool_call.denied": "denied",
    "tool_call.stopped": "allowed",
    "tool_call.revised": "awaiting",
}
"""Where a call stands after an entry of this kind."""
BEGUN = frozenset({"executing", "succeeded", "failed", "unknown", "resolved"})
OPEN = frozenset({"awaiting", "allowed"})


@dataclass(slots=True)
class CallTold:
    """What the log says of one call so far."""

    key: str
    tool: str
    status: str
    verdict: str
    seq: int  # the entry that says so
    planned: int
    arguments: Place | None = None
    result: Place | None = None
    result_hash: str | None = None
    begun: int | None = None  # the entry of the intent
    consumed: str = ""  # the request whose approval let it run
    may: bool = False  # it was let run: by policy, by people, or a person said that it is to run again
    unauthorised: bool = False


@dataclass(slots=True)
class CallsTold:
    """The calls of one session, by their keys, and the requests whose approval was used up so far."""

    calls: dict[str, CallTold] = field(default_factory=dict)
    consumed: set[str] = field(default_factory=set)

    def hear(self, entry: Told, key_of: Mapping[str, str]) -> None:
        """Take the next entry of the session's stream; `key_of` says about which call a request is."""
        if entry.kind == "turn.planned":
            self._planned(entry)
        elif entry.kind.startswith("tool_call."):
            self._moved(entry)
        elif entry.kind == "approval.requested":
            self._asked(entry, key_of.get(entry.about, ""))
        elif entry.kind == "approval.consumed":
            self.consumed.add(entry.about)
        else:
            self._withdrawn(entry)

    def _planned(self, entry: Told) -> None:
        for number, facts in enumerate(entry.facts.get("calls", ()), 1):
            status, key = facts["status"], facts["key"]
            verdict = facts.get("verdict", "")
            call = CallTold(key, facts["tool"], status, verdict, entry.seq, entry.seq, may=verdict == "allow")
            call.arguments = _place(entry, f"call.{number}.arguments")
            call.result = _place(entry, f"call.{number}.result")
            if status == "executing":
                _begin(call, entry, set())
            self.calls[key] = call

    def _moved(self, entry: Told) -> None:
        call = self.calls.get(entry.fact("key"))
        if call is None:
            return
        call.seq = entry.seq
        if entry.kind == "tool_call.executing":
            _begin(call, entry, self.consumed)
        elif entry.kind == "tool_call.retried":
            # By a worker it is the same intent once more; by a person the way is free, and it is judged anew.
            call.status = "allowed" if "approval" in entry.facts else "executing"
        elif entry.kind == "tool_call.simulated":
            call.status = "failed" if "error_type" in entry.facts else "succeeded"
        call.status = AFTER.get(entry.kind, call.status)
        call.may = call.may or call.status == "allowed"  # the policy of the moment in which it runs says so, or asks people
        call.arguments = _place(entry, "arguments") or call.arguments
        if (result := _place(entry, "result")) is not None:
            call.result, call.result_hash = result, entry.facts.get("result_hash")

    def _asked(self, entry: Told, key: str) -> None:
        call = self.calls.get(key)
        if call is not None and call.status in OPEN and entry.fact("request_kind") in ("tool_call", "question"):
            call.consumed = "" if call.status == "allowed" else call.consumed
            call.status, call.seq = "awaiting", entry.seq

    def _withdrawn(self, entry: Told) -> None:
        """The session ended, or works by other instructions: what waited then was not run, and its text says so."""
        if entry.kind == "session.moved":
            for key in entry.facts.get("calls", ()):
                self._withdraw(key, entry, None)
            return
        for name in entry.content:
            if name.startswith("call.") and name.endswith(".result"):
                self._withdraw(f"{entry.about}/{name[5:-7]}", entry, _place(entry, name))

    def _withdraw(self, key: str, entry: Told, result: Place | None) -> None:
        call = self.calls.get(key)
        if call is not None:
            call.status, call.seq, call.result, call.result_hash = "withdrawn", entry.seq, result, None


def _begin(call: CallTold, entry: Told, consumed: set[str]) -> None:
    """The intent: it needs an approval that was used up for it, or a verdict that lets it run."""
    approval = entry.fact("approval")
    call.begun, call.consumed = entry.seq, approval or call.consumed
    call.unauthorised = approval not in consumed if approval else not call.may
    call.status, call.seq = "executing", entry.seq


def _place(entry: Told, name: str) -> Place | None:
    return Place(entry.seq, name, entry.content[name]) if name in entry.content else None


def disagreeing(
    ref: str, rows: Iterable[Mapping[str, Any]], told: CallsTold, texts: Texts, requests: Mapping[Any, str]
) -> list[Finding]:
    """Return what of a session's calls is not what the log says. `requests` are the short ids of requests by their keys."""
    stream, found, left = f"session:{ref}", [], dict(told.calls)
    for row in rows:
        call = left.pop(row["key"], None)
        if call is None:
            found.append(Finding(TABLE, row["key"], "the call", row["status"], "nothing: no turn planned it", stream))
        else:
            found += _one(row, call, texts, requests, stream)
    for call in left.values():
        found.append(Finding(TABLE, call.key, "the call", "missing", f"it is {call.status}", stream, call.seq))
    return found


def _one(row: Mapping[str, Any], call: CallTold, texts: Texts, requests: Mapping[Any, str], stream: str) -> list[Finding]:
    key = row["key"]
    says = {"status": (row["status"], call.status), "tool": (row["tool"], call.tool)}
    if call.result_hash is not None:
        says["result hash"] = (row["result_hash"], call.result_hash)
    consumed = requests.get(row["consumed_id"], str(row["consumed_id"])) if row["consumed_id"] else ""
    says["used approval"] = (consumed, call.consumed)
    found = differing(TABLE, key, says, stream, call.seq)
    found += pointing(TABLE, key, "arguments", row["arguments_id"], call.arguments, texts, stream)
    arguments = said(call.arguments, texts)
    if arguments is not None:
        made = hashlib.sha256(row["tool"].encode() + b"\0" + arguments.encode()).hexdigest()
        found += differing(TABLE, key, {"fingerprint": (row["fingerprint"], made)}, stream, call.seq)
    if call.result is not None:
        found += pointing(TABLE, key, "result", row["result_id"], call.result, texts, stream)
    if call.unauthorised:
        found.append(Finding(TABLE, key, "the effect", "begun", "nothing that let it run", stream, call.begun))
    return found
