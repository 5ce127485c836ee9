"""What the live versions of a prompt come to, over the API, and the guards that may roll a canary back. The page's own service."""

from datetime import datetime
from math import isfinite
from typing import Annotated

from ninja import Router, Schema
from pydantic import Field

from agents.models import GuardSet
from agents.prompts import watching
from agents.prompts.comparing import Comparison, Measured, compare
from agents.prompts.guards import MEASURES, Guard, Running, as_stored
from agents.prompts.versions import prompt_named
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import Body, SlugPath
from console.rights import Right

router = Router(tags=["prompts"])


class MeasureOut(Schema):
    """A measure of one version: of `n` sessions the share with an event, or the mean; with its interval of 95 %."""

    n: int
    events: int | None
    value: float | None
    low: float | None
    high: float | None


class MeasuredOut(Schema):
    """A live version and what its sessions came to, by measure."""

    version: str
    share: int
    measures: dict[str, MeasureOut]


class SampleOut(Schema):
    """What a guard compares of one version."""

    n: int
    value: float


class FindingOut(Schema):
    """How the canary stands to a guard. `worse` with its interval is in the unit of `allowed`; null has no end.

    The interval holds however often one looks. It trips where both have the sample, `worse` is above `allowed` and `low`
    above 0.
    """

    measure: str
    allowed: float
    minimum: int
    enough: bool
    canary: SampleOut
    other: SampleOut
    worse: float | None
    low: float | None
    high: float | None
    trips: bool


class ComparisonOut(Schema):
    """The live versions of a prompt side by side, the canary first; sessions count that began `since`."""

    since: datetime | None
    versions: list[MeasuredOut]
    guards: list[FindingOut]


class GuardsOut(Schema):
    """The guards of a prompt's canaries; revision 0 are the usual ones, which nobody set."""

    guards: list[Guard]
    running: Running
    revision: int
    changed_by: str
    changed_at: datetime | None


class NewGuards(Body):
    """The guards of a prompt's canaries, all of them; none rolls nothing back. `revision` is the one you were shown."""

    guards: Annotated[list[Guard], Field(max_length=20)]
    running: Running = "finish"
    revision: Annotated[int, Field(ge=0, le=2**31 - 1)] | None = None


@endpoint(
    router, "GET", "/prompts/{slug}/measures", right=Right.SEE, scope="prompts:read", answer=ComparisonOut, refuses=(404, 422)
)
def measure_prompt(request: ApiRequest, slug: SlugPath) -> ComparisonOut:
    """Compare what the sessions of a prompt's live versions came to, counted now."""
    return _comparison(compare(slug))


@endpoint(router, "GET", "/prompts/{slug}/guards", right=Right.SEE, scope="prompts:read", answer=GuardsOut, refuses=(404, 422))
def get_guards(request: ApiRequest, slug: SlugPath) -> GuardsOut:
    """Return the guards of a prompt's canaries."""
    return _guards(slug)


@endpoint(
    router, "PUT", "/prompts/{slug}/guards", right=Right.EDIT_PROMPTS, scope="prompts:write", answer=GuardsOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def set_guards(request: ApiRequest, slug: SlugPath, body: NewGuards) -> GuardsOut:
    """Set the guards of a prompt's canaries; they hold from the next look on."""
    given = watching.checked_guards(body.model_dump(mode="json", exclude={"revision"}))
    watching.set_guards(slug=slug, guards=given, actor=request.auth.actor(), revision=body.revision)
    return _guards(slug)


def _guards(slug: str) -> GuardsOut:
    prompt = prompt_named(slug)
    guards, revision = watching.guards_of(prompt.pk)
    row = GuardSet.objects.filter(prompt=prompt).first()
    return GuardsOut(
        guards=list(guards.guards), running=guards.running, revision=revision, changed_by=row.changed_by if row else "",
        changed_at=row.changed_at if row else None,
    )  # fmt: skip


def _comparison(found: Comparison) -> ComparisonOut:
    return ComparisonOut(
        since=found.since,
        versions=[_measured(one) for one in found.versions],
        guards=[FindingOut(**as_stored(one)) for one in found.findings],
    )


def _measured(one: Measured) -> MeasuredOut:
    return MeasuredOut(version=one.version.version, share=one.share, measures={name: _measure(name, one) for name in MEASURES})


def _measure(name: str, one: Measured) -> MeasureOut:
    sample, kind = one.counted[name], MEASURES[name].kind
    between = sample.once(kind)
    low, high = (end if sample.n and isfinite(end) else None for end in (between.low, between.high))
    return MeasureOut(
        n=sample.n, events=sample.events if kind == "share" else None, value=sample.value(kind) if sample.n else None,
        low=low, high=high,
    )  # fmt: skip
