"""Which model is asked where the agent's own cannot be had, and what a session does where none can (GUARD-8).

Decided in advance by the agent's `fallbacks` and `degradation`. The next model is asked where a breaker is open, where
trying again did not help, where it is set up wrong, or where a rate limit asks for a long wait; never where what this one
question says was refused.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.door import Door
from agents.guardrails.breaker import TOOL_FAILURES
from agents.ledger import Record
from agents.llm.provider import (
    BreakerOpen,
    BrokenAnswer,
    Completion,
    Later,
    Misconfigured,
    ModelError,
    ModelTimeout,
    ModelUnavailable,
    RateLimited,
)
from agents.permits import SOON_S, Permits
from agents.state import Call, State
from agents.steps import FREE, entry, move, record
from agents.tools.results import Outcome
from agents.waits import kind_of
from audit.events import EventKind
from audit.services import After

FIRST_WAIT_S = 15.0
LONGEST_WAIT_S = 300.0
SPREAD = 0.25  # of a wait: many sessions do not come back in one moment
ABSENT = (BreakerOpen, ModelUnavailable, ModelTimeout, Misconfigured)
DEGRADED, MINIMAL = "degraded", "minimal"


@dataclass(frozen=True, slots=True)
class Missed:
    """A model that did not answer: why, after how many attempts, and how long it asks to wait (None: it gave up)."""

    model: str
    error: ModelError
    attempts: int
    wait_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answered:
    """What a model answered, which was asked for it, and which did not answer before it."""

    completion: Completion
    model: str
    missed: Sequence[Missed] = ()

    @property
    def instead_of(self) -> str:
        """The model that was to answer, where a fallback did."""
        return self.missed[0].model if self.missed else ""


def chain(state: State) -> tuple[str, ...]:
    """The models that may answer a turn, in order: the prompt's or the agent's own, then its fallbacks."""
    return tuple(dict.fromkeys((first(state), *state.config.fallbacks)))


def first(state: State) -> str:
    """The model that is asked first."""
    model: str = state.parameters.get("model", state.config.model)
    return model


def passes_on(error: ModelError) -> bool:
    """True if another model may answer what this one did not."""
    return isinstance(error, (*ABSENT, BrokenAnswer, RateLimited))


def answered(state: State, model: str) -> None:
    """Note which model answered the turn: the session is at its full, unless it was a fallback or tools were left out."""
    state.notes.pop("no_model", None)
    state.mode = DEGRADED if model != first(state) or state.notes.get("dropped") else ""


def waits(state: State, missed: Sequence[Missed]) -> bool:
    """True if no model could be had, and that may pass."""
    return any(isinstance(one.error, ABSENT) for one in missed)


def without_model(state: State, missed: Sequence[Missed], *, random: float) -> Record | dict[str, Any]:
    """Say what follows where no model could be had: the record that lets the session wait, or the error it ends with."""
    rule = state.config.degradation
    state.mode = MINIMAL
    before = state.notes.get("no_model", {})
    waited, times = int(before.get("waited_s", 0)), int(before.get("times", 0))
    asked = [one.error.retry_after_s for one in missed if isinstance(one.error, BreakerOpen) and one.error.retry_after_s]
    absent = next(one for one in missed if isinstance(one.error, ABSENT))
    wait_s = min(asked) if asked else min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(times, 10))
    wait_s = min(wait_s, LONGEST_WAIT_S) * (1 + SPREAD * random)
    if rule.when_no_model == "fail_fast" or waited >= rule.queue_s:
        return _end(state, missed, absent, waited)
    wait_s = max(1.0, min(wait_s, rule.queue_s - waited))
    state.waits = "model"
    state.notes = {**state.notes, "no_model": {"waited_s": waited + int(wait_s) + 1, "times": times + 1}}
    told = {"code": "no_model", "seconds": int(wait_s), "time": times + 1, "models": [one.model for one in missed],
            "reason": absent.error.detail[:300]}  # fmt: skip
    change = move(state, "release", ready_at=After(wait_s), **FREE)
    return record(state, changes=[change], entries=[entry(state, EventKind.SESSION_PARKED, told)])


def slowed(state: State, soonest: Missed, wait_s: float) -> Record | dict[str, Any]:
    """A model asks for a long wait: the record that puts the session back, or the error where it waited as long as it may.

    Waiting for its own turn (`Later`) has a bound of its own and is no failure.
    """
    before = state.notes.get("slowed", {})
    times, waited = int(before.get("times", 0)) + 1, int(before.get("waited_s", 0))
    failing = not isinstance(soonest.error, Later)
    if failing and waited >= state.config.degradation.queue_s:
        detail = f"{soonest.error.detail.rstrip('.')}. The session waited {waited} s for it."
        return {"category": soonest.error.category, "code": soonest.error.code, "detail": detail[:1000]}
    waited += int(wait_s) + 1 if failing else 0
    state.notes = {**state.notes, "slowed": {"times": times, "waited_s": waited}}
    state.waits = kind_of(soonest.error.code)
    told = {"code": soonest.error.code, "reason": soonest.error.detail, "seconds": int(wait_s), "time": times}
    change = move(state, "release", ready_at=After(wait_s), **FREE)
    return record(state, changes=[change], entries=[entry(state, EventKind.SESSION_PARKED, told)])


def _end(state: State, missed: Sequence[Missed], absent: Missed, waited: int) -> dict[str, Any]:
    tried = ", ".join(one.model for one in missed)
    why = absent.error.detail
    since = f" The session waited {waited} s for one." if waited else ""
    said = state.config.degradation.minimal_text or "No model can be had now, so this was not finished."
    text = f"{said} {tried} did not answer: {why.rstrip('.')}.{since} What was reached so far is kept; replay it later."
    code = absent.error.code if isinstance(absent.error, Misconfigured) else "no_model"
    return {"category": absent.error.category, "code": code, "detail": text[:1000]}


def hindered(state: State, permits: Permits, door: Door) -> bool:
    """True if a breaker that the session relies on lets nobody through at this moment."""
    model = first(state)
    keys = [f"provider:{door.address(model)}", f"model:{model}", *(f"tool:{name}" for name in state.config.tools)]
    return bool(permits.shut(keys))


def dropped(state: State, offered: Sequence[str], permits: Permits) -> list[str]:
    """The tools that the model is not offered now because their breakers are open; noted for what the turn says of itself."""
    shut = permits.shut([f"tool:{name}" for name in offered]) if state.config.degradation.drop_tools else []
    names = [key.partition(":")[2] for key in shut]
    if names or "dropped" in state.notes:
        state.notes = {**state.notes, "dropped": names}
        if not names:
            del state.notes["dropped"]
    return names


def told_of(names: Sequence[str]) -> dict[str, str]:
    """What the model reads of tools that it has to do without."""
    text = (
        f"[system] These tools cannot be used now, because their services do not work: {', '.join(names)}. Do without them,"
        " or say what has to wait for them."
    )
    return {"role": "user", "content": text}


async def admitted(wave: Sequence[Call], permits: Permits) -> list[Call]:
    """Which of these calls may be entered, as far as their tools' breakers go; of one that has cooled down one call, its probe.

    The others have `shut_s` set: the seconds until their tool may be tried.
    """
    told = await permits.tools({call.tool for call in wave if not call.dry})
    entering, probing = [], set()
    for call in wave:
        call.probe, call.shut_s = told.probe(call.tool), told.shut.get(call.tool)
        if call.dry or (call.probe is None and call.shut_s is None):
            call.probe = call.shut_s = None
            entering.append(call)
        elif call.probe is not None and call.tool not in probing:
            probing.add(call.tool)
            entering.append(call)
        else:
            call.probe, call.shut_s = None, call.shut_s or SOON_S
    return entering


async def barred(wave: list[Call], permits: Permits) -> list[Call]:
    """Take from the wave what must wait: approved calls whose tool's breaker is open. Returns them where nothing is left.

    An approval that has run out is left in it, to be told so; what nobody approved is left in it too, to be refused.
    """
    entering = await admitted(wave, permits)
    waiting = [call for call in wave if call not in entering and call.request is not None and not call.request.expired]
    wave[:] = [call for call in wave if call not in waiting]
    return [] if wave else waiting


async def unused(wave: Sequence[Call], run: Sequence[Call], permits: Permits) -> None:
    """Give back the probes of calls that do not run after all."""
    for call in wave:
        if call.probe is not None and call not in run:
            await permits.tool_left(call.tool, call.probe)
            call.probe = None


async def ended(call: Call, outcome: Outcome, permits: Permits) -> None:
    """Tell the breaker of a call's tool how the call ended."""
    if call.dry:
        return
    if not outcome.entered:
        await unused([call], [], permits)
        return
    failed = outcome.blames_service and outcome.error_type in TOOL_FAILURES
    await permits.tool_ended(call.tool, failed=failed, detail=outcome.error_type, probe=call.probe)


def behind(state: State, wave: Sequence[Call]) -> Record:
    """Approved calls wait until their tool may be tried again; no approval is used up, and no worker is held."""
    state.mode, state.waits = state.mode or DEGRADED, "tool"
    wait_s = max(1.0, min(call.shut_s or SOON_S for call in wave))
    told = {"code": "breaker_open", "seconds": int(wait_s), "time": 1, "tools": sorted({call.tool for call in wave})}
    change = move(state, "release", quiet=True, ready_at=After(wait_s), **FREE)
    return record(state, changes=[change], entries=[entry(state, EventKind.SESSION_PARKED, told)])
