"""The way in: which tools are offered, and what becomes of each call that the model planned.

Nothing is written here; `submit` returns values for the turn's one record. Steps for every call:
1. is it a tool that this session was offered?
2. do its arguments parse and validate? (a person's time is not spent on what could never run)
3. does its own check of the world pass? what must still hold when it runs?
4. what does policy say of it?
5. a call that needs people becomes an approval request with the digest of what was shown, unless too many wait already;
   where a standing approval covers it, that decides it in the same record
"""

import hashlib
import secrets
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from agents.gate import words
from agents.gate.facts import facts
from agents.gate.refused import counting, like, told_refusals
from agents.gate.request import ASK_PERSON, Put, stored
from agents.gate.standing import Reader, put_up, standing_for
from agents.gate.tracing import kept, looked_at, origins
from agents.lifecycle import TOOL_CALL
from agents.llm.provider import Completion, PlannedCall
from agents.rules import Rules
from agents.scrubbing import resolved, withheld
from agents.state import Call, State
from agents.tools import registry
from agents.tools.arguments import Malformed, Parsed, parse
from agents.tools.context import ToolContext
from agents.tools.definition import Tool
from agents.tools.errors import CheckFailed
from agents.tools.execute import precondition_async
from approvals.policy import judge
from audit.ids import uuid7
from audit.services import NOW, Batch, Birth, Entry, Text

LONGEST_PLAN = 64  # calls of one turn; more are refused one by one, so that every id has its answer
TOO_MANY = "too_many_waiting"
Numbers = Callable[[int], Awaitable[list[int]]]
Grant = Callable[[str, int, int], Awaitable[int]]


@dataclass(slots=True)
class Submission:
    """What a plan becomes: its judged calls, and the requests that must be written with the turn."""

    puts: list[Put] = field(default_factory=list)
    requests: list[Birth] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    covered: list[Batch] = field(default_factory=list)  # what approves requests by a standing approval

    @property
    def calls(self) -> list[Call]:
        """The calls, in order."""
        return [put.call for put in self.puts]

    @property
    def refused(self) -> int:
        """Calls that could not run as written."""
        return sum(put.call.status == "invalid" for put in self.puts)


def offer(state: State, rules: Rules) -> list[Tool]:
    """The tools of this session: granted to the agent, within the task type's scopes, switched on."""
    granted = state.config.scopes(state.task_type)
    found = (registry.get(name) for name in state.config.tools)
    return [tool for tool in found if tool and tool.scopes <= granted and tool.name not in rules.disabled]


def context_of(state: State, call: Call) -> ToolContext:
    """What a tool's function is handed for one call."""
    return ToolContext(
        session=state.ref, session_id=state.id, agent=state.agent, principal=state.started_name,
        principal_id=f"{state.started_kind}:{state.started_by}", on_behalf_of=state.on_behalf_of,
        tenant=state.tenant, idempotency_key=call.key,
        dry_run=state.dry_run, tainted=bool(state.taint), cheap_model=state.config.cheap_model or state.config.model,
    )  # fmt: skip


async def submit(
    state: State,
    completion: Completion,
    rules: Rules,
    take_numbers: Numbers,
    grant: Grant,
    read: Reader,
    *,
    reasoning_id: UUID | None,
) -> Submission:
    """Check and judge every call of a plan, in order.

    Args:
        state: the session; not changed.
        completion: what the model answered.
        rules: policy and tool settings of this moment.
        take_numbers: hands out short ids for requests.
        grant: says how many of so many requests of an agent may be put up beside those that wait.
        read: runs a function on the ledger's connection.
        reasoning_id: where the model's own words are stored, for the reviewer.
    """
    offered = {tool.name: tool for tool in offer(state, rules)}
    known = dict(state.fingerprints)
    out = Submission()
    for place, planned in enumerate(completion.calls):
        call = new_call(state, place, planned)
        put = early(call, planned, completion, place, offered)
        put = put or await judged(state, call, offered[planned.name], rules, known)
        if call.status in ("allowed", "awaiting"):
            known.setdefault(call.fingerprint, call.id)
        out.puts.append(put)
        _texts(out, call)
    await _bound(out, state, rules, grant)
    asking = [put for put in out.puts if put.call.status == "awaiting"]
    found = await standing_for(state, asking, read)
    for put, number in zip(asking, await take_numbers(len(asking)) if asking else (), strict=True):
        birth, entry, decided = put_up(state, put, number, reasoning_id, found, rules)
        out.requests.append(birth)
        out.entries.append(entry)
        out.covered += [decided] if decided else []
    return out


async def _bound(out: Submission, state: State, rules: Rules, grant: Grant) -> None:
    """Answer calls beyond what may be asked of people at once (THREATS 55): the agent reads why and goes on without."""
    asking = [put.call for put in out.puts if put.call.status == "awaiting"]
    if not asking:
        return
    most, mine = rules.policy.asking, sum(call.status == "awaiting" for call in state.calls())
    room = min(len(asking), max(0, most.open_per_session - mine))
    granted = await grant(state.agent, room, most.open_per_agent)
    whose, limit = ("session", most.open_per_session) if granted == room else ("agent", most.open_per_agent)
    for call in asking[granted:]:
        counted = f"1 request of this {whose}" if limit == 1 else f"{limit} requests of this {whose}"
        text = f"{counted} may wait for people at once, and {'does' if limit == 1 else 'do'}."
        reason = {"code": TOO_MANY, "text": text}
        call.status, call.error_type, call.needs_approval = "denied", "unavailable", False
        call.judgement = {**call.judgement, "verdict": "deny", "reasons": [reason, *call.judgement["reasons"]]}
        call.result = words.crowded(reason["text"])
        _result(out, call)


def new_call(state: State, place: int, planned: PlannedCall) -> Call:
    """A call of the turn that is planned now, before anything is said of it."""
    number = state.turns + 1
    return Call(
        id=uuid7(),
        turn=number,
        index=place,
        provider_id=planned.id[:200],
        key=f"{state.ref}/{number}.{place + 1}",
        tool=planned.name[:64],
        status="proposed",
        raw=planned.arguments,
        raw_id=uuid7(),
        span=secrets.token_hex(8),
    )


def early(call: Call, planned: PlannedCall, completion: Completion, place: int, offered: dict[str, Tool]) -> Put | None:
    """Steps 1 and 2's cheap refusals: nothing of these calls is looked at further."""
    if completion.truncated:
        return _refuse(call, words.truncated())
    if place >= LONGEST_PLAN:
        return _refuse(call, words.invalid(f"At most {LONGEST_PLAN} calls of one answer are run; this one was not."))
    if planned.name not in offered:
        return _refuse(call, words.unknown_tool(planned.name, list(offered)), error_type="not_permitted")
    return None


def _refuse(call: Call, text: str, *, error_type: str = "invalid_input") -> Put:
    call.status, call.error_type, call.result = "invalid", error_type, text
    return Put(call)


async def judged(state: State, call: Call, tool: Tool, rules: Rules, fingerprints: dict[str, UUID]) -> Put:
    """Steps 2 to 4."""
    parsed = parse(tool, resolved(state, tool.name, call.raw))
    if isinstance(parsed, Malformed):
        return _refuse(call, words.invalid(f"{parsed.hint}{withheld(state, tool.name, call.raw)}", parsed.errors))
    accept(call, tool, parsed, rules)
    try:
        holds = await precondition_async(tool, parsed.value, context_of(state, call))
    except CheckFailed as error:
        return _refuse(call, words.invalid(error.reason, [{"loc": "", "msg": error.hint}] if error.hint else ()))
    call.repeat_of = fingerprints.get(call.fingerprint)
    found = origins(state, call, parsed.changed) if looked_at(tool, rules.policy) else ()
    before = like(state, call, tool) if state.refused else []
    judgement = judge(
        facts(state, call, tool, parsed.value, rules, found, before, refused=counting(state, before)), rules.policy
    )
    if judgement.verdict == "ask" and not found:
        found = origins(state, call, parsed.changed)  # a person wants to know, even where policy does not
    call.judgement = {**stored(judgement), **({"origins": kept(found)} if found else {}), **told_refusals(before)}
    call.dry = state.dry_run and tool.writes
    if tool.name == ASK_PERSON and judgement.verdict == "allow":
        call.status = "awaiting"
        return Put(call, (), tool, parsed.value, judgement, holds)
    if judgement.verdict == "deny":
        call.status, call.error_type = "denied", "not_permitted"
        call.result = words.denied([reason.text for reason in judgement.reasons])
        return Put(call, parsed.changed, tool, parsed.value, judgement)
    if tool.name in state.shut and not call.dry:
        # Nobody is asked about what could not run.
        call.status, call.error_type, call.result = "denied", "unavailable", words.shut(tool.name, state.shut[tool.name])
        return Put(call, parsed.changed, tool, parsed.value, judgement)
    call.needs_approval = judgement.verdict == "ask"
    call.status = "awaiting" if call.needs_approval else "allowed"
    return Put(call, parsed.changed, tool, parsed.value, judgement, holds)


def accept(call: Call, tool: Tool, parsed: Parsed, rules: Rules) -> None:
    """Note what was validated: the canonical bytes, their fingerprint, the tool as it is now."""
    call.arguments = parsed.canonical.decode()
    call.arguments_id = uuid7()
    call.tier = rules.tier(tool)
    call.definition = tool.definition
    call.fingerprint = fingerprint(tool.name, parsed.canonical)


def fingerprint(tool: str, arguments: bytes) -> str:
    """Equal for the same tool with the same arguments."""
    return hashlib.sha256(tool.encode() + b"\0" + arguments).hexdigest()


def _texts(out: Submission, call: Call) -> None:
    """The raw content of a planned call, which stands apart from its entry."""
    if call.raw_id is not None:
        out.texts.append(Text(call.raw_id, f"call.{call.index + 1}.raw_arguments", call.raw, "raw_arguments"))
    if call.arguments is not None and call.arguments_id is not None:
        out.texts.append(Text(call.arguments_id, f"call.{call.index + 1}.arguments", call.arguments, "arguments"))
    _result(out, call)


def _result(out: Submission, call: Call) -> None:
    if call.result is not None:
        call.result_id = uuid7()
        call.result_hash = hashlib.sha256(call.result.encode()).hexdigest()
        out.texts.append(Text(call.result_id, f"call.{call.index + 1}.result", call.result, "result"))


_PATHS: dict[str, tuple[str, ...]] = {
    "invalid": ("refuse",),
    "denied": ("deny",),
    "awaiting": ("ask",),
    "allowed": ("allow",),
    "executing": ("allow", "start"),
}


def row(state: State, turn_id: UUID, call: Call) -> Birth:
    """The row of a planned call, in the state that it has reached by the time its turn is written."""
    values: dict[str, Any] = {
        "id": call.id, "session_id": state.id, "turn_id": turn_id, "index": call.index, "provider_id": call.provider_id,
        "key": call.key, "tool": call.tool, "tier": call.tier, "definition": call.definition, "raw_id": call.raw_id,
        "arguments_id": call.arguments_id, "fingerprint": call.fingerprint, "judgement": call.judgement,
        "repeat_of": call.repeat_of, "needs_approval": call.needs_approval, "request_id": call.request_id,
        "dry": call.dry, "result_id": call.result_id, "result_hash": call.result_hash, "error_type": call.error_type,
        "span": call.span, "sources": [], "attempts": call.attempts, "started_at": NOW if call.status == "executing" else None,
    }  # fmt: skip
    return Birth("agents.ToolCall", values, lifecycle=TOOL_CALL, path=_PATHS[call.status])
