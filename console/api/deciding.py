"""What is said with a decision, as it comes over the API."""

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, Field, StringConstraints

from approvals.document import MOST_REPEAT_MINUTES, MOST_REPEATS
from approvals.errors import InvalidVerdict
from approvals.facts import DecisionVerdict
from approvals.sameness import MOST_NUMBER, Same
from console.api.reading import Body, storable

Argument = Annotated[str, StringConstraints(min_length=1, max_length=90)]
Number = Annotated[int | float, Field(ge=0, le=MOST_NUMBER, allow_inf_nan=False)]
Digest = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]

BELONGS: Mapping[str, frozenset[str]] = {
    "approve": frozenset({"same"}),
    "edit": frozenset({"arguments"}),
    "reject": frozenset({"instruction"}),
    "answer": frozenset({"answer", "instruction"}),
    "happened": frozenset({"answer"}),
    "extend": frozenset({"amount"}),
}
"""What can be said with a verdict; with those that are not named nothing."""


class SameBody(Body):
    """For which further calls of the session an approval stands, within what policy gives their tier.

    Every argument has to stay as it is, but texts named in `vary`, and numbers in `up_to`, each from 0 up to one.
    """

    count: Annotated[int, Field(ge=1, le=MOST_REPEATS)]
    minutes: Annotated[int, Field(ge=1, le=MOST_REPEAT_MINUTES)]
    vary: Annotated[list[Argument], Field(max_length=40)] = []
    up_to: Annotated[dict[Argument, Number], Field(max_length=40)] = {}


class GlassBody(Body):
    """Why you break the glass, which everybody reads, and the request's id once more."""

    reason: Annotated[str, StringConstraints(max_length=2000), AfterValidator(storable)]
    confirm: Annotated[str, StringConstraints(max_length=40)]


class DecisionBody(Body):
    """What you say of the request, and the digest of what you were shown."""

    verdict: DecisionVerdict
    digest: Digest
    instruction: Annotated[str, StringConstraints(max_length=2000)] = ""
    arguments: dict[str, Any] | None = None
    answer: Annotated[str, StringConstraints(max_length=10_000)] = ""
    amount: (
        Annotated[
            int,
            Field(ge=1, le=10**12, description="how much more, in the unit of `facts.limit`: micro-dollars"),
        ]
        | None
    ) = None
    same: SameBody | None = None
    break_glass: GlassBody | None = None


def only_what_belongs(body: DecisionBody) -> None:
    """Raise InvalidVerdict for what the verdict would silently drop."""
    for name in ("instruction", "arguments", "answer", "amount", "same"):
        if getattr(body, name) not in (None, "") and name not in BELONGS.get(body.verdict, frozenset()):
            raise InvalidVerdict(field=name, reason=f"The verdict {body.verdict} takes no {name}.")
    if body.break_glass is not None and body.same is not None:
        raise InvalidVerdict(field="same", reason="What breaks the glass stands for this one call.")


def same_of(body: SameBody | None) -> Same | None:
    """Return it as the gate takes it."""
    if body is None:
        return None
    return Same(count=body.count, minutes=body.minutes, vary=tuple(sorted(set(body.vary))), up_to=body.up_to)
