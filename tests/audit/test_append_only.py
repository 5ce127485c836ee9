"""The database refuses to rewrite the log, by right and by trigger: AUDIT-2."""

import hashlib
import json
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError, connection, connections

from audit.chain import entry_hash, genesis
from audit.errors import InvalidEntry, StreamClosed
from audit.ids import uuid7
from audit.index import index_log
from audit.models import AuditEntry, AuditStream, Content, Log
from audit.services import Text, record
from tests.audit.conftest import REMY, entry

FORBIDDEN = [
    verb
    for table, column in [
        ("audit_entry", "kind = kind"),
        ("audit_log_index", "log_index = log_index"),
        ("audit_log", "id = id"),
        ("audit_stream", "closed = false"),
        ("audit_content", "body = 'forged'"),
    ]
    for verb in (f"UPDATE {table} SET {column}", f"DELETE FROM {table}", f"TRUNCATE {table} CASCADE")
    if verb != "DELETE FROM audit_content"
]
BY_RIGHT_ALONE = [
    "INSERT INTO audit_entry SELECT * FROM audit_entry",
    "INSERT INTO audit_log_index VALUES (99, 99)",
    "INSERT INTO audit_stream VALUES ('session:X', 0, '\\x00', false)",
    "INSERT INTO audit_pending VALUES (99)",
    "DELETE FROM audit_pending",
    "INSERT INTO audit_content SELECT * FROM audit_content",
    "ALTER TABLE audit_entry DISABLE TRIGGER ALL",
    "DROP TRIGGER audit_entry_stays ON audit_entry",
    "DROP TABLE audit_entry",
    "SET session_replication_role = replica",
    "SELECT setval('audit_entry_id', 1)",
    "CREATE OR REPLACE FUNCTION audit_refuse() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END'",
]


@pytest.fixture
def written(fresh_database: Any) -> Any:
    """A database with three entries, one of them with a text, all indexed."""
    record([entry(texts=(Text(uuid7(), "message", "as it was"),)), entry("policy"), entry("session:S-1", closes=True)])
    index_log()
    yield fresh_database
    connections["owner"].close()


def refusal(statement: str, url: str) -> str | None:
    """The SQLSTATE that a role gets for a statement."""
    with psycopg.connect(url, autocommit=True) as raw:
        try:
            raw.execute(statement.encode())
        except psycopg.Error as error:
            return error.sqlstate
    return None


def refusals(statements: list[str], url: str) -> dict[str, str | None]:
    """What a role gets for each statement."""
    return {statement: refusal(statement, url) for statement in statements}


def test_the_application_has_no_right_to_change_or_delete(written: Any) -> None:
    statements = [*FORBIDDEN, *BY_RIGHT_ALONE]
    assert refusals(statements, written.url) == dict.fromkeys(statements, "42501")


def test_a_trigger_refuses_it_to_the_owner(written: Any) -> None:
    """Also where one role owns and works: then the triggers are the only wall."""
    assert refusals(FORBIDDEN, written.owner_url) == dict.fromkeys(FORBIDDEN, "23001")


def test_a_trigger_refuses_it_to_a_superuser_who_switches_triggers_off_for_replication(written: Any) -> None:
    statements = [f"SET session_replication_role = replica; {statement}" for statement in FORBIDDEN]
    assert refusals(statements, written.superuser_url) == dict.fromkeys(statements, "23001")


def test_a_head_cannot_go_back_nor_a_stream_be_opened_again(written: Any) -> None:
    for change in ("head_seq = head_seq - 1", "name = 'session:S-2', head_seq = 9", "head_seq = 9, closed = false"):
        assert refusal(f"UPDATE audit_stream SET {change} WHERE name = 'session:S-1'", written.owner_url) == "23001"


def test_content_alone_can_be_deleted(written: Any) -> None:
    assert refusal("DELETE FROM audit_content", written.url) is None
    assert Content.objects.count() == 0


def test_only_the_application_may_call_the_functions(written: Any) -> None:
    with psycopg.connect(written.superuser_url, autocommit=True) as raw:
        raw.execute(
            "CREATE ROLE stranger LOGIN"
            if not raw.execute("SELECT 1 FROM pg_roles WHERE rolname = 'stranger'").fetchone()
            else "SELECT 1"
        )
        name = written.name.encode()
        raw.execute(b'GRANT CONNECT ON DATABASE "' + name + b'" TO stranger')
        raw.execute("GRANT USAGE ON SCHEMA public TO stranger")
    url = written.url.replace("countersign_app", "stranger")
    assert refusal("SELECT audit_index()", url) == "42501"
    assert refusal("SELECT audit_append(NULL, NULL, NULL, NULL, NULL, NULL)", url) == "42501"


def test_tables_of_a_caller_do_not_take_the_place_of_the_log(written: Any) -> None:
    """The functions run with the owner's rights: a temporary table of the same name must not be used by them."""
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE audit_stream (name text, head_seq bigint, head_hash bytea, closed boolean)")
        cursor.execute("CREATE TEMPORARY TABLE audit_entry AS SELECT * FROM public.audit_entry LIMIT 0")
    record([entry("policy")])
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM public.audit_entry")
        assert cursor.fetchone() == (4,)
        cursor.execute("SELECT count(*) FROM pg_temp.audit_entry")
        assert cursor.fetchone() == (0,)


def append(*bodies: bytes, contents: tuple[Any, ...] = (None, None, None, None, None)) -> None:
    """Call the append function itself, as an application that has gone wrong might."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audit_append(%s::bytea[], %s::integer[], %s::uuid[], %s::text[], %s::bytea[], %s::text[])",
            [list(bodies), *contents],
        )


def damage(body: bytes, old: bytes, new: bytes) -> bytes:
    assert old in body
    return body.replace(old, new)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda body: damage(body, b'"v":1', b'"v":2'),
        lambda body: damage(body, b'"v":1', b'"v":"1"'),
        lambda body: damage(body, str(Log.objects.get().id).encode(), str(uuid7()).encode()),
        lambda body: damage(body, b'"stream":"policy"', b'"stream":null'),
        lambda body: damage(body, b'"kind":"session.resumed"', b'"kind":null'),
        lambda body: damage(body, b'"ts":"2', b'"ts":"not a time'),
        lambda body: damage(body, b'"id":"system"', b'"id":null'),
        lambda body: body[:-1],
        lambda body: b"\xff" + body,
        lambda body: b"null",
        lambda body: b"[]",
    ],
)
def test_bytes_that_are_not_an_entry_of_this_log_are_refused(written: Any, spoil: Callable[[bytes], bytes]) -> None:
    body = bytes(AuditEntry.objects.get(stream="policy").body)
    before = AuditEntry.objects.count()
    with pytest.raises(DatabaseError):
        append(spoil(body))
    assert AuditEntry.objects.count() == before
    append(body)
    assert AuditEntry.objects.count() == before + 1


def test_an_empty_batch_is_refused_by_the_function_and_nothing_for_the_service(written: Any) -> None:
    with pytest.raises(DatabaseError):
        append()
    assert record([]) == []


def test_a_text_that_is_not_what_its_entry_commits_to_is_refused(written: Any) -> None:
    body = bytes(AuditEntry.objects.get(stream="session:S-1", seq=1).body)
    stored = damage(body, b"session:S-1", b"session:S-9")
    salt = bytes(Content.objects.get().salt)
    for name, text in (("message", "forged"), ("other", "as it was")):
        with pytest.raises(DatabaseError, match="commits to"):
            append(stored, contents=([1], [uuid7()], [name], [salt], [text]))
    append(stored, contents=([1], [uuid7()], ["message"], [salt], ["as it was"]))
    assert Content.objects.count() == 2


def test_a_stream_that_has_ended_takes_no_more(written: Any) -> None:
    with pytest.raises(StreamClosed) as closed:
        record([entry("policy"), entry("session:S-1")])
    assert closed.value.stream == "session:S-1"
    with pytest.raises(StreamClosed):
        record([entry("session:S-2", closes=True), entry("session:S-2")])
    assert AuditStream.objects.get(name="policy").head_seq == 1
    assert not AuditStream.objects.filter(name="session:S-2").exists()


@pytest.mark.parametrize(
    "stream", ["", "Session:1", "session:", "session:a b", "session:a\n", "a" * 200, "session:" + "a" * 200, "ä", "tool:x/y"]
)
def test_a_stream_has_a_plain_name(db: None, stream: str) -> None:
    with pytest.raises(InvalidEntry):
        record([entry(stream)])


@pytest.mark.parametrize(
    "stream", ["system", "session:S-88123", "tool:send_email", "agent:research-assistant", "user:5", "prompt:a.b@1+x"]
)
def test_streams_of_all_nouns_can_be_written(db: None, stream: str) -> None:
    assert record([entry(stream)])[0].seq == 1


def test_what_is_stored_follows_the_published_rule(written: Any) -> None:
    """The format of version 1, read without the code that wrote it: AUDIT-3, AUDIT-6."""
    text = Text(uuid7(), "arguments", '{"to":"a@b.example"}', "arguments_raw")
    more = entry(
        "policy", actor=REMY, facts={"tool": "send_email", "n": 2**53 - 1}, ids=("S-1", "AP-2"), rev=3, texts=(text,),
        on_behalf_of="user:9", trace="t", span="s",
    )  # fmt: skip
    (appended,) = record([more])
    first, second = AuditEntry.objects.filter(stream="policy").order_by("seq")
    body = bytes(second.body)
    stored = Content.objects.get(id=text.id)
    committed = hashlib.sha256(b"countersign.content.v1\0" + bytes(stored.salt) + text.body.encode()).hexdigest()
    said = json.loads(body)
    assert said == {
        "v": 1,
        "log": str(Log.objects.get().id),
        "stream": "policy",
        "ts": f"{second.at:%Y-%m-%dT%H:%M:%S.%f}Z",
        "kind": "session.resumed",
        "principal": {"kind": "user", "id": "7", "name": "Remy", "on_behalf_of": "user:9"},
        "ids": ["S-1", "AP-2"],
        "rev": 3,
        "facts": {"tool": "send_email", "n": 2**53 - 1},
        "content": {"arguments": {"commitment": committed, "class": "arguments_raw"}},
        "trace": "t",
        "span": "s",
    }
    assert second.body_json == {name: said[name] for name in ("principal", "ids", "rev", "facts")}
    assert (stored.entry_id, stored.cls, stored.body, stored.name) == (second.id, "arguments_raw", text.body, "arguments")
    assert text.body.encode() not in body
    assert (second.kind, second.actor_kind, second.actor_id, second.tool) == ("session.resumed", "user", "7", "send_email")
    assert bytes(first.prev_hash) == genesis("policy")
    assert bytes(second.prev_hash) == bytes(first.entry_hash)
    assert bytes(second.entry_hash) == entry_hash("policy", 2, bytes(first.entry_hash), body) == appended.entry_hash
    assert set(json.loads(bytes(first.body))) == {"v", "log", "stream", "ts", "kind", "principal", "facts"}


def test_two_texts_of_one_entry_need_two_names(db: None) -> None:
    with pytest.raises(InvalidEntry):
        record([entry(texts=(Text(uuid7(), "message", "a"), Text(uuid7(), "message", "b")))])


def test_equal_texts_have_unequal_commitments(db: None) -> None:
    record([entry(texts=(Text(uuid7(), "message", "yes"),)), entry(texts=(Text(uuid7(), "message", "yes"),))])
    bodies = AuditEntry.objects.values_list("body", flat=True)
    one, other = (json.loads(bytes(body))["content"]["message"]["commitment"] for body in bodies)
    assert one != other
