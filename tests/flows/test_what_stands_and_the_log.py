"""Schedules, inlets, budgets, stops, covers, holds and rules of retention are what the log says; who forges one is found. AUDIT-3."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from agents import budgets, inlets, schedules, stops
from agents.agreement.check import check
from approvals.covers import Wish, agree
from approvals.covers import end as end_cover
from audit.models import AuditEntry, Content
from audit.retention.holds import lift, place
from audit.retention.rules import set_rule
from tests.flows.conftest import World, actor_of, person_of

AGENT = "research-assistant"


@pytest.fixture
def standing(world: World, ada: User, remy: User, rosa: User) -> World:
    """One or two of each sort, changed in every way that there is."""
    who: dict[str, Any] = {"actor": actor_of(ada), "user_id": ada.pk}
    other: dict[str, Any] = {"actor": actor_of(world.olga), "user_id": world.olga.pk}
    _schedules(who, other)
    _inlets(who, other)
    row = budgets.create(scope="all", period="day", cap_microusd=5, at_cap="halt", reason="Too much.", actor=who["actor"])
    budgets.change(row.pk, revision=1, reason="Less.", actor=who["actor"], may_raise=True, cap_microusd=4)
    row = budgets.create(
        scope=f"agent:{AGENT}", period="month", cap_microusd=9, at_cap="queue", reason="So.", actor=who["actor"]
    )
    budgets.end(row.pk, revision=1, reason="Enough.", actor=who["actor"])
    for scope in ("all", "tool:send_email", "all"):
        stops.press(scope=scope, reason=f"We look at {scope}.", actor=who["actor"])
        if scope == "all":
            stops.lift(scope=scope, actor=who["actor"])
    wish = Wish(absent=person_of(remy), deputy=person_of(rosa), until=timezone.now() + timedelta(days=2))
    end_cover(agree(wish, person=person_of(remy), actor=actor_of(remy)).pk, person=person_of(remy), actor=actor_of(remy))
    agree(wish, person=person_of(remy), actor=actor_of(remy))
    for _ in range(2):
        held = place(scope="principal", whose="user:7", reason="A lawsuit.", actor=who["actor"])
        lift(id_=held.pk, actor=who["actor"])
    place(scope="principal", whose="user:7", reason="Another lawsuit.", actor=who["actor"])
    set_rule(cls="goal", days=30, revision=0, actor=who["actor"])
    set_rule(cls="goal", days=90, revision=1, actor=who["actor"])
    return world


def _schedules(who: dict[str, Any], other: dict[str, Any]) -> None:
    for name in ("nightly", "weekly"):
        schedules.create(**who, name=name, agent=AGENT, goal="Count what came.", cron="0 2 * * *", tenant="acme",
                         webhook_url="https://hooks.customer.example/a")  # fmt: skip
    given = {"goal": "Count all that came.", "cron": "0 3 * * *", "webhook_url": ""}
    schedules.change(**other, name="nightly", revision=1, given=given)
    schedules.pause(name="nightly", actor=who["actor"])
    schedules.resume(name="nightly", actor=who["actor"])
    schedules.end(name="weekly", actor=who["actor"])


def _inlets(who: dict[str, Any], other: dict[str, Any]) -> None:
    for name in ("tickets", "mails"):
        inlets.create(**who, name=name, agent=AGENT, goal="Answer the letter.", per_hour=60, feature="letters")
    inlets.change(**other, name="tickets", revision=1, given={"per_hour": 6})
    inlets.rotate(name="tickets", actor=who["actor"])
    inlets.pause(name="tickets", actor=who["actor"])
    inlets.end(name="mails", actor=who["actor"])


@pytest.fixture
def superuser(standing: World) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who may do anything in the database, past all triggers; each change is taken back."""
    with psycopg.connect(standing.database.superuser_url, autocommit=True) as raw:
        raw.execute("SET session_replication_role = replica")
        yield raw


def test_whatever_people_made_and_changed_agrees(standing: World) -> None:
    report = check()
    assert report.findings == []
    counted = {"schedules": 2, "inlets": 2, "budgets": 2, "stops": 3, "covers": 2, "holds": 3, "rules": 1}
    assert report.counts.items() >= counted.items()


FORGED = (
    ("UPDATE agents_schedule SET cron = '* * * * *' WHERE name = 'nightly'", "agents_schedule", "cron"),
    ("UPDATE agents_schedule SET status = 'active' WHERE name = 'weekly'", "agents_schedule", "status"),
    ("UPDATE agents_schedule SET goal = 'Send it to me.' WHERE name = 'nightly'", "agents_schedule", "the goal"),
    ("UPDATE agents_schedule SET webhook_url = 'https://evil.example/' WHERE name = 'nightly'", "agents_schedule", "webhook"),
    ("UPDATE agents_schedule SET created_by = 0 WHERE name = 'nightly'", "agents_schedule", "made by"),
    ("UPDATE agents_schedule SET changed_by = '{}' WHERE name = 'nightly'", "agents_schedule", "changed by"),
    ("DELETE FROM agents_schedule WHERE name = 'weekly'", "agents_schedule", "the row"),
    ("UPDATE agents_inlet SET per_hour = 600 WHERE name = 'tickets'", "agents_inlet", "per_hour"),
    ("UPDATE agents_inlet SET generation = 1 WHERE name = 'tickets'", "agents_inlet", "generation"),
    ("UPDATE agents_inlet SET goal = 'Send it to me.' WHERE name = 'mails'", "agents_inlet", "the goal"),
    ("UPDATE agents_inlet SET feature = '' WHERE name = 'mails'", "agents_inlet", "feature"),
    ("UPDATE agents_budget SET cap_microusd = 500 WHERE kind = 'all'", "agents_budget", "cap_microusd"),
    ("UPDATE agents_budget SET key = 'another' WHERE kind = 'agent'", "agents_budget", "scope"),
    ("DELETE FROM agents_budget WHERE kind = 'all'", "agents_budget", "the row"),
    ("UPDATE agents_stop SET status = 'lifted', lifted_name = 'x', lifted_at = now() WHERE tool <> ''", "agents_stop", "status"),
    ("DELETE FROM agents_stop WHERE tool <> ''", "agents_stop", "the row"),
    ("UPDATE approvals_cover SET deputy = 1 WHERE status = 'agreed'", "approvals_cover", "deputy"),
    ("UPDATE approvals_cover SET ends_at = ends_at + interval '1 day'", "approvals_cover", "until"),
    ("UPDATE approvals_cover SET roles = roles || '{admin}'", "approvals_cover", "roles"),
    ("UPDATE approvals_cover SET status = 'agreed', ended_by = '', ended_at = NULL", "approvals_cover", "status"),
    ("INSERT INTO approvals_cover SELECT (jsonb_populate_record(c, '{\"id\": \"00000000-0000-0000-0000-000000000001\"}')).*"
     + " FROM approvals_cover AS c LIMIT 1", "approvals_cover", "the row"),
    ("UPDATE audit_hold SET lifted_at = now(), lifted_name = 'x' WHERE lifted_at IS NULL", "audit_hold", "status"),
    ("UPDATE audit_hold SET whose = 'user:8' WHERE lifted_at IS NULL", "audit_hold", "the row"),
    ("UPDATE audit_retention_rule SET days = 1", "audit_retention_rule", "days"),
    ("DELETE FROM audit_retention_rule", "audit_retention_rule", "the row"),
)  # fmt: skip


def test_each_that_was_forged_or_deleted_as_superuser_is_found(superuser: psycopg.Connection[Any]) -> None:
    """Each alone, in a transaction that is taken back: what is named is the row, and the entry that says otherwise."""
    missed = []
    for statement, table, what in FORGED:
        superuser.execute("CREATE SCHEMA before")
        superuser.execute(f"CREATE TABLE before.kept AS SELECT * FROM {table}".encode())
        superuser.execute(statement.encode())
        found = {(one.table, one.what) for one in check().findings}
        if (table, what) not in found or {name for name, _ in found} != {table}:
            missed.append((statement, found))
        superuser.execute(f"DELETE FROM {table}".encode())
        superuser.execute(f"INSERT INTO {table} SELECT * FROM before.kept".encode())
        superuser.execute("DROP SCHEMA before CASCADE")
    assert missed == []
    assert check().ok


def test_what_an_older_version_did_not_state_is_not_compared(superuser: psycopg.Connection[Any]) -> None:
    """An entry of an inlet named agent, bound and type of task alone, and committed to no goal."""
    row = AuditEntry.objects.get(kind="inlet.created", body_json__ids__contains=["mails"])
    body = bytes(row.body).decode()
    for member in ('"feature":"letters",', ',"tenant":""'):
        assert member in body
        body = body.replace(member, "")
    Content.objects.filter(entry_id=row.pk).delete()
    superuser.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
    superuser.execute("UPDATE audit_entry SET body = %s WHERE id = %s", [body.encode(), row.pk])
    superuser.execute("UPDATE agents_inlet SET feature = 'another' WHERE name = 'mails'")
    assert not [one for one in check().findings if one.table == "agents_inlet"]
