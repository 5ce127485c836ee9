"""May the session go on? Its own budgets, checked before every turn and every call (GUARD-1). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from agents.config import Limits

LABELS: Mapping[str, str] = {
    "turns": "turns",
    "tool_calls": "tool calls",
    "tokens": "tokens",
    "cost_microusd": "cost",
    "active_s": "working time",
    "consecutive_errors": "errors in a row",
}


@dataclass(frozen=True, slots=True)
class Spent:
    """What a session has used so far; `reserve` is what the next step may cost at most."""

    turns: int
    tool_calls: int
    tokens: int
    cost_microusd: int
    active_s: float
    consecutive_errors: int


@dataclass(frozen=True, slots=True)
class Stop:
    """A limit was met: `action` says what follows, `short` how much more the next step may need than is left."""

    action: Literal["warn", "ask", "halt"]
    limit: str
    spent: float
    allowed: float
    short: int = 0

    @property
    def text(self) -> str:
        """One sentence for people and for the model."""
        label = LABELS[self.limit]
        if self.limit == "cost_microusd":
            return f"The session has spent ${self.spent / 1e6:.4f} of its ${self.allowed / 1e6:.4f} {label} limit."
        if self.limit == "active_s":
            return f"The session has worked for {self.spent:.0f} of its {self.allowed:.0f} seconds."
        if self.limit == "consecutive_errors":
            return f"{self.spent:g} steps in a row failed; the limit is {self.allowed:g}."
        return f"The session has used {self.spent:,.0f} of its {self.allowed:,.0f} {label}."


def check(limits: Limits, spent: Spent, allowance: Mapping[str, int], warned: frozenset[str]) -> tuple[Stop, ...]:
    """What the limits say now: at most one halt or ask, and the warnings not yet given.

    Args:
        limits: the agent's limits.
        spent: used so far.
        allowance: extra amounts that people granted, by limit.
        warned: limits whose soft warning was given already.
    """
    for name in LABELS:
        allowed = getattr(limits, name) + allowance.get(name, 0)
        if getattr(spent, name) >= allowed:
            return (Stop("halt", name, getattr(spent, name), allowed),)
    ask_above = limits.ask_above_cost_microusd
    if ask_above is not None and spent.cost_microusd >= ask_above + allowance.get("cost_microusd", 0):
        return (Stop("ask", "cost_microusd", spent.cost_microusd, ask_above + allowance.get("cost_microusd", 0)),)
    return tuple(_warnings(limits, spent, warned))


def exhausted(limits: Limits, spent: Spent, allowance: Mapping[str, int]) -> Stop | None:
    """The hard limit that forbids even a call that was planned and approved before it was met; turns only forbid the next turn."""
    for name in ("tokens", "cost_microusd", "active_s"):
        allowed = getattr(limits, name) + allowance.get(name, 0)
        if getattr(spent, name) >= allowed:
            return Stop("halt", name, getattr(spent, name), allowed)
    return None


def _warnings(limits: Limits, spent: Spent, warned: frozenset[str]) -> list[Stop]:
    found = []
    for name in ("turns", "tool_calls", "tokens", "cost_microusd"):
        soft = getattr(limits, f"soft_{name}")
        if soft is not None and name not in warned and getattr(spent, name) >= soft:
            found.append(Stop("warn", name, getattr(spent, name), getattr(limits, name)))
    return found
