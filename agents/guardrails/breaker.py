"""When a breaker opens, for how long it stays so, and what a caller may do before one (GUARD-7). Pure.

A breaker counts failures in a row, over all workers, and the share of failures within a window. Calls that went well
are told with the next failure: while all is well, nothing is written.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from agents.llm.provider import BrokenAnswer, ModelTimeout, ModelUnavailable, NotReached, Unauthorized, UnknownModel

Kind = Literal["provider", "model", "tool"]
KINDS: tuple[Kind, ...] = ("provider", "model", "tool")
TOOL_FAILURES = frozenset({"timeout", "unavailable", "unknown_outcome"})
"""Errors of a tool that its service is to blame for, not the call."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """When a breaker opens and how long it cools down; times in seconds."""

    consecutive: int = 5
    rate: float = 0.5
    sample: int = 20
    window_s: float = 60.0
    cool_s: float = 60.0
    longest_s: float = 600.0


@dataclass(frozen=True, slots=True)
class Counted:
    """Failures in a row, and calls and failures within the window."""

    failures: int = 0
    calls: int = 0
    errors: int = 0


@dataclass(frozen=True, slots=True)
class Tally:
    """What one worker has to tell of one breaker: failures, and what else it saw since it told last.

    `good_ago_s` is how long ago a call last went well here; None if that was before it told last. `refused` says that
    whatever is sent there would be refused: one such answer is enough.
    """

    key: str
    errors: int
    good: int = 0
    good_ago_s: float | None = None
    detail: str = ""
    refused: bool = False


@dataclass(frozen=True, slots=True)
class Standing:
    """A breaker that is not simply closed; `due_s` is the time from now until a probe may be made."""

    key: str
    status: str
    failures: int = 0
    due_s: float = 0.0


Passage = Literal["free", "probe", "shut"]


def passage(standing: Standing | None, due_s: float) -> Passage:
    """Say how a caller comes past a breaker: freely, as its one probe, or not at all.

    Args:
        standing: the breaker; None where it is simply closed.
        due_s: what is left until a probe may be made.
    """
    if standing is None or standing.status in ("closed", "forced_closed"):
        return "free"
    if standing.status == "forced_open" or due_s > 0:
        return "shut"
    return "probe"


def count(before: Counted, tally: Tally, *, failed_ago_s: float | None, window_over: bool) -> Counted:
    """Add what a worker tells to what was counted.

    Args:
        before: as it stands.
        tally: what is told.
        failed_ago_s: how long ago the last failure was counted; None if there was none.
        window_over: whether the window has ended, so that a new one begins.
    """
    # A call that went well after the last failure ends the row of failures.
    broken = tally.good_ago_s is not None and (failed_ago_s is None or tally.good_ago_s < failed_ago_s)
    since = Counted() if window_over else before
    return Counted(
        failures=tally.errors + (0 if broken else before.failures),
        calls=since.calls + tally.errors + tally.good,
        errors=since.errors + tally.errors,
    )


def why_open(counted: Counted, bounds: Bounds, *, refused: bool = False) -> str:
    """Return in words why a closed breaker opens now; empty where it stays closed."""
    if refused:
        return "Its provider refuses every call."
    if counted.failures >= bounds.consecutive:
        return f"{counted.failures} calls failed in a row."
    if counted.calls >= bounds.sample and counted.errors >= bounds.rate * counted.calls:
        return f"{counted.errors} of {counted.calls} calls failed within {bounds.window_s:g} s."
    return ""


def cool_down(failed_probes: int, bounds: Bounds) -> float:
    """Return the seconds that a breaker stays open: longer with each probe that failed, up to a bound."""
    return float(min(bounds.longest_s, bounds.cool_s * 2.0 ** min(failed_probes, 20)))


def to_blame(error: Exception) -> Kind | None:
    """Say which breaker a model's error counts for: the address that was not reached, the model, or none.

    A refusal of one question is an answer: a bad request, a parameter that one agent sets or a rate limit says nothing of the
    others. A model that is not there, or lets this installation not in, is there for nobody.
    """
    if isinstance(error, NotReached):
        return "provider"
    return "model" if isinstance(error, ModelUnavailable | ModelTimeout | BrokenAnswer | Unauthorized | UnknownModel) else None


def refuses_all(error: Exception) -> bool:
    """True if a model's error says that every other question would meet it too; a 403 may be about this one alone."""
    return isinstance(error, UnknownModel) or (isinstance(error, Unauthorized) and error.status != 403)


def split(key: str) -> tuple[Kind | None, str]:
    """Return the kind and the name that a key is made of; no kind where it is no key."""
    kind, _, name = key.partition(":")
    return next((known for known in KINDS if known == kind and name), None), name


def named(keys: Iterable[str]) -> str:
    """Return the names in keys as people list them."""
    return ", ".join(sorted(split(key)[1] for key in keys))
