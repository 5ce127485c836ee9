"""A rollout in steps, beside a version: planning it, and holding, resuming or cancelling it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from agents.errors import BadText
from agents.models import RolloutPlan
from agents.prompts import asking, plans
from agents.prompts.planned import OPEN
from agents.prompts.releases import Routed
from agents.prompts.shares import STOPS
from agents.prompts.steps import LARGEST_SAMPLE, LONGEST_WAIT_S, Steps
from approvals.models import ApprovalRequest
from audit.errors import CountersignError
from console.auth import Caller, caller_of
from console.rights import Right
from console.views.form_only import form_only
from console.views.guard import guard
from console.views.starters import Errors
from console.whole import whole

USUAL = {5: ("", ""), 25: ("1", "50"), 50: ("1", "50"), 100: ("4", "100")}
"""Hours and sessions before each share, as the form begins."""
DONE = {"pause": "The rollout is held at its share. Guards go on looking.", "resume": "The rollout goes on.",
        "cancel": "The plan is cancelled. The canary keeps its share."}  # fmt: skip


class WrongPlan(CountersignError):
    """What was typed is no plan."""

    code: ClassVar[str] = "invalid_input"

    def __init__(self, fields: Errors) -> None:
        """Keep what is wrong, by field."""
        super().__init__()
        self.fields = fields


@dataclass(frozen=True, slots=True)
class Typed:
    """A release or a rollback as somebody typed it, and what is wrong with it: by field, of a share's as `hours-25`; the rest is `form`."""

    post: Mapping[str, str]
    errors: Errors

    def of(self, share: int) -> dict[str, Any]:
        """Return the row of a share as it was typed."""
        told: dict[str, Any] = {name: self.post.get(f"{name}-{share}", "") for name in ("hours", "minimum")}
        wrong = {f"{name}_errors": self.errors.get(f"{name}-{share}", []) for name in told}
        return {"share": share, "name": str(share), "chosen": self.post.get(f"step-{share}") == "on", **told, **wrong}


def begun(request: HttpRequest, slug: str, name: str) -> HttpResponse:
    """Release a version in steps, as the form says. Raises WrongPlan, and whatever the release raises."""
    caller, post = caller_of(request), request.POST
    steps = _steps(post)
    done = asking.send(
        slug=slug, version=name, share=0, actor=caller.actor(), user_id=caller.user_id, reason=post.get("reason", ""),
        shown=_uuid(post.get("shown", "")), override=post.get("override", "")[:1_000], steps=steps,
    )  # fmt: skip
    if isinstance(done, ApprovalRequest):
        messages.success(
            request, f"{done.ref} asks a second person about all steps. {name} gets no session before somebody else agreed."
        )
        return redirect("approval", done.ref)
    messages.success(request, f"{name} gets its first share now, and the others by itself.")
    return redirect("prompt-version", slug, name)


@form_only
@guard(Right.ROLL_BACK_PROMPTS)
def move(request: HttpRequest, slug: str) -> HttpResponse:
    """Hold a rollout, cancel it, or let it go on; the last is for who releases."""
    caller, act = caller_of(request), request.POST.get("act", "")
    if act == "resume":
        caller.check(Right.EDIT_PROMPTS)
    plan = plans.move(slug=slug, act=act, actor=caller.actor(), shown=_uuid(request.POST.get("plan", "")))
    messages.success(request, DONE[act])
    return redirect("prompt-version", slug, plan.version.version)


def wrong_with(error: CountersignError) -> Errors:
    """Return why a version was not released or rolled back, by the field that it is about."""
    if isinstance(error, WrongPlan):
        return error.fields
    if isinstance(error, BadText) and error.facts["field"] in ("reason", "override", "steps", "running"):
        return {str(error.facts["field"]): [f"It {error.facts['reason']}."]}
    return {"form": [error.detail]}


def plan_panel(caller: Caller, now: Routed, version: UUID, *, may_begin: bool, typed: Typed | None = None) -> dict[str, Any]:
    """Return the plan beside a version, if there is one or was, and the form of a new one where it can be."""
    found = plans.newest(now.prompt.pk)
    mine = found if found is not None and found.version_id == version else None
    going = found is not None and found.status in OPEN
    return {
        "plan": _told(mine) if mine is not None else None,
        "acts": mine is not None and going and caller.has(Right.ROLL_BACK_PROMPTS),
        "resumes": caller.has(Right.EDIT_PROMPTS),
        "form": [typed.of(share) if typed else _usual(share) for share in STOPS] if may_begin and not going and now.base else [],
        "typed": {name: typed.post.get(name, "") for name in ("reason", "override")} if typed else None,
        "errors": {name: typed.errors.get(name, []) if typed else [] for name in ("form", "reason", "override", "steps")},
    }  # fmt: skip


def _usual(share: int) -> dict[str, Any]:
    hours, minimum = USUAL.get(share, ("1", "50"))
    return {"share": share, "name": str(share), "chosen": share in USUAL, "hours": hours, "minimum": minimum}


def _told(plan: RolloutPlan) -> dict[str, Any]:
    steps = plans.steps_of(plan).steps
    going = plan.status in OPEN
    coming = steps[plan.at + 1] if going else None
    return {
        "id": str(plan.pk), "status": plan.status, "by": plan.planned_by, "why": plan.why, "waits": plan.waits, "had": plan.had,
        "steps": [{"share": step.share, "state": "done" if place < plan.at or plan.status == "done" else "now" if place == plan.at
                   else "coming", "hours": f"{step.wait_s / 3600:g}", "minimum": step.minimum, "first": not place}
                  for place, step in enumerate(steps)],
        "next": {"share": coming.share, "at": plan.since + timedelta(seconds=coming.wait_s), "minimum": coming.minimum} if coming else None,
    }  # fmt: skip


def _steps(post: Mapping[str, str]) -> Steps:
    """Return the steps that were ticked. Raises WrongPlan, which names every field that is wrong."""
    chosen = [share for share in STOPS if post.get(f"step-{share}") == "on"]
    errors: Errors = {} if len(chosen) > 1 else {"steps": ["Choose two shares at least."]}
    steps = []
    for place, share in enumerate(chosen):
        hours, minimum = _hours(post.get(f"hours-{share}", "")), _sessions(post.get(f"minimum-{share}", ""))
        if place and hours is None:
            errors[f"hours-{share}"] = [f"A number of hours from 0 to {LONGEST_WAIT_S // 3600}."]
        if place and minimum is None:
            errors[f"minimum-{share}"] = [f"A whole number from 0 to {LARGEST_SAMPLE:,}."]
        steps.append({"share": share, "wait_s": (hours or 0) if place else 0, "minimum": (minimum or 0) if place else 0})
    if errors:
        raise WrongPlan(errors)
    return plans.checked_steps(steps)


def _hours(text: str) -> int | None:
    try:
        seconds = round(float(text.strip().replace(",", ".")) * 3600)
    except (ValueError, OverflowError):
        return None
    return seconds if 0 <= seconds <= LONGEST_WAIT_S else None


def _sessions(text: str) -> int | None:
    number = whole(text, digits=9)
    return number if number is not None and number <= LARGEST_SAMPLE else None


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None
