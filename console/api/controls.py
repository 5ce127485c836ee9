"""Control requests over the API: how often they are planted, and what they turned out to be."""

from typing import Annotated, Literal

from ninja import Router, Schema
from pydantic import Field, StringConstraints

from approvals import controls
from approvals.controls import ONE_IN, PER_DAY
from approvals.measures import Measures
from approvals.models import ApprovalRequest, ControlSetting
from console.api.endpoint import ApiRequest, endpoint
from console.api.reading import Body
from console.rights import Right

router = Router(tags=["measures"])


class ControlOut(Schema):
    """What a request turned out to be that was a control request; `because` is null for who may not read raw content."""

    outcome: Literal["caught", "missed", "lapsed"]
    by: str
    because: str | None


class ControlledOut(Schema):
    """What came of the control requests that one person decided."""

    user_id: int
    name: str
    caught: int
    missed: int


class RateOut(Schema):
    """How often control requests are planted: about one in `one_in` requests, at most `per_day` before one person in a day."""

    on: bool
    one_in: int
    per_day: int
    reason: str
    changed_by: str
    revision: int


class ControlsOut(Schema):
    """Control requests: whether any are planted, how often (for those who may set it), and what came of them."""

    on: bool
    rate: RateOut | None
    reviewers: list[ControlledOut]
    lapsed: int


class Rate(Body):
    """How often control requests shall be planted, and why; `revision` is the one that was shown."""

    on: bool
    one_in: Annotated[int, Field(ge=ONE_IN.start, lt=ONE_IN.stop)] = 50
    per_day: Annotated[int, Field(ge=PER_DAY.start, lt=PER_DAY.stop)] = 2
    reason: Annotated[str, StringConstraints(min_length=3, max_length=500)]
    revision: Annotated[int, Field(ge=0, lt=2**31)] | None = None


@endpoint(
    router, "PUT", "/measures/controls", right=Right.PLANT_CONTROLS, scope="approvals:write", answer=RateOut,
    refuses=(409, 413, 415, 422),
)  # fmt: skip
def set_controls(request: ApiRequest, body: Rate) -> RateOut:
    """Switch control requests on or off, and say how often they come. Switched off, those that wait fall away."""
    caller = request.auth
    return _rate(controls.set_rate(**body.model_dump(), person=caller.person(), actor=caller.actor()))


def _rate(row: ControlSetting) -> RateOut:
    names = ("on", "one_in", "per_day", "reason", "changed_by", "revision")
    return RateOut(**{name: getattr(row, name) for name in names})


def control_of(row: ApprovalRequest, *, words: bool) -> ControlOut | None:
    """Return what a request turned out to be; nothing while it is open, and of every real one."""
    mark = row.facts.get("control")
    return ControlOut(**{**mark, "because": mark["because"] if words else None}) if mark else None


def controls_of(found: Measures, setting: ControlSetting, *, rate: bool) -> ControlsOut:
    """Return what came of control requests; with `rate` how they are set."""
    people = [
        ControlledOut(user_id=one.user_id, name=one.name, caught=one.caught, missed=one.missed) for one in found.controlled
    ]
    return ControlsOut(on=setting.on, rate=_rate(setting) if rate else None, reviewers=people, lapsed=found.lapsed)
