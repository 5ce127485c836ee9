"""What a model is given of a session: as much of the conversation as its own window holds, beside tools and answer.

A fallback's window may be smaller than that of the agent's model, so the context is assembled for whoever is asked. What a
model turned out not to hold is remembered of it while the worker runs the session.
"""

from dataclasses import dataclass, replace
from typing import Any

from agents.context import Context, assemble
from agents.llm import tokens
from agents.llm.provider import JsonObject
from agents.llm.windows import window
from agents.state import State

SHORTEST_CONTEXT = 1_000  # tokens, estimated; below it leaving more out does not help
CERTAIN = 0.9  # of a window: tokens are estimated


@dataclass(frozen=True, slots=True)
class Offered:
    """What every model is given of a turn: its tools, and a last word about those that are missing."""

    tools: list[JsonObject]
    notice: JsonObject | None = None


@dataclass(frozen=True, slots=True)
class Prepared:
    """What one model will be given."""

    context: Context
    tools: list[JsonObject]


def fitted(state: State, offered: Offered, model: str) -> Prepared:
    """Assemble what this model will be given."""
    context = assemble(state, budget=room(state, model, offered.tools))
    if offered.notice is not None:
        context = replace(context, messages=[*context.messages, offered.notice])
    return Prepared(context, offered.tools)


def room(state: State, model: str, tools: list[JsonObject] | None = None) -> int:
    """Return the tokens, estimated, that a model's context may have: the agent's limit, or what its window leaves."""
    most = state.rooms.get(model) or state.config.limits.context_tokens
    if (whole := window(model)) is None:
        return most
    left = int((whole - _made(state)) * CERTAIN) - (tokens.estimate_request((), tools) if tools else 0)
    return min(most, max(left, SHORTEST_CONTEXT))


def shorten(state: State, model: str, tools: list[JsonObject]) -> bool:
    """A model said that the context was too long: give it half. False where less does not help."""
    had = room(state, model, tools)
    if had <= SHORTEST_CONTEXT:
        return False
    state.rooms[model] = had // 2  # summaries come sooner from now on
    return True


def _made(state: State) -> int:
    made: Any = state.parameters.get("max_output_tokens", state.config.max_output_tokens)
    return int(made)
