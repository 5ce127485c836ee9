"""Tampering as a superuser of the database, with every trigger switched off: each way is found, and its first trace named.

Of one session in which a person approved an e-mail, beside others. Each way is tried in a transaction that is rolled back.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User
from django.db import connection, connections, transaction

from agents.agreement.check import check
from agents.agreement.found import Report
from agents.models import Session
from approvals.models import ApprovalRequest
from audit.chain import entry_hash, genesis
from audit.index import index_log
from audit.models import AuditEntry
from audit.note import Signer
from audit.seal import origin, seal
from audit.services import record
from audit.verify import Verification, verify
from tests.audit.conftest import entry
from tests.flows.conftest import World

MAIL = "scenario: mail-once to=kim@customer.example token=T1"


@dataclass(frozen=True, slots=True)
class Case:
    """One way to tamper: what it is called, what is done, and which part of the finding says so."""

    name: str
    do: str | Callable[[Any, "Place"], None]
    by: str  # log: verify finds it; rows: the check of the rows against the log
    said: str
    what: str = ""  # of rows: the table


@dataclass(frozen=True, slots=True)
class Place:
    """What is tampered with."""

    session: Session
    request: ApprovalRequest

    @property
    def stream(self) -> str:
        """The session's stream."""
        return f"session:{self.session.ref}"

    @property
    def names(self) -> dict[str, Any]:
        """What statements name."""
        return {
            "stream": self.stream, "session": self.session.pk, "request": self.request.pk, "ref": self.request.ref,
            "prompt": self.session.prompt_version_id,
        }  # fmt: skip


def rewrite(cursor: Any, place: Place) -> None:
    """Change an entry, and make every hash of its chain anew, with the head: nothing inside the chain is wrong."""
    rows = list(AuditEntry.objects.filter(stream=place.stream).order_by("seq").values_list("id", "seq", "body"))
    before = genesis(place.stream)
    for id_, seq, body in rows:
        forged = bytes(body).replace(b"kim@customer.example", b"mallory@evil.example").replace(b'"Remy"', b'"Mallory"')
        after = entry_hash(place.stream, seq, before, forged)
        cursor.execute(
            "UPDATE audit_entry SET body = %s, prev_hash = %s, entry_hash = %s,"
            " body_json = convert_from(%s, 'UTF8')::jsonb - '{content,kind,log,span,stream,trace,ts,v}'::text[] WHERE id = %s",
            [forged, before, after, forged, id_],
        )
        before = after
    cursor.execute("UPDATE audit_stream SET head_hash = %s WHERE name = %s", [before, place.stream])


def swap(cursor: Any, place: Place) -> None:
    """Two entries change places."""
    rows = AuditEntry.objects.filter(stream=place.stream, seq__in=(4, 5)).order_by("seq").values_list("id", "body")
    (one, first), (two, second) = rows
    for id_, body in ((one, second), (two, first)):
        cursor.execute("UPDATE audit_entry SET body = %s WHERE id = %s", [body, id_])


CASES = (
    # The log.
    Case("change an entry", "UPDATE audit_entry SET body = replace(convert_from(body, 'UTF8'), 'Remy', 'Rosa')::bytea WHERE "
         "stream = %(stream)s AND kind = 'approval.approved'", "log", "bytes or its place were changed"),
    Case("delete an entry", "DELETE FROM audit_entry WHERE stream = %(stream)s AND kind = 'approval.approved'", "log", "missing"),
    Case("insert an entry", "INSERT INTO audit_entry SELECT 10 ^ 9, stream, seq + 1, kind, at, actor_kind, actor_id, tool, body, "
         "body_json, entry_hash, sha256(entry_hash) FROM audit_entry WHERE stream = %(stream)s ORDER BY seq DESC LIMIT 1", "log", ""),
    Case("swap two entries", swap, "log", "bytes or its place were changed"),
    Case("cut the tail", "DELETE FROM audit_entry WHERE stream = %(stream)s AND seq > 5", "log", "head is after it"),
    Case("drop a whole session's entries", "DELETE FROM audit_entry WHERE stream = %(stream)s", "log", "head is after it"),
    Case("drop a whole session's stream", "WITH e AS (DELETE FROM audit_entry WHERE stream = %(stream)s), s AS (DELETE FROM audit_stream "
         "WHERE name = %(stream)s) DELETE FROM audit_log_index WHERE entry_id IN (SELECT id FROM audit_entry WHERE stream = %(stream)s)",
         "log", "missing"),
    Case("rewrite a chain with fresh hashes", rewrite, "log", "not what was signed"),
    Case("change a jsonb copy", "UPDATE audit_entry SET body_json = jsonb_set(body_json, '{facts,verdict}', '\"reject\"') WHERE "
         "stream = %(stream)s AND kind = 'approval.approved'", "log", "searchable copy"),
    Case("change the content behind a commitment", "UPDATE audit_content SET body = '{}' WHERE entry_id IN (SELECT id FROM audit_entry "
         "WHERE stream = %(stream)s) AND name = 'call.1.arguments'", "log", "is not the one that it commits to"),
    # The rows that people are shown; the chain is sound.
    Case("delete a raw text", "DELETE FROM audit_content WHERE entry_id IN (SELECT id FROM audit_entry WHERE stream = %(stream)s) AND "
         "name = 'goal'", "rows", "the text", "audit_content"),
    Case("forge a session's title", "UPDATE agents_session SET title = 'Nothing' WHERE id = %(session)s", "rows", "title",
         "agents_session"),
    Case("forge how often a model was asked", "UPDATE agents_session SET turns = 40 WHERE id = %(session)s", "rows", "turns",
         "agents_session"),
    Case("forge what a session cost", "UPDATE agents_session SET cost_microusd = 0 WHERE id = %(session)s", "rows", "cost_microusd",
         "agents_session"),
    Case("forge an agent's document", "UPDATE agents_agentrevision SET document = jsonb_set(document, '{environment}', '\"x\"') WHERE "
         "current AND agent_id = (SELECT agent_id FROM agents_session WHERE id = %(session)s)", "rows", "the hash of its document",
         "agents_agentrevision"),
    Case("switch a tool off without a word", "INSERT INTO approvals_toolsetting (name, enabled, changed_at) VALUES ('send_email', "
         "false, now())", "rows", "switched on", "approvals_toolsetting"),
    Case("forge a session's status", "UPDATE agents_session SET status = 'completed', ended_at = now() WHERE id = %(session)s",
         "rows", "status", "agents_session"),
    Case("forge a session's instructions", "UPDATE agents_session SET prompt_version_id = (SELECT id FROM agents_promptversion WHERE "
         "id <> %(prompt)s LIMIT 1) WHERE id = %(session)s", "rows", "prompt version", "agents_session"),
    Case("forge who started a session", "UPDATE agents_session SET started_by = '99' WHERE id = %(session)s", "rows", "started by",
         "agents_session"),
    Case("forge a call's status", "UPDATE agents_toolcall SET status = 'rejected' WHERE session_id = %(session)s", "rows", "status",
         "agents_toolcall"),
    Case("show other arguments of a call", "WITH c AS (INSERT INTO audit_content (id, entry_id, name, cls, salt, body) SELECT "
         "gen_random_uuid(), entry_id, 'forged', cls, salt, '{}' FROM audit_content WHERE name = 'call.1.arguments' LIMIT 1 RETURNING id) "
         "UPDATE agents_toolcall SET arguments_id = "
         "(SELECT id FROM c) WHERE session_id = %(session)s", "rows", "arguments", "agents_toolcall"),
    Case("show another result of a call", "UPDATE agents_toolcall SET result_id = raw_id WHERE session_id = %(session)s", "rows",
         "result", "agents_toolcall"),
    Case("use another approval", "UPDATE agents_toolcall SET (request_id, consumed_id) = (SELECT u, u FROM gen_random_uuid() AS u) "
         "WHERE session_id = %(session)s", "rows",
         "used approval", "agents_toolcall"),
    Case("forge a request's status", "UPDATE approvals_approvalrequest SET status = 'rejected' WHERE id = %(request)s", "rows",
         "status", "approvals_approvalrequest"),
    Case("forge request and decision so that they fit each other", "WITH r AS (UPDATE approvals_approvalrequest SET body = '{}', digest = "
         "encode(sha256('{}'), 'hex') WHERE id = %(request)s) UPDATE approvals_decision SET digest = encode(sha256('{}'), 'hex') WHERE "
         "request_id = %(request)s", "rows", "digest", "approvals_approvalrequest"),
    Case("forge a verdict", "UPDATE approvals_decision SET verdict = 'reject' WHERE request_id = %(request)s", "rows", "the decision",
         "approvals_decision"),
    Case("forge who decided", "WITH r AS (UPDATE approvals_approvalrequest SET decided_by = 99 WHERE id = %(request)s) UPDATE "
         "approvals_decision SET decided_by = 99 WHERE request_id = %(request)s", "rows", "decided by", "approvals_approvalrequest"),
    Case("void a decision", "UPDATE approvals_decision SET voided = 'undo' WHERE request_id = %(request)s", "rows", "what made it void",
         "approvals_decision"),
    Case("delete a decision", "DELETE FROM approvals_decision WHERE request_id = %(request)s", "rows", "the decision",
         "approvals_decision"),
    Case("delete a decided request", "WITH d AS (DELETE FROM approvals_decision WHERE request_id = %(request)s) DELETE FROM "
         "approvals_approvalrequest WHERE id = %(request)s", "rows", "the request", "approvals_approvalrequest"),
    Case("delete a call", "DELETE FROM agents_toolcall WHERE session_id = %(session)s", "rows", "the call", "agents_toolcall"),
    Case("delete a turn", "DELETE FROM agents_turn WHERE session_id = %(session)s AND number = 1", "rows", "the turn", "agents_turn"),
    Case("change what a turn cost", "UPDATE agents_turn SET cost_microusd = 0 WHERE session_id = %(session)s AND number = 1", "rows",
         "cost_microusd", "agents_turn"),
    Case("delete a session's rows", "DELETE FROM agents_session WHERE id = %(session)s", "rows", "the row", "agents_session"),
    Case("forge a release", "UPDATE agents_release SET version_id = (SELECT id FROM agents_promptversion WHERE id <> %(prompt)s LIMIT 1) "
         "WHERE version_id = %(prompt)s AND ended_at IS NULL", "rows", "the release to 100%, live", "agents_release"),
    Case("forge a prompt's text", "UPDATE agents_promptversion SET text = 'Obey everybody.' WHERE id = %(prompt)s", "rows",
         "the hash of its text", "agents_promptversion"),
    Case("forge a version's stage", "UPDATE agents_promptversion SET status = 'draft' WHERE id = %(prompt)s", "rows", "status",
         "agents_promptversion"),
    Case("forge a policy", "UPDATE approvals_policyrevision SET document = '{}' WHERE current", "rows", "the hash of its document",
         "approvals_policyrevision"),
    Case("delete an agent's stream", "WITH e AS (DELETE FROM audit_entry WHERE stream LIKE 'agent:%%') DELETE FROM audit_stream WHERE "
         "name LIKE 'agent:%%'", "rows", "the row", "agents_agent"),
)  # fmt: skip


@pytest.fixture
def place(world: World, remy: User, mailoutbox: list[Any]) -> Place:
    """A session in which a person approved an e-mail that was sent, another one, and a checkpoint over both."""
    world.policy(hold_s=0)
    other = world.agent(slug="other", prompt="other", prompt_text="You do other things.")
    session = world.start(MAIL)
    world.start("What is 2 + 3?", agent=other)
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve")
    world.work()
    session.refresh_from_db()
    request.refresh_from_db()
    assert len(mailoutbox) == 1
    index_log()
    assert seal(Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(32)))) is not None
    return Place(session, request)


@pytest.fixture
def as_superuser(world: World, place: Place) -> Iterator[None]:
    """Let Django itself work as a superuser, so that one transaction can tamper, look and be rolled back."""
    role = connections.settings["default"]["USER"]
    connections["default"].close()
    with psycopg.connect(world.database.superuser_url, autocommit=True) as raw:
        connections.settings["default"]["USER"] = raw.info.user
        for (table,) in raw.execute("SELECT DISTINCT tgrelid::regclass::text FROM pg_trigger").fetchall():
            raw.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
    yield
    connections["default"].close()
    connections.settings["default"]["USER"] = role


def _missed(case: Case, found: Verification, rows: Report) -> list[object]:
    """What was not named as it has to be."""
    if case.by == "log":
        said = found.first_bad.reason if found.first_bad else "nothing is wrong with the log"
        return [] if found.first_bad and case.said in said else [(case.name, said)]
    named = [one for one in rows.findings if (one.table, one.what) == (case.what, case.said)]
    return [] if named and all(one.stream for one in named) else [(case.name, [str(one) for one in rows.findings])]


def test_each_tampering_as_superuser_is_found_and_its_first_trace_is_named(as_superuser: None, place: Place) -> None:
    """THREATS, section 4: what is changed in the log names its entry, what is changed beside it names its row and entry."""
    assert verify().ok
    report = check()
    assert report.ok, report.findings
    missed: list[object] = []
    for case in CASES:
        with transaction.atomic(), connection.cursor() as cursor:
            if callable(case.do):
                case.do(cursor, place)
            else:
                cursor.execute(case.do, place.names)
                assert cursor.rowcount > 0, case.name
            found, rows = verify(), check()
            transaction.set_rollback(True)
        missed += _missed(case, found, rows)
    assert not missed
    assert verify().ok
    assert check().ok


def test_an_entry_that_was_written_twice_is_found(as_superuser: None, place: Place) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_place, DROP CONSTRAINT audit_entry_predecessor")
        cursor.execute(
            "INSERT INTO audit_entry SELECT 10 ^ 9, stream, seq, kind, at, actor_kind, actor_id, tool, body, body_json, prev_hash,"
            " entry_hash FROM audit_entry WHERE stream = %s AND seq = 2",
            [place.stream],
        )
        found, rows = verify(), check()
        transaction.set_rollback(True)
    assert found.first_bad is not None
    assert found.first_bad.reason == "two entries have the same place"
    assert [(one.table, one.what) for one in rows.findings] == [("audit_entry", "the chain")]


@pytest.mark.parametrize("statement", [
    "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
    "ALTER TABLE agents_toolcall DISABLE TRIGGER ALL",
    "SET session_replication_role = replica",
    "DELETE FROM audit_entry",
    "UPDATE audit_stream SET closed = false",
    "INSERT INTO audit_entry SELECT * FROM audit_entry",
])  # fmt: skip
def test_the_application_can_switch_off_nothing(world: World, statement: str) -> None:
    """The role that pages and workers have is refused by right, before any trigger is asked."""
    record([entry("policy")])
    with psycopg.connect(world.database.url, autocommit=True) as raw, pytest.raises(psycopg.errors.InsufficientPrivilege):
        raw.execute(statement)
    assert verify().ok
