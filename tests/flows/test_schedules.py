"""Standing agents: a due time starts one session, under a principal of its own, whoever looks at the clock (OPS-6)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.models.functions import Now

from agents import schedules, stops
from agents.errors import BadText, StaleSchedule, UnknownAgent, UnknownSchedule
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


@pytest.mark.parametrize(
    ("cron", "zone", "now", "times"),
    [
        ("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00Z", ["2027-03-28T01:00Z", "2027-03-29T00:30Z"]),
        ("30 2 * * *", "Europe/Berlin", "2026-10-24T12:00Z", ["2026-10-25T00:30Z", "2026-10-26T01:30Z"]),
        ("0 6 * * 1", "America/New_York", "2026-11-23T00:00Z", ["2026-11-23T11:00Z", "2026-11-30T11:00Z"]),
        ("0 6 * * *", "UTC", "2027-03-27T12:00Z", ["2027-03-28T06:00Z", "2027-03-29T06:00Z"]),
    ],
)
def test_due_times_follow_the_clock_of_the_zone(cron: str, zone: str, now: str, times: list[str]) -> None:
    """Where the clock is put forward, what falls into the gap comes right after it; put back, what comes twice fires once."""
    found, after = [], datetime.fromisoformat(now)
    for _ in times:
        after = schedules.next_after(cron, after, zone)
        found.append(after)
    assert found == [datetime.fromisoformat(time) for time in times]


def test_a_change_counts_from_the_next_time_on_and_the_log_holds_before_and_after(world: World, ada: User) -> None:
    """Whoever read another state than the one that stands is told; what is sent as it was is no change."""
    row = make(world, ada)
    given = {"cron": "0 7 * * 2", "zone": "Europe/Berlin", "goal": "Calculate 2 + 2.", "overlap": "skip"}
    changed = schedules.change(name=row.name, revision=1, actor=actor_of(world.olga), user_id=world.olga.pk, given=given)
    assert (changed.revision, changed.goal, changed.changed_by) == (2, "Calculate 2 + 2.", [world.olga.pk])
    assert changed.next_at == schedules.next_after("0 7 * * 2", datetime.now(UTC), "Europe/Berlin")
    assert schedules.coming(changed)[0] == changed.next_at
    entry = AuditEntry.objects.get(kind="schedule.changed")
    assert entry.body_json["facts"] == {
        "cron": {"before": "0 6 * * 1", "after": "0 7 * * 2"},
        "zone": {"before": "UTC", "after": "Europe/Berlin"},
    }
    assert entry.texts.count() == 2
    with pytest.raises(StaleSchedule):
        schedules.change(name=row.name, revision=1, actor=actor_of(ada), user_id=ada.pk, given={"cron": "0 8 * * *"})
    same = schedules.change(name=row.name, revision=2, actor=actor_of(ada), user_id=ada.pk, given=given)
    assert same.revision == 2
    for field, value in (("zone", "Mars/Olympus"), ("zone", "/etc/passwd"), ("cron", "x"), ("goal", " ")):
        with pytest.raises(BadText, match=field):
            schedules.change(name=row.name, revision=2, actor=actor_of(ada), user_id=ada.pk, given={field: value})
    assert world.log_is_whole()


def test_a_program_is_told_of_its_sessions_where_it_names_one(world: World, ada: User) -> None:
    """OPS-6: as of any session; entries name the host alone, for the rest of an address may be a secret."""
    row = make(world, ada, webhook_url="https://hooks.customer.example/T0/secret")
    due(row)
    assert schedules.fire() == 1
    assert Session.objects.get().webhook_url == "https://hooks.customer.example/T0/secret"
    changed = schedules.change(
        name=row.name, revision=1, actor=actor_of(ada), user_id=ada.pk, given={"webhook_url": "https://other.example/secret"}
    )
    assert (changed.webhook_url, changed.revision) == ("https://other.example/secret", 2)
    made, moved = (
        entry.body_json["facts"] for entry in AuditEntry.objects.filter(kind__in=["schedule.created", "schedule.changed"])
    )
    assert made["webhook"] == "hooks.customer.example"
    assert moved == {"webhook": {"before": "hooks.customer.example", "after": "other.example"}}
    for address in ("http://hooks.customer.example/", "https://10.0.0.1/", "https://169.254.169.254/latest"):
        with pytest.raises(BadText, match="webhook_url"):
            schedules.change(name=row.name, revision=2, actor=actor_of(ada), user_id=ada.pk, given={"webhook_url": address})


def test_whoever_changed_it_decides_nothing_either(world: World, ada: User, remy: User, rosa: User) -> None:
    """APPR-5: its maker and everybody who changed it, also after another change."""
    row = make(world, ada, goal=MAIL)
    for revision, user in enumerate((remy, world.olga), 1):
        given = {"feature": user.username}
        schedules.change(name=row.name, revision=revision, actor=actor_of(user), user_id=user.pk, given=given)
    due(row)
    sweep()
    world.work()
    (request,) = world.pending(Session.objects.get())
    for user in (ada, remy):
        with pytest.raises(NotYours):
            world.decide(request, user, "approve")
    world.decide(request, rosa, "approve")


def test_missed_times_are_let_pass_where_the_schedule_says_so(world: World, ada: User) -> None:
    """A time that is a little late is not missed; why a missed one started nothing stands with it."""
    row = make(world, ada, missed="never", overlap="start")
    due(row, timedelta(minutes=1))
    sweep()
    assert Session.objects.count() == 1
    due(row, timedelta(hours=2))
    sweep()
    assert Session.objects.count() == 1
    assert Firing.objects.get(session=None).why == "It was missed, and the schedule does not make up for that."


def test_an_ended_schedule_fires_no_more_and_keeps_its_name(world: World, ada: User) -> None:
    """Nothing brings it back; what it started stands."""
    row = make(world, ada)
    ended = schedules.end(name=row.name, actor=actor_of(ada))
    assert (ended.status, schedules.coming(ended), schedules.schedules(10)) == ("ended", [], [])
    due(row)
    assert sweep() == 0
    for act in (schedules.pause, schedules.resume, schedules.end):
        with pytest.raises(UnknownSchedule):
            act(name=row.name, actor=actor_of(ada))
    with pytest.raises(BadText, match="name"):
        make(world, ada)
    assert AuditEntry.objects.filter(kind="schedule.ended").count() == 1
