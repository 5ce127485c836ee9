"""The last look before a call runs: that these are the bytes that were approved, and that policy still agrees.

Nothing is written here; the values go into the record that also says "executing", so an approval is consumed
together with the intent, once. For an approved call, in order:
1. the request must still be good: approved, its undo period over, not run out
2. the arguments about to run must be those inside the bytes that were approved, by each who approved, else somebody
   changed them: alarm, refused
3. tool definition, tier and the target's precondition must be as approved, else people are asked again
4. policy of this moment: a refusal stands, a larger quorum asks again
5. the approval is consumed, and its votes' rights are checked once more, in the same transaction; one that a standing
   approval gave only while that still stands
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from agents.gate import words
from agents.gate.facts import facts
from agents.gate.request import Put, agent_of, request_for
from agents.gate.standing import Reader, standing
from agents.gate.submit import Numbers, context_of, offer
from agents.gate.tracing import known
from agents.lifecycle import TOOL_CALL
from agents.rules import Rules
from agents.state import Asked, Call, State
from agents.tools import registry
from agents.tools.arguments import restore
from agents.tools.errors import CheckFailed
from agents.tools.execute import precondition_async
from approvals.digest import canonical_body, digest
from approvals.errors import NotConsumable
from approvals.models import ApprovalRequest
from approvals.policy import judge
from approvals.services import Ready, consume, expire, ready, void
from approvals.standing import run
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import NOW, Birth, Change, Entry, Text

FAILED = "The check before it runs failed: "


@dataclass(slots=True)
class Intent:
    """What must be written before calls run, and which calls then run."""

    run: list[Call] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    births: list[Birth] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)

    @property
    def empty(self) -> bool:
        """True if nothing is to be written."""
        return not (self.changes or self.births or self.entries)


async def prepare(state: State, calls: list[Call], rules: Rules, take_numbers: Numbers, read: Reader) -> Intent:
    """Look at each call once more and say what runs.

    Args:
        state: the session.
        calls: allowed calls, and waiting ones whose request was approved.
        rules: policy and tool settings of this moment.
        take_numbers: hands out short ids for requests.
        read: runs a function on the ledger's connection.
    """
    intent = Intent()
    ids = [call.request.id for call in calls if call.request is not None]
    now = await read(lambda: ready(ids)) if ids else {}
    for call in calls:
        if call.request is None:
            await _allowed(intent, state, call, rules, take_numbers)
        elif call.request.id in now:
            await _approved(intent, state, call, call.request, now[call.request.id], rules, take_numbers, read)
    return intent


async def _approved(
    intent: Intent, state: State, call: Call, asked: Asked, now: Ready, rules: Rules, take_numbers: Numbers, read: Reader
) -> None:
    if now.now >= now.expires_at:  # step 1
        changes, entries = expire(await read(lambda: _rows(asked)))
        _stop(intent, state, call, "expire", "expired", words.expired(), changes, entries)
        return
    if not (
        now.shown and _arguments(asked.body) == (call.arguments or "").encode() and digest(asked.body) == asked.digest
    ):  # step 2
        _alarm(intent, state, call, EventKind.ALARM_DIGEST_MISMATCH, asked)
        await _refuse(intent, state, call, asked, ["What was about to run is not what the reviewer approved."], read)
        return
    put = await _again(state, call, rules)
    if put is None or put.judgement is None or put.judgement.verdict == "deny":  # step 4, a refusal
        _alarm(intent, state, call, EventKind.ALARM_POLICY_CHANGED, asked)
        await _refuse(intent, state, call, asked, _reasons(put), read)
        return
    try:
        used, entry = consume(
            now,
            digest(_body(state, put, asked)),
            actor=agent_of(state),
            judgement=put.judgement,
            trace=state.trace,
            span=call.span,
        )
    except NotConsumable as error:  # step 3, a larger quorum of step 4, and step 5
        if error.cause in ("digest", "votes"):
            await _ask_again(intent, state, put, asked, take_numbers, read, error.reason)
        return  # taken back, or within its undo period: it waits
    if (given := now.standing) is not None:
        (by,) = await read(lambda: standing(state.id, state.agent, id_=given))
        if by.given.fallen:
            await _ask_again(intent, state, put, asked, take_numbers, read, by.given.fallen)
            return
        intent.changes.append(run(by))
    intent.changes.append(used)
    intent.entries.append(entry)
    _begin(intent, state, call, ("approve", "start"), {"consumed_id": asked.id}, asked.ref)


def _rows(asked: Asked) -> list[ApprovalRequest]:
    return list(ApprovalRequest.objects.filter(id=asked.id))


def _reasons(put: Put | None) -> list[str]:
    if put is None or put.judgement is None:
        return ["The tool is not available any more."]
    return [reason.text for reason in put.judgement.reasons]


async def _refuse(intent: Intent, state: State, call: Call, asked: Asked, reasons: list[str], read: Reader) -> None:
    changes, entries = void(await read(lambda: _rows(asked)), actor=agent_of(state), reason=reasons[0])
    _stop(intent, state, call, "deny", "denied", words.denied(reasons), changes, entries)


async def _allowed(intent: Intent, state: State, call: Call, rules: Rules, take_numbers: Numbers) -> None:
    put = await _again(state, call, rules)
    if put is None or put.judgement is None or put.judgement.verdict == "deny":
        _stop(intent, state, call, "deny", "denied", words.denied(_reasons(put)))
        return
    if call.shut_s is not None:
        _stop(intent, state, call, "deny", "denied", words.shut(call.tool, call.shut_s), error_type="unavailable")
        return
    if put.precondition.startswith(FAILED):
        _stop(intent, state, call, "deny", "denied", words.denied([put.precondition]))
        return
    if put.judgement.verdict == "ask":
        # Also where a person said "run it again": that settles what happened, it approves no bytes. These are put
        # before people like any others, with their digest, quorum and password.
        call.request_id = uuid7()
        birth, entry = request_for(state, put, number=(await take_numbers(1))[0], reasoning_id=None)
        intent.births.append(birth)
        intent.entries.append(entry)
        values = {"needs_approval": True, "request_id": call.request_id, "consumed_id": None}
        intent.changes.append(Change(TOOL_CALL, call.id, "allowed", "ask", values))
        call.status, call.needs_approval = "awaiting", True
        return
    _begin(intent, state, call, ("start",), {}, "")


async def _again(state: State, call: Call, rules: Rules) -> Put | None:
    """The call as it would be judged now; None if it cannot run any more."""
    tool = registry.get(call.tool)
    if tool is None or call.arguments is None or tool not in offer(state, rules):
        return None
    try:
        value = restore(tool, call.arguments.encode())
    except ValueError:
        return None
    judgement = judge(facts(state, call, tool, value, rules, known(call)), rules.policy)
    try:
        holds = await precondition_async(tool, value, context_of(state, call))
    except CheckFailed as error:
        holds = f"{FAILED}{error.reason}"
    call.tier, call.definition = rules.tier(tool), tool.definition
    return Put(call, call.judgement.get("changed", []), tool, value, judgement, holds)


def _body(state: State, put: Put, asked: Asked) -> bytes:
    """The bytes as they would be asked about now."""
    call = put.call
    return canonical_body(
        request=str(asked.id), revision=asked.revision, session=state.ref, call=str(call.id), tool=call.tool,
        definition=call.definition, tier=call.tier, arguments=(call.arguments or "").encode(),
        prompt_version=state.prompt_version, precondition=put.precondition,
    )  # fmt: skip


def _arguments(body: bytes) -> bytes:
    """The arguments inside approved bytes, exactly as they stand there."""
    start = len(b'{"arguments":')
    _, end = json.JSONDecoder().raw_decode(body.decode(), start)
    return body.decode()[start:end].encode()


def _begin(intent: Intent, state: State, call: Call, events: tuple[str, ...], values: dict[str, Any], ref: str) -> None:
    before = call.status
    call.status = "executing"
    call.attempts += 1
    intent.changes.append(
        Change(
            TOOL_CALL,
            call.id,
            before,
            events,
            {"started_at": NOW, "attempts": call.attempts, "tier": call.tier, "definition": call.definition, **values},
        )
    )
    told: dict[str, Any] = {"key": call.key, "tool": call.tool, "attempt": call.attempts}
    if ref:
        told["approval"] = ref
    intent.entries.append(
        Entry(
            state.stream,
            EventKind.TOOL_CALL_EXECUTING,
            agent_of(state),
            told,
            ids=tuple(filter(None, (state.ref, ref))),
            rev=state.step + state.nudges,
            on_behalf_of=state.on_behalf_of,
            trace=state.trace,
            span=call.span,
        )
    )
    intent.run.append(call)


async def _ask_again(
    intent: Intent, state: State, put: Put, asked: Asked, take_numbers: Numbers, read: Reader, reason: str
) -> None:
    """What was approved does not hold any more: that request is void, and people see the call as it is now."""
    changes, entries = void(await read(lambda: _rows(asked)), actor=agent_of(state), reason=reason)
    call = put.call
    call.request_id, call.request = uuid7(), None
    birth, opened = request_for(state, put, number=(await take_numbers(1))[0], reasoning_id=None)
    values = {"request_id": call.request_id, "tier": call.tier, "definition": call.definition}
    intent.changes += [*changes, Change(TOOL_CALL, call.id, "awaiting", "ask_again", values)]
    # One open request per call: the new one fits only once the old one is void.
    intent.births.append(replace(birth, after_changes=True))
    intent.entries += [*entries, opened]


def _stop(
    intent: Intent, state: State, call: Call, event: str, status: str, text: str,
    changes: Sequence[Change] = (), entries: Sequence[Entry] = (), error_type: str = "",
) -> None:  # fmt: skip
    before, call.status, call.result = call.status, status, text
    call.error_type = error_type or ("not_permitted" if status == "denied" else "rejected")
    call.result_id = uuid7()
    intent.changes += changes
    intent.entries += entries
    intent.changes.append(
        Change(TOOL_CALL, call.id, before, event, {"result_id": call.result_id, "error_type": call.error_type, "ended_at": NOW})
    )
    kind = EventKind.TOOL_CALL_DENIED if status == "denied" else EventKind.TOOL_CALL_EXPIRED
    intent.entries.append(
        Entry(
            state.stream,
            kind,
            agent_of(state),
            {"key": call.key, "tool": call.tool},
            ids=(state.ref,),
            rev=state.step + state.nudges,
            texts=(Text(call.result_id, "result", text),),
            trace=state.trace,
            span=call.span,
        )
    )


def _alarm(intent: Intent, state: State, call: Call, kind: EventKind, asked: Asked) -> None:
    told = {"key": call.key, "tool": call.tool, "approval": asked.ref, "digest": asked.digest}
    intent.entries.append(
        Entry(
            state.stream,
            kind,
            agent_of(state),
            told,
            ids=(state.ref, asked.ref),
            rev=state.step + state.nudges,
            trace=state.trace,
        )
    )
