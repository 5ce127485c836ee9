"""Standing agents: schedules that give an agent its goal when their time comes (OPS-6).

Workers fire what is due in their sweep. A due time, its session and the next due time are one transaction, so that each
starts one session, whatever dies and however many look. Times that were missed are made up for by one session, or by none.
By a clock that is put forward and back, a time that falls into the gap comes right after it, one that comes twice fires once.
"""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from django.db import connection, transaction

from agents.errors import BadText, StaleSchedule, UnknownSchedule
from agents.guardrails.inputs import MAX_GOAL
from agents.lifecycle import SCHEDULE
from agents.models import Firing, Schedule, Session
from agents.starters import checked_agent, checked_webhook, one_at_a_time, principal, told_of_webhook
from agents.starting import accepted, start_session
from audit.actors import Actor
from audit.errors import CountersignError
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Batch, Birth, Change, Entry, Plus, Text
from audit.services import transition as write

STREAM = "schedule"
LONGEST_CRON, LONGEST_WHY = 100, 300
FIELDS = 5  # minute, hour, day, month, weekday
LATE = timedelta(minutes=5)  # later than this a due time counts as missed
AT_ONCE = 20
SHOWN = 5
COMING = 3
TAKES = ("active", "paused")
TOLD = ("agent", "cron", "zone", "overlap", "missed", "task_type", "tenant", "feature")
WORKING = ("queued", "running", "waiting_approval", "paused")


@transaction.atomic
def create(  # noqa: PLR0913  one name for each thing that a schedule says
    *, actor: Actor, user_id: int, name: str, agent: str, goal: str, cron: str, task_type: str = "default", tenant: str = "",
    feature: str = "", webhook_url: str = "", overlap: str = "skip", zone: str = "UTC", missed: str = "once",
) -> Schedule:  # fmt: skip
    """Make a schedule; it fires at its first due time from now.

    Args:
        actor: who makes it; the caller has checked the right to.
        user_id: that user: excluded from deciding in each of its sessions.
        name: a slug; the principal of its sessions is called by it. It is never given again.
        agent, goal, task_type, tenant, feature, webhook_url: as a session is started with.
        cron: five fields, by the clock of `zone`.
        overlap: `skip` a due time while the session before still works, or `start` another one beside it.
        zone: a name of the time zone database, such as `Europe/Berlin`.
        missed: times that nobody was there for are made up for `once`, or `never`.

    Raises:
        BadText, UnknownAgent.
    """
    revision = checked_agent(agent, task_type)
    one_at_a_time("schedules")
    if Schedule.objects.filter(name=name).exists():
        raise BadText(field="name", reason="is taken by another schedule, or was")
    said = accepted("goal", goal, MAX_GOAL).text
    values = {
        "id": uuid7(), "name": name, "agent_id": revision.agent_id, "goal": said, "task_type": task_type, "tenant": tenant[:200],
        "feature": feature[:200], "webhook_url": checked_webhook(webhook_url), "cron": cron.strip(), "zone": zone,
        "overlap": overlap, "missed": missed,
        "next_at": next_after(cron, _now(), zone), "created_by": user_id, "created_name": actor.name,
    }  # fmt: skip
    told: dict[str, Any] = {"agent": agent, **{field: values[field] for field in TOLD if field in values}}
    told |= {"webhook": told_of_webhook(webhook_url)} if webhook_url else {}
    entry = Entry(STREAM, EventKind.SCHEDULE_CREATED, actor, told, ids=(name, agent), texts=(Text(uuid7(), "goal", said),))
    write(Batch((), (Birth("agents.Schedule", values, SCHEDULE),), (entry,)))
    transaction.on_commit(index_soon)
    return get(name)


@transaction.atomic
def change(*, name: str, revision: int, actor: Actor, user_id: int, given: Mapping[str, str]) -> Schedule:
    """Change what a schedule does or when; its sessions so far go on as they were started.

    Args:
        revision: the one that was shown.
        user_id: who changes it: excluded from deciding in its sessions from now on, beside its maker.
        given: new values, by the names of `create`; what is not there stays, and what is as it was is no change.

    Raises:
        UnknownSchedule, StaleSchedule, BadText, UnknownAgent.
    """
    row = _locked(name)
    if row.revision != revision:
        raise StaleSchedule(name=name)
    before = {"agent": row.agent.slug, "goal": row.goal, **{field: getattr(row, field) for field in (*TOLD[1:], "webhook_url")}}
    after = {**before, **{field: value.strip() if field == "cron" else value for field, value in given.items()}}
    after["goal"] = accepted("goal", after["goal"], MAX_GOAL).text
    told = {field: {"before": before[field], "after": after[field]} for field in TOLD if before[field] != after[field]}
    if before["webhook_url"] != after["webhook_url"]:
        told["webhook"] = {when: told_of_webhook(said["webhook_url"]) for when, said in (("before", before), ("after", after))}
    if not told and before["goal"] == after["goal"]:
        return get(name)
    values = {field: after[field] for field in ("goal", *TOLD[1:])} | {"webhook_url": checked_webhook(after["webhook_url"])}
    values |= {"agent_id": checked_agent(after["agent"], after["task_type"]).agent_id, "revision": Plus(1)}
    values |= {"changed_by": sorted({*row.changed_by, user_id} - {row.created_by})}
    if row.cron != after["cron"] or row.zone != after["zone"]:
        values["next_at"] = next_after(after["cron"], _now(), after["zone"])
    goals = (("goal_before", before["goal"]), ("goal", after["goal"])) if before["goal"] != after["goal"] else ()
    entry = Entry(STREAM, EventKind.SCHEDULE_CHANGED, actor, told, ids=(name,),
                  texts=tuple(Text(uuid7(), called, text, "goal") for called, text in goals))  # fmt: skip
    write(Batch((Change(SCHEDULE, row.pk, row.status, "change", values),), (), (entry,)))
    transaction.on_commit(index_soon)
    return get(name)


@transaction.atomic
def end(*, name: str, actor: Actor) -> Schedule:
    """Let a schedule fire no more, for good; its sessions go on. Raises UnknownSchedule."""
    row = _locked(name)
    change_ = Change(SCHEDULE, row.pk, row.status, "end", {"revision": Plus(1)})
    write(Batch((change_,), (), (Entry(STREAM, EventKind.SCHEDULE_ENDED, actor, {}, ids=(name,)),)))
    transaction.on_commit(index_soon)
    return get(name)


@transaction.atomic
def pause(*, name: str, actor: Actor) -> Schedule:
    """Let a schedule fire no more until it is resumed; one that is paused stays so. Raises UnknownSchedule."""
    row = _locked(name)
    if row.status == "active":
        change = Change(SCHEDULE, row.pk, "active", "pause", {})
        write(Batch((change,), (), (Entry(STREAM, EventKind.SCHEDULE_PAUSED, actor, {}, ids=(name,)),)))
        transaction.on_commit(index_soon)
    return get(name)


@transaction.atomic
def resume(*, name: str, actor: Actor) -> Schedule:
    """Let a paused schedule fire again, from its next due time on: what it missed is not made up for. Raises UnknownSchedule."""
    row = _locked(name)
    if row.status == "paused":
        change = Change(SCHEDULE, row.pk, "paused", "resume", {"next_at": next_after(row.cron, _now(), row.zone)})
        write(Batch((change,), (), (Entry(STREAM, EventKind.SCHEDULE_RESUMED, actor, {}, ids=(name,)),)))
        transaction.on_commit(index_soon)
    return get(name)


def fire() -> int:
    """Start what is due; returns how many schedules fired. Called by every worker's sweep."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM agents_schedule WHERE status = 'active' AND next_at <= now() LIMIT %s", [AT_ONCE])
        due = [id_ for (id_,) in cursor.fetchall()]
    return sum(_fire(id_) for id_ in due)


@transaction.atomic
def _fire(id_: UUID) -> int:
    now = _now()
    rows = Schedule.objects.select_for_update(skip_locked=True, of=("self",)).select_related("agent")
    row = rows.filter(pk=id_, status="active", next_at__lte=now).first()
    if row is None:
        return 0  # another worker was faster
    session, why = _session(row, now - row.next_at)
    Firing.objects.create(id=uuid7(), schedule=row, due_at=row.next_at, session=session, why=why)
    facts = {"due_at": row.next_at.astimezone(UTC).isoformat(), **({"why": why} if why else {})}
    kind, ids = (EventKind.SCHEDULE_FIRED, (row.name, session.ref)) if session else (EventKind.SCHEDULE_SKIPPED, (row.name,))
    write(Batch((), (), (Entry(STREAM, kind, principal("schedule", row.name), facts, ids=ids),)))
    Schedule.objects.filter(pk=row.pk).update(next_at=next_after(row.cron, now, row.zone))
    transaction.on_commit(index_soon)
    return 1


def _session(row: Schedule, late: timedelta) -> tuple[Session | None, str]:
    """The session of a due time, or why there is none: it was missed, the one before still works, or a start is refused now."""
    actor = principal("schedule", row.name)
    if row.missed == "never" and late > LATE:
        return None, "It was missed, and the schedule does not make up for that."
    if row.overlap == "skip":
        before = Session.objects.filter(started_by=actor.id, agent=row.agent, status__in=WORKING).first()
        if before is not None:
            return None, f"{before.ref} still works."
    try:
        with transaction.atomic():
            return start_session(
                actor=actor, person_id=row.created_by, agent=row.agent.slug, goal=row.goal, task_type=row.task_type,
                tenant=row.tenant, feature=row.feature, webhook_url=row.webhook_url, authors=row.changed_by,
            ), ""  # fmt: skip
    except CountersignError as error:
        return None, error.detail[:LONGEST_WHY]


def get(name: str) -> Schedule:
    """One schedule by its name, an ended one too. Raises UnknownSchedule."""
    row = Schedule.objects.select_related("agent").filter(name=name).first()
    if row is None:
        raise UnknownSchedule(name=name[:63])
    return row


def schedules(limit: int, *, after: str = "", agent: str = "") -> list[Schedule]:
    """One page of schedules by name, of one agent or of all, behind `after`; those that ended are left out."""
    rows = Schedule.objects.select_related("agent").filter(name__gt=after, status__in=TAKES)
    return list((rows.filter(agent__slug=agent) if agent else rows).order_by("name")[:limit])


def newest(row: Schedule) -> list[Firing]:
    """The newest due times of a schedule, and what came of them."""
    return list(row.firings.select_related("session").order_by("-due_at")[:SHOWN])


def coming(row: Schedule) -> list[datetime]:
    """The next due times of a schedule that is active, in UTC."""
    if row.status != "active":
        return []
    following = CronSim(row.cron, row.next_at.astimezone(_clock(row.zone)))
    return [row.next_at, *(time.astimezone(UTC) for time in islice(following, COMING - 1))]


def next_after(cron: str, now: datetime, zone: str = "UTC") -> datetime:
    """The next due time, in UTC. Raises BadText for what is no cron expression of five fields, or no time zone."""
    wrong = BadText(field="cron", reason="is no time of five fields, such as `0 6 * * 1-5`")
    text = cron.strip()
    if len(text) > LONGEST_CRON or len(text.split()) != FIELDS:
        raise wrong
    try:
        return next(CronSim(text, now.astimezone(_clock(zone)))).astimezone(UTC)
    except (CronSimError, StopIteration):
        raise wrong from None


def _clock(zone: str) -> ZoneInfo:
    try:
        return ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise BadText(field="zone", reason="is no time zone, such as `Europe/Berlin` or `UTC`") from None


def _locked(name: str) -> Schedule:
    rows = Schedule.objects.select_for_update(of=("self",)).select_related("agent")
    row = rows.filter(name=name, status__in=TAKES).first()
    if row is None:
        raise UnknownSchedule(name=name[:63])
    return row


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now
