"""Rollouts in steps over the API: planning one, reading it, holding it, letting it go on and cancelling it."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from ninja import Router, Schema
from pydantic import Field

from agents.models import RolloutPlan
from agents.prompts import asking, plans, versions
from agents.prompts.steps import Step
from approvals.models import ApprovalRequest
from console.api.endpoint import ApiRequest, endpoint
from console.api.prompts import PromptOut, prompt_shapes
from console.api.reading import Body, SlugPath, Word
from console.api.releases import Override, Shown
from console.rights import Right

router = Router(tags=["prompts"])


class PlanStep(Schema):
    """One share, what has to be before it, and whether it was taken."""

    share: int
    wait_s: int
    minimum: int
    taken: bool


class PlanOut(Schema):
    """A rollout in steps. `waits` is why the next one was not taken at the last look, `had` the sessions that had come to rest by then."""

    id: str
    version: str
    status: Literal["active", "paused", "done", "cancelled", "overtaken"]
    steps: list[PlanStep]
    since: datetime
    waits: str
    had: int
    reason: str
    planned_by: str
    why: str
    created_at: datetime
    ended_at: datetime | None


class NewPlan(Body):
    """Which version grows by which steps: larger and larger shares; the first is taken at once, whatever stands beside it."""

    version: Annotated[Word, Field(min_length=1, max_length=80)]
    steps: Annotated[tuple[Step, ...], Field(min_length=2, max_length=5)]
    reason: Annotated[Word, Field(max_length=200)] = ""
    shown: Shown = None
    override: Override | None = None


class MovedPlan(Body):
    """`plan` is the one that was read, where it shall be compared."""

    plan: UUID | None = None


@endpoint(router, "GET", "/prompts/{slug}/plan", right=Right.SEE, scope="prompts:read", answer=PlanOut, refuses=(404, 422))
def get_plan(request: ApiRequest, slug: SlugPath) -> PlanOut:
    """Return the rollout that goes on by steps."""
    return _plan(plans.plan_of(slug))


@endpoint(
    router, "POST", "/prompts/{slug}/plan", right=Right.EDIT_PROMPTS, scope="prompts:write", answer=PromptOut, status=201,
    refuses=(404, 409, 413, 415, 422), creates=True,
)  # fmt: skip
def begin_plan(request: ApiRequest, slug: SlugPath, body: NewPlan) -> PromptOut:
    """Release a version to the first share and let it grow by itself, or ask a second person first about all steps (`awaits`)."""
    caller, said = request.auth, body.override.reason if body.override else ""
    steps = plans.checked_steps([step.model_dump() for step in body.steps])
    done = asking.send(
        slug=slug, version=body.version, share=0, actor=caller.actor(), user_id=caller.user_id, reason=body.reason,
        shown=body.shown, override=said, steps=steps,
    )  # fmt: skip
    shape = prompt_shapes([versions.prompt_named(slug)])[0]
    return shape.model_copy(update={"awaits": done.ref}) if isinstance(done, ApprovalRequest) else shape


@endpoint(
    router, "POST", "/prompts/{slug}/plan/pause", right=Right.ROLL_BACK_PROMPTS, scope="prompts:write", answer=PlanOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def pause_plan(request: ApiRequest, slug: SlugPath, body: MovedPlan) -> PlanOut:
    """Hold a rollout at its share. Guards go on looking."""
    return _plan(plans.move(slug=slug, act="pause", actor=request.auth.actor(), shown=body.plan))


@endpoint(
    router, "POST", "/prompts/{slug}/plan/resume", right=Right.EDIT_PROMPTS, scope="prompts:write", answer=PlanOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def resume_plan(request: ApiRequest, slug: SlugPath, body: MovedPlan) -> PlanOut:
    """Let a rollout go on; its waiting time went on meanwhile."""
    return _plan(plans.move(slug=slug, act="resume", actor=request.auth.actor(), shown=body.plan))


@endpoint(
    router, "POST", "/prompts/{slug}/plan/cancel", right=Right.ROLL_BACK_PROMPTS, scope="prompts:write", answer=PlanOut,
    refuses=(404, 409, 413, 415, 422),
)  # fmt: skip
def cancel_plan(request: ApiRequest, slug: SlugPath, body: MovedPlan) -> PlanOut:
    """Take no further step. The canary keeps the share that it has."""
    return _plan(plans.move(slug=slug, act="cancel", actor=request.auth.actor(), shown=body.plan))


def _plan(row: RolloutPlan) -> PlanOut:
    names = ("status", "since", "waits", "had", "reason", "planned_by", "why", "created_at", "ended_at")
    steps = [
        PlanStep(share=step.share, wait_s=step.wait_s, minimum=step.minimum, taken=place <= row.at)
        for place, step in enumerate(plans.steps_of(row).steps)
    ]
    return PlanOut(**{name: getattr(row, name) for name in names}, id=str(row.pk), version=row.version.version, steps=steps)
