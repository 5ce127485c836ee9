"""Inlets: signed messages from outside that start sessions, one for each message (OPS-6).

The goal is the author's; what a message says is strangers' words, which the model reads as such and which taint the
session from its beginning. A secret is made of the installation's key, the inlet and its generation: none is stored.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.db.models.functions import Now
from standardwebhooks import Webhook, WebhookVerificationError

from agents.errors import BadText, InletFull, InletPaused, StaleInlet, UnknownInlet
from agents.gate.flagging import readable
from agents.guardrails.inputs import MAX_GOAL
from agents.guardrails.signs import signs
from agents.lifecycle import INLET
from agents.models import Arrival, Inlet, Session
from agents.models.inlet import LARGEST_PER_HOUR
from agents.starters import checked_agent, checked_webhook, one_at_a_time, principal, told_of_webhook
from agents.starting import Brought, accepted, start_session
from approvals.policies import current
from audit.actors import Actor
from audit.atomically import atomically
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import NOW, Batch, Birth, Change, Entry, Plus, Text
from audit.services import transition as write

STREAM = "inlet"
LARGEST_BODY = 64 * 1024
LONGEST_ID = 200
OVERLAP = timedelta(hours=24)  # that the secret before is taken
KEPT_DAYS = 30
SHOWN = 5
QUOTED = 500
TAKES = ("active", "paused")
TOLD = ("agent", "per_hour", "task_type", "tenant", "feature")
NOBODY = UUID(int=0)


@atomically
def create(  # noqa: PLR0913  one name for each thing that an inlet says
    *, actor: Actor, user_id: int, name: str, agent: str, goal: str, per_hour: int, task_type: str = "default", tenant: str = "",
    feature: str = "", webhook_url: str = "",
) -> Inlet:  # fmt: skip
    """Make an inlet; `secret` says what its messages are to be signed with.

    Args:
        actor: who makes it; the caller has checked the right to.
        user_id: that user: excluded from deciding in each of its sessions.
        name: a slug; its address and the principal of its sessions are called by it. It is never given again.
        agent, goal, task_type, tenant, feature, webhook_url: as a session is started with.
        per_hour: how many sessions it starts at most within an hour.

    Raises:
        BadText, UnknownAgent.
    """
    revision = checked_agent(agent, task_type)
    _check_bound(per_hour)
    one_at_a_time("inlets")
    if Inlet.objects.filter(name=name).exists():
        raise BadText(field="name", reason="is taken by another inlet, or was")
    values = {
        "id": uuid7(), "name": name, "agent_id": revision.agent_id, "goal": accepted("goal", goal, MAX_GOAL).text,
        "task_type": task_type, "tenant": tenant[:200], "feature": feature[:200], "per_hour": per_hour, "created_by": user_id,
        "created_name": actor.name, "webhook_url": checked_webhook(webhook_url),
    }  # fmt: skip
    told: dict[str, Any] = {"agent": agent, **{field: values[field] for field in TOLD[1:]}}
    told |= {"webhook": told_of_webhook(webhook_url)} if webhook_url else {}
    text = Text(uuid7(), "goal", str(values["goal"]))
    entry = Entry(STREAM, EventKind.INLET_CREATED, actor, told, ids=(name, agent), texts=(text,))
    write(Batch((), (Birth("agents.Inlet", values, INLET),), (entry,)))
    transaction.on_commit(index_soon)
    return get(name)


@atomically
def change(*, name: str, revision: int, actor: Actor, user_id: int, given: Mapping[str, Any]) -> Inlet:
    """Change what an inlet starts; its sessions so far go on as they were started, its secret stays.

    Args:
        revision: the one that was shown.
        user_id: who changes it: excluded from deciding in its sessions from now on, beside its maker.
        given: new values, by the names of `create`; what is not there stays, and what is as it was is no change.

    Raises:
        UnknownInlet, StaleInlet, BadText, UnknownAgent.
    """
    row = _locked(name)
    if row.revision != revision:
        raise StaleInlet(name=name)
    before = {"agent": row.agent.slug, "goal": row.goal, **{field: getattr(row, field) for field in (*TOLD[1:], "webhook_url")}}
    after = {**before, **given}
    after["goal"] = accepted("goal", after["goal"], MAX_GOAL).text
    _check_bound(after["per_hour"])
    told = {field: {"before": before[field], "after": after[field]} for field in TOLD if before[field] != after[field]}
    if before["webhook_url"] != after["webhook_url"]:
        told["webhook"] = {when: told_of_webhook(said["webhook_url"]) for when, said in (("before", before), ("after", after))}
    if not told and before["goal"] == after["goal"]:
        return get(name)
    values = {field: after[field] for field in ("goal", *TOLD[1:])} | {"webhook_url": checked_webhook(after["webhook_url"])}
    values |= {"agent_id": checked_agent(after["agent"], after["task_type"]).agent_id, "revision": Plus(1)}
    values |= {"changed_by": sorted({*row.changed_by, user_id} - {row.created_by})}
    goals = (("goal_before", before["goal"]), ("goal", after["goal"])) if before["goal"] != after["goal"] else ()
    entry = Entry(STREAM, EventKind.INLET_CHANGED, actor, told, ids=(name,),
                  texts=tuple(Text(uuid7(), called, text, "goal") for called, text in goals))  # fmt: skip
    write(Batch((Change(INLET, row.pk, row.status, "change", values),), (), (entry,)))
    transaction.on_commit(index_soon)
    return get(name)


def _check_bound(per_hour: int) -> None:
    if not 1 <= per_hour <= LARGEST_PER_HOUR:
        raise BadText(field="per_hour", reason=f"is 1 to {LARGEST_PER_HOUR:,}")


def pause(*, name: str, actor: Actor) -> Inlet:
    """Let an inlet take no message until it is resumed; one that is paused stays so. Raises UnknownInlet."""
    return _move(name, "pause", EventKind.INLET_PAUSED, actor, unless="paused")


def resume(*, name: str, actor: Actor) -> Inlet:
    """Let a paused inlet take messages again. Raises UnknownInlet."""
    return _move(name, "resume", EventKind.INLET_RESUMED, actor, unless="active")


def rotate(*, name: str, actor: Actor) -> Inlet:
    """Give an inlet a new secret. The one before is taken for a day longer, those before it no more. Raises UnknownInlet."""
    return _move(name, "rotate", EventKind.INLET_ROTATED, actor)


def end(*, name: str, actor: Actor) -> Inlet:
    """Let an inlet take no message any more; its sessions go on. Raises UnknownInlet."""
    return _move(name, "end", EventKind.INLET_ENDED, actor)


@atomically
def _move(name: str, event: str, kind: EventKind, actor: Actor, unless: str = "ended") -> Inlet:
    row = _locked(name)
    if row.status != unless:
        generation = row.generation + (event == "rotate")
        moved = {"generation": generation, "rotated_at": NOW} if event == "rotate" else {}
        told = Entry(STREAM, kind, actor, {"generation": generation}, ids=(name,))
        write(Batch((Change(INLET, row.pk, row.status, event, moved),), (), (told,)))
        transaction.on_commit(index_soon)
    return Inlet.objects.select_related("agent").get(pk=row.pk)


def signed(name: str, body: bytes, headers: dict[str, str]) -> bool:
    """Say whether an inlet of this name is there and one of its secrets signed the message within five minutes of now.

    As much is done for a name that is not there, so that the answer comes no sooner.
    """
    row = Inlet.objects.filter(name=name, status__in=TAKES).first()
    good = [_verifies(secret, body, headers) for secret in _taken(row or Inlet(id=NOBODY))]
    return row is not None and any(good)


def _verifies(secret: str, body: bytes, headers: dict[str, str]) -> bool:
    try:
        Webhook(secret).verify(body, headers, json_parse=False)
    except (WebhookVerificationError, ValueError):  # the second: what is no base64, no UTF-8, no pair of version and signature
        return False
    return 0 < len(headers["webhook-id"]) <= LONGEST_ID


def secret(row: Inlet) -> str:
    """Return what messages to this inlet are to be signed with from now on."""
    return _secret(_keys()[0], row.pk, row.generation)


def _taken(row: Inlet) -> list[str]:
    """All secrets that are taken now: of each key of the installation this generation, and for a while the one before."""
    generations = [row.generation]
    if row.rotated_at is not None and row.rotated_at > _now() - OVERLAP:
        generations.append(row.generation - 1)
    return [_secret(key, row.pk, generation) for key in _keys() for generation in generations]


def _keys() -> list[str]:
    return [key.strip() for key in (settings.WEBHOOK_KEY or settings.SECRET_KEY).split(",") if key.strip()]


def _secret(key: str, inlet: UUID, generation: int) -> str:
    made = hmac.new(key.encode(), f"countersign.inlets {inlet.hex} {generation}".encode(), hashlib.sha256).digest()
    return "whsec_" + base64.b64encode(made).decode()


@atomically
def receive(*, name: str, message: str, body: str) -> Session:
    """Start the session of a message whose signature was checked; of one that came before, return the session it started.

    Args:
        name: the inlet's.
        message: the sender's id of the message, the same whenever it sends it again.
        body: what it says, JSON; strangers' words.

    Raises:
        UnknownInlet, InletPaused, InletFull, BadText, and what refuses a start (Stopped, BudgetSpent, QueueFull, ...).
    """
    row = _locked(name)
    before = Arrival.objects.filter(inlet=row, message=message).select_related("session").first()
    if before is not None:
        return before.session
    if row.status == "paused":
        raise InletPaused(name=name)
    _bound(row)
    actor = principal("inlet", row.name)
    session = start_session(
        actor=actor, person_id=row.created_by, agent=row.agent.slug, goal=row.goal,
        task_type=row.task_type, tenant=row.tenant, feature=row.feature, brought=_brought(row, message, body),
        authors=row.changed_by, webhook_url=row.webhook_url,
    )  # fmt: skip
    Arrival.objects.create(id=uuid7(), inlet=row, message=message, session=session)
    write(Batch((), (), (Entry(STREAM, EventKind.INLET_RECEIVED, actor, {"message": message}, ids=(row.name, session.ref)),)))
    transaction.on_commit(index_soon)
    return session


def _locked(name: str) -> Inlet:
    row = Inlet.objects.select_for_update(of=("self",)).select_related("agent").filter(name=name, status__in=TAKES).first()
    if row is None:
        raise UnknownInlet(name=name[:63])
    return row


def _bound(row: Inlet) -> None:
    """Raise InletFull where no more may start within this hour; the inlet's row is locked, so all before it are counted."""
    times = Arrival.objects.filter(inlet=row, created_at__gt=Now() - timedelta(hours=1)).order_by("-created_at")
    full = times.values_list("created_at", flat=True)[row.per_hour - 1 : row.per_hour].first()
    if full is not None:
        wait = full + timedelta(hours=1) - _now()
        raise InletFull(name=row.name, most=row.per_hour, retry_after_s=max(1, int(wait.total_seconds()) + 1))
    old = Arrival.objects.filter(inlet=row, created_at__lt=Now() - timedelta(days=KEPT_DAYS)).order_by("created_at")
    Arrival.objects.filter(pk__in=list(old.values_list("pk", flat=True)[:10])).delete()


def _brought(row: Inlet, message: str, body: str) -> Brought:
    text = accepted("body", body, LARGEST_BODY).text
    said = readable(text)
    found = signs(said)
    mark = {"source": "webhook", "title": row.name, "ref": message, "quote": said[:QUOTED]}
    if found:
        mark |= {"flags": " ".join(sign.code for sign in found), "passage": found[0].passage}
    kept = bool(found) and current(fresh=True).policy.tainted.quarantine == "flagged"
    return Brought(text, f"the inlet {row.name}", mark, withheld=kept)


def get(name: str) -> Inlet:
    """One inlet by its name, an ended one too. Raises UnknownInlet."""
    row = Inlet.objects.select_related("agent").filter(name=name).first()
    if row is None:
        raise UnknownInlet(name=name[:63])
    return row


def inlets(limit: int, *, after: str = "", agent: str = "") -> list[Inlet]:
    """One page of inlets by name, of one agent or of all, behind `after`; those that ended are left out."""
    rows = Inlet.objects.select_related("agent").filter(name__gt=after, status__in=TAKES)
    return list((rows.filter(agent__slug=agent) if agent else rows).order_by("name")[:limit])


def newest(row: Inlet) -> list[Arrival]:
    """The newest messages of an inlet."""
    return list(row.arrivals.select_related("session").order_by("-created_at")[:SHOWN])


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now
