"""Guards: by how much a canary may do worse than the version it stands beside, and whether it does. Pure.

A guard is looked at every few seconds, so a single interval of 95 % would sooner or later trip on a version that is as good.
The intervals here hold at all looks together (`agents.prompts.sequences`); what may go wrong at all (ALPHA) is shared out over
the guards, the shares that a canary goes through, and the two versions. A guard trips where the canary does worse by more
than allowed, as well as that can be told, and is certain to do worse at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from agents.prompts.sequences import Between, always_mean, always_share, around_mean, wilson
from agents.prompts.shares import STOPS

ALPHA = 0.05
"""The probability, at most, that a canary which is as good as the other version is ever rolled back."""
RUNNING = ("finish", "move", "stop")
Running = Literal["finish", "move", "stop"]
Kind = Literal["share", "mean"]
Unit = Literal["share", "microusd", "ms", "turns"]


@dataclass(frozen=True, slots=True)
class Measure:
    """What is counted of the sessions of a version. Each session counts once, so that calls of one do not weigh as many."""

    name: str
    kind: Kind
    says: str
    of: str
    unit: Unit = "share"
    worse: Literal["more", "fewer", ""] = "more"  # empty: neither is


MEASURES: Mapping[str, Measure] = {
    one.name: one
    for one in (
        Measure("completion", "share", "gave their answer", "sessions that came to rest", worse="fewer"),
        Measure("error", "share", "failed", "sessions that came to rest"),
        Measure("halt", "share", "were ended by a limit", "sessions that came to rest"),
        Measure("tool_error", "share", "had a call fail", "sessions that called a tool"),
        Measure("approval", "share", "had a call approved as it was", "sessions that people decided on", worse=""),
        Measure("rejection", "share", "had a call rejected", "sessions that people decided on"),
        Measure("edit", "share", "had a call changed", "sessions that people decided on"),
        Measure("cost", "mean", "cost of models", "sessions that came to rest", "microusd"),
        Measure("turns", "mean", "turns", "sessions that came to rest", "turns"),
        Measure("latency", "mean", "time at work", "sessions that came to rest", "ms"),
    )
}  # fmt: skip
GUARDED = tuple(name for name, measure in MEASURES.items() if measure.worse)


class Guard(BaseModel):
    """How much worse a measure may be: of a share in points (0.1 is ten in a hundred), of a mean in parts of the other's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    measure: Literal["completion", "error", "halt", "tool_error", "rejection", "edit", "cost", "turns", "latency"]
    allowed: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)]
    minimum: Annotated[int, Field(ge=5, le=100_000, description="Sessions of either version before it says anything")] = 20

    @model_validator(mode="after")
    def _share_fits(self) -> "Guard":
        if MEASURES[self.measure].kind == "share" and self.allowed > 1:
            raise ValueError(f"{self.measure} is a share: at most 1 is allowed")
        return self


class Guards(BaseModel):
    """The guards of a prompt, and what becomes of running sessions where one of them trips."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    guards: Annotated[tuple[Guard, ...], Field(max_length=len(GUARDED))]
    running: Running = "finish"

    @model_validator(mode="after")
    def _each_once(self) -> "Guards":
        names = [guard.measure for guard in self.guards]
        if len(names) != len(set(names)):
            raise ValueError("a measure is guarded once")
        return self


USUAL = Guards(
    guards=(
        Guard(measure="completion", allowed=0.1),
        Guard(measure="error", allowed=0.05),
        Guard(measure="halt", allowed=0.05),
        Guard(measure="tool_error", allowed=0.1),
        Guard(measure="rejection", allowed=0.1),
        Guard(measure="edit", allowed=0.15),
        Guard(measure="cost", allowed=0.5, minimum=50),
        Guard(measure="turns", allowed=0.5, minimum=50),
        Guard(measure="latency", allowed=1.0, minimum=50),
    )
)
"""What holds until somebody sets others."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What was counted of one version: of a share how many of n, of a mean its value and variance."""

    n: int
    events: int = 0
    mean: float = 0.0
    variance: float = 0.0

    def value(self, kind: Kind) -> float:
        """The share or the mean; 0 where nothing was counted."""
        return self.mean if kind == "mean" else self.events / self.n if self.n else 0.0

    def once(self, kind: Kind) -> Between:
        """The interval of 95 % for who looks once."""
        return around_mean(self.n, self.mean, self.variance) if kind == "mean" else wilson(self.events, self.n)

    def always(self, kind: Kind, alpha: float) -> Between:
        """The interval that holds at all looks together."""
        return (
            always_mean(self.n, self.mean, self.variance, alpha) if kind == "mean" else always_share(self.events, self.n, alpha)
        )


@dataclass(frozen=True, slots=True)
class Finding:
    """How a canary stands to one guard. `worse` and its interval are in the unit of `allowed`."""

    guard: Guard
    canary: Sample
    other: Sample
    worse: float
    low: float
    high: float

    @property
    def enough(self) -> bool:
        """True where both versions have the sample that it asks for."""
        return min(self.canary.n, self.other.n) >= self.guard.minimum

    @property
    def trips(self) -> bool:
        """True where the canary does worse by more than allowed, and is certain to do worse at all."""
        return self.enough and self.worse > self.guard.allowed and self.low > 0


Counted = Mapping[str, Sample]
"""The samples of one version, by measure."""
NONE = Sample(0)


def findings(guards: Guards, canary: Counted, other: Counted) -> list[Finding]:
    """Return how a canary stands to each guard, with intervals that hold at all looks together."""
    count = len(guards.guards)
    return [_finding(guard, canary.get(guard.measure, NONE), other.get(guard.measure, NONE), count) for guard in guards.guards]


def tripped(found: Sequence[Finding]) -> Finding | None:
    """Return the finding that rolls the canary back: the one furthest past what it allows, of those that trip."""
    return max((one for one in found if one.trips), key=lambda one: one.worse - one.guard.allowed, default=None)


def _finding(guard: Guard, canary: Sample, other: Sample, count: int) -> Finding:
    measure = MEASURES[guard.measure]
    alpha = ALPHA / (count * (len(STOPS) - 1) * 2)
    mine, theirs = canary.always(measure.kind, alpha), other.always(measure.kind, alpha)
    sign = -1 if measure.worse == "fewer" else 1
    worse = sign * (canary.value(measure.kind) - other.value(measure.kind))
    ends = sorted(sign * end for end in (mine.low - theirs.high, mine.high - theirs.low))
    whole = 1.0 if measure.kind == "share" else other.mean
    if whole <= 0:  # a mean of nothing: any more than that is worse without measure
        whole = 1.0
    low, high = (end / whole if isfinite(end) else end for end in ends)
    return Finding(guard, canary, other, worse / whole, low, high)


def as_stored(one: Finding) -> dict[str, Any]:
    """Return a finding as it is kept with a look, and stands in the entry of a rollback; what has no end is null."""
    kind = MEASURES[one.guard.measure].kind
    return {
        "measure": one.guard.measure, "allowed": one.guard.allowed, "minimum": one.guard.minimum, "enough": one.enough,
        "canary": {"n": one.canary.n, "value": _round(one.canary.value(kind))},
        "other": {"n": one.other.n, "value": _round(one.other.value(kind))},
        "worse": _round(one.worse), "low": _round(one.low), "high": _round(one.high), "trips": one.trips,
    }  # fmt: skip


def _round(value: float) -> float | None:
    return round(value, 6) + 0.0 if isfinite(value) else None  # 0.0: a zero has no sign
