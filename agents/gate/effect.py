"""The effect itself, and how it ended. The only place that runs a tool.

`run` is called after the intent's commit and holds neither a transaction nor a connection. What it returns is
written by the next record; a worker that dies in between leaves `executing`, and `settle` says what that means.
"""

import asyncio
import hashlib
import random
import time
from dataclasses import dataclass, field
from typing import Any

import structlog

from agents.errors import LeaseLost
from agents.failpoints import failpoint
from agents.gate import words
from agents.gate.flagging import CurrentRules, flag
from agents.gate.request import agent_of, kept_places
from agents.gate.submit import Numbers, context_of
from agents.lifecycle import TOOL_CALL
from agents.llm.provider import Provider, Usage
from agents.rules import Cache
from agents.state import Call, State
from agents.tools import registry
from agents.tools.arguments import restore
from agents.tools.execute import Outcome, execute, rehearse, summary
from agents.tools.sensitive import sensitive_places
from approvals.digest import digest, other_body
from approvals.policy import Judgement, Reason
from approvals.services import NewRequest, open_request
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import NOW, Birth, Change, Entry, Text

log = structlog.get_logger(__name__)
TRANSIENT = frozenset({"timeout", "unavailable"})
RETRY_CAP_S = 8.0


@dataclass(slots=True)
class Ended:
    """What must be written when calls have ended."""

    changes: list[Change] = field(default_factory=list)
    births: list[Birth] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    spent: list[tuple[str, Usage]] = field(default_factory=list)
    failed: int = 0
    tainted: list[dict[str, str]] = field(default_factory=list)


async def run(state: State, call: Call, provider: Provider, rules: Cache) -> tuple[Outcome, int]:
    """Run one call whose intent is committed; returns its outcome and how long it took in milliseconds.

    `rules` are as the worker last heard them: what is stopped by the time a place is free for the call is not entered.
    """
    started = asyncio.get_running_loop().time()
    failpoint("gate.after_intent")
    if time.monotonic() >= state.lease_until:
        raise LeaseLost  # this process stood still for so long that another may have taken over
    outcome = await _run(state, call, provider, rules)
    failpoint("gate.after_effect")
    return outcome, int((asyncio.get_running_loop().time() - started) * 1000)


async def _run(state: State, call: Call, provider: Provider, rules: Cache) -> Outcome:
    tool = registry.get(call.tool)
    if tool is None or call.arguments is None:
        return Outcome("error", words.invalid("The tool is not available any more."), error_type="invalid_input")
    try:
        value = restore(tool, call.arguments.encode())
    except ValueError as error:
        return Outcome("error", words.invalid(f"The call cannot run any more: {error}."), error_type="invalid_input")
    if call.dry:
        return rehearse(tool, value)
    context = context_of(state, call)
    context.provider = provider
    context.stopped = lambda: rules.stops.of_call(state.agent, state.ref, call.tool) is not None
    # A write is tried again only under its key: to its service that is the same call.
    attempts = 1 + (state.config.retries.tool if tool.repeatable else 0)
    before: Outcome | None = None
    for attempt in range(1, attempts + 1):
        outcome = await execute(tool, value, context)
        if not outcome.entered and before is not None:
            return before  # stopped between two attempts: the first one's outcome stands
        before = outcome
        if not outcome.entered:
            return outcome
        if (outcome.sure and outcome.error_type not in TRANSIENT) or attempt == attempts:
            return outcome
        longest = min(RETRY_CAP_S, state.config.retries.base_backoff_s * 2.0 ** (attempt - 1))
        await asyncio.sleep(longest * random.uniform(0.5, 1))  # noqa: S311  jitter
    raise AssertionError("unreachable: the loop returns on its last attempt")


async def finish(
    state: State, call: Call, outcome: Outcome, duration_ms: int, take_numbers: Numbers, rules: CurrentRules
) -> Ended:
    """Say how a call ended: its one tool message, or a question to people where nobody can know."""
    ended = Ended(spent=list(outcome.spent))
    if not outcome.entered:
        _hold(ended, state, call)
        return ended
    if not outcome.sure:
        await _lost(ended, state, call, outcome.hint, take_numbers)
        return ended
    good = outcome.status == "success"
    call.status = "succeeded" if good else "failed"
    call.result, call.result_id = outcome.text, uuid7()
    call.result_hash = outcome.full_hash or hashlib.sha256(outcome.text.encode()).hexdigest()
    call.error_type, call.trust, call.sources = outcome.error_type, outcome.trust, outcome.sources
    flagged = await flag(state, call, outcome, rules)
    ended.failed = int(not good)
    ended.tainted = call.sources if outcome.trust == "untrusted" else []
    values = {
        "result_id": call.result_id, "result_hash": call.result_hash, "result_size": outcome.size,
        "error_type": call.error_type, "trust": call.trust, "sources": call.sources, "confidence": outcome.confidence,
        "ended_at": NOW, "duration_ms": duration_ms,
    }  # fmt: skip
    ended.changes.append(Change(TOOL_CALL, call.id, "executing", "succeed" if good else "fail", values))
    kind = EventKind.TOOL_CALL_SIMULATED if call.dry else EventKind.TOOL_CALL_SUCCEEDED if good else EventKind.TOOL_CALL_FAILED
    told = {
        "key": call.key,
        "tool": call.tool,
        "result_hash": call.result_hash,
        "trust": call.trust,
        "duration_ms": duration_ms,
    }
    if call.error_type:
        told["error_type"] = call.error_type
    ended.entries.append(entry(state, call, kind, told, Text(call.result_id, "result", call.result)))
    ended.entries += flagged
    return ended


def _hold(ended: Ended, state: State, call: Call) -> None:
    """The kill switch came between the intent and the tool: the call waits, and is judged again before it runs."""
    call.status = "allowed"
    ended.changes.append(Change(TOOL_CALL, call.id, "executing", "hold", {"started_at": None}))
    ended.entries.append(entry(state, call, EventKind.TOOL_CALL_STOPPED, {"key": call.key, "tool": call.tool}))


def entry(state: State, call: Call, kind: EventKind, told: dict[str, Any], *texts: Text) -> Entry:
    """An entry about one call of a session."""
    return Entry(
        state.stream, kind, agent_of(state), told, ids=(state.ref,), rev=state.step + state.nudges, texts=texts,
        on_behalf_of=state.on_behalf_of, trace=state.trace, span=call.span,
    )  # fmt: skip


async def settle(state: State, calls: list[Call], take_numbers: Numbers) -> Ended:
    """What calls mean that a dead worker left in `executing`: run again if that is safe, else ask people."""
    ended = Ended()
    for call in calls:
        tool = registry.get(call.tool)
        if tool is not None and (tool.repeatable or call.dry):
            call.attempts += 1
            ended.changes.append(
                Change(TOOL_CALL, call.id, "executing", "restart", {"attempts": call.attempts, "started_at": NOW})
            )
            ended.entries.append(
                entry(state, call, EventKind.TOOL_CALL_RETRIED, {"key": call.key, "tool": call.tool, "attempt": call.attempts})
            )
        else:
            state.tool_calls += 1  # it may have run, so it is spent
            await _lost(ended, state, call, "The worker died while the call was running.", take_numbers)
    return ended


async def _lost(ended: Ended, state: State, call: Call, why: str, take_numbers: Numbers) -> None:
    """Nobody can know whether it happened: it is never run again by itself; a person is asked."""
    call.status, call.request_id, call.request = "unknown", uuid7(), None
    ended.changes.append(Change(TOOL_CALL, call.id, "executing", "lose", {"error_type": "unknown_outcome"}))
    ended.entries.append(
        entry(state, call, EventKind.TOOL_CALL_UNKNOWN, {"key": call.key, "tool": call.tool, "reason": why[:500]})
    )
    birth, opened = open_request(
        question(state, call, why, (await take_numbers(1))[0]), actor=agent_of(state), trace=state.trace, span=call.span
    )
    ended.births.append(birth)
    ended.entries.append(opened)


def question(state: State, call: Call, why: str, number: int) -> NewRequest:
    """The question whether a call happened, for a request whose id the call carries already."""
    assert call.request_id is not None
    told = {"key": call.key, "tool": call.tool, "why": why[:500], "arguments": call.arguments or ""}
    body = other_body(request=str(call.request_id), revision=1, kind="unknown_outcome", session=state.ref, facts=told)
    return NewRequest(
        id=call.request_id, number=number, kind="unknown_outcome", body=body, digest=digest(body),
        summary=_question(call), judgement=Judgement("ask", (Reason("unknown_outcome", why[:500]),), risk=3),
        session_id=state.id, session_ref=state.ref, call_id=call.id, agent=state.agent, environment=state.environment,
        tool=call.tool, tier=call.tier, facts={**told, "origins": call.judgement.get("origins", []), **_sensitive(call)},
        taint=tuple(state.taint), raw_arguments_id=call.raw_id,
        cost_microusd=state.cost_microusd, prompt_version=state.prompt_version, requested_by=state.started_name,
        requested_for=state.on_behalf_of, requester=state.requester, excluded=frozenset(state.excluded),
        ttl_s=state.config.limits.approval_ttl_s,
    )  # fmt: skip


def _sensitive(call: Call) -> dict[str, Any]:
    tool = registry.get(call.tool)
    return kept_places(sensitive_places(tool, call.arguments or "", call.raw)) if tool else {}


def _question(call: Call) -> str:
    tool = registry.get(call.tool)
    if tool is None or call.arguments is None:
        return f"Did this happen? {call.tool} ({call.key})"
    try:
        return f"Did this happen? {summary(tool, restore(tool, call.arguments.encode()))}"
    except ValueError:
        return f"Did this happen? {call.tool} ({call.key})"
