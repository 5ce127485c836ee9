"""PURE: whether and when a failed call to a model is tried again.

Decides only; the caller waits, puts the session back, or ends it. The random number comes in as
an argument, so that every decision can be tested as a row of a table.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from agents.llm.provider import BrokenAnswer, Later, ModelError

RetryAction = Literal["wait", "park", "give_up"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How patient a call is; all times in seconds.

    `attempts` counts the first try. Waits up to `park_above_s` are slept through in memory;
    longer ones put the session back with a time from which it is ready again, so that no worker
    is held. `longest_s` bounds what a server may ask for with Retry-After. An answer that was
    broken is worth fewer tries: it costs tokens each time.
    """

    attempts: int = 5
    broken_attempts: int = 3
    base_s: float = 0.5
    cap_s: float = 8.0
    park_above_s: float = 10.0
    longest_s: float = 300.0


@dataclass(frozen=True, slots=True)
class RetryDecision:
    """What to do with a failed call: wait `delay_s` here, park the session, or give up."""

    action: RetryAction
    delay_s: float = 0.0
    reason: str = ""


DEFAULT_POLICY = RetryPolicy()


def decide(error: ModelError, attempt: int, *, random: float, policy: RetryPolicy = DEFAULT_POLICY) -> RetryDecision:
    """Say what follows a failed attempt.

    Args:
        error: what the provider raised.
        attempt: number of the attempt that failed, from 1.
        random: a number in [0, 1) that spreads the waits of many sessions.
        policy: how patient to be.

    Returns:
        Wait, park or give up, with the reason in words for the audit entry.
    """
    if not error.retryable:
        return RetryDecision("give_up", reason="trying again cannot help")
    if isinstance(error, Later):  # it was not asked, so nothing failed
        return RetryDecision("park", error.retry_after_s or policy.park_above_s, "its turn comes later")
    allowed = policy.attempts
    if isinstance(error, BrokenAnswer):
        allowed = min(allowed, policy.broken_attempts)
    if attempt >= allowed:
        return RetryDecision("give_up", reason=f"{attempt} attempts failed")
    delay_s = _delay(error, attempt, random=random, policy=policy)
    if delay_s > policy.park_above_s:
        return RetryDecision("park", delay_s, "the provider asked for a long wait")
    return RetryDecision("wait", delay_s, "may succeed when tried again")


def _delay(error: ModelError, attempt: int, *, random: float, policy: RetryPolicy) -> float:
    """Return the wait: what the server asked for, else exponential; always with jitter.

    The jitter on a Retry-After only ever adds (up to a quarter, at most 5 s): coming earlier
    than asked would be refused again, coming all together would be the next overload.
    """
    if error.retry_after_s is not None and error.retry_after_s > 0:
        asked = min(error.retry_after_s, policy.longest_s)
        return asked + min(asked / 4, 5.0) * random
    full = min(policy.base_s * 2.0 ** (attempt - 1), policy.cap_s)
    return full / 2 + full / 2 * random
