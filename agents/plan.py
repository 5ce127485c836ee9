"""The plan step: one question to the model, tried again where that can help, paid for whatever comes of it.

No transaction and no connection is held meanwhile. What the model said is only a value here; `agents.gate.submit`
decides what becomes of it.
"""

import asyncio
import contextlib
import random
from collections.abc import Sequence
from typing import Any, Protocol
from uuid import UUID

import structlog

from agents import fallback, filtering, rests
from agents.failpoints import failpoint
from agents.fallback import Answered, Missed
from agents.fitting import Offered, Prepared, fitted, shorten
from agents.gate.request import Put
from agents.ledger import Ledger, Record
from agents.llm import retry
from agents.llm.pricing import cost_microusd
from agents.llm.provider import (
    BreakerOpen,
    BrokenAnswer,
    Completion,
    ContextOverflow,
    Later,
    ModelError,
    Provider,
    Question,
    Usage,
)
from agents.money import Unpaid
from agents.purses import CostSpent
from agents.state import Pass, State
from agents.steps import entry, move, record
from agents.watching import Watchers
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import Birth

log = structlog.get_logger(__name__)


class Asking(Protocol):
    """What the plan step works with."""

    ledger: Ledger
    watchers: Watchers

    def model(self, state: State) -> Provider:
        """The model as this session may ask it."""
        ...

    async def numbers(self, count: int) -> list[int]:
        """Short ids for approval requests."""
        ...


async def ask(state: State, offered: Offered, hands: Asking) -> Answered | Record:
    """Ask the agent's model, with retries, and its fallbacks where it cannot be had.

    Returns the answer, or the record of what follows without one.
    """
    started = asyncio.get_running_loop().time()
    missed: list[Missed] = []
    try:
        for place, model in enumerate(fallback.chain(state)):
            answer = await _ask_fitting(state, offered, model, hands)
            if isinstance(answer, Completion):
                state.notes.pop("slowed", None)
                state.notes.pop("unpaid", None)
                fallback.answered(state, model)
                return Answered(answer, model, missed)
            if isinstance(answer, Record):
                return answer
            missed.append(answer)
            if not place and not fallback.passes_on(answer.error):
                break  # the question itself was refused; a fallback that refuses it is only not there
        return await _unanswered(state, missed, hands)
    finally:
        hands.watchers.forget(state.ref)
        state.active_ms += int((asyncio.get_running_loop().time() - started) * 1000)


async def _ask_fitting(state: State, offered: Offered, model: str, hands: Asking) -> Completion | Record | Missed:
    """Ask one model, with less of the conversation where it was too long for it."""
    while True:
        answer = await _ask_one(state, fitted(state, offered, model), model, hands)
        overflown = isinstance(answer, Missed) and isinstance(answer.error, ContextOverflow)
        if not overflown or not shorten(state, model, offered.tools):
            return answer


async def _ask_one(state: State, prepared: Prepared, model: str, hands: Asking) -> Completion | Record | Missed:
    """Ask one model, with retries: its answer, the record of what came from outside, or why it did not answer."""
    question = _question(state, prepared, model)
    policy = retry.RetryPolicy(attempts=1 + state.config.retries.model, base_s=state.config.retries.base_backoff_s)
    attempt = 0
    while True:
        if _told_to_end(state):  # since the last look, and nothing is asked yet
            return record(state, changes=[move(state)])
        attempt += 1
        answer = await _once(state, question, hands)
        if isinstance(answer, Completion):
            return answer
        if isinstance(answer, Later) and _told_to_end(state):
            return record(state, changes=[move(state)])  # it only waited, and costs nothing
        if answer is None or _told_to_end(state):
            return _abandoned(state, prepared, model)
        if isinstance(answer, BrokenAnswer):
            _charge_unknown(state, prepared, model)
        if isinstance(answer, BreakerOpen):
            return Missed(model, answer, attempt)
        decision = retry.decide(answer, attempt, random=random.random(), policy=policy)  # noqa: S311  jitter
        say, event = (log.info, "model.waits") if isinstance(answer, Later | Unpaid) else (log.warning, "model.failed")
        say(
            event, session=state.ref, trace=state.trace, model=model, attempt=attempt, code=answer.code,
            next=decision.action,
        )  # fmt: skip
        if decision.action == "wait":
            await _wait(state, decision.delay_s)
            continue
        return Missed(model, answer, attempt, decision.delay_s if decision.action == "park" else None)


async def _unanswered(state: State, missed: list[Missed], hands: Asking) -> Record:
    """No model answered: wait where one asked for that, or as the agent's degradation says; else give up."""
    asked = [one for one in missed if one.wait_s is not None]
    if asked:
        soonest = min(asked, key=lambda one: one.wait_s or 0)
        follows = fallback.slowed(state, soonest, soonest.wait_s or 0)
    elif fallback.waits(state, missed):
        follows = fallback.without_model(state, missed, random=random.random())  # noqa: S311  jitter
    else:
        return await _given_up(state, missed[-1].error, missed[-1].attempts, hands)
    if isinstance(follows, Record):
        return follows
    return await rests.end(state, "give_up", hands.ledger.read, error=follows)


def _told_to_end(state: State) -> bool:
    """True if somebody stops the session, or its worker leaves; all of it comes from outside, at any time."""
    return bool(state.stop) or state.leaving or state.held is not None or state.recalled is not None


def _question(state: State, prepared: Prepared, model: str) -> Question:
    parameters = state.parameters
    return Question(
        model=model,
        messages=prepared.context.messages,
        tools=prepared.tools,
        temperature=parameters.get("temperature", state.config.temperature),
        max_output_tokens=parameters.get("max_output_tokens", state.config.max_output_tokens),
        timeout_s=state.config.model_timeout_s,
    )


async def _once(state: State, question: Question, hands: Asking) -> Completion | ModelError | None:
    """One attempt; None if it was abandoned from outside (a stop, or the worker leaves)."""
    failpoint("runner.before_model")
    streams = state.watched and not state.config.output.whole
    on_delta = hands.watchers.delta(state.ref, filtering.shown(state)) if streams else None
    model = hands.model(state)
    try:
        async with asyncio.timeout(None) as state.asking:
            return await model.complete(question, on_delta=on_delta)
    except ModelError as error:
        return error
    except TimeoutError:
        return None if getattr(model, "sent", True) else Later("it was told to end while it waited", unsent=True)
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


def _abandoned(state: State, prepared: Prepared, model: str) -> Record:
    _charge_unknown(state, prepared, model)
    why = state.stop or (
        "the kill switch" if state.held else "the prompt was rolled back" if state.recalled else "the worker leaves"
    )
    told = {"reason": why, "input_tokens_estimated": prepared.context.tokens}
    return record(state, changes=[move(state)], entries=[entry(state, EventKind.TURN_ABANDONED, told)])


def _charge_unknown(state: State, prepared: Prepared, model: str) -> None:
    """A call whose count never came is spent all the same, as far as can be told."""
    charge_use(state, "plan", [(model, Usage(prepared.context.tokens, 0, estimated=True))])


async def _given_up(state: State, error: ModelError, attempts: int, hands: Asking) -> Record:
    if isinstance(error, CostSpent) and state.config.limits.ask_above_cost_microusd is not None:
        return await rests.ask_or_halt(state, error.stop, f"{error.reason}.", hands.ledger.read, hands.numbers)
    if isinstance(error, Unpaid):
        return await rests.unpaid(state, error, hands.ledger.read)
    tries = f"{attempts} attempts" if attempts > 1 else "1 attempt"
    told = {"category": error.category, "code": error.code, "detail": f"{error.detail} ({tries})"[:1000]}
    return await rests.end(state, "give_up", hands.ledger.read, error=told)


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


def settle(state: State, completion: Completion, model: str) -> int:
    """Add the turn's own call, at the price of the model that was asked and answered."""
    return charge(state, [(model, completion.usage)])


def turn_row(state: State, turn: Pass, answered: Answered, cost: int, text_id: UUID | None, span: str) -> Birth:
    """The turn as a row."""
    completion = answered.completion
    usage = completion.usage
    values = {
        "id": turn.id, "session_id": state.id, "index": turn.index, "number": turn.number, "text_id": text_id,
        "calls": len(turn.calls), "finish_reason": completion.finish_reason, "model": completion.model,
        "prompt_version": state.prompt_version, "input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens, "cost_microusd": cost, "estimated": usage.estimated,
        "duration_ms": completion.duration_ms, "first_token_ms": completion.first_token_ms, "span": span,
    }  # fmt: skip
    if answered.instead_of:
        values["instead_of"] = answered.instead_of
    return Birth("agents.Turn", values)


def told(turn: Pass, answered: Answered, cost: int, puts: Sequence[Put]) -> dict[str, Any]:
    """What the turn's entry states: the model's use, and each call with how it was judged."""
    completion = answered.completion
    instead = [{"model": one.model, "why": one.error.code} for one in answered.missed]
    return {
        **({"asked": answered.model, "instead_of": instead} if instead else {}),
        **({"waited_ms": completion.waited_ms} if completion.waited_ms else {}),
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
