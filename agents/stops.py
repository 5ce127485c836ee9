"""The kill switch: pressing it, lifting it, and what it holds now (GUARD-14).

A stop is a row. Workers read the active ones with the other rules, are told of a change by NOTIFY, and write no intent
that an active stop forbids; sessions themselves are not changed, so lifting is as quick as pressing.
"""

from dataclasses import dataclass, field
from uuid import UUID

from django.db import connection, transaction

from agents.errors import BadText, SessionEnded, UnknownAgent
from agents.lifecycle import STOP
from agents.models import Agent, Stop
from agents.services import get_session
from agents.tools import registry
from agents.wake import CHANNEL
from approvals.changing import changing
from approvals.errors import UnknownTool
from audit.actors import Actor
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Birth, Change, Entry
from audit.services import transition as write

LONGEST_REASON = 500
STREAM = "stop"


@transaction.atomic
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


@transaction.atomic
def lift(*, scope: str, actor: Actor) -> Stop | None:
    """Lift the stop of a scope: what it held goes on by itself. None if there was nothing to lift."""
    changing()
    stop = Stop.objects.select_for_update(no_key=True).filter(scope=scope, status="active").first()
    if stop is None:
        return None
    values = {"lifted_name": actor.name, "lifted_at": NOW}
    change = Change(STOP, stop.id, "active", "lift", values)
    _write(EventKind.STOP_LIFTED, stop.scope, actor, Batch((change,)), pressed_by=stop.pressed_name)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_notify(%s, '')", [CHANNEL])  # workers look for what waits
    stop.refresh_from_db()
    return stop


def _write(kind: EventKind, scope: str, actor: Actor, batch: Batch, **more: str) -> None:
    sort, _, target = scope.partition(":")
    facts = {"scope": scope, **({"tool": target} if sort == "tool" else {}), **more}
    entry = Entry(STREAM, kind, actor, facts, ids=(target,) if target else ())
    write(Batch(batch.changes, batch.births, (entry,)))
    transaction.on_commit(index_soon)


@dataclass(frozen=True, slots=True)
class _Named:
    """A scope in its one way to write it, and what it names as columns of its row."""

    scope: str
    columns: dict[str, str | UUID] = field(default_factory=dict)


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
        if session.ended:
            raise SessionEnded(ref=session.ref, status=session.status)
        return _Named(f"session:{session.ref}", {"session_id": session.pk})
    raise BadText(field="scope", reason="is all, agent:SLUG, tool:NAME or session:S-88123")
