"""How people decide, over the API: what the page of measures shows."""

from typing import Annotated

from ninja import Query, Router, Schema
from pydantic import Field

from approvals import controls
from approvals import measures as service
from approvals.looked import QUICK_S
from approvals.measures import Figures, Measures
from approvals.models import ControlSetting
from console.api.controls import ControlsOut, controls_of
from console.api.endpoint import ApiRequest, endpoint
from console.rights import Right

router = Router(tags=["measures"])
Days = Annotated[int, Query(ge=1, le=30, description="Over how many days")]


class FiguresOut(Schema):
    """What came of the requests of one tool, tier or reason; times run from when a request was put up.

    How long requests were looked at (`quick`, `screen_s`, `screen_low_s`) is told of tools and policy rules.
    """

    kind: Annotated[str, Field(description="tool, tier, all, or the code of a reason")]
    name: str
    asked: int
    waiting: int
    approved: int
    edited: int
    rejected: int
    expired: int
    p50_s: float | None
    p95_s: float | None
    quick: int
    screen_s: float | None
    screen_low_s: float | None
    unquestioned: bool
    signals: list[str]


class ReviewerOut(Schema):
    """How one person decided. `screen_s` is the most that half of the requests can have been looked at, `screen_low_s` a tenth."""

    user_id: int
    name: str
    decided: int
    approved: int
    edited: int
    rejected: int
    quick: int
    p50_s: float | None
    p95_s: float | None
    screen_s: float | None
    screen_low_s: float | None
    signals: list[str]


class MeasuresOut(Schema):
    """The measures of the last days. Who does not read the whole trail finds nobody but themselves among the reviewers."""

    days: int
    quick_s: int
    overall: FiguresOut
    tools: list[FiguresOut]
    tiers: list[FiguresOut]
    reasons: list[FiguresOut]
    reviewers: list[ReviewerOut]
    controls: ControlsOut


@endpoint(router, "GET", "/measures", right=Right.READ_OWN_AUDIT, scope="approvals:read", answer=MeasuresOut, refuses=(422,))
def get_measures(request: ApiRequest, days: Days = 7) -> MeasuresOut:
    """Return how long calls waited for people, what came of them, and how reviewers decided."""
    caller = request.auth
    found = service.measures(days, of=None if caller.has(Right.READ_AUDIT) else caller.user_id)
    return _shape(found, controls.setting(), rate=caller.has(Right.PLANT_CONTROLS))


def _shape(found: Measures, setting: ControlSetting, *, rate: bool) -> MeasuresOut:
    names = (
        "user_id",
        "name",
        "decided",
        "approved",
        "edited",
        "rejected",
        "quick",
        "p50_s",
        "p95_s",
        "screen_s",
        "screen_low_s",
    )
    return MeasuresOut(
        days=found.days,
        quick_s=QUICK_S,
        overall=_figures(found.overall),
        tools=[_figures(row) for row in found.tools],
        tiers=[_figures(row) for row in found.tiers],
        reasons=[_figures(row) for row in found.reasons],
        reviewers=[
            ReviewerOut(**{name: getattr(one, name) for name in names}, signals=list(one.signals)) for one in found.reviewers
        ],
        controls=controls_of(found, setting, rate=rate),
    )


def _figures(row: Figures) -> FiguresOut:
    names = (
        "kind", "name", "asked", "waiting", "approved", "edited", "rejected", "expired", "p50_s", "p95_s", "quick", "screen_s",
        "screen_low_s", "unquestioned",
    )  # fmt: skip
    return FiguresOut(**{one: getattr(row, one) for one in names}, signals=list(row.signals))
