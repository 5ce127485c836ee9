"""Tampering as a superuser, each kind found and the first wrong entry named: AUDIT-3, AUDIT-6."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction

from audit.actors import SYSTEM
from audit.chain import entry_hash
from audit.content import forget
from audit.ids import uuid7
from audit.index import index_log
from audit.models import Content
from audit.note import Signer
from audit.seal import origin, seal
from audit.services import Text, record
from audit.verify import FirstBad, verify
from tests.audit.conftest import entry

TABLES = ("audit_entry", "audit_stream", "audit_log_index", "audit_content", "audit_pending", "audit_log")


@pytest.fixture
def log(fresh_database: Any) -> Iterator[psycopg.Connection[Any]]:
    """A log of three streams (log index 1 to 12), and a superuser who took the triggers away."""
    for n in range(1, 5):
        texts = (Text(uuid7(), "message", f"said {n}"), Text(uuid7(), "result", f"done {n}"))
        record([entry("policy"), entry("session:S-1", facts={"n": n, "tool": "send_email"}, texts=texts)])
        record([entry("session:S-2", closes=n == 4)])
    assert index_log() == 12
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        for table in TABLES:
            raw.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        yield raw


def bad(stream: str | None = None) -> FirstBad:
    """What the verification names; it must name something."""
    result = verify(stream)
    assert result.first_bad == verify(stream, in_sets=False).first_bad  # both ways see the same
    assert result.first_bad is not None
    assert not result.ok
    return result.first_bad


def row(raw: psycopg.Connection[Any], seq: int, stream: str = "session:S-1") -> Any:
    """An entry's bytes, predecessor and number."""
    found = raw.execute("SELECT body, prev_hash, id FROM audit_entry WHERE stream = %s AND seq = %s", (stream, seq)).fetchone()
    assert found is not None
    return found


def test_an_untouched_log_verifies(log: psycopg.Connection[Any]) -> None:
    result = verify()
    assert (result.ok, result.checked, result.first_bad) == (True, 12, None)
    assert verify(in_sets=False) == result
    assert verify("session:S-1").checked == 4


def test_an_empty_log_verifies(fresh_database: Any) -> None:
    assert verify().ok


def test_entries_that_wait_for_their_number_verify(log: psycopg.Connection[Any]) -> None:
    record([entry("policy"), entry("session:S-3")])
    assert verify().ok
    assert verify().checked == 14


def test_it_reads_one_snapshot_also_inside_a_transaction(log: psycopg.Connection[Any]) -> None:
    with transaction.atomic():
        record([entry("policy")])
        assert verify().checked == 13
        transaction.set_rollback(True)


# What is done, and the stream, place, log index and reason of the first wrong entry that must be named.
TAMPERINGS: list[tuple[str, str, int | None, int | None, str]] = [
    ("UPDATE audit_entry SET body = replace(convert_from(body, 'UTF8'), '\"n\":2', '\"n\":9')::bytea WHERE stream = 'session:S-1'",
     "session:S-1", 2, 5, "its bytes or its place were changed"),
    ("DELETE FROM audit_entry WHERE stream = 'session:S-1' AND seq = 2", "session:S-1", 2, None, "later entries of its stream"),
    ("DELETE FROM audit_entry WHERE stream = 'session:S-1' AND seq = 4", "session:S-1", 4, None, "head is after it"),
    ("DELETE FROM audit_entry WHERE stream = 'session:S-1' AND seq > 1", "session:S-1", 2, None, "head is after it"),
    ("DELETE FROM audit_entry WHERE stream = 'session:S-2'", "session:S-2", 1, None, "head is after it"),
    ("UPDATE audit_entry SET stream = 'session:S-7' WHERE stream = 'session:S-1' AND seq = 4", "session:S-1", 4, None, "head is after it"),
    ("UPDATE audit_entry SET body_json = jsonb_set(body_json, '{facts,n}', '7') WHERE stream = 'session:S-1' AND seq = 3",
     "session:S-1", 3, 8, "searchable copy"),
    ("UPDATE audit_entry SET kind = 'session.failed' WHERE stream = 'policy' AND seq = 2", "policy", 2, 4, "column kind"),
    ("UPDATE audit_entry SET actor_id = '9' WHERE stream = 'policy' AND seq = 2", "policy", 2, 4, "column actor_id"),
    ("UPDATE audit_entry SET actor_kind = 'user' WHERE stream = 'policy' AND seq = 2", "policy", 2, 4, "column actor_kind"),
    ("UPDATE audit_entry SET tool = '' WHERE stream = 'session:S-1' AND seq = 4", "session:S-1", 4, 11, "column tool"),
    ("UPDATE audit_entry SET at = at + interval '1 microsecond' WHERE stream = 'policy' AND seq = 4", "policy", 4, 10, "column at"),
    ("UPDATE audit_entry SET entry_hash = sha256('x') WHERE stream = 'policy' AND seq = 1", "policy", 1, 1, "the hash is another"),
    ("UPDATE audit_entry SET prev_hash = sha256('x') WHERE stream = 'policy' AND seq = 3", "policy", 3, 7, "does not follow"),
    ("UPDATE audit_stream SET head_hash = sha256('x') WHERE name = 'policy'", "policy", 4, 10, "head is not its last"),
    ("UPDATE audit_stream SET head_seq = 3 WHERE name = 'policy'", "policy", 4, 10, "head is not its last"),
    ("UPDATE audit_stream SET closed = false WHERE name = 'session:S-2'", "session:S-2", 4, 12, "head is not its last"),
    ("UPDATE audit_stream SET closed = true WHERE name = 'policy'", "policy", 4, 10, "head is not its last"),
    ("DELETE FROM audit_stream WHERE name = 'session:S-2'", "session:S-2", 4, 12, "not in the registry"),
    ("INSERT INTO audit_stream VALUES ('session:S-9', 2, sha256('x'), true)", "session:S-9", 1, None, "head is after it"),
    ("UPDATE audit_content SET body = 'never said' WHERE body = 'said 3'", "session:S-1", 3, 8, "text 'message'"),
    ("UPDATE audit_content SET salt = decode(repeat('00', 16), 'hex') WHERE body = 'said 3'", "session:S-1", 3, 8, "text 'message'"),
    ("UPDATE audit_content SET cls = 'public' WHERE body = 'done 3'", "session:S-1", 3, 8, "text 'result'"),
    ("UPDATE audit_content SET name = 'goal' WHERE body = 'done 3'", "session:S-1", 3, 8, "text 'goal'"),
    ("UPDATE audit_content SET entry_id = 1 WHERE body = 'done 3'", "policy", 1, 1, "text 'result'"),
    ("UPDATE audit_content SET entry_id = 99 WHERE body = 'done 3'", "", None, None, "a text belongs to an entry that is missing"),
    ("DELETE FROM audit_log_index WHERE log_index = 6", "session:S-2", 2, None, "missing from the log's index"),
    ("UPDATE audit_log_index SET log_index = 99 WHERE log_index = 6", "session:S-2", 3, 9, "before that of its predecessor"),
    ("UPDATE audit_log_index SET log_index = 99 WHERE log_index = 12", "", None, 12, "this place of the log is missing"),
    ("INSERT INTO audit_log_index VALUES (13, 99)", "", None, 13, "the entry at this place is missing"),
    ("INSERT INTO audit_pending SELECT id FROM audit_entry WHERE stream = 'policy' AND seq = 2", "policy", 2, 4, "waits for it as well"),
    ("DELETE FROM audit_entry WHERE seq = 3; UPDATE audit_entry SET body_json = '{}' WHERE seq = 4", "policy", 3, None, "later entries"),
]  # fmt: skip


@pytest.fixture
def as_superuser(log: psycopg.Connection[Any]) -> Iterator[None]:
    """Let Django itself work as the superuser, so that one transaction can tamper, verify and be rolled back."""
    role = connections.settings["default"]["USER"]
    connections["default"].close()
    connections.settings["default"]["USER"] = log.info.user
    yield
    connections["default"].close()
    connections.settings["default"]["USER"] = role


def test_each_tampering_is_found_and_the_first_wrong_entry_named(as_superuser: None) -> None:
    for tampering, stream, seq, log_index, reason in TAMPERINGS:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(tampering)
            assert cursor.rowcount > 0, tampering
            first = bad()
            transaction.set_rollback(True)
        assert (first.stream, first.seq, first.log_index) == (stream, seq, log_index), tampering
        assert reason in first.reason, tampering
    assert verify().ok


def test_a_dropped_stream_is_missed_even_with_its_head(log: psycopg.Connection[Any]) -> None:
    log.execute("DELETE FROM audit_entry WHERE stream = 'session:S-2'")
    log.execute("DELETE FROM audit_stream WHERE name = 'session:S-2'")
    assert bad() == FirstBad("", None, 3, "the entry at this place is missing")
    log.execute("DELETE FROM audit_log_index WHERE log_index IN (3, 6, 9, 12)")
    assert bad() == FirstBad("", None, 3, "this place of the log is missing")


def test_a_dropped_stream_is_missed_before_the_texts_that_it_left(log: psycopg.Connection[Any]) -> None:
    """A text without its entry names no place; the hole in the log does."""
    log.execute("DELETE FROM audit_log_index AS l USING audit_entry AS e WHERE l.entry_id = e.id AND e.stream = 'session:S-1'")
    log.execute("DELETE FROM audit_entry WHERE stream = 'session:S-1'")
    log.execute("DELETE FROM audit_stream WHERE name = 'session:S-1'")
    assert bad() == FirstBad("", None, 2, "this place of the log is missing")
    err = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_audit", stderr=err)
    assert "First wrong entry: the log, log index 2: this place of the log is missing." in err.getvalue()


def test_an_inserted_entry_is_found(log: psycopg.Connection[Any]) -> None:
    """One that is well made by itself, but was never appended."""
    body, prev, _ = row(log, 4)
    end = entry_hash("session:S-1", 4, prev, body)
    log.execute(
        "INSERT INTO audit_entry SELECT 99, stream, 5, kind, at, actor_kind, actor_id, tool, body, body_json, entry_hash, %s "
        "FROM audit_entry WHERE stream = 'session:S-1' AND seq = 4",
        [entry_hash("session:S-1", 5, end, body)],
    )
    assert bad() == FirstBad("session:S-1", 5, None, "it is missing from the log's index")
    log.execute("INSERT INTO audit_pending VALUES (99)")
    assert bad() == FirstBad("session:S-1", 5, None, "the stream's head is not its last entry")


def test_two_entries_that_were_swapped_are_found(log: psycopg.Connection[Any]) -> None:
    (two, _, id_two), (three, _, id_three) = row(log, 2), row(log, 3)
    for id_, body in ((id_two, three), (id_three, two)):
        log.execute(
            "UPDATE audit_entry SET body = %b, body_json = convert_from(%b, 'UTF8')::jsonb WHERE id = %s", [body, body, id_]
        )
    assert (bad().stream, bad().seq, bad().log_index) == ("session:S-1", 2, 5)


def test_an_entry_that_stands_twice_is_found(log: psycopg.Connection[Any]) -> None:
    log.execute("ALTER TABLE audit_entry DROP CONSTRAINT audit_entry_place, DROP CONSTRAINT audit_entry_predecessor")
    log.execute(
        "INSERT INTO audit_entry SELECT 99, stream, seq, kind, at, actor_kind, actor_id, tool, body, body_json, prev_hash, "
        "entry_hash FROM audit_entry WHERE stream = 'session:S-1' AND seq = 2"
    )
    assert bad() == FirstBad("session:S-1", 2, None, "two entries have the same place")


def test_an_entry_after_the_end_of_its_stream_is_found(log: psycopg.Connection[Any]) -> None:
    log.execute("UPDATE audit_stream SET closed = false WHERE name = 'session:S-2'")
    record([entry("session:S-2")])
    index_log()
    assert bad() == FirstBad("session:S-2", 5, 13, "an entry stands after the end of its stream")


NO_ENTRIES = [
    (b"\xff\xfe", "its bytes are not an entry"),
    (b'{"a":1,"a":1}', "its bytes are not an entry"),
    (b'{"a": 1}', "its bytes are not canonical"),
    (b'{"facts":{"ratio":0.5}}', "its bytes are not an entry"),
    (b"[]", "its bytes are not an entry"),
    (b"null", "its bytes are not an entry"),
    (b'{"facts":[],"principal":1}', "its searchable copy says something else than its bytes"),
]


def test_bytes_with_a_right_hash_must_still_be_an_entry(log: psycopg.Connection[Any]) -> None:
    _, prev, id_ = row(log, 4)
    for body, reason in NO_ENTRIES:
        hashed = entry_hash("session:S-1", 4, prev, body)
        log.execute("UPDATE audit_entry SET body = %s, entry_hash = %s WHERE id = %s", [body, hashed, id_])
        assert bad() == FirstBad("session:S-1", 4, 11, reason)


def test_bytes_and_copy_of_any_other_shape_are_no_entry(log: psycopg.Connection[Any]) -> None:
    _, prev, id_ = row(log, 4)
    for body in (b"{}", b'{"facts":[],"principal":1}', b'{"content":[],"facts":{}}'):
        hashed = entry_hash("session:S-1", 4, prev, body)
        log.execute(
            "UPDATE audit_entry SET body = %b, body_json = convert_from(%b, 'UTF8')::jsonb - 'content', entry_hash = %b WHERE id = %s",
            [body, body, hashed, id_],
        )
        assert (bad().stream, bad().seq, bad().log_index) == ("session:S-1", 4, 11)


def test_a_stream_alone_is_judged_alone(log: psycopg.Connection[Any]) -> None:
    log.execute("UPDATE audit_entry SET kind = 'session.failed' WHERE stream = 'policy' AND seq = 2")
    log.execute("UPDATE audit_content SET body = 'forged' WHERE body = 'said 1'")
    assert bad("policy").seq == 2
    assert bad("session:S-1").seq == 1
    assert verify("session:S-2").ok
    assert bad("session:S-404") == FirstBad("session:S-404", None, None, "there is no such stream")


def test_deleting_content_leaves_the_log_whole_and_says_so(log: psycopg.Connection[Any]) -> None:
    """AUDIT-6: what retention deletes is gone, the commitments stay, and the deletion is an entry."""
    ids = list(Content.objects.filter(name="message").values_list("id", flat=True))
    (deleted,) = forget(ids, actor=SYSTEM, reason="retention")
    assert deleted.stream == "content"
    assert Content.objects.count() == 4
    assert verify().ok
    assert forget(ids, actor=SYSTEM, reason="again") == []


def rewrite(log: psycopg.Connection[Any]) -> None:
    """Change the last entry of a stream, with all that its chain says of it."""
    body, prev, id_ = row(log, 4)
    forged = bytes(body).replace(b'"n":4', b'"n":5')
    hashed = entry_hash("session:S-1", 4, prev, forged)
    log.execute(
        "UPDATE audit_entry SET body = %s, body_json = jsonb_set(body_json, '{facts,n}', '5'), entry_hash = %s WHERE id = %s",
        [forged, hashed, id_],
    )
    assert bad().reason == "the stream's head is not its last entry"
    log.execute("UPDATE audit_stream SET head_hash = %s WHERE name = 'session:S-1'", [hashed])


def signed() -> None:
    """Have a checkpoint of what is committed."""
    assert seal(Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(32)))) is not None


def test_a_chain_rewritten_with_fresh_hashes_is_beyond_what_the_inside_can_see_where_nothing_was_signed(
    log: psycopg.Connection[Any],
) -> None:
    """The limit that the module states: this is why the log is signed, and why checkpoints are kept elsewhere."""
    rewrite(log)
    assert verify().ok


def test_a_chain_rewritten_with_fresh_hashes_is_not_what_was_signed(log: psycopg.Connection[Any]) -> None:
    signed()
    record([entry("policy")])
    signed()
    assert verify().ok
    rewrite(log)
    found = bad()
    assert (found.log_index, found.reason) == (1, "from here to entry 12 of the log something is not what was signed")


def test_only_what_came_after_the_last_good_checkpoint_is_in_doubt(log: psycopg.Connection[Any]) -> None:
    signed()
    record([entry("policy", facts={"n": 1})])
    signed()
    log.execute("ALTER TABLE audit_checkpoint DISABLE TRIGGER ALL")
    log.execute("UPDATE audit_checkpoint SET root = sha256(root), note = note WHERE size = 13")
    assert bad().reason == "the checkpoint of 13 entries is not what its note says"


def test_a_stream_that_was_dropped_with_its_place_in_the_log_is_missed_by_what_was_signed(log: psycopg.Connection[Any]) -> None:
    record([entry("session:S-9")])
    signed()
    log.execute("DELETE FROM audit_log_index WHERE log_index = 13")
    log.execute("DELETE FROM audit_entry WHERE stream = 'session:S-9'")
    log.execute("DELETE FROM audit_stream WHERE name = 'session:S-9'")
    found = bad()
    assert (found.log_index, found.reason) == (13, "it is missing: 13 entries were signed")


def test_forged_bytes_with_right_hashes_and_a_copy_of_theirs_are_found_by_their_form_alone(
    log: psycopg.Connection[Any],
) -> None:
    """A space, an escape that nobody needs, a number as text: the last entry of a stream with its head rewritten to fit."""
    body, prev, id_ = row(log, 4)
    spaced, escaped = bytes(body).replace(b":", b": ", 1), bytes(body).replace(b"send", b"\\u0073end")
    for forged, reason in ((spaced, "not canonical"), (escaped, "not canonical"), (_as_number(bytes(body)), "column actor_id")):
        assert forged != bytes(body)
        hashed = entry_hash("session:S-1", 4, prev, forged)
        log.execute(
            "UPDATE audit_entry SET body = %b, entry_hash = %b, body_json = convert_from(%b, 'UTF8')::jsonb"
            " - '{content,kind,log,span,stream,trace,ts,v}'::text[] WHERE id = %s", [forged, hashed, forged, id_]
        )  # fmt: skip
        log.execute("UPDATE audit_stream SET head_hash = %s WHERE name = 'session:S-1'", [hashed])
        assert (bad().stream, bad().seq) == ("session:S-1", 4)
        assert reason in bad().reason


def _as_number(body: bytes) -> bytes:
    return body.replace(b'"id":"system"', b'"id":7')


def test_an_entry_that_is_numbered_twice_while_another_has_no_number_is_found(log: psycopg.Connection[Any]) -> None:
    """As many numbers as entries, dense, and each of an entry that is well."""
    log.execute("ALTER TABLE audit_log_index DROP CONSTRAINT audit_log_index_entry_id_key")
    log.execute(
        "UPDATE audit_log_index SET entry_id = (SELECT entry_id FROM audit_log_index WHERE log_index = 1) WHERE log_index = 12"
    )
    assert not verify().ok
    assert not verify(in_sets=False).ok


def test_a_copy_is_told_from_what_only_counts_as_the_same_in_python(log: psycopg.Connection[Any]) -> None:
    log.execute(
        "UPDATE audit_entry SET body_json = jsonb_set(body_json, '{closes}', '1') WHERE stream = 'session:S-2' AND seq = 4"
    )
    assert not verify().ok


def test_the_command_names_the_first_wrong_entry_and_fails(log: psycopg.Connection[Any]) -> None:
    out, err = StringIO(), StringIO()
    call_command("verify_audit", stdout=out, stderr=err)
    assert out.getvalue() == "The log verifies: 12 entries.\n"
    log.execute("UPDATE audit_entry SET kind = 'session.failed' WHERE stream = 'policy' AND seq = 2")
    with pytest.raises(SystemExit) as left:
        call_command("verify_audit", stdout=out, stderr=err)
    assert left.value.code == 1
    assert "First wrong entry: policy, entry 2, log index 4: its column kind" in err.getvalue()
    call_command("verify_audit", stream="session:S-1", stdout=out, stderr=err)


def test_the_command_does_not_call_a_wrong_name_tampering(log: psycopg.Connection[Any]) -> None:
    for json_ in (False, True):
        with pytest.raises(CommandError, match="There is no stream session:S-404") as told:
            call_command("verify_audit", stream="session:S-404", json=json_)
        assert told.value.returncode == 2


def test_the_command_speaks_json_to_programs(log: psycopg.Connection[Any]) -> None:
    out = StringIO()
    call_command("verify_audit", json=True, stdout=out)
    assert json.loads(out.getvalue()) == {"ok": True, "checked": 12, "first_bad": None}


def test_verification_holds_up_no_writer(log: psycopg.Connection[Any]) -> None:
    with transaction.atomic():
        assert verify().ok
        log.execute("SET lock_timeout = '1s'")
        log.execute("UPDATE audit_stream SET closed = closed")
    with connection.cursor() as cursor:
        cursor.execute("SHOW transaction_isolation")
        assert cursor.fetchone() == ("read committed",)
