"""The toll of a session's own tokens and money: what a question can use at most is held before it is sent, and spent
after (GUARD-1).

One worker runs a session at a time, so its purse is kept in memory and costs no statement. What was used stands on the
session's row; what was lost (a question that may have been counted, though no count came back) in its notes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

from django.conf import settings

from agents.door import Asking
from agents.guardrails.budget import Stop
from agents.guardrails.money import charged_for
from agents.guardrails.purse import Pocket, Purse, worst
from agents.llm.pricing import cost_microusd, most_microusd
from agents.llm.provider import ModelError
from agents.money import Unpaid
from agents.state import LOST_COST, LOST_TOKENS, State


class TokensSpent(Unpaid):
    """{reason}."""

    code: ClassVar[str] = "limit_tokens"

    def __init__(self, reason: str) -> None:
        """Keep why; the session ends with what it has."""
        super().__init__(reason, action="halt", wait_s=0, budget="")


class CostSpent(TokensSpent):
    """{reason}."""

    code: ClassVar[str] = "limit_cost_microusd"
    stop: Stop

    def __init__(self, reason: str, pocket: Pocket, most: int) -> None:
        """Keep why, and what people are asked where the agent says that they are."""
        super().__init__(reason)
        self.stop = Stop("ask", "cost_microusd", pocket.used, pocket.limit, most - pocket.left)


class PurseToll:
    """Lets a question through if all that it can use is left; one per worker, for all of its sessions."""

    def refresh(self) -> None:
        """Nothing: a session's limits are its own."""

    @asynccontextmanager
    async def __call__(self, asking: Asking) -> AsyncIterator[None]:
        """Hold the worst case, let the question be sent, spend what was counted. Raises TokensSpent, CostSpent."""
        purse = asking.caller.purse
        if purse is None:
            yield
            return
        tokens, cost = _most(purse, asking)
        purse.hold(tokens, cost)
        try:
            yield
        except BaseException as error:
            told = not isinstance(error, ModelError) or charged_for(error.status, unsent=error.unsent)
            if asking.sent and told:
                purse.lose(tokens, cost)
            raise
        finally:
            purse.hold(-tokens, -cost)
        assert asking.completion is not None
        purse.learn(asking.question, asking.completion, cost_microusd(asking.question.model, asking.completion.usage))


def purse_of(state: State) -> Purse:
    """The session's purse, made from what it has spent where this worker has none of it yet."""
    if state.purse is None:
        limits, added, notes = state.config.limits, state.notes.get("allowance", {}), state.notes
        used = state.input_tokens + state.output_tokens
        state.purse = Purse(
            Pocket(limits.tokens + added.get("tokens", 0), used, lost=notes.get(LOST_TOKENS, 0)),
            Pocket(limits.cost_microusd + added.get("cost_microusd", 0), state.cost_microusd, lost=notes.get(LOST_COST, 0)),
        )
    return state.purse


def _most(purse: Purse, asking: Asking) -> tuple[int, int]:
    """The tokens and micro-dollars that the question can use at most. Raises TokensSpent, CostSpent where less is left."""
    if asking.question.max_output_tokens is None:  # what has no bound cannot be held
        asking.question = replace(asking.question, max_output_tokens=settings.MODEL_OUTPUT_TOKENS)
    made = asking.question.max_output_tokens or 0
    tokens = worst(asking.question, made, purse.last)
    if tokens > purse.tokens.left:
        raise TokensSpent(_too_much(purse.tokens, tokens, "{:,}", " tokens"))
    cost = most_microusd(asking.question.model, tokens - made, made)
    if cost > purse.cost.left:
        raise CostSpent(_too_much(purse.cost, cost, "${:.4f}", "", scale=1e-6), purse.cost, cost)
    return tokens, cost


def _too_much(pocket: Pocket, most: int, form: str, unit: str, *, scale: float = 1) -> str:
    def said(amount: int) -> str:
        return form.format(amount if scale == 1 else amount * scale)

    lost = f" {said(pocket.lost)} of them in calls whose count never came," if pocket.lost else ""
    return f"The session has used {said(pocket.used)} of its {said(pocket.limit)}{unit},{lost} and its next call may use up to {said(most)}"
