"""The operators' limits of the load: of questions to models, of tools, of the queue (GUARD-5). Setting and reading them.

A scope is `model:` (all models), `model:NAME`, `provider:HOST`, `tool:NAME`, `queue:` (all sessions) or `queue:AGENT`. A
question has to fit the limits of all models, of its provider and of its model. Workers read what is set into their memory
twice a second, and are told of a change at once.
"""

from dataclasses import dataclass, field
from typing import Any

from django.db import transaction

from agents.errors import BadLimit, UnknownAgent, UnknownProvider
from agents.guardrails.rate import PROVIDER
from agents.llm.connect import addresses
from agents.models import Agent, Limit
from agents.models.load import KINDS, LARGEST
from agents.tools import registry
from agents.wake import CHANNEL
from approvals.errors import NotAllowedToSet, StaleSetting, UnknownTool
from approvals.facts import Person
from audit.actors import Actor
from audit.connection import read
from audit.entry import Entry
from audit.events import EventKind
from audit.index import index_soon
from audit.services import record

STREAM = "limits"
WOKEN = 1000  # sessions that a raised limit lets go on at once; the others look again by themselves
LONGEST_REASON = 500
LONGEST_MODEL = 120
FIELDS = {
    "model": ("requests", "tokens"),
    "provider": ("requests", "tokens"),
    "tool": ("requests", "at_once"),
    "queue": ("at_once",),
}
"""What can be limited of each kind of scope."""
_WAKE = """
UPDATE agents_session SET ready_at = now() WHERE id IN (
    SELECT id FROM agents_session WHERE status = 'queued' AND waits_for = 'rate' AND ready_at > now()
    ORDER BY waits_since LIMIT %s FOR NO KEY UPDATE SKIP LOCKED)
RETURNING id"""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is allowed of a scope; None: as much as anybody likes, of a tool as much as it declares."""

    requests: int | None = None
    tokens: int | None = None
    at_once: int | None = None
    names: tuple[str, ...] = field(default=("requests", "tokens", "at_once"), repr=False)

    def told(self) -> dict[str, int | None]:
        """As an entry states it."""
        return {name: getattr(self, name) for name in self.names}


@transaction.atomic
def set_limit(*, scope: str, bounds: Bounds, reason: str, person: Person, actor: Actor, revision: int | None = None) -> Limit:
    """Set the limits of a scope, all of them; what is None is not limited any more.

    Args:
        scope: what is limited; see above.
        bounds: how much is allowed.
        reason: why; it stands in the audit trail.
        person: who sets it; a tool's limit above what the tool declares needs an admin.
        actor: the same as the audit trail names it.
        revision: the one that was shown, where it shall be compared.

    Raises:
        BadLimit, NotAllowedToSet, StaleSetting, UnknownAgent, UnknownProvider, UnknownTool.
    """
    if not reason.strip() or len(reason.strip()) > LONGEST_REASON:
        raise BadLimit(field="reason", reason=f"says why, in at most {LONGEST_REASON} characters")
    kind = _checked(scope, bounds)
    if kind == "tool":
        _may_set(scope.partition(":")[2], bounds, person)
    _, first = Limit.objects.get_or_create(scope=scope)
    row = Limit.objects.select_for_update().get(scope=scope)
    if revision is not None and revision != (0 if first else row.revision):
        raise StaleSetting(name=scope, revision=row.revision)
    names = FIELDS[kind]
    before = {name: getattr(row, name) for name in names}
    row.requests, row.tokens, row.at_once = bounds.requests, bounds.tokens, bounds.at_once
    row.reason, row.changed_by, row.revision = reason.strip(), actor.name, row.revision + 1
    facts: dict[str, Any] = {"scope": scope, **{name: getattr(row, name) for name in names}, "before": before}
    if kind == "tool":
        facts["tool"] = scope.partition(":")[2]
    (entry,) = record([Entry(STREAM, EventKind.LIMIT_SET, actor, {**facts, "reason": row.reason}, (scope,), row.revision)])
    row.changed_at = entry.at
    row.save()
    if kind in ("model", "provider") and any(_more(before[name], getattr(row, name)) for name in names):
        _let_go_on()
    transaction.on_commit(index_soon)
    return row


def _more(before: int | None, now: int | None) -> bool:
    """Whether more goes out than before; None is as much as anybody likes."""
    return before is not None and (now is None or now > before)


def _let_go_on() -> None:
    """Let the sessions that were put back for want of a place look again now, those that wait longest first."""
    if read(_WAKE, [WOKEN]):
        read("SELECT pg_notify(%s, '')", [CHANNEL])


def _checked(scope: str, bounds: Bounds) -> str:
    """Return the kind of the scope; it names something, and only what fits it is limited."""
    kind, colon, target = scope.partition(":")
    names = kind in ("provider", "tool")
    if kind not in KINDS or not colon or (names and not target) or len(target) > LONGEST_MODEL:
        raise BadLimit(field="scope", reason="is model:, model:NAME, provider:HOST, tool:NAME, queue: or queue:AGENT")
    if kind == "model" and target.startswith(PROVIDER):
        raise BadLimit(field="scope", reason=f"names a model; those of a provider are set for {target}")
    if kind == "provider" and target not in addresses() and not Limit.objects.filter(scope=scope).exists():
        raise UnknownProvider(name=target, known=", ".join(addresses()) or "none is configured")
    if kind == "tool" and registry.get(target) is None:
        raise UnknownTool(name=target[:64])
    if kind == "queue" and target and not Agent.objects.filter(slug=target).exists():
        raise UnknownAgent(slug=target[:63])
    for name, value in bounds.told().items():
        if value is not None and name not in FIELDS[kind]:
            raise BadLimit(field=name, reason=f"cannot be limited of a {kind}")
        if value is not None and not 1 <= value <= LARGEST:
            raise BadLimit(field=name, reason=f"is a number from 1 to {LARGEST}; to let nothing through, stop it")
    return kind


def _may_set(name: str, bounds: Bounds, person: Person) -> None:
    """Operators limit a tool further than it declares; letting it do more than that needs an admin."""
    tool = registry.get(name)
    if tool is None or "admin" in person.roles:
        return
    for value, declared, words in (
        (bounds.at_once, tool.concurrency, "calls at once"),
        (bounds.requests, tool.rate_per_minute, "starts a minute"),
    ):
        if value is not None and declared is not None and value > declared:
            raise NotAllowedToSet(reason=f"{name} declares {declared} {words}; more than that needs an admin.")


def limit_of(scope: str) -> Limit:
    """The limit of one scope as it is set; an empty one of revision 0 where nobody has."""
    return Limit.objects.filter(scope=scope).first() or Limit(scope=scope, revision=0)
