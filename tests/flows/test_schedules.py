"""Standing agents: a due time starts one session, under a principal of its own, whoever looks at the clock (OPS-6)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from agents import schedules, stops
from agents.errors import BadText, UnknownAgent, UnknownSchedule
from agents.gate.sweep import sweep
from agents.models import Firing, Schedule, Session
from approvals.errors import NotYours
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of

MAIL = "scenario: mail-once to=kim@customer.example"


def make(world: World, by: User, *, name: str = "weekly-report", goal: str = "Calculate 1 + 1.", **more: str) -> Schedule:
    """A schedule of somebody's."""
    return schedules.create(
        actor=actor_of(by), user_id=by.pk, name=name, agent="research-assistant", goal=goal, cron="0 6 * * 1", **more
    )


def due(row: Schedule, ago: timedelta = timedelta(seconds=1)) -> None:
    """Let its time have come."""
    Schedule.objects.filter(pk=row.pk).update(next_at=Now() - ago)


def _fire_in_a_thread(_: int) -> int:
    try:
        return schedules.fire()
    finally:
        connection.close()


def test_a_due_time_starts_one_session_however_many_look(world: World, ada: User) -> None:
    """The time, its session and the next time are one transaction; what was missed is made up for once."""
    row = make(world, ada)
    assert sweep() == 0
    due(row, timedelta(days=30))
    with ThreadPoolExecutor(4) as pool:
        fired = list(pool.map(_fire_in_a_thread, range(4)))
    assert sum(fired) == 1
    session = Session.objects.get()
    assert (session.started_kind, session.started_by, session.started_name) == (
        "system",
        "schedule:weekly-report",
        "weekly-report",
    )
    row.refresh_from_db()
    assert row.next_at > datetime.now(UTC)
    assert (row.next_at.weekday(), row.next_at.hour) == (0, 6)
    assert schedules.newest(row)[0].session == session
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert AuditEntry.objects.get(kind="schedule.fired").body_json["ids"] == ["weekly-report", session.ref]
    assert world.log_is_whole()


def test_whoever_made_it_decides_nothing_in_its_sessions(world: World, ada: User, remy: User) -> None:
    """APPR-5: four eyes hold for what the clock starts too."""
    due(make(world, ada, goal=MAIL))
    sweep()
    world.work()
    (request,) = world.pending(Session.objects.get())
    with pytest.raises(NotYours):
        world.decide(request, ada, "approve")
    world.decide(request, remy, "approve")


def test_while_the_one_before_works_a_time_is_skipped_or_starts_another(world: World, ada: User) -> None:
    """As the schedule says; why none was started stands with the time."""
    for name, overlap, sessions in (("skipping", "skip", 1), ("starting", "start", 2)):
        row = make(world, ada, name=name, goal=MAIL, overlap=overlap)
        due(row)
        sweep()
        due(row)
        sweep()
        assert Session.objects.filter(started_by=f"schedule:{name}").count() == sessions
    skipped = Firing.objects.get(session=None)
    assert "still works" in skipped.why
    assert AuditEntry.objects.get(kind="schedule.skipped").body_json["facts"]["why"] == skipped.why


def test_a_start_that_is_refused_says_why_and_the_next_time_comes(world: World, ada: User) -> None:
    """The kill switch, a budget, a missing task type: nothing half is left, and nothing stands still."""
    row = make(world, ada)
    stops.press(scope="all", reason="Maintenance.", actor=actor_of(ada))
    due(row)
    sweep()
    assert not Session.objects.exists()
    assert "Maintenance" in Firing.objects.get().why
    row.refresh_from_db()
    assert row.next_at > datetime.now(UTC)


def test_a_paused_schedule_rests_and_makes_up_for_nothing(world: World, ada: User) -> None:
    """Resumed, it goes on with its next time."""
    row = make(world, ada)
    schedules.pause(name=row.name, actor=actor_of(world.olga))
    due(row)
    assert sweep() == 0
    assert schedules.resume(name=row.name, actor=actor_of(world.olga)).next_at > datetime.now(UTC)
    assert sweep() == 0
    kinds = list(AuditEntry.objects.filter(stream="schedule").order_by("seq").values_list("kind", flat=True))
    assert kinds == ["schedule.created", "schedule.paused", "schedule.resumed"]


def test_what_cannot_be_a_schedule_is_refused_with_its_field(world: World, ada: User) -> None:
    """Times of five fields, agents and names that fit."""
    make(world, ada)
    for more, field in (
        ({"name": "weekly-report"}, "name"),
        ({"name": "b", "task_type": "no"}, "task_type"),
        ({"name": "c", "goal": " "}, "goal"),
    ):
        with pytest.raises(BadText, match=field):
            make(world, ada, **more)
    for cron in ("", "soon", "* * * *", "0 6 * * 1 7", "61 * * * *", "0 0 30 2 *", "* " * 60):
        with pytest.raises(BadText, match="cron"):
            schedules.next_after(cron, datetime.now(UTC))
    with pytest.raises(UnknownSchedule):
        schedules.pause(name="nothing", actor=actor_of(ada))
    with pytest.raises(UnknownAgent):
        schedules.create(actor=actor_of(ada), user_id=ada.pk, name="d", agent="nobody", goal="x", cron="0 6 * * 1")
