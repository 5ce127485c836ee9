"""The open plan of a prompt, and its end where somebody routes the traffic otherwise; for whoever writes releases."""

from typing import Any, ClassVar
from uuid import UUID

from agents.errors import AgentsError
from agents.lifecycle import ROLLOUT_PLAN
from agents.models import Prompt, RolloutPlan
from audit.actors import Actor
from audit.events import EventKind
from audit.services import NOW, Change, Entry

OPEN = ("active", "paused")


class UnknownPlan(AgentsError):
    """No rollout of {slug} in steps goes on now."""

    code: ClassVar[str] = "unknown_plan"


def open_plan(prompt: UUID) -> RolloutPlan | None:
    """Return the plan by which a prompt's canary grows; None where there is none."""
    return RolloutPlan.objects.select_related("version", "prompt").filter(prompt=prompt, status__in=OPEN).first()


def overtaken(prompt: Prompt, why: str, actor: Actor, *, keep: RolloutPlan | None = None) -> tuple[list[Change], list[Entry]]:
    """Return what ends a prompt's open plan because its traffic is routed otherwise; nothing where there is none."""
    plan = open_plan(prompt.pk)
    if plan is None or (keep is not None and keep.pk == plan.pk):
        return [], []
    change = Change(ROLLOUT_PLAN, plan.pk, plan.status, "overtake", {"ended_at": NOW, "why": why[:500]})
    return [change], [entry_of(plan, EventKind.PROMPT_PLAN_ENDED, actor, {"why": why[:500]})]


def entry_of(plan: RolloutPlan, kind: EventKind, actor: Actor, facts: dict[str, Any]) -> Entry:
    """Return an entry about a plan, in its prompt's stream."""
    slug = plan.prompt.slug
    told = {"plan": str(plan.pk), "version": plan.version.version, **facts}
    return Entry(f"prompt:{slug}", kind, actor, told, ids=(slug,))
