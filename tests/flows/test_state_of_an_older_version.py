"""What an older version of the product wrote goes on under this one, and what a newer one wrote is left to it (LOOP-12).

`dumps/c6f6848.json` holds the rows that this repository's commit c6f6848 wrote: its own migrations, its own workers, two of
them killed in the middle of a call, and a session in every state in which one can live.
"""

import json
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connections
from psycopg import sql
from pydantic import BaseModel, ConfigDict

from agents import services
from agents.claims import claim
from agents.models import Session
from agents.tools import ToolContext, registry, tool
from agents.versions import VERSION
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from console.local.paths import APP_ROLE, OWNER_ROLE
from console.local.postgres import Server
from console.local.roles import drop, provision
from tests.conftest import FreshDatabase, _point_django_at
from tests.flows.conftest import World, actor_of

DUMP = Path(__file__).parent / "dumps" / "c6f6848.json"


def restore(postgres: Server, name: str) -> None:
    """Make the database of that commit: its migrations, then its rows, then all that came since."""
    dump = json.loads(DUMP.read_text(encoding="utf-8"))
    for app in ("contenttypes", "auth", "sessions", "django_q"):
        call_command("migrate", app, database="owner", verbosity=0, interactive=False)
    for app, migration in sorted(dump["migrations"].items()):
        call_command("migrate", app, migration, database="owner", verbosity=0, interactive=False)
    with psycopg.connect(postgres.url(database=name), autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")  # rows as they were, past the guards of the log
        # What the migrations themselves made gives way to the dump's; of the log that is its name.
        connection.execute("ALTER TABLE audit_log DISABLE TRIGGER audit_log_stays")
        for table in ("audit_log", "auth_group", "approvals_policyrevision"):
            connection.execute(sql.SQL("DELETE FROM {}").format(sql.Identifier(table)))
        connection.execute("ALTER TABLE audit_log ENABLE ALWAYS TRIGGER audit_log_stays")
        for table, rows in dump["tables"].items():
            _fill(connection, table, rows)
        for sequence, value in dump["sequences"].items():
            connection.execute("SELECT setval(%s, %s)", [sequence, value])
        # As if it had been written a moment ago: what expires has its time before it.
        connection.execute("UPDATE agents_session SET expires_at = now() + interval '1 day'")
        connection.execute("UPDATE approvals_approvalrequest SET expires_at = now() + interval '1 day'")
    call_command("migrate", database="owner", verbosity=0, interactive=False)


def _fill(connection: psycopg.Connection[Any], table: str, rows: list[dict[str, Any]]) -> None:
    name = sql.Identifier(table)
    columns = sql.SQL(", ").join(map(sql.Identifier, rows[0]))
    insert = "INSERT INTO {} ({}) OVERRIDING SYSTEM VALUE SELECT {} FROM json_populate_recordset(NULL::{}, %s)"
    connection.execute(sql.SQL(insert).format(name, columns, columns, name), [json.dumps(rows)])


@pytest.fixture
def older(postgres: Server, django_db_setup: None, django_db_blocker: Any, tmp_path: Path, model_url: str) -> Iterator[World]:
    """The world of that commit, under this one."""
    name = f"older_{os.getpid()}_{secrets.token_hex(4)}"
    provision(postgres, name)
    before = connections.settings["default"]["NAME"]
    url, owner = postgres.url(APP_ROLE, name), postgres.url(OWNER_ROLE, name)
    with django_db_blocker.unblock():
        _point_django_at(postgres, name)
        try:
            restore(postgres, name)
            database = FreshDatabase(name, url, owner, postgres.url(database=name), {})
            yield World(database, model_url, User.objects.get(username="olga@demo.example"))
        finally:
            _point_django_at(postgres, before)
            drop(postgres, name)


def test_sessions_in_flight_go_on_to_their_ends_under_this_version(older: World) -> None:
    """LOOP-12, THREATS 3 (deploy mid-run): each state, what a kill left too; the log of both versions verifies as one."""
    live = set(Session.objects.values_list("status", flat=True))
    assert live == {"queued", "running", "waiting_approval", "waiting_input", "paused"}
    assert older.log_is_whole()
    older.work()
    remy = User.objects.get(username="remy@demo.example")
    services.resume(session=Session.objects.get(status="paused"), actor=actor_of(older.olga))
    for _ in range(4):
        for request in ApprovalRequest.objects.filter(status="pending").order_by("number"):
            _decide(older, request, remy)
        older.work()
    assert set(Session.objects.values_list("status", flat=True)) == {"waiting_input"}
    assert set(Session.objects.values_list("schema_version", flat=True)) == {1, VERSION}, "only what was claimed was brought up"
    ran = Session.objects.filter(schema_version=VERSION)
    assert AuditEntry.objects.filter(kind="session.upgraded").count() == ran.count() == 8
    for session in Session.objects.order_by("number"):
        assert older.answer_of(session), session.ref
        assert all(call.status in ("succeeded", "resolved") for call in older.calls(session)), session.ref
    assert older.log_is_whole()


def _decide(world: World, request: ApprovalRequest, by: User) -> None:
    if request.kind == "question":
        world.decide(request, by, "answer", answer="Blue.")
    elif request.kind == "unknown_outcome":
        world.decide(request, by, "happened", answer="The mail server has it.")
    else:
        world.decide(request, by, "approve")


def test_what_is_brought_up_is_stored_once_with_its_entry(older: World) -> None:
    """The judgement of an old call names origins, and the row says its version."""
    old = Session.objects.get(status="queued", title__contains="APPROVED")
    states = {state.number: state for state in claim("a worker", 50)}
    assert states[old.number].schema_version == VERSION
    (call,) = older.calls(old)
    assert call.judgement["origins"] == []
    old.refresh_from_db()
    assert old.schema_version == VERSION
    entry = AuditEntry.objects.get(kind="session.upgraded", stream=f"session:{old.ref}")
    assert entry.body_json["facts"] == {"from": 1, "to": VERSION}


def test_a_newer_version_s_session_waits_for_a_newer_worker(world: World) -> None:
    """LOOP-12, THREATS 3 (rollback of the deploy): it is not touched, and the others go on."""
    newer, other = world.start("Calculate 1 + 1."), world.start("Calculate 2 + 2.")
    Session.objects.filter(pk=newer.pk).update(schema_version=VERSION + 1)
    world.work(until=lambda: Session.objects.filter(pk=other.pk, status="waiting_input").exists())
    newer.refresh_from_db()
    assert (newer.status, newer.attempts, newer.lease_token) == ("queued", 0, 0)
    Session.objects.filter(pk=newer.pk).update(status="running", lease_owner="gone", lease_expires="2000-01-01T00:00:00Z")
    assert claim("a worker", 50) == [], "nor is it taken over"


class Stamp(BaseModel):
    """What is stamped."""

    model_config = ConfigDict(extra="forbid")
    payment: str
    cents: int


def test_a_tool_that_a_deployment_removed_is_an_error_that_the_model_reads(world: World, remy: User) -> None:
    """LOOP-12, THREATS 3: approved before, gone now: nothing runs, no worker dies of it, the session goes on."""
    registry.load()
    ran: list[str] = []

    @tool(tier="irreversible_write", idempotent=False, summary="Pay {cents} cents for {payment}")
    def pay_once(args: Stamp, context: ToolContext) -> object:
        """Pay."""
        ran.append(args.payment)
        return {}

    try:
        session = world.start("scenario: pay", agent=world.agent(slug="payer", tools=["pay_once"]))
        world.work()
        (request,) = world.pending(session)
    finally:
        registry._tools.pop("pay_once")
    world.decide(request, remy, "approve")
    world.work()
    session.refresh_from_db()
    (call,) = world.calls(session)
    assert (session.status, ran) == ("waiting_input", [])
    assert call.status in ("denied", "failed", "withdrawn", "invalid")
    assert world.answer_of(session)
    assert world.log_is_whole()
