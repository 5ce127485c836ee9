"""Budgets as people set them: making, changing and ending one, what of them workers keep, and telling people of levels.

What is spent and reserved stands on meters, which `agents.money` moves. A budget's revision is what was shown; whoever
changes it states it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.db.models import F
from django.db.models.functions import Now

from agents.errors import BadText, BudgetExists, BudgetSpent, StaleBudget, TooManyBudgets, UnknownAgent, UnknownBudget
from agents.guardrails.money import Reading, crossed
from agents.lifecycle import BUDGET, SESSION
from agents.models import Agent, Budget, Meter, Session
from agents.models.budget import MOST_MICROUSD
from agents.wake import wake
from approvals.errors import NotAllowedToSet
from audit.actors import SYSTEM, Actor
from audit.connection import read
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.models import AuditEntry
from audit.services import NOW, Batch, Birth, Change, Entry, Plus
from audit.services import transition as write

STREAM = "budget"
LONGEST_REASON = 500
LONGEST_LABEL = 200
MOST = 200  # active budgets
WOKEN = 1000  # sessions that a raised cap lets go on at once; the others look again by themselves
PERIODS = ("day", "month")
AT_CAP = ("halt", "queue")
_CHANNEL = "countersign_policy"  # workers read again what operators set

_KNOWN = """
SELECT b.id, b.kind, b.key, b.period, b.at_cap, b.cap_microusd - coalesce(m.spent_microusd, 0) AS left_microusd,
       extract(epoch FROM (date_trunc(b.period, now() AT TIME ZONE 'UTC') + ('1 ' || b.period)::interval) AT TIME ZONE 'UTC'
           - now())::float8 AS until_s
FROM agents_budget b
LEFT JOIN agents_meter m ON m.budget_id = b.id AND m.starts_at = date_trunc(b.period, now() AT TIME ZONE 'UTC') AT TIME ZONE 'UTC'
WHERE b.status = 'active'"""


@dataclass(frozen=True, slots=True)
class Known:
    """An active budget as it was lately read; `left_microusd` counts what is spent, not what is reserved."""

    id: UUID
    kind: str
    key: str
    period: str
    at_cap: str
    left_microusd: int
    until_s: float

    @property
    def name(self) -> str:
        """What people call it."""
        return name_of(self.kind, self.key, self.period)

    def meets(self, agent: str, tenant: str) -> bool:
        """Whether what this agent asks for this tenant falls under it."""
        return self.kind == "all" or self.key == (agent if self.kind == "agent" else tenant)


def name_of(kind: str, key: str, period: str) -> str:
    """Return what people call a budget: what it caps, and for how long."""
    return f"{key or 'all agents'} per {period}"


def known() -> dict[UUID, Known]:
    """Read the active budgets with what is left of each."""
    return {row["id"]: Known(**row) for row in read(_KNOWN)}


def refuse_spent(*, agent: str, tenant: str, least_microusd: int) -> None:
    """Raise BudgetSpent where not even a session's first question could be paid: it would end as it begins."""
    short = [one for one in known().values() if one.meets(agent, tenant) and one.left_microusd < least_microusd]
    if short:
        longest = max(short, key=lambda one: one.until_s)
        raise BudgetSpent(budget=longest.name, retry_after_s=int(longest.until_s) + 1, period=longest.period)


@transaction.atomic
def create(*, scope: str, period: str, cap_microusd: int, at_cap: str, reason: str, actor: Actor) -> Budget:
    """Make a budget; it counts from now on, with nothing spent.

    Args:
        scope: `all`, `agent:SLUG` or `tenant:LABEL`.
        period: `day` or `month`, by the database's clock in UTC.
        cap_microusd: what may be spent in each.
        at_cap: what a session does that finds too little left: `halt`, or `queue` until the period is over.
        reason: why; it stands in the audit trail.
        actor: who makes it; the caller has checked the right to.

    Raises:
        BadText, UnknownAgent, BudgetExists, TooManyBudgets.
    """
    kind, key = _named(scope)
    _known_word("period", period, PERIODS)
    _known_word("at_cap", at_cap, AT_CAP)
    _amount(cap_microusd)
    read("SELECT pg_advisory_xact_lock(hashtext('countersign.budgets'))")  # so that the number of budgets is bounded
    active = Budget.objects.filter(status="active")
    if active.filter(kind=kind, key=key, period=period).exists():
        raise BudgetExists(budget=name_of(kind, key, period))
    if active.count() >= MOST:
        raise TooManyBudgets(most=MOST)
    values = {"id": uuid7(), "kind": kind, "key": key, "period": period, "cap_microusd": cap_microusd, "at_cap": at_cap,
              "made_by": actor.name, "made_at": NOW, "changed_at": NOW}  # fmt: skip
    made = Batch((), (Birth("agents.Budget", values, BUDGET),))
    budget = Budget(**{**values, "made_at": None, "changed_at": None})
    _write(EventKind.BUDGET_SET, budget, actor, made, cap_microusd=cap_microusd, at_cap=at_cap, reason=_why(reason))
    return Budget.objects.get(pk=budget.id)


@transaction.atomic
def change(
    key: UUID,
    *,
    revision: int,
    reason: str,
    actor: Actor,
    may_raise: bool,
    cap_microusd: int | None = None,
    at_cap: str | None = None,
) -> Budget:
    """Change a budget's cap or what sessions do at it, from this moment on; what is None stays.

    A cap may be lowered below what is spent: then nothing more is reserved in this period. `may_raise` says whether
    the actor may do more than lower the cap. Raises UnknownBudget, StaleBudget, NotAllowedToSet, BadText.
    """
    budget = _locked(key, revision)
    cap = budget.cap_microusd if cap_microusd is None else cap_microusd
    to = budget.at_cap if at_cap is None else at_cap
    _amount(cap)
    _known_word("at_cap", to, AT_CAP)
    if not may_raise and (cap > budget.cap_microusd or to != budget.at_cap):
        raise NotAllowedToSet(reason="Operators lower a cap. To raise one, or to let sessions wait at it, needs an admin.")
    values = {"cap_microusd": cap, "at_cap": to, "revision": Plus(1), "changed_at": NOW}
    changed = Batch((Change(BUDGET, budget.id, "active", "change", values, {"revision": revision}),))
    _write(EventKind.BUDGET_SET, budget, actor, changed, before_microusd=budget.cap_microusd, cap_microusd=cap, at_cap=to,
           reason=_why(reason))  # fmt: skip
    # The period that runs: what was refused for want of money may be possible now, or less may.
    meters = Meter.objects.filter(budget=budget, ends_at__gt=Now())
    meters.update(cap_microusd=cap, refused_at=None if cap > budget.cap_microusd else F("refused_at"))
    tell(list(meters.values_list("pk", flat=True)))
    if cap > budget.cap_microusd:
        _let_go_on(budget)
    budget.refresh_from_db()
    return budget


@transaction.atomic
def end(key: UUID, *, revision: int, reason: str, actor: Actor) -> Budget:
    """End a budget: it caps nothing any more, and what it measured stays. Raises UnknownBudget, StaleBudget, BadText."""
    budget = _locked(key, revision)
    values = {"ended_at": NOW, "revision": Plus(1), "changed_at": NOW}
    ended = Batch((Change(BUDGET, budget.id, "active", "end", values, {"revision": revision}),))
    _write(EventKind.BUDGET_ENDED, budget, actor, ended, cap_microusd=budget.cap_microusd, reason=_why(reason))
    _let_go_on(budget)
    budget.refresh_from_db()
    return budget


@transaction.atomic
def tell(meters: Sequence[UUID]) -> None:
    """Write an entry for each level that meters have reached and nobody was told of; each once, guarded by its row."""
    rows = Meter.objects.select_related("budget").select_for_update(of=("self",), no_key=True).filter(pk__in=meters)
    for row in rows.order_by("pk"):
        now = Reading(row.cap_microusd, row.spent_microusd, row.reserved_microusd, row.refused_at is not None)
        for level in crossed(now, row.alerted):
            facts = {"level": level, "spent_microusd": row.spent_microusd, "cap_microusd": row.cap_microusd,
                     "until": row.ends_at.isoformat().replace("+00:00", "Z")}  # fmt: skip
            _write(EventKind.BUDGET_CROSSED, row.budget, SYSTEM, Batch(), **facts)
            row.alerted = level
        row.save(update_fields=["alerted"])


def _write(kind: EventKind, budget: Budget, actor: Actor, batch: Batch, **more: Any) -> None:
    facts = {"budget": str(budget.id), "scope": budget.scope, "period": budget.period, **more}
    entry = Entry(STREAM, kind, actor, facts, ids=(f"budget:{budget.id}",))
    write(Batch(batch.changes, batch.births, (entry,)))
    if kind is not EventKind.BUDGET_CROSSED:
        read("SELECT pg_notify(%s, '')", [_CHANNEL])
    transaction.on_commit(index_soon)


def _locked(key: UUID, revision: int) -> Budget:
    budget = Budget.objects.select_for_update(no_key=True).filter(pk=key, status="active").first()
    if budget is None:
        raise UnknownBudget(budget=str(key))
    if budget.revision != revision:
        raise StaleBudget(budget=name_of(budget.kind, budget.key, budget.period))
    return budget


def _let_go_on(budget: Budget) -> None:
    """Let the sessions that wait for this budget look at it now."""
    waiting = Session.objects.select_for_update(no_key=True, skip_locked=True).filter(
        status="queued", ready_at__gt=Now(), notes__unpaid=str(budget.id)
    )
    rows = list(waiting.order_by("id")[:WOKEN])
    values = [{"nudges": row.nudges + 1, "updated_at": NOW, "ready_at": NOW} for row in rows]
    write([Batch((Change(SESSION, row.id, "queued", "nudge", new),)) for row, new in zip(rows, values, strict=True)])
    for row in rows:
        wake(row.id)


def _named(scope: str) -> tuple[str, str]:
    """Return what a scope names, as kind and key; an agent must be there, a tenant is only a label."""
    kind, _, key = scope.partition(":")
    key = key.strip()
    if scope == "all":
        return "all", ""
    if kind == "agent" and key:
        if not Agent.objects.filter(slug=key).exists():
            raise UnknownAgent(slug=key[:63])
        return kind, key
    if kind == "tenant" and key and len(key) <= LONGEST_LABEL:
        return kind, key
    raise BadText(field="scope", reason=f"is all, agent:SLUG or tenant:LABEL, a label of at most {LONGEST_LABEL} characters")


def _amount(microusd: int) -> None:
    if not 1 <= microusd <= MOST_MICROUSD:
        raise BadText(field="cap_microusd", reason=f"lies between 1 and {MOST_MICROUSD} micro-dollars")


def _known_word(field: str, word: str, words: Sequence[str]) -> None:
    if word not in words:
        raise BadText(field=field, reason=f"is {' or '.join(words)}")


def _why(reason: str) -> str:
    if not reason.strip() or len(reason.strip()) > LONGEST_REASON:
        raise BadText(field="reason", reason=f"says why, in at most {LONGEST_REASON} characters")
    return reason.strip()


def get(key: UUID) -> Budget:
    """Return one budget, also one that was ended. Raises UnknownBudget."""
    budget = Budget.objects.filter(pk=key).first()
    if budget is None:
        raise UnknownBudget(budget=str(key))
    return budget


def active() -> list[Budget]:
    """Return the active budgets, newest first."""
    return list(Budget.objects.filter(status="active").order_by("-pk")[:MOST])


@dataclass(frozen=True, slots=True)
class Told:
    """One entry about a budget: what was set, or which level was reached."""

    kind: str
    at: datetime
    by: str
    facts: dict[str, Any]


def history(limit: int) -> list[Told]:
    """Return the newest entries about budgets, newest first."""
    rows = AuditEntry.objects.filter(stream=STREAM).order_by("-seq")[:limit]
    return [Told(row.kind, row.at, row.body_json["principal"]["name"], dict(row.body_json["facts"])) for row in rows]
