"""The plan step: one question to the model, tried again where that can help, paid for whatever comes of it.

No transaction and no connection is held meanwhile. What the model said is only a value here; `agents.gate.submit`
decides what becomes of it.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

import structlog

from agents import rests
from agents.context import Context
from agents.failpoints import failpoint
from agents.gate.request import Put
from agents.ledger import Ledger, Record
from agents.llm import retry
from agents.llm.pricing import cost_microusd
from agents.llm.provider import (
    BadRequest,
    BrokenAnswer,
    Completion,
    ContextOverflow,
    JsonObject,
    ModelError,
    Provider,
    Question,
    Usage,
)
from agents.money import Unpaid
from agents.state import Pass, State
from agents.steps import FREE, entry, move, record
from agents.watching import Watchers
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import After, Birth

log = structlog.get_logger(__name__)


class Asking(Protocol):
    """What the plan step works with."""

    ledger: Ledger
    watchers: Watchers

    def model(self, state: State) -> Provider:
        """The model as this session may ask it."""
        ...


@dataclass(frozen=True, slots=True)
class Prepared:
    """What the model will be given."""

    context: Context
    tools: list[JsonObject]


async def ask(
    state: State, prepared: Prepared, hands: Asking, *, shorter: bool = False
) -> Completion | Record | ContextOverflow:
    """Ask the model once, with retries.

    Returns its answer; or the record of what follows without one; or, where `shorter` says that the caller can give
    less, the error that says the context was too long.
    """
    question = _question(state, prepared)
    policy = retry.RetryPolicy(attempts=1 + state.config.retries.model, base_s=state.config.retries.base_backoff_s)
    started = asyncio.get_running_loop().time()
    attempt = 0
    try:
        while True:
            if _told_to_end(state):  # since the last look, and nothing is asked yet
                return record(state, changes=[move(state)])
            attempt += 1
            answer = await _once(state, question, hands)
            if isinstance(answer, Completion):
                state.notes.pop("retries", None)
                state.notes.pop("unpaid", None)
                return answer
            if answer is None or _told_to_end(state):
                return _abandoned(state, prepared)
            if isinstance(answer, ContextOverflow) and shorter:
                return answer
            decision = retry.decide(answer, attempt, random=random.random(), policy=policy)  # noqa: S311  jitter
            log.warning(
                "model.failed", session=state.ref, trace=state.trace, attempt=attempt, code=answer.code, next=decision.action
            )
            if isinstance(answer, BrokenAnswer):
                _charge_unknown(state, prepared)
            if decision.action == "give_up":
                return await _given_up(state, answer, attempt, hands)
            if decision.action == "park":
                return _parked(state, answer, decision.delay_s)
            await _wait(state, decision.delay_s)
    finally:
        hands.watchers.forget(state.ref)
        state.active_ms += int((asyncio.get_running_loop().time() - started) * 1000)


def _told_to_end(state: State) -> bool:
    """True if somebody stops the session, or its worker leaves; all of it comes from outside, at any time."""
    return bool(state.stop) or state.leaving or state.held is not None


def _question(state: State, prepared: Prepared) -> Question:
    parameters = state.parameters
    return Question(
        model=parameters.get("model", state.config.model),
        messages=prepared.context.messages,
        tools=prepared.tools,
        temperature=parameters.get("temperature", state.config.temperature),
        max_output_tokens=parameters.get("max_output_tokens", state.config.max_output_tokens),
        timeout_s=state.config.model_timeout_s,
    )


async def _once(state: State, question: Question, hands: Asking) -> Completion | ModelError | None:
    """One attempt; None if it was abandoned from outside (a stop, or the worker leaves)."""
    failpoint("runner.before_model")
    on_delta = hands.watchers.delta(state.ref) if state.watched else None
    try:
        async with asyncio.timeout(None) as state.asking:
            return await hands.model(state).complete(question, on_delta=on_delta)
    except ModelError as error:
        return error
    except TimeoutError:
        return None
    finally:
        state.asking = None


async def _wait(state: State, delay_s: float) -> None:
    """Wait before the next attempt, unless somebody ends it from outside."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(None) as state.asking:
            await asyncio.sleep(delay_s)
    state.asking = None


def abandon(state: State) -> None:
    """End an open model call of this session at once, if there is one."""
    if state.asking is not None:
        state.asking.reschedule(asyncio.get_running_loop().time())


def _abandoned(state: State, prepared: Prepared) -> Record:
    _charge_unknown(state, prepared)
    why = state.stop or ("the kill switch" if state.held else "the worker leaves")
    told = {"reason": why, "input_tokens_estimated": prepared.context.tokens}
    return record(state, changes=[move(state)], entries=[entry(state, EventKind.TURN_ABANDONED, told)])


def _charge_unknown(state: State, prepared: Prepared) -> None:
    """A call whose count never came is spent all the same, as far as can be told."""
    charge_use(state, "plan", [(state.config.model, Usage(prepared.context.tokens, 0, estimated=True))])


async def _given_up(state: State, error: ModelError, attempts: int, hands: Asking) -> Record:
    if isinstance(error, Unpaid):
        return await rests.unpaid(state, error, hands.ledger.read)
    tries = f"{attempts} attempts" if attempts > 1 else "1 attempt"
    told = {"category": error.category, "code": error.code, "detail": f"{error.detail} ({tries})"[:1000]}
    event = "fail" if isinstance(error, BadRequest) else "give_up"
    return await rests.end(state, event, hands.ledger.read, error=told)


def _parked(state: State, error: ModelError, delay_s: float) -> Record:
    """The provider asked for a long wait: put the session back instead of holding it."""
    parks = state.notes.get("retries", 0) + 1
    state.notes = {**state.notes, "retries": parks}
    told = {"code": error.code, "seconds": int(delay_s), "time": parks}
    change = move(state, "release", ready_at=After(delay_s), **FREE)
    return record(state, changes=[change], entries=[entry(state, EventKind.SESSION_PARKED, told)])


def charge(state: State, spent: Sequence[tuple[str, Usage]]) -> int:
    """Add model calls to the session's spend; returns what they cost."""
    total = 0
    for model, usage in spent:
        state.input_tokens += usage.input_tokens
        state.output_tokens += usage.output_tokens
        total += cost_microusd(model, usage)
    state.cost_microusd += total
    return total


def charge_use(state: State, purpose: str, spent: Sequence[tuple[str, Usage]]) -> None:
    """Add model calls that are no turn of their own to the session's spend, each with a row that is written with the next step.

    `purpose` is the tool that asked, or `plan` for an answer that never came whole.
    """
    for model, usage in spent:
        cost = charge(state, [(model, usage)])
        values = {
            "id": uuid7(), "session_id": state.id, "purpose": purpose, "model": model, "prompt_version": state.prompt_version,
            "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens, "cost_microusd": cost,
            "estimated": usage.estimated,
        }  # fmt: skip
        state.uses.append(Birth("agents.ModelUse", values))


def settle(state: State, completion: Completion) -> int:
    """Add the turn's own call, priced by the model that was asked for where the answer's name is unknown."""
    return charge(state, [(state.parameters.get("model", state.config.model), completion.usage)])


def turn_row(state: State, turn: Pass, completion: Completion, cost: int, text_id: UUID | None, span: str) -> Birth:
    """The turn as a row."""
    usage = completion.usage
    values = {
        "id": turn.id, "session_id": state.id, "index": turn.index, "number": turn.number, "text_id": text_id,
        "calls": len(turn.calls), "finish_reason": completion.finish_reason, "model": completion.model,
        "prompt_version": state.prompt_version, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens, "cost_microusd": cost, "estimated": usage.estimated,
        "duration_ms": completion.duration_ms, "first_token_ms": completion.first_token_ms, "span": span,
    }  # fmt: skip
    return Birth("agents.Turn", values)


def told(turn: Pass, completion: Completion, cost: int, puts: Sequence[Put]) -> dict[str, Any]:
    """What the turn's entry states: the model's use, and each call with how it was judged."""
    return {
        "turn": turn.number,
        "model": completion.model,
        "request_id": completion.request_id,
        "finish_reason": completion.finish_reason,
        "input_tokens": completion.usage.input_tokens,
        "output_tokens": completion.usage.output_tokens,
        "cost_microusd": cost,
        "calls": [_call_told(put) for put in puts],
    }


def _call_told(put: Put) -> dict[str, Any]:
    call = put.call
    facts: dict[str, Any] = {"key": call.key, "tool": call.tool, "status": call.status}
    if call.judgement:
        reasons = [reason["code"] for reason in call.judgement["reasons"]]
        facts |= {"tier": call.tier, "definition": call.definition, "verdict": call.judgement["verdict"], "reasons": reasons}
    if call.error_type:
        facts["error_type"] = call.error_type
    return facts
