"""Standing agents: schedules that give an agent its goal when their time comes (OPS-6).

Workers fire what is due in their sweep. A due time, its session and the next due time are one transaction, so that each
starts one session, whatever dies and however many look. Times that were missed are made up for by one session.
"""

from datetime import UTC, datetime
from uuid import UUID

from cronsim import CronSim, CronSimError
from django.db import connection, transaction

from agents.errors import BadText, UnknownAgent, UnknownSchedule
from agents.guardrails.inputs import MAX_GOAL
from agents.lifecycle import SCHEDULE
from agents.models import Firing, Schedule, Session
from agents.queries import agent as current_revision
from agents.starting import accepted, start_session
from audit.actors import Actor
from audit.errors import CountersignError
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_soon
from audit.services import Batch, Birth, Change, Entry
from audit.services import transition as write

STREAM = "schedule"
LONGEST_CRON, LONGEST_WHY = 100, 300
FIELDS = 5  # minute, hour, day, month, weekday
AT_ONCE = 20
SHOWN = 5
WORKING = ("queued", "running", "waiting_approval", "paused")


@transaction.atomic
def create(  # noqa: PLR0913  one name for each thing that a schedule says
    *, actor: Actor, user_id: int, name: str, agent: str, goal: str, cron: str, task_type: str = "default", tenant: str = "",
    feature: str = "", overlap: str = "skip",
) -> Schedule:  # fmt: skip
    """Make a schedule; it fires at its first due time from now.

    Args:
        actor: who makes it; the caller has checked the right to.
        user_id: that user: excluded from deciding in each of its sessions.
        name: a slug; the principal of its sessions is called by it.
        agent, goal, task_type, tenant, feature: as a session is started with.
        cron: five fields, in UTC.
        overlap: `skip` a due time while the session before still works, or `start` another one beside it.

    Raises:
        BadText, UnknownAgent.
    """
    revision = current_revision(agent)
    if revision is None:
        raise UnknownAgent(slug=agent[:63])
    if task_type not in revision.document["task_types"]:
        raise BadText(field="task_type", reason=f"is none of {', '.join(sorted(revision.document['task_types']))}")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(hashtext('countersign.schedules'))")  # two of one name at once
    if Schedule.objects.filter(name=name).exists():
        raise BadText(field="name", reason="is taken by another schedule")
    values = {
        "id": uuid7(), "name": name, "agent_id": revision.agent_id, "goal": accepted("goal", goal, MAX_GOAL).text,
        "task_type": task_type, "tenant": tenant[:200], "feature": feature[:200], "cron": cron.strip(), "overlap": overlap,
        "next_at": next_after(cron, _now()), "created_by": user_id, "created_name": actor.name,
    }  # fmt: skip
    told = {"agent": agent, "cron": cron.strip(), "overlap": overlap, "task_type": task_type}
    entry = Entry(STREAM, EventKind.SCHEDULE_CREATED, actor, told, ids=(name, agent))
    write(Batch((), (Birth("agents.Schedule", values, SCHEDULE),), (entry,)))
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
        change = Change(SCHEDULE, row.pk, "paused", "resume", {"next_at": next_after(row.cron, _now())})
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
    session, why = _session(row)
    Firing.objects.create(id=uuid7(), schedule=row, due_at=row.next_at, session=session, why=why)
    facts = {"due_at": row.next_at.astimezone(UTC).isoformat(), **({"why": why} if why else {})}
    kind, ids = (EventKind.SCHEDULE_FIRED, (row.name, session.ref)) if session else (EventKind.SCHEDULE_SKIPPED, (row.name,))
    write(Batch((), (), (Entry(STREAM, kind, _principal(row), facts, ids=ids),)))
    Schedule.objects.filter(pk=row.pk).update(next_at=next_after(row.cron, now))
    transaction.on_commit(index_soon)
    return 1


def _session(row: Schedule) -> tuple[Session | None, str]:
    """The session of a due time, or why there is none: the one before still works, or a start is refused now."""
    if row.overlap == "skip":
        before = Session.objects.filter(started_by=_principal(row).id, agent=row.agent, status__in=WORKING).first()
        if before is not None:
            return None, f"{before.ref} still works."
    try:
        with transaction.atomic():
            return start_session(
                actor=_principal(row), person_id=row.created_by, agent=row.agent.slug, goal=row.goal, task_type=row.task_type,
                tenant=row.tenant, feature=row.feature,
            ), ""  # fmt: skip
    except CountersignError as error:
        return None, error.detail[:LONGEST_WHY]


def _principal(row: Schedule) -> Actor:
    return Actor("system", f"schedule:{row.name}", row.name)


def get(name: str) -> Schedule:
    """One schedule by its name. Raises UnknownSchedule."""
    row = Schedule.objects.select_related("agent").filter(name=name).first()
    if row is None:
        raise UnknownSchedule(name=name[:63])
    return row


def schedules(limit: int, *, after: str = "") -> list[Schedule]:
    """One page of schedules by name, behind `after`."""
    return list(Schedule.objects.select_related("agent").filter(name__gt=after).order_by("name")[:limit])


def newest(row: Schedule) -> list[Firing]:
    """The newest due times of a schedule, and what came of them."""
    return list(row.firings.select_related("session").order_by("-due_at")[:SHOWN])


def next_after(cron: str, now: datetime) -> datetime:
    """The next due time. Raises BadText for what is no cron expression of five fields, or has no next time."""
    wrong = BadText(field="cron", reason="is no time of five fields, such as `0 6 * * 1-5` (UTC)")
    text = cron.strip()
    if len(text) > LONGEST_CRON or len(text.split()) != FIELDS:
        raise wrong
    try:
        return next(CronSim(text, now.astimezone(UTC)))
    except (CronSimError, StopIteration):
        raise wrong from None


def _locked(name: str) -> Schedule:
    row = Schedule.objects.select_for_update().filter(name=name).first()
    if row is None:
        raise UnknownSchedule(name=name[:63])
    return row


def _now() -> datetime:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        now: datetime = cursor.fetchone()[0]
    return now
