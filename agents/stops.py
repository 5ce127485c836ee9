"""The kill switch: pressing it, lifting it, and what it holds now (GUARD-14).

A stop is a row. Workers read the active ones with the other rules, are told of a change by NOTIFY, and write no intent
that an active stop forbids; sessions themselves are not changed, so lifting is as quick as pressing.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, transaction
from django.db.models import Count, Q

from agents.errors import BadText, SessionEnded, UnknownAgent
from agents.lifecycle import STOP
from agents.models import Agent, Session, Stop
from agents.queries import LIVE, agents
from agents.services import get_session
from agents.tools import registry
from agents.wake import CHANNEL
from approvals.changing import changing
from approvals.errors import UnknownTool
from approvals.lifecycle import OPEN
from approvals.models import ApprovalRequest
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Birth, Change, Entry
from audit.services import transition as write

LONGEST_REASON = 500
STREAM = "stop"
SCOPES = "is all, agent:SLUG, tool:NAME or session:S-88123"
_SCOPE = re.compile(r"(agent|tool|session):\S.*", re.DOTALL)


@atomically
def press(*, scope: str, reason: str, actor: Actor) -> Stop:
    """Stop everything, an agent, a tool or a session. Pressing what is stopped already changes nothing.

    Args:
        scope: `all`, `agent:SLUG`, `tool:NAME` or `session:S-88123`.
        reason: why; everybody reads it as long as the stop holds.
        actor: who presses; the caller has checked the right to.

    Raises:
        BadText, UnknownAgent, UnknownTool, UnknownSession, SessionEnded.
    """
    changing()
    named = _named(scope)
    if named.session is not None and named.session.ended:
        raise SessionEnded(ref=named.session.ref, status=named.session.status)
    if (standing := Stop.objects.filter(scope=named.scope, status="active").first()) is not None:
        return standing
    why = reason.strip()
    if not why or len(why) > LONGEST_REASON:
        raise BadText(field="reason", reason=f"says why, in at most {LONGEST_REASON} characters")
    values = {
        "id": uuid7(), "scope": named.scope, "kind": named.scope.partition(":")[0], **named.columns, "reason": why,
        "pressed_by": f"{actor.kind}:{actor.id}", "pressed_name": actor.name,
    }  # fmt: skip
    _write(EventKind.STOP_SET, named.scope, actor, Batch((), (Birth("agents.Stop", values, STOP),)), reason=why)
    return Stop.objects.get(pk=values["id"])


@atomically
def lift(*, scope: str, actor: Actor) -> Stop | None:
    """Lift the stop of a scope: what it held goes on by itself. None if it is there and not stopped.

    A slip of the pen must not look as if something went on again: what is no scope is refused, and what names nothing,
    unless it was stopped once and is gone since.

    Raises:
        BadText, UnknownAgent, UnknownTool, UnknownSession.
    """
    if scope != "all" and not _SCOPE.fullmatch(scope):
        raise BadText(field="scope", reason=SCOPES)
    changing()
    stop = _standing(scope) or (None if Stop.objects.filter(scope=scope).exists() else _standing(_named(scope).scope))
    if stop is None:
        return None
    values = {"lifted_name": actor.name, "lifted_at": NOW}
    change = Change(STOP, stop.id, "active", "lift", values)
    _write(EventKind.STOP_LIFTED, stop.scope, actor, Batch((change,)), pressed_by=stop.pressed_name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])  # workers look for what waits
    stop.refresh_from_db()
    return stop


def _standing(scope: str) -> Stop | None:
    return Stop.objects.select_for_update(no_key=True).filter(scope=scope, status="active").first()


def _write(kind: EventKind, scope: str, actor: Actor, batch: Batch, **more: str) -> None:
    sort, _, target = scope.partition(":")
    facts = {"scope": scope, **({"tool": target} if sort == "tool" else {}), **more}
    entry = Entry(STREAM, kind, actor, facts, ids=(target or sort,))
    write(Batch(batch.changes, batch.births, (entry,)))
    transaction.on_commit(index_soon)


@dataclass(frozen=True, slots=True)
class _Named:
    """A scope in its one way to write it, and what it names as columns of its row."""

    scope: str
    columns: dict[str, str | UUID] = field(default_factory=dict)
    session: Session | None = None


def _named(scope: str) -> _Named:
    """What a scope names; it must be there."""
    kind, _, target = scope.partition(":")
    if scope == "all":
        return _Named("all")
    if kind == "agent":
        agent = Agent.objects.filter(slug=target).first()
        if agent is None:
            raise UnknownAgent(slug=target[:63])
        return _Named(scope, {"agent_id": agent.pk})
    if kind == "tool":
        if registry.get(target) is None:
            raise UnknownTool(name=target[:64])
        return _Named(scope, {"tool": target})
    if kind == "session":
        session = get_session(target)
        return _Named(f"session:{session.ref}", {"session_id": session.pk}, session)
    raise BadText(field="scope", reason=SCOPES)


@dataclass(frozen=True, slots=True)
class Reach:
    """What a stop would hold: sessions that run and that rest, and requests that wait or are approved and not used."""

    running: int = 0
    resting: int = 0
    approvals: int = 0


def reaches() -> dict[str, Reach]:
    """What the stop of each scope would hold: everything, each agent, each tool; a tool's sessions are its agents'."""
    live = Count("id", filter=Q(status__in=("queued", "running"))), Count("id")
    sessions = {
        slug: (running, total - running)
        for slug, running, total in Session.objects.filter(status__in=LIVE)
        .order_by().values_list("agent__slug").annotate(running=live[0], total=live[1])
    }  # fmt: skip
    open_ = ApprovalRequest.objects.filter(status__in=sorted(OPEN), session_id__isnull=False).order_by()
    asked = list(open_.values_list("agent", "tool").annotate(count=Count("id")))
    granted = {revision.agent.slug: set(revision.document.get("tools", [])) for revision in agents()}

    def reach(slugs: Iterable[str], approvals: int) -> Reach:
        found = [sessions.get(slug, (0, 0)) for slug in slugs]
        return Reach(sum(running for running, _ in found), sum(resting for _, resting in found), approvals)

    told = {"all": reach(sessions, sum(count for _, _, count in asked))}
    for slug in granted:
        told[f"agent:{slug}"] = reach([slug], sum(count for agent, _, count in asked if agent == slug))
    for name in registry.all_tools():
        having = [slug for slug, tools in granted.items() if name in tools]
        told[f"tool:{name}"] = reach(having, sum(count for _, tool, count in asked if tool == name))
    return told


def reach_of(session: Session) -> Reach:
    """What the stop of one session would hold."""
    runs = session.status in ("queued", "running")
    approvals = ApprovalRequest.objects.filter(session_id=session.pk, status__in=sorted(OPEN)).count()
    return Reach(int(runs), int(not runs), approvals)
