"""The toll of a session's own tokens: what a question can use at most is held before it is sent, and spent after (GUARD-1).

One worker runs a session at a time, so its purse is kept in memory and costs no statement. What was used stands on the
session's row; what was lost (a question that may have been counted, though no count came back) in its notes.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import ClassVar

from django.conf import settings

from agents.door import Asking
from agents.guardrails.money import charged_for
from agents.guardrails.purse import Purse, worst
from agents.llm.provider import ModelError
from agents.money import Unpaid
from agents.state import LOST_TOKENS, State


class TokensSpent(Unpaid):
    """{reason}."""

    code: ClassVar[str] = "limit_tokens"


class TokenToll:
    """Lets a question through if all that it can use is left; one per worker, for all of its sessions."""

    def refresh(self) -> None:
        """Nothing: a session's limits are its own."""

    @asynccontextmanager
    async def __call__(self, asking: Asking) -> AsyncIterator[None]:
        """Hold the worst case, let the question be sent, spend what was counted. Raises TokensSpent."""
        purse = asking.caller.purse
        if purse is None:
            yield
            return
        most = _held(purse, asking)
        purse.held += most
        try:
            yield
        except BaseException as error:
            told = not isinstance(error, ModelError) or charged_for(error.status, unsent=error.unsent)
            purse.lost += most if asking.sent and told else 0
            raise
        finally:
            purse.held -= most
        assert asking.completion is not None
        purse.learn(asking.question, asking.completion)


def purse_of(state: State) -> Purse:
    """The session's purse, made from what it has spent where this worker has none of it yet."""
    if state.purse is None:
        added = state.notes.get("allowance", {}).get("tokens", 0)
        spent = state.input_tokens + state.output_tokens
        state.purse = Purse(state.config.limits.tokens + added, spent, lost=state.notes.get(LOST_TOKENS, 0))
    return state.purse


def _held(purse: Purse, asking: Asking) -> int:
    if asking.question.max_output_tokens is None:  # what has no bound cannot be held
        asking.question = replace(asking.question, max_output_tokens=settings.MODEL_OUTPUT_TOKENS)
    most = worst(asking.question, asking.question.max_output_tokens or 0, purse.last)
    if most > purse.left:
        lost = f" {purse.lost:,} of them in calls whose count never came," if purse.lost else ""
        reason = (
            f"The session has used {purse.used:,} of its {purse.limit:,} tokens,{lost} and its next call may use up to {most:,}"
        )
        raise TokensSpent(reason, action="halt", wait_s=0, budget="")
    return most
