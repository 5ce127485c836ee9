"""What monitoring reads: true numbers, for those who may, in a fixed number of bounded statements (OBS-3, AUDIT-3)."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User
from django.db import connection, connections, transaction
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

import agents.metrics
import agents.recent
import approvals.metrics
import audit.metrics
from agents import breakers, budgets, services
from agents.models import AgentRevision, Session, WorkerHeartbeat
from agents.recent import MOST
from agents.stops import press
from approvals.models import ApprovalRequest
from audit.actors import SYSTEM
from audit.index import index_log
from audit.metric import MOST_MS, RECENT
from audit.models import AuditPending
from audit.note import Signer
from audit.seal import origin, seal
from audit.services import record
from console import metrics
from console.rights import METRICS_SCOPE
from console.tokens import create_token
from tests.audit.conftest import entry
from tests.conftest import FreshDatabase
from tests.flows.conftest import World, actor_of, config, model_url, world

__all__ = ["model_url", "world"]

DOCS = Path(__file__).parents[2] / "docs" / "operations.md"
OF_THE_LOG = {"log_findings", "log_push_behind_entries"}
Told = dict[str, dict[tuple[str, ...], float]]

# Rows go on for ten minutes from now, so that a slow run finds as many as a quick one.
MANY = """
    INSERT INTO agents_session (id, number, agent_id, revision_id, prompt_version_id, environment, title, started_kind, started_by,
        started_name, status, expires_at, ended_at, stop_note, notes, taint)
    SELECT gen_random_uuid(), 1000000 + n, agent_id, revision_id, prompt_version_id, environment, title, started_kind, started_by,
        started_name, CASE WHEN n %% 400 = 0 THEN 'dead_letter' ELSE 'completed' END, expires_at, now(), stop_note, notes, taint
    FROM agents_session s, generate_series(1, 20000) n WHERE s.id = %s
"""
TURNS = """
    INSERT INTO agents_turn (id, session_id, index, number, finish_reason, model, prompt_version, cost_microusd, duration_ms, created_at)
    SELECT gen_random_uuid(), %s, n, n, 'stop', 'scripted-1', 'prompt 1.0.0', 1, n %% 1000,
        now() - make_interval(secs => 10 * (60000 - n) - 600)
    FROM generate_series(1, 60000) n
"""
CALLS = """
    INSERT INTO agents_toolcall (id, session_id, turn_id, index, provider_id, key, tool, status, judgement, sources, duration_ms,
        created_at)
    SELECT gen_random_uuid(), session_id, id, 1, 'c', 'k' || index, 'tool' || index % 200, 'succeeded', '{}', '[]', index % 1000,
        created_at
    FROM agents_turn ORDER BY index
"""
REQUESTS = """
    INSERT INTO approvals_approvalrequest (id, number, kind, status, digest, body, summary, tool, agent, reasons, facts, taint, excluded,
        groups, expires_at, decided_by, decided_at, tier)
    SELECT gen_random_uuid(), 100000 + n, 'tool_call', CASE WHEN n % 400 = 0 THEN 'pending' ELSE 'rejected' END,
        encode(sha256('{}'::bytea), 'hex'), '{}'::bytea, 'A sentence', 'tool', 'agent', '[]', '{}', '[]', '{}', '{}',
        now() + n * interval '1 s', 7, now(), 'destructive'
    FROM generate_series(1, 20000) n
"""
ENTRIES = """
    INSERT INTO audit_entry (id, stream, seq, kind, at, actor_kind, actor_id, tool, body, body_json, prev_hash, entry_hash)
    SELECT 10000000 + n, 'session:S-' || n, 1, CASE WHEN n % 40 = 0 THEN 'session.failed' ELSE 'turn.completed' END,
        now() - make_interval(secs => 60000 - 3 * n - 600), 'agent', 'a', '', '{}'::bytea,
        '{"facts": {"error": {"category": "model"}}}', sha256(n::text::bytea), sha256(n::text::bytea)
    FROM generate_series(1, 20000) n
"""


def scrape(client: Client, **headers: str) -> Told:
    """What is told, by name without the prefix and by the values of the labels, in the order of their names."""
    answer = client.get("/metrics", headers=headers)
    assert answer.status_code == 200, answer.content
    assert answer["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert "no-store" in answer["Cache-Control"]
    return {
        family.name.removeprefix(metrics.PREFIX): {
            tuple(value for _, value in sorted(one.labels.items())): one.value for one in family.samples
        }
        for family in text_string_to_metric_families(answer.content.decode())
    }


def bearer(user: User, *scopes: str, service: str = "") -> dict[str, str]:
    """The header of a token of somebody's."""
    made = create_token(user=user, scopes=scopes, service=service, actor=SYSTEM)
    return {"Authorization": f"Bearer {made.secret}"}


def by_browser(user: User) -> Client:
    """A browser in which somebody is signed in."""
    client = Client()
    client.force_login(user)
    return client


def refusal(client: Client, **headers: str) -> tuple[int, str]:
    """The status and code of a refusal, which is a problem as the API's are."""
    answer = client.get("/metrics", headers=headers)
    assert answer["Content-Type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


@pytest.mark.django_db
def test_only_a_token_with_the_scope_and_people_who_may_see_read_them(vic: User, sam: User, olga: User) -> None:
    """Deny by default; a wrong token never falls back to whoever is signed in."""
    assert refusal(Client()) == (401, "unauthenticated")
    assert refusal(Client(), Authorization="Bearer ctk_nothing") == (401, "unauthenticated")
    assert refusal(by_browser(olga), Authorization="Bearer ctk_nothing") == (401, "unauthenticated")
    assert refusal(by_browser(sam)) == (403, "forbidden")
    assert refusal(Client(), **bearer(sam, METRICS_SCOPE)) == (403, "forbidden")
    assert refusal(Client(), **bearer(olga, "sessions:read", "audit:read")) == (403, "forbidden")
    assert scrape(Client(), **bearer(olga, METRICS_SCOPE, service="prometheus")).keys() >= OF_THE_LOG
    assert scrape(by_browser(vic)).keys() & OF_THE_LOG == set()
    assert by_browser(olga).post("/metrics").status_code == 405


@pytest.mark.django_db
def test_the_scope_reads_nothing_else(olga: User) -> None:
    """A monitoring's token that leaks shows numbers."""
    assert Client().get("/api/v1/overview", headers=bearer(olga, METRICS_SCOPE)).status_code == 403


@pytest.mark.django_db
def test_every_metric_stands_in_the_docs_and_the_docs_name_no_other(ada: User) -> None:
    told = {f"{metrics.PREFIX}{name}" for name in scrape(by_browser(ada))}
    named = set(re.findall(r"countersign_[a-z_]+[a-z]", DOCS.read_text(encoding="utf-8")))
    assert named - {"countersign_owner", "countersign_app"} == told


def test_they_count_what_waits_runs_and_was_done(world: World, ada: User, fresh_database: FreshDatabase) -> None:
    """One request waits, one session is done, one is queued; a breaker is held, a budget partly spent, the switch pressed."""
    budgets.create(scope="all", period="month", cap_microusd=9_000_000, at_cap="halt", reason="A cap.", actor=actor_of(ada))
    done, waits = world.start("calculate 6 * 7"), world.start("scenario: mail-once to=kim@customer.example")
    world.work()
    world.start("Hello")
    breakers.force(key="tool:send_email", closed=False, reason="The relay is down.", actor=actor_of(world.olga))
    press(scope="tool:publish_note", reason="To look at it.", actor=actor_of(world.olga))
    WorkerHeartbeat.objects.all().delete()
    WorkerHeartbeat.objects.create(owner="w", sessions=7)
    (request,) = world.pending(waits)
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("SET session_replication_role = replica")
        raw.execute("UPDATE approvals_approvalrequest SET created_at = now() - interval '2 hours', escalated_at = now(),"
                    " expires_at = now() - interval '1 minute' WHERE id = %s", [request.pk])  # fmt: skip
    told = scrape(by_browser(ada))
    assert told["sessions"] == {
        ("queued",): 1, ("running",): 0, ("waiting_approval",): 1, ("waiting_input",): 1, ("paused",): 0, ("dead_letter",): 0,
    }  # fmt: skip
    assert (told["queue_sessions"][("ready",)], told["queue_sessions"][("later",)]) == (1, 0)
    assert told["approvals_waiting"][(request.tier,)] == sum(told["approvals_waiting"].values()) == 1
    assert told["approvals_waiting_kind"][("tool_call",)] == 1
    assert told["approvals_waiting_seconds"][(request.tier,)] >= 7_200
    assert (told["approvals_escalated"][()], told["approvals_overdue"][()]) == (1, 1)
    assert (told["workers"][("alive",)], told["workers"][("silent",)], told["workers_sessions"][()]) == (1, 0, 7)
    assert told["breakers"][("tool", "forced_open")] == sum(told["breakers"].values()) == 1
    assert told["stops_active"][("tool",)] == sum(told["stops_active"].values()) == 1
    spent = sum(Session.objects.values_list("cost_microusd", flat=True))
    assert told["budget_spent_microusd"] == {("month", "all"): spent}
    assert told["recent_cost_microusd"] == {("research-assistant",): spent}
    turns = sum(Session.objects.values_list("turns", flat=True))
    assert told["recent_answers"] == {("research-assistant",): turns}
    assert (
        told["recent_answer_seconds"][("research-assistant", "0.5")]
        <= told["recent_answer_seconds"][("research-assistant", "0.99")]
    )
    assert (told["recent_calls"][("succeeded",)], told["recent_calls"][("awaiting",)]) == (1, 1)
    assert {tool for _, tool in told["recent_call_seconds"]} == {"calculate"}
    assert done.ref != waits.ref


def test_ended_sessions_are_told_by_how_they_ended_and_why(world: World, ada: User) -> None:
    """Errors by their category, from the log."""
    world.start("calculate 6 * 7", agent=world.agent(slug="one-turn", single_turn=True))
    world.agent(slug="bounded", limits={"turns": 1})
    world.start("calculate 6 * 7", agent="bounded")
    world.work()
    told = scrape(by_browser(ada))
    assert (told["recent_ended_sessions"][("completed",)], told["recent_ended_sessions"][("halted",)]) == (1, 1)
    assert sum(told["recent_ended_sessions"].values()) == 2
    assert told["recent_session_errors"][("budget",)] == sum(told["recent_session_errors"].values()) == 1


def test_the_logs_lag_is_told_in_entries_and_seconds(fresh_database: FreshDatabase, ada: User) -> None:
    """AUDIT-3: what has no place yet, what is not signed yet, and for how long the first of it has waited."""
    record([entry()])
    index_log()
    seal(Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(32))))
    browser = by_browser(ada)
    signed = scrape(browser)
    assert signed["log_signed_entries"] == signed["log_entries"] != {(): 0}
    assert (signed["log_unsigned_entries"], signed["log_unsigned_seconds"], signed["log_unplaced_entries"]) == ({(): 0},) * 3
    record([entry(f"session:S-{number}") for number in range(2, 5)])
    assert AuditPending.objects.count() == 3
    late = scrape(browser)
    assert (late["log_unplaced_entries"], late["log_unsigned_entries"]) == ({(): 3}, {(): 0})
    assert late["log_unplaced_seconds"][()] > 0
    index_log()
    placed = scrape(browser)
    assert (placed["log_unplaced_entries"], placed["log_unsigned_entries"]) == ({(): 0}, {(): 3})
    assert placed["log_unsigned_seconds"][()] > 0


def test_they_are_read_in_a_fixed_number_of_statements(world: World, ada: User, tmp_path: Path) -> None:
    """OPS-1: with many agents, breakers, budgets and requests as with none."""
    browser = by_browser(ada)
    scrape(browser)
    before = asked_of_database(browser, tmp_path / "before")
    for number in range(12):
        slug = world.agent(slug=f"agent-{number}")
        budgets.create(
            scope=f"agent:{slug}", period="day", cap_microusd=9_000_000, at_cap="halt", reason="A cap.", actor=actor_of(ada)
        )
        breakers.force(key=f"tool:t{number}", closed=False, reason="The relay is down.", actor=actor_of(world.olga))
        world.start("scenario: mail-once to=kim@customer.example", agent=slug)
    world.work()
    assert len(ApprovalRequest.objects.filter(status="pending")) == 12
    assert asked_of_database(browser, tmp_path / "after") == before
    assert 10 < before < 30


def asked_of_database(browser: Client, trace: Path) -> int:
    """How many statements the server was sent for one scrape, by libpq's own trace."""
    connection.ensure_connection()
    link = connection.connection.pgconn
    with trace.open("wb") as file:
        link.trace(file.fileno())
        try:
            scrape(browser)
        finally:
            link.untrace()
    return len(re.findall(r"\tF\t\d+\t(?:Execute|Query)\b", trace.read_text(encoding="utf-8", errors="replace")))


STATEMENTS: dict[str, tuple[str, Sequence[Any], set[str]]] = {
    "requests": (approvals.metrics._WAITING, [], {"approvals_approvalrequest"}),
    "sessions": (agents.metrics._SESSIONS, [], {"agents_session"}),
    "answers": (agents.recent._ANSWERS, [RECENT, RECENT, MOST], {"agents_turn", "agents_session"}),
    "calls": (agents.recent._CALLS, [RECENT], {"agents_toolcall"}),
    "tools": (agents.recent._TOOLS, [RECENT, MOST], {"agents_toolcall"}),
    "ended": (agents.recent._ENDED, [[kind.value for kind in agents.recent.ENDS.values()], RECENT], {"audit_entry"}),
    "unplaced": (audit.metrics._UNPLACED, [100], {"audit_entry"}),
}


def test_no_statement_reads_what_is_long_over(fresh_database: FreshDatabase, olga: User, ada: User) -> None:
    """Among tens of thousands of old rows each reads by an index what lives, or what is young."""
    services.apply_agent(config(), actor=actor_of(olga))
    session = services.start_session(actor=actor_of(olga), person_id=olga.pk, agent="research-assistant", goal="Find it.")
    assert AgentRevision.objects.count() == 1
    with connections["owner"].cursor() as cursor:
        cursor.execute(MANY, [session.pk])
        cursor.execute(TURNS, [session.pk])
        cursor.execute(CALLS)
        cursor.execute(REQUESTS)
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("SET session_replication_role = replica")
        raw.execute(ENTRIES)
        raw.execute("VACUUM ANALYZE")
    with connection.cursor() as cursor:
        for name, (statement, values, tables) in STATEMENTS.items():
            cursor.execute(f"EXPLAIN {statement}", values)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            assert not [table for table in tables if f"Seq Scan on {table}" in plan], (name, plan)
    told = scrape(by_browser(ada))
    assert told["sessions"][("dead_letter",)] == 50
    assert told["approvals_waiting"][("destructive",)] == 50
    assert MOST < told["recent_answers"][("research-assistant",)] <= 91
    assert len({tool for _, tool in told["recent_call_seconds"]}) == MOST
    assert 1 <= told["recent_session_errors"][("model",)] <= 8


def test_a_database_that_does_not_answer_in_time_is_told_as_unavailable(
    fresh_database: FreshDatabase, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A scrape waits for a bounded time, and the limit is its own: what comes after on the connection has none."""
    browser = by_browser(ada)
    monkeypatch.setattr(metrics, "MOST_MS", 100)
    with psycopg.connect(fresh_database.superuser_url) as raw:
        raw.execute("LOCK TABLE agents_breaker IN ACCESS EXCLUSIVE MODE")
        assert refusal(browser) == (503, "unavailable")
        raw.rollback()
    monkeypatch.setattr(metrics, "MOST_MS", MOST_MS)
    assert scrape(browser)["info"] != {}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SHOW statement_timeout")
        assert cursor.fetchone() == ("0",)


def test_what_somebody_wrote_into_a_label_stays_in_it(fresh_database: FreshDatabase, ada: User) -> None:
    """A tenant's name cannot add a line of its own."""
    tenant = 'a"} 1\ncountersign_workers{state="alive"} 99\\'
    budgets.create(
        scope=f"tenant:{tenant}", period="month", cap_microusd=5, at_cap="halt", reason="A cap.", actor=actor_of(ada)
    )
    told = scrape(by_browser(ada))
    assert told["workers"][("alive",)] == 0
    assert told["budget_cap_microusd"] == {("month", f"tenant:{tenant}"): 5}
