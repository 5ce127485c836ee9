"""Rollouts in steps: a canary that grows by itself, from a time and a number of sessions on, as long as no guard says worse.

The workers' look at canaries (`agents.prompts.watching`) takes the steps; where there is no canary nothing is read. The gate, the
second person and the rights are asked as the plan begins and cover all its steps. A rollback, and anybody who routes the traffic
otherwise, ends the plan.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models.functions import Now
from pydantic import ValidationError

from agents.errors import BadText, WrongStage
from agents.lifecycle import ROLLOUT_PLAN
from agents.models import PromptVersion, RolloutPlan
from agents.prompts.guards import Counted, Finding
from agents.prompts.planned import UnknownPlan, entry_of, open_plan
from agents.prompts.releases import Routed, checked_release, released, routed
from agents.prompts.steps import Steps, holds
from approvals.wording import real, said
from audit.actors import SYSTEM, Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Birth, Change, Entry
from audit.services import transition as write


def steps_of(plan: RolloutPlan) -> Steps:
    """Return the steps of a plan."""
    return Steps.model_validate({"steps": plan.steps})


def checked_steps(given: Sequence[object]) -> Steps:
    """Return steps as they were sent. Raises BadText, which names the step that is wrong."""
    try:
        return Steps.model_validate({"steps": given})
    except ValidationError as error:
        one = real(error.errors())[0]
        raise BadText(field=".".join(map(str, one["loc"])), reason=said(dict(one))) from None


def plan_of(slug: str, *, lock: bool = False) -> RolloutPlan:
    """Return the open plan of a prompt. Raises UnknownPrompt, UnknownPlan."""
    found = open_plan(routed(slug, lock=lock).prompt.pk)
    if found is None:
        raise UnknownPlan(slug=slug)
    return found


def newest(prompt: UUID) -> RolloutPlan | None:
    """Return the newest plan of a prompt, also one that has ended."""
    return RolloutPlan.objects.select_related("version", "prompt").filter(prompt=prompt).order_by("-created_at", "-id").first()


@atomically
def begin(
    *, slug: str, version: str, steps: Steps, actor: Actor, reason: str = "", shown: UUID | None = None, override: str = ""
) -> Routed:
    """Release a version to the first share of a plan, and let it grow by itself from there.

    Args:
        slug: the prompt's.
        version: which one.
        steps: the shares, with what has to be before each.
        actor: who plans it; the caller has checked the right to.
        reason, shown, override: as of `agents.prompts.releases.release`.

    Raises:
        As `agents.prompts.releases.release`.
    """
    now, target, why = checked_release(slug, version, steps.steps[0].share, reason, shown)
    batch = released(now, target, steps.steps[0].share, why, actor, override=override)
    write(with_plan(batch, now, target, steps, why, actor))
    transaction.on_commit(index_soon)
    return routed(slug)


def with_plan(batch: Batch, now: Routed, target: PromptVersion, steps: Steps, why: str, actor: Actor) -> Batch:
    """Return what a release writes, with the plan that goes on from it."""
    values = {
        "id": uuid7(), "prompt_id": now.prompt.pk, "version_id": target.pk, "reason": why, "planned_by": actor.name,
        "steps": steps.model_dump(mode="json")["steps"], "since": NOW,
    }  # fmt: skip
    slug = now.prompt.slug
    facts = {"plan": str(values["id"]), "version": target.version, "steps": values["steps"], "reason": why}
    entry = Entry(f"prompt:{slug}", EventKind.PROMPT_PLANNED, actor, facts, ids=(slug,))
    # One that is open has to end before there is room for the next.
    birth = Birth("agents.RolloutPlan", values, ROLLOUT_PLAN, after_changes=True)
    return Batch(batch.changes, (*batch.births, birth), (*batch.entries, entry))


MOVES = {
    "pause": EventKind.PROMPT_PLAN_PAUSED,
    "resume": EventKind.PROMPT_PLAN_RESUMED,
    "cancel": EventKind.PROMPT_PLAN_ENDED,
}
ACTS = {"pause": "held", "resume": "let go on", "cancel": "cancelled"}
STANDS = {"active": "released in steps already, and goes on", "paused": "held at its share already"}


@atomically
def move(*, slug: str, act: str, actor: Actor, shown: UUID | None = None) -> RolloutPlan:
    """Pause a plan, let it go on, or cancel it; the canary keeps the share that it has.

    Args:
        slug: the prompt's.
        act: `pause`, `resume` or `cancel`.
        actor: who does; the caller has checked the right to.
        shown: the plan that was shown, where it shall be compared.

    Raises:
        UnknownPrompt, UnknownPlan, BadText, WrongStage.
    """
    if act not in MOVES:
        raise BadText(field="act", reason="is pause, resume or cancel")
    plan = plan_of(slug, lock=True)
    if shown is not None and plan.pk != shown:
        raise UnknownPlan(slug=slug)
    if not ROLLOUT_PLAN.allows(plan.status, act):
        raise WrongStage(slug=slug, version=plan.version.version, status=STANDS[plan.status], action=ACTS[act])
    ends = {"ended_at": NOW, "why": f"cancelled by {actor.name}"[:500]} if act == "cancel" else {}
    share = steps_of(plan).steps[plan.at].share
    entry = entry_of(plan, MOVES[act], actor, {"share": share, **({"why": "cancelled"} if ends else {})})
    write(Batch((Change(ROLLOUT_PLAN, plan.pk, plan.status, act, ends),), (), (entry,)))
    transaction.on_commit(index_soon)
    return RolloutPlan.objects.select_related("version", "prompt").get(pk=plan.pk)


@atomically
def advance(slug: str, canary: UUID, counted: Counted, found: Sequence[Finding]) -> bool:
    """Take the next step of a prompt's plan if it is due; true if it was taken.

    Args:
        slug: the prompt's.
        canary: the release that was looked at.
        counted: what the canary's sessions came to since.
        found: how it stands to its guards.
    """
    if not RolloutPlan.objects.filter(prompt__slug=slug, status="active").exists():
        return False
    now = routed(slug, lock=True)
    plan = (
        RolloutPlan.objects.filter(prompt=now.prompt, status="active")
        .select_related("version", "prompt")
        .annotate(now=Now())
        .first()
    )
    if plan is None or now.canary is None or now.canary.pk != canary or plan.version_id != now.canary.version_id:
        return False
    steps = steps_of(plan).steps
    step = steps[plan.at + 1]
    had = counted["completion"].n
    why = holds(step, age_s=(plan.now - plan.since).total_seconds(), had=had, found=found)
    if why:
        if (plan.waits, plan.had) != (why, had):
            RolloutPlan.objects.filter(pk=plan.pk).update(waits=why, had=had)
        return False
    _step(now, plan, step.share, had, last=plan.at + 2 == len(steps))
    return True


def _step(now: Routed, plan: RolloutPlan, share: int, had: int, *, last: bool) -> None:
    why = f"Planned by {plan.planned_by}: {share} % after {had} sessions, and no guard says worse."
    batch = released(now, plan.version, share, why, SYSTEM, plan=plan)
    values: dict[str, Any] = {"at": plan.at + 1, "since": NOW, "waits": "", "had": 0}
    ends = {"ended_at": NOW, "why": "every step was taken"} if last else {}
    facts = {"share": share, "sessions": had, "step": plan.at + 2, "of": len(plan.steps)}
    entries = [entry_of(plan, EventKind.PROMPT_PLAN_STEPPED, SYSTEM, facts)]
    if last:
        entries.append(entry_of(plan, EventKind.PROMPT_PLAN_ENDED, SYSTEM, {"why": "every step was taken"}))
    change = Change(ROLLOUT_PLAN, plan.pk, "active", "finish" if last else "step", {**values, **ends})
    write(Batch((*batch.changes, change), batch.births, (*batch.entries, *entries)))
    transaction.on_commit(index_soon)
