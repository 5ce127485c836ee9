"""The steps of a rollout: which share comes next, after what time and how many sessions, and why it does not come yet. Pure."""

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

from agents.prompts.guards import MEASURES, Finding

LONGEST_WAIT_S = 30 * 86_400
LARGEST_SAMPLE = 100_000


class Step(BaseModel):
    """A share of the new sessions, and what has to be before it is taken: a time at the share before, and sessions of it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    share: Literal[5, 10, 25, 50, 100]
    wait_s: Annotated[int, Field(ge=0, le=LONGEST_WAIT_S)] = 3_600
    minimum: Annotated[int, Field(ge=0, le=LARGEST_SAMPLE, description="Sessions of the version that came to rest")] = 50


class Steps(BaseModel):
    """A rollout from its first share on, which is taken at once."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    steps: Annotated[tuple[Step, ...], Field(min_length=2, max_length=5)]

    @field_validator("steps")
    @classmethod
    def _grow(cls, value: tuple[Step, ...]) -> tuple[Step, ...]:
        shares = [step.share for step in value]
        if shares != sorted(set(shares)):
            raise ValueError("each share is larger than the one before")
        return value

    @property
    def words(self) -> str:
        """The steps as a sentence names them: `5 %, 25 % after 1 h and 50 sessions, 100 % after …`."""
        first, *rest = self.steps
        return ", ".join(
            [f"{first.share} %", *(f"{step.share} % after {_time(step.wait_s)}, {step.minimum} sessions" for step in rest)]
        )


def _time(seconds: int) -> str:
    return f"{seconds / 3600:g} h" if seconds >= 3600 else f"{seconds / 60:g} min"


def holds(step: Step, *, age_s: float, had: int, found: Sequence[Finding]) -> str:
    """Return why a step is not taken yet, in a few words; empty where it is due.

    Args:
        step: the one that comes next.
        age_s: how long the share before has been.
        had: sessions of the version that came to rest since.
        found: how the canary stands to its guards; one that has its sample and is past what it allows holds the step, certain or not.
    """
    worse = next((one.guard.measure for one in found if one.enough and one.worse > one.guard.allowed), None)
    if worse is not None:
        return f"guard {MEASURES[worse].name} says worse"
    if age_s < step.wait_s:
        return "its time has not come"
    if had < step.minimum:
        return "too few sessions"
    return ""
