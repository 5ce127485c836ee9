"""How much of an agent's finished sessions or of a suite's results is graded, against which rubric, and by which judge."""

from typing import Any, Literal

from django.db import transaction
from django.db.models import Max
from django.db.models.functions import Now

from agents.errors import BadText, UnknownAgent
from agents.evals.suites import MOST_CAP, suite_named
from agents.grading.errors import StaleRule
from agents.grading.rubrics import rubric_named
from agents.known_models import check_model
from agents.models import Agent, GradingRule, Session
from agents.starters import one_at_a_time
from audit.actors import Actor
from audit.atomically import atomically
from audit.entry import Entry
from audit.events import EventKind
from audit.index import index_soon
from audit.services import record

Kind = Literal["agent", "suite"]
DAY_CAP_MICROUSD = 1_000_000
"""What a judge may cost in a day where nobody says otherwise."""


@atomically
def set_rule(
    *, kind: Kind, key: str, rubric: str, share: int, actor: Actor, judge: str = "", cap_microusd: int = DAY_CAP_MICROUSD,
    revision: int | None = None,
) -> GradingRule:  # fmt: skip
    """Set what of an agent or a suite is graded from now on; what was taken already stays.

    Args:
        kind, key: an agent's finished sessions, or the results of a suite's runs.
        rubric: the rubric's name.
        share: hundredths; 0 takes nothing more.
        actor: who sets it; the caller has checked the right to.
        judge: the model that grades the same beside the people, one that some agent names; empty for none.
        cap_microusd: what the judge may cost in a day, in UTC.
        revision: the one that was shown, where it shall be compared; 0 for a rule that is new.

    Raises:
        UnknownAgent, UnknownSuite, UnknownRubric, BadText, StaleRule.
    """
    agent = _agent(kind, key)
    rubric_named(rubric)
    _check(share, cap_microusd)
    one_at_a_time("grading_rules")
    before = GradingRule.objects.select_for_update(no_key=True).filter(kind=kind, key=key).first()
    known = before.revision if before else 0
    if revision is not None and revision != known:
        raise StaleRule(key=key)
    if judge.strip() and (before is None or before.judge != judge.strip()):
        check_model("judge", judge.strip())
    values = {"rubric": rubric, "share": share, "judge": judge.strip(), "cap_microusd": cap_microusd}
    if before is not None and all(getattr(before, name) == value for name, value in values.items()):
        return before
    was = {name: getattr(before, name) for name in values} if before else {}
    facts: dict[str, Any] = {"kind": kind, "key": key, **values, "before": was}
    record([Entry(stream_of(agent.slug), EventKind.GRADING_RULE_SET, actor, facts, ids=(key,), rev=known + 1)])
    begins = {"seen_session": _newest(agent), "seen_run": Now()} if before is None or not before.share else {}
    row, _ = GradingRule.objects.update_or_create(
        kind=kind, key=key,
        defaults={**values, **begins, "agent": agent, "revision": known + 1, "changed_by": actor.name, "changed_at": Now()},
    )  # fmt: skip
    transaction.on_commit(index_soon)
    row.refresh_from_db()
    return row


def _agent(kind: Kind, key: str) -> Agent:
    if kind == "suite":
        return suite_named(key).agent
    found = Agent.objects.filter(slug=key).first()
    if found is None:
        raise UnknownAgent(slug=key[:63])
    return found


def _check(share: int, cap_microusd: int) -> None:
    if not 0 <= share <= 100:
        raise BadText(field="share", reason="lies between 0 and 100")
    if not 1 <= cap_microusd <= MOST_CAP:
        raise BadText(field="cap_microusd", reason=f"lies between 1 and {MOST_CAP:,}")


def _newest(agent: Agent) -> int:
    """Sessions that were there before a rule are none of its business."""
    return Session.objects.filter(agent=agent).aggregate(last=Max("number"))["last"] or 0


def listed(limit: int, *, after: tuple[str, str] = ("", "")) -> list[GradingRule]:
    """Return rules by kind and name, behind `after`."""
    rows = GradingRule.objects.select_related("agent").order_by("kind", "key")
    kind, key = after
    if kind:
        rows = rows.filter(kind__gte=kind).exclude(kind=kind, key__lte=key)
    return list(rows[:limit])


def stream_of(agent: str) -> str:
    """Return the chain that what is graded of an agent is written into."""
    return f"grading:{agent}"
