"""Whether a session may go on: loops and its own budgets, before every turn and every call."""

from agents import rests, stuck
from agents.guardrails import budget
from agents.hands import Hands
from agents.ledger import Record
from agents.llm.pricing import most_microusd
from agents.money import Unpaid
from agents.state import Call, State


async def before_turn(state: State, hands: Hands) -> Record | None:
    """Return the record that halts, warns or asks people; None where the session may ask the model."""
    read = hands.ledger.read
    if (circling := await stuck.look(state, hands)) is not None:
        return circling
    warned = frozenset(state.notes.get("warned", ()))
    stops = budget.check(state.config.limits, state.spent, _allowance(state), warned)
    if not stops:
        return None
    first = stops[0]
    if first.action == "warn":
        return rests.warn(state, stops)
    if first.action == "halt":
        return await rests.halt(state, first.text, read, category="budget", code=f"limit_{first.limit}")
    return await rests.ask_or_halt(state, first, first.text, read, hands.numbers)


async def before_calls(state: State, wave: list[Call], hands: Hands) -> Record | None:
    """Cut the wave to the calls that are left; the record that halts the session where none is."""
    over = _over_limit(state, wave) or _exhausted(state, wave)
    if over is None:
        error = _unpaid(state, wave, hands)
        return await rests.unpaid(state, error, hands.ledger.read) if error is not None else None
    return await rests.halt(state, over.text, hands.ledger.read, category="budget", code=f"limit_{over.limit}")


def _unpaid(state: State, wave: list[Call], hands: Hands) -> Unpaid | None:
    """What people allowed does not run either where no budget pays the session's next question."""
    if not any(call.request is not None for call in wave):
        return None
    least = most_microusd(state.config.model, 0, state.config.max_output_tokens)
    return hands.money.short(state.agent, state.tenant, least)


def _allowance(state: State) -> dict[str, int]:
    """What people added to the limits."""
    added: dict[str, int] = state.notes.get("allowance", {})
    return added


def _over_limit(state: State, wave: list[Call]) -> budget.Stop | None:
    allowed = state.config.limits.tool_calls + _allowance(state).get("tool_calls", 0)
    if state.tool_calls + len(wave) <= allowed:
        return None
    if state.tool_calls < allowed:
        del wave[allowed - state.tool_calls :]
        return None
    return budget.Stop("halt", "tool_calls", state.tool_calls, allowed)


def _exhausted(state: State, wave: list[Call]) -> budget.Stop | None:
    """An approval does not outlive the budget: what people allowed does not run once there is nothing left to spend."""
    if not any(call.request is not None for call in wave):
        return None
    return budget.exhausted(state.config.limits, state.spent, _allowance(state))
