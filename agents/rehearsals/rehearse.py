"""The loop of a rehearsal: the context, the checks and the judgement of a live session, in memory.

It differs from `agents.runner` in what it leaves out: it writes nothing, waits for nobody, runs no tool that could do
anything, and writes no summaries of a long past (what does not fit is left out, and the model is told). Money and rates
count as everywhere: every question passes the tolls.
"""

import asyncio
import json
import math
import random
import time
from collections.abc import Sequence
from uuid import uuid5

from agents import filtering
from agents.context import assemble
from agents.fitting import room, shorten
from agents.gate.rehearsing import answered, planned
from agents.gate.submit import offer
from agents.llm import retry
from agents.llm.pricing import cost_microusd
from agents.llm.provider import BrokenAnswer, Completion, ContextOverflow, JsonObject, ModelError, Question, Usage
from agents.money import Unpaid
from agents.purses import CostSpent, TokensSpent
from agents.rehearsals.opening import answers, go_on, hear, over, stage_state
from agents.rehearsals.play import Acted, Course, Ended, Judged, Play, Said, Transcript, shortened
from agents.rehearsals.records import Records
from agents.rehearsals.stage import Interrupted, Stage
from agents.state import Call, Pass, State

PARK_S = 15.0  # what was stopped, or has no money, is looked at again after so long


async def rehearse(play: Play, stage: Stage, *, course: Course | None = None, until: float = math.inf) -> Transcript:
    """Play one rehearsal until the agent answers or a bound breaks it off.

    A model that does not answer for a reason of its own (a broken answer, a refused question) is the end of it, and told.

    Args:
        play: what is rehearsed.
        stage: what it works with.
        course: one that was played up to some turn, and goes on there; it grows with every turn.
        until: by the monotonic clock; from then on no turn is begun, and it can go on later.

    Raises:
        Interrupted: nothing can be asked now, for a while or for good: the kill switch, money, the provider.
    """
    state, course = stage_state(play), course or Course()
    records = Records(play.recorded)
    go_on(play, state, course, records)
    started, before = time.monotonic(), course.seconds
    ended: Ended = "time"
    error = ""
    try:
        async with asyncio.timeout(play.bounds.seconds):
            ended, error = await _played(play, state, course, records, stage, until)
    except TimeoutError:
        pass
    finally:
        course.seconds = before + time.monotonic() - started
    return course.told(ended, error)


async def _played(  # what it belongs to, and what answers it
    play: Play, state: State, course: Course, records: Records, stage: Stage, until: float
) -> tuple[Ended, str]:
    while not over(play, course):
        if len(course.turns) >= min(play.bounds.turns, state.config.limits.turns):
            return "turns", ""
        if time.monotonic() >= until:
            return "left", ""
        try:
            completion = await _ask(play, state, course, stage)
        except TokensSpent as error:
            return "cost" if isinstance(error, CostSpent) else "tokens", ""
        if isinstance(completion, ModelError):
            return "error", f"{completion.code}: {completion.detail}"[:500]
        await _turn(play, state, course, completion, records, stage)
    return "answered", ""


async def _turn(  # a turn: what it belongs to, and what answers it
    play: Play, state: State, course: Course, completion: Completion, records: Records, stage: Stage
) -> None:
    """Take one answer of the model up, and let it hear what people said after an answer."""
    completion, _ = filtering.clean(state, completion)
    calls = await planned(state, completion, await stage.rules())
    acted = [await _acted(play, state, call, records, stage) for call in calls]
    number = state.turns + 1
    state.items.append(Pass(uuid5(state.id, f"turn {number}"), state.next_index, number, completion.text, calls))
    state.turns, state.next_index = number, state.next_index + 1
    state.tool_calls += len(calls)
    usage = completion.usage
    cost = cost_microusd(play.model, usage)
    state.cost_microusd += cost
    text, took, tokens = shortened(completion.text), completion.duration_ms, (usage.input_tokens, usage.output_tokens)
    whole = completion.text if text != completion.text else ""
    course.turns.append(Said(number, text, tuple(acted), *tokens, cost, took, whole))
    if not calls:
        hear(play, state, answers(course.turns))


_JUDGED: dict[str, Judged] = {"allowed": "would run", "awaiting": "would ask", "denied": "denied", "invalid": "invalid"}


async def _acted(play: Play, state: State, call: Call, records: Records, stage: Stage) -> Acted:
    """Have a judged call answered, and tell what became of it."""
    how = _JUDGED[call.status]
    recorded = None if call.done else records.answer(call.tool, json.loads(call.arguments or "{}"))
    by = await answered(state, call, recorded, play.sandbox, stage.rules)
    reasons = tuple(str(reason["code"]) for reason in call.judgement.get("reasons", ()))
    arguments = call.arguments if call.arguments is not None else call.raw
    result = call.result or ""
    cut = shortened(result)
    whole = result if cut != result and by != "record" else ""  # the record has it whole
    return Acted(call.tool, arguments, how, reasons, call.tier, by, call.status, cut, whole)


async def _ask(play: Play, state: State, course: Course, stage: Stage) -> Completion | ModelError:
    """Ask with as much of the conversation as the model holds, again where that can help."""
    provider = stage.model(play, state)
    tools = [tool.offer for tool in offer(state, await stage.rules())]
    policy = retry.RetryPolicy(attempts=1 + state.config.retries.model, base_s=state.config.retries.base_backoff_s)
    attempt = 0
    while True:
        await stage.may_go_on(play.agent)
        attempt += 1
        question, tokens = _question(play, state, tools)
        try:
            return await provider.complete(question)
        except TokensSpent:
            raise
        except Unpaid as error:
            raise Interrupted(reason=error.detail, wait_s=error.wait_s if error.action == "queue" else None) from error
        except ContextOverflow as error:
            if not shorten(state, play.model, tools):
                return error
            attempt = 0
        except ModelError as error:
            if isinstance(error, BrokenAnswer):  # it was made, and is paid for, as far as can be told
                course.extra_cost_microusd += cost_microusd(play.model, Usage(tokens, 0, estimated=True))
            decision = retry.decide(error, attempt, random=random.random(), policy=policy)  # noqa: S311  jitter
            if decision.action != "wait":
                return _given_up(error, decision)
            await asyncio.sleep(decision.delay_s)


def _given_up(error: ModelError, decision: retry.RetryDecision) -> ModelError:
    """What a question was refused for is the rehearsal's own; a provider that is away is everybody's."""
    if error.code in OWN:
        return error
    raise Interrupted(reason=error.detail, wait_s=(decision.delay_s or PARK_S) if error.retryable else None) from error


OWN = frozenset({"model_broken_answer", "model_bad_request", "model_context_overflow", "model_timeout"})
"""Errors that say something of the question rather than of the provider."""


def _question(play: Play, state: State, tools: Sequence[JsonObject]) -> tuple[Question, int]:
    context = assemble(state, budget=room(state, play.model, list(tools)))
    parameters = state.parameters
    question = Question(
        model=play.model,
        messages=context.messages,
        tools=tools,
        temperature=parameters.get("temperature", state.config.temperature),
        max_output_tokens=parameters.get("max_output_tokens", state.config.max_output_tokens),
        timeout_s=min(state.config.model_timeout_s, play.bounds.seconds),
        extra={"seed": play.seed},
    )
    return question, context.tokens
