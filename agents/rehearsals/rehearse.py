"""The loop of a rehearsal: the context, the checks and the judgement of a live session, in memory.

It differs from `agents.runner` in what it leaves out: it writes nothing, waits for nobody, runs no tool that could do
anything, and writes no summaries of a long past (what does not fit is left out, and the model is told). Money and rates
count as everywhere: every question passes the tolls.
"""

import asyncio
import json
import random
from collections.abc import Sequence
from uuid import UUID, uuid5

from agents import filtering
from agents.context import assemble
from agents.fitting import room, shorten
from agents.gate.rehearsing import answered, planned
from agents.gate.submit import offer
from agents.guardrails.purse import Pocket, Purse
from agents.llm import retry
from agents.llm.pricing import cost_microusd
from agents.llm.provider import BrokenAnswer, Completion, ContextOverflow, JsonObject, ModelError, Question, Usage
from agents.money import Unpaid
from agents.purses import CostSpent, TokensSpent
from agents.rehearsals.document import Done, Line
from agents.rehearsals.play import Acted, Course, Ended, Judged, Play, Said, Transcript, shortened
from agents.rehearsals.records import Records
from agents.rehearsals.stage import Interrupted, Stage
from agents.state import Call, Pass, State
from agents.state import Said as Message

PARK_S = 15.0  # what was stopped, or has no money, is looked at again after so long


async def rehearse(play: Play, stage: Stage) -> Transcript:
    """Play one rehearsal until the agent answers or a bound breaks it off.

    A model that does not answer for a reason of its own (a broken answer, a refused question) is the end of it, and told.

    Raises:
        Interrupted: nothing can be asked now, for a while or for good: the kill switch, money, the provider.
    """
    state, course = stage_state(play), Course()
    records = Records(play.recorded)
    started = asyncio.get_running_loop().time()
    ended: Ended = "time"
    error = ""
    try:
        async with asyncio.timeout(play.bounds.seconds):
            ended, error = await _played(play, state, course, records, stage)
    except TimeoutError:
        pass
    took = asyncio.get_running_loop().time() - started
    return Transcript(tuple(course.turns), ended, error, round(took, 3), course.extra_cost_microusd)


async def _played(play: Play, state: State, course: Course, records: Records, stage: Stage) -> tuple[Ended, str]:
    while True:
        if len(course.turns) >= min(play.bounds.turns, state.config.limits.turns):
            return "turns", ""
        try:
            completion = await _ask(play, state, course, stage)
        except TokensSpent as error:
            return "cost" if isinstance(error, CostSpent) else "tokens", ""
        if isinstance(completion, ModelError):
            return "error", f"{completion.code}: {completion.detail}"[:500]
        if await _turn(play, state, course, completion, records, stage):
            return "answered", ""


async def _turn(  # a turn: what it belongs to, and what answers it
    play: Play, state: State, course: Course, completion: Completion, records: Records, stage: Stage
) -> bool:
    """Take one answer of the model up; true where it was the last."""
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
    text, took = shortened(completion.text), completion.duration_ms
    course.turns.append(Said(number, text, tuple(acted), usage.input_tokens, usage.output_tokens, cost, took))
    return not calls


_JUDGED: dict[str, Judged] = {"allowed": "would run", "awaiting": "would ask", "denied": "denied", "invalid": "invalid"}


async def _acted(play: Play, state: State, call: Call, records: Records, stage: Stage) -> Acted:
    """Have a judged call answered, and tell what became of it."""
    how = _JUDGED[call.status]
    recorded = None if call.done else records.answer(call.tool, json.loads(call.arguments or "{}"))
    by = await answered(state, call, recorded, play.sandbox, stage.rules)
    reasons = tuple(str(reason["code"]) for reason in call.judgement.get("reasons", ()))
    arguments = call.arguments if call.arguments is not None else call.raw
    return Acted(call.tool, arguments, how, reasons, call.tier, by, call.status, shortened(call.result or ""))


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


def stage_state(play: Play) -> State:
    """Return the session that a rehearsal pretends to be, at the point where it begins."""
    config = play.config if play.config.model == play.model else play.config.model_copy(update={"model": play.model})
    items: list[Message | Pass] = []
    turns = 0
    for index, line in enumerate(play.start):
        turns += line.source == "agent"
        items.append(_item(play.id, index, turns, line))
    state = State(
        id=play.id, number=0, agent=play.agent, config=config, prompt=play.prompt, prompt_version=play.prompt_version,
        parameters=dict(play.parameters), environment=play.environment, task_type=play.task_type, dry_run=False, trace="",
        started_kind="system", started_by="evaluation", started_user=None, started_name="evaluation",
        on_behalf_of=play.on_behalf_of, excluded=(), tenant=play.tenant, feature="evaluation", owner="", lease_token=0, step=0,
        nudges=0, attempts=0, stop="", stop_note={}, turns=turns, tool_calls=0, input_tokens=0, output_tokens=0, cost_microusd=0,
        active_ms=0, consecutive_errors=0, notes={}, taint=[], next_index=len(items), watched=False, expired=False, items=items,
    )  # fmt: skip
    for call in state.calls():
        state.mark(call.sources if call.trust == "untrusted" else ())
        state.remember(call)
    if any(isinstance(item, Message) and item.trust == "untrusted" for item in items):
        state.mark([{"source": "message", "title": "A message from outside"}])
    most = min(config.limits.cost_microusd, play.bounds.cost_microusd)
    state.purse = Purse(Pocket(config.limits.tokens, 0), Pocket(most, 0))
    return state


def _item(id_: UUID, index: int, turn: int, line: Line) -> Message | Pass:
    if line.source != "agent":
        return Message(uuid5(id_, f"message {index}"), index, line.source, line.trust, line.text)
    return Pass(
        uuid5(id_, f"turn {turn}"),
        index,
        turn,
        line.text,
        [_past(id_, turn, place, one) for place, one in enumerate(line.calls)],
    )


def _past(id_: UUID, turn: int, place: int, done: Done) -> Call:
    key = f"S-0/{turn}.{place + 1}"
    return Call(
        id=uuid5(id_, key), turn=turn, index=place, provider_id=f"call_{turn}_{place + 1}", key=key, tool=done.tool,
        status=done.status, raw=done.arguments, arguments=done.arguments, result=done.result, trust=done.trust,
        sources=[dict(source) for source in done.sources],
    )  # fmt: skip
