"""One session's loop: perceive, plan, act, observe, repeat, as steps whose records the caller writes.

The runner writes nothing itself. It yields a record, goes on when the ledger has committed it, and ends when the
session rests, ends, or is given back. Each round:
1. stop?    somebody paused, cancelled or expired it; the kill switch; the worker leaves; its prompt version was rolled
            back; something new came in
2. settle   calls that a dead worker left `executing`
3. act      run what may run: reads side by side, writes one by one; results are one record with nothing else
4. rest     a call or the session itself waits for people, or for a stopped tool
5. limits   budgets and loops, before every turn and every call
6. past     let the cheap model look at the message that came with the goal, and where the context is full, summarise
            the oldest steps
7. plan     assemble the context, ask the model; no transaction and no connection is held
8. submit   the turn, its judged calls and the intent of those that run at once, or the rest where only people can go
            on: one record
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field, replace

import structlog

from agents import classifying, fallback, filtering, limits, moving, plan, rests, summaries
from agents.failpoints import failpoint
from agents.fitting import Offered
from agents.gate import effect, intent
from agents.gate.submit import offer, row, submit
from agents.hands import Hands
from agents.ledger import Record
from agents.rules import Rules
from agents.state import Call, Pass, State
from agents.steps import entry, move, record
from agents.tools.results import Outcome
from agents.waves import behind, first_wave, next_wave, stop_of
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import Batch, Birth, Change, Entry, Text

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Step:
    """A record to be written, and the calls that run once it is."""

    record: Record
    run: list[Call] = field(default_factory=list)


async def run(state: State, hands: Hands) -> AsyncGenerator[Record, None]:
    """Run a session until it rests or ends; yields each step's record to be written before the next begins.

    It also ends, without a last record, when something new came in: whoever called reads the session anew, and does so
    too instead of going on where only a record's second form was written.
    """
    if state.attempts > MAX_ATTEMPTS:  # a session that kills its workers is kept for people to look at
        yield await rests.end(state, "give_up", hands.ledger.read, error=_poison(state))
        return
    ready: list[Call] = []
    if left := [call for call in state.calls() if call.status == "executing"]:
        settled = await _settle(state, left, hands)  # 2
        yield settled
        if rests.is_rest(settled):
            return
        ready = [call for call in left if call.status == "executing"]
    while (step := await _next(state, ready, hands)) is not None:
        yield step.record
        if rests.is_rest(step.record):
            return
        ready = step.run


async def _next(state: State, ready: list[Call], hands: Hands) -> Step | None:
    """The next step of the round, the first that has something to do."""
    if ready:
        return Step(await act(state, ready, hands))  # 3
    if state.nudged:
        return None
    for stage in (_stop, _start, _behind, _rest, _limits, _heard, _past):  # 1, 3, 4, 4, 5, 6, 6
        if (step := await stage(state, hands)) is not None:
            return step
    return await _plan(state, hands)  # 7, 8


def _poison(state: State) -> dict[str, str]:
    detail = f"{state.attempts} workers died or failed on it in a row."
    return {"category": "tool", "code": "poison", "detail": detail}


async def _settle(state: State, left: list[Call], hands: Hands) -> Record:
    rules = await hands.current_rules()
    if (stop := stop_of(state, left, rules.stops)) is not None:
        return rests.held(state, stop)  # nothing is run again while it is stopped
    ended = await effect.settle(state, left, hands.numbers)
    changes = [*ended.changes, move(state)]
    return record(state, changes=changes, births=ended.births, entries=ended.entries, premise=rules.stamp)


async def _stop(state: State, hands: Hands) -> Step | None:
    await hands.current_rules()
    hands.rules.tell(state)
    stopped = await rests.stopped(state, hands.ledger.read)
    if stopped is None and state.recalled is not None:
        stopped = await moving.follow(state, state.recalled, hands.ledger.read)
    return Step(stopped) if stopped is not None else None


async def _start(state: State, hands: Hands) -> Step | None:
    """The intent of the calls that run next; limits are checked before each."""
    rules = await hands.current_rules()
    wave = next_wave(state, rules.stops)
    if not wave:
        return None
    if (halted := await limits.before_calls(state, wave, hands)) is not None:
        return Step(halted)
    state.hindered = fallback.hindered(state, hands.permits, hands.door)
    if barred := await fallback.barred(wave, hands.permits):
        return Step(fallback.behind(state, barred))
    prepared = await intent.prepare(state, wave, rules, hands.numbers, hands.ledger.read)
    await fallback.unused(wave, prepared.run, hands.permits)
    if not prepared.changes:
        return None  # taken back, or within its undo period
    failpoint("gate.before_intent")
    changes = [*prepared.changes, move(state)]
    written = record(state, changes=changes, births=prepared.births, entries=prepared.entries, premise=rules.stamp)
    return Step(written, prepared.run)


async def _limits(state: State, hands: Hands) -> Step | None:
    found = await limits.before_turn(state, hands)
    return Step(found) if found is not None else None


async def _heard(state: State, hands: Hands) -> Step | None:
    """The cheap model's look at the message that started it, where the agent says so; nothing is held meanwhile."""
    found = await classifying.heard(state, hands)
    return Step(found) if found is not None else None


async def _past(state: State, hands: Hands) -> Step | None:
    """A summary of what is long past, where the context grows full; no transaction and no connection is held meanwhile."""
    found = await summaries.summarise(state, hands)
    return Step(found) if found is not None else None


async def _behind(state: State, hands: Hands) -> Step | None:
    """Rest until a stopped tool is let go, where the turn waits for nothing else."""
    stop = behind(state, (await hands.current_rules()).stops)
    return Step(rests.held(state, stop)) if stop is not None else None


async def _rest(state: State, hands: Hands) -> Step | None:
    """Rest while people are asked, or when the model has answered everything."""
    resting = rests.waiting(state)
    if resting is None and not state.unread:
        resting = rests.idle(state)
    return Step(resting) if resting is not None else None


async def _plan(state: State, hands: Hands) -> Step:
    """Ask the model, and submit what it planned."""
    answer = await plan.ask(state, await _offered(state, hands), hands)
    return Step(answer) if isinstance(answer, Record) else await _submitted(state, answer, hands)


async def _offered(state: State, hands: Hands) -> Offered:
    tools = {tool.name: tool.offer for tool in offer(state, await hands.current_rules())}
    without = fallback.dropped(state, list(tools), hands.permits)
    shapes = [shape for name, shape in tools.items() if name not in without]
    return Offered(shapes, fallback.told_of(without) if without else None)


async def _ran(state: State, call: Call, hands: Hands) -> tuple[Outcome, int]:
    """One call's outcome, looked at by the cheap model where the agent says so."""
    outcome, took = await effect.run(state, call, hands.model(state, call.tool), hands.rules)
    return await classifying.looked_at(state, call, outcome, hands), took


async def act(state: State, calls: list[Call], hands: Hands) -> Record:
    """Run calls whose intent is written, side by side, and observe their outcomes: one record."""
    started = asyncio.get_running_loop().time()
    outcomes = await asyncio.gather(*(_ran(state, call, hands) for call in calls))
    changes: list[Change] = []
    births: list[Birth] = []
    entries: list[Entry] = []
    for call, (outcome, took) in zip(calls, outcomes, strict=True):
        ended = await effect.finish(state, call, outcome, took, hands.numbers, hands.current_rules)
        changes += ended.changes
        births += ended.births
        entries += ended.entries
        plan.charge_use(state, call.tool, ended.spent)
        await fallback.ended(call, outcome, hands.permits)
        state.consecutive_errors = state.consecutive_errors + 1 if ended.failed else 0
        state.mark(ended.tainted)
        state.remember(call)
        wrong = {"error": call.error_type} if call.error_type else {}
        log.info("tool.ended", key=call.key, tool=call.tool, span=call.span, status=call.status, ms=took, **wrong)
    state.tool_calls += len(calls)
    state.active_ms += int((asyncio.get_running_loop().time() - started) * 1000)
    failpoint("gate.before_result")
    return record(state, changes=[*changes, move(state)], births=births, entries=entries)


MAX_ATTEMPTS = 5  # claims of one session without a step written


async def _submitted(state: State, answered: fallback.Answered, hands: Hands) -> Step:
    """Step 8: what the model said, and the reads of it, which run at once. Writes are looked at once more first."""
    failpoint("runner.after_model")
    rules = await hands.current_rules()
    completion = answered.completion
    if not (completion.text or completion.calls):
        completion = replace(completion, text=f"(The model gave no answer: {completion.finish_reason}.)")
        answered = replace(answered, completion=completion)
    state.shut = hands.permits.shut_tools(state.config.tools)
    completion, removed = filtering.clean(state, completion)
    reasoning = Text(uuid7(), "reasoning", completion.text) if completion.text else None
    reasoning_id = reasoning.id if reasoning else None
    # First: a request states what the session has cost with the call that asks for it.
    cost = plan.settle(state, completion, answered.model)
    out = await submit(state, completion, rules, hands.numbers, hands.grant, hands.ledger.read, reasoning_id=reasoning_id)
    out.entries += removed
    turn = Pass(uuid7(), state.next_index, state.turns + 1, completion.text, out.calls)
    state.items.append(turn)
    state.turns += 1
    state.next_index += 1
    state.consecutive_errors += bool(out.refused)
    span = secrets.token_hex(8)
    log.info(
        "model.answered", turn=turn.number, span=span, model=completion.model, calls=len(turn.calls), ms=completion.duration_ms
    )
    texts = [*([reasoning] if reasoning else []), *out.texts]

    def planned() -> tuple[list[Birth], list[Entry]]:
        births = [plan.turn_row(state, turn, answered, cost, reasoning_id, span), *out.requests]
        births += [row(state, turn.id, call) for call in out.calls]
        told = entry(state, EventKind.TURN_PLANNED, plan.told(turn, answered, cost, out.puts), *texts, span=span)
        return births, [told, *out.entries]

    if not turn.calls:
        return Step(rests.answered(state, turn, *planned()))
    wave = await fallback.admitted(first_wave(state, rules.stops), hands.permits)
    return _begun(state, wave, planned, rules, out.covered)


def _begun(
    state: State, wave: list[Call], planned: Callable[[], tuple[list[Birth], list[Entry]]], rules: Rules, covered: list[Batch]
) -> Step:
    """The turn with the intent of its first reads and what a standing approval decides; without either, where the rules
    change before it is written, or what stood does not any more.
    """
    births, entries = planned()
    if not wave and not covered:
        asked = None if next_wave(state, rules.stops) else rests.asked(state, births, entries)
        return Step(asked or record(state, changes=[move(state)], births=births, entries=entries))
    unbegun = Batch((move(state),), tuple(births), tuple(entries))
    for call in wave:
        call.status, call.attempts = "executing", 1
    births, entries = planned()
    changes = [move(state), *(change for one in covered for change in one.changes)]
    births += [birth for one in covered for birth in one.births]
    entries += [entry for one in covered for entry in one.entries]
    begun = record(state, changes=changes, births=births, entries=entries, premise=rules.stamp, fallback=unbegun)
    return Step(begun, wave)
