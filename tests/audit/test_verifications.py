"""Verifications that are kept: taken up where they were left, told once, and answered by a person. AUDIT-3, OBS-5."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.management import call_command

from audit import verifications, verify_sets
from audit.actors import SYSTEM
from audit.entry import Text
from audit.errors import AlreadyVerifying, NoFinding, UnknownVerification
from audit.findings import acknowledge, covered_by, named, of, open_finding
from audit.ids import uuid7
from audit.index import index_log
from audit.models import AuditEntry, VerificationRun
from audit.note import Signer
from audit.seal import newest, origin, seal
from audit.services import record
from audit.verifications import begin, begin_due, finished, good_until, verify_stream, work
from audit.verify import FirstBad, verify
from audit.verify_sets import Part
from tests.audit.conftest import REMY, entry

DAY, WEEK = 86_400, 7 * 86_400


@pytest.fixture
def superuser(fresh_database: Any) -> Iterator[psycopg.Connection[Any]]:
    """Somebody who may do anything in the database, and took the triggers away."""
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        for table in ("audit_entry", "audit_stream", "audit_log_index", "audit_checkpoint"):
            raw.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL".encode())
        yield raw


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of five entries, so that a short log has many."""
    monkeypatch.setattr(verify_sets, "PART", 5)


def written(count: int, first: int = 0) -> None:
    record([entry(f"session:S-{number % 3}", facts={"n": number}) for number in range(first, first + count)])
    index_log()


def signed() -> None:
    assert seal(Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(32)))) is not None


def alarms() -> int:
    return AuditEntry.objects.filter(kind="alarm.verification_failed").count()


def changed(superuser: psycopg.Connection[Any], log_index: int) -> None:
    """Have an entry say something else than its bytes."""
    superuser.execute(
        "UPDATE audit_entry SET kind = 'session.failed' WHERE id = (SELECT entry_id FROM audit_log_index WHERE log_index = %s)",
        [log_index],
    )


@pytest.mark.usefixtures("small_parts")
def test_the_whole_log_is_verified_part_by_part_and_that_is_kept(superuser: psycopg.Connection[Any]) -> None:
    written(17)
    signed()
    written(6, first=17)
    run = finished(begin("whole", REMY))
    assert (run.ok, run.checked, run.place, run.upto, run.first_bad) == (True, 23, 23, 23, None)
    assert (run.actor_name, run.what) == ("Remy", "whole")
    said = AuditEntry.objects.get(kind="audit.verified")
    kept = newest()
    assert kept is not None
    link = {"signed": 17, "chain": bytes(kept.chain).hex()}
    assert said.body_json["facts"] == {"ok": True, "checked": 23, "of": "all", "run": run.pk, **link}


@pytest.mark.usefixtures("small_parts")
def test_one_that_was_cut_off_goes_on_where_it_was(superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    written(23)
    signed()
    begin("whole", SYSTEM)
    monkeypatch.setattr(verifications, "PAUSE", 0)
    assert work(seconds=0)
    (run,) = VerificationRun.objects.all()
    assert (run.place, run.checked, run.ok) == (5, 5, None)
    with pytest.raises(AlreadyVerifying):
        begin("whole", REMY)
    while work(seconds=0):
        pass
    run.refresh_from_db()
    assert (run.ok, run.checked, run.place) == (True, 23, 23)
    assert not work()


@pytest.mark.usefixtures("small_parts")
def test_what_is_new_is_verified_from_where_it_was_known_to_be_good(superuser: psycopg.Connection[Any]) -> None:
    written(11)
    signed()
    assert begin_due(every_s=DAY, whole_every_s=WEEK)
    work()
    assert not begin_due(every_s=DAY, whole_every_s=WEEK)
    VerificationRun.objects.update(began_at="2026-01-01T00:00:00Z")
    first = good_until()
    assert first is not None
    written(9, first=11)
    signed()
    VerificationRun.objects.create(what="whole", ok=True, actor_kind="user", actor_id="7", actor_name="Remy",
                                   ended_at="2026-01-02T00:00:00Z", began_at="2026-01-02T00:00:00Z")  # fmt: skip
    run = finished(begin("incremental", SYSTEM))
    assert (run.ok, run.since, run.checked) == (True, first.upto, 10)  # nine, and what was said of the first verification
    assert run.upto == first.upto + run.checked


def test_the_day_s_verification_takes_the_whole_log_once_a_week(superuser: psycopg.Connection[Any]) -> None:
    assert not begin_due(every_s=0, whole_every_s=WEEK)
    written(3)
    assert begin_due(every_s=DAY, whole_every_s=WEEK)
    work()
    superuser.execute("UPDATE audit_verification SET began_at = now() - interval '2 days'")
    assert begin_due(every_s=DAY, whole_every_s=WEEK)
    work()
    assert list(VerificationRun.objects.order_by("id").values_list("what", flat=True)) == ["whole", "incremental"]
    superuser.execute("UPDATE audit_verification SET began_at = now() - interval '8 days'")
    assert begin_due(every_s=DAY, whole_every_s=WEEK)
    assert VerificationRun.objects.order_by("-id")[0].what == "whole"


@pytest.mark.usefixtures("small_parts")
def test_a_finding_is_an_alarm_once_with_both_copies_and_waits_for_an_answer(superuser: psycopg.Connection[Any]) -> None:
    written(14)
    changed(superuser, 8)
    run = finished(begin("whole", SYSTEM))
    assert run.ok is False
    assert run.first_bad is not None
    assert run.evidence is not None
    assert (run.first_bad["log_index"], run.first_bad["stream"]) == (8, "session:S-1")
    (copy,) = run.evidence["entries"]
    assert (copy["kind"], copy["log_index"]) == ("session.failed", 8)
    assert '"kind":"session.resumed"' in copy["bytes"]
    assert copy["hash"] == copy["computed_hash"]
    assert run.evidence["last_good"]["log_index"] == 5
    assert (alarms(), open_finding()) == (1, run)

    again = finished(begin("whole", SYSTEM))
    assert (again.ok, again.first_bad, alarms()) == (False, run.first_bad, 1)

    answered = acknowledge(run.pk, actor=REMY, note="A drill of ours.")
    assert (answered.acknowledged_by, answered.note) == ("Remy", "A drill of ours.")
    assert open_finding() is None
    with pytest.raises(NoFinding):
        acknowledge(run.pk, actor=REMY, note="Once more.")
    assert AuditEntry.objects.filter(kind="audit.acknowledged", actor_id="7").count() == 1

    third = finished(begin("whole", SYSTEM))
    assert (third.ok, third.acknowledged_by, open_finding(), alarms()) == (False, "Remy", None, 1)
    changed(superuser, 3)
    assert finished(begin("whole", SYSTEM)) == open_finding()
    assert alarms() == 2


def test_what_was_answered_hides_nothing_that_is_changed_later(superuser: psycopg.Connection[Any]) -> None:
    """In another stream, also after it: named, told as an alarm, and open until it is answered itself."""
    written(12)
    changed(superuser, 2)
    run = finished(begin("whole", SYSTEM))
    acknowledge(run.pk, actor=REMY, note="A drill of ours.")
    changed(superuser, 12)
    later = finished(begin("whole", SYSTEM))
    assert later.first_bad is not None
    assert later.first_bad != run.first_bad
    assert (later == open_finding(), alarms()) == (True, 2)
    acknowledge(later.pk, actor=REMY, note="This one too.")
    assert finished(begin("whole", SYSTEM)).acknowledged_by == "Remy"
    assert (open_finding(), alarms()) == (None, 2)


def test_an_answer_covers_the_entry_that_was_found_and_no_later_one_of_its_stream(superuser: psycopg.Connection[Any]) -> None:
    """A chain goes on behind an entry that was answered: what is changed, deleted or forged there is found as before."""
    written(24)
    changed(superuser, 4)  # of session:S-0, the second
    run = finished(begin("whole", SYSTEM))
    acknowledge(run.pk, actor=REMY, note="A drill of ours.")
    assert finished(begin("whole", SYSTEM)).acknowledged_by == "Remy"
    for number, statement in enumerate((
        "UPDATE audit_entry SET tool = 'rm' WHERE stream = 'session:S-0' AND seq = 4",
        "UPDATE audit_entry SET body = body || ' '::bytea WHERE stream = 'session:S-0' AND seq = 6",
        "UPDATE audit_stream SET closed = true WHERE name = 'session:S-0'",
    ), start=2):  # fmt: skip
        superuser.execute(statement.encode())
        later = finished(begin("whole", SYSTEM))
        assert later.first_bad is not None
        assert (later.first_bad["stream"], later == open_finding(), alarms()) == ("session:S-0", True, number)
        assert verify_stream("session:S-0", REMY).first_bad == later.first_bad
        acknowledge(later.pk, actor=REMY, note="This one too.")
        assert (finished(begin("whole", SYSTEM)).acknowledged_by, open_finding(), alarms()) == ("Remy", None, number)


def test_an_answer_covers_what_was_found_and_no_other_change_of_the_same_entry(superuser: psycopg.Connection[Any]) -> None:
    written(12)
    changed(superuser, 4)
    run = finished(begin("whole", SYSTEM))
    acknowledge(run.pk, actor=REMY, note="A drill of ours.")
    superuser.execute("UPDATE audit_entry SET kind = 'session.halted' WHERE kind = 'session.failed'")
    later = finished(begin("whole", SYSTEM))
    assert (later.first_bad, later == open_finding(), alarms()) == (run.first_bad, True, 2)
    acknowledge(later.pk, actor=REMY, note="Again.")
    assert (open_finding(), VerificationRun.objects.get(pk=run.pk).note) == (None, "A drill of ours.")


@pytest.mark.parametrize("seq", [1, 2, 4])  # the last is that of the head
def test_an_entry_that_was_deleted_is_one_finding_and_its_answer_hides_nothing_beside_it(
    superuser: psycopg.Connection[Any], seq: int
) -> None:
    """Its place in the log and what was signed say nothing more than that; what is changed later says so."""
    written(12)
    signed()
    superuser.execute("DELETE FROM audit_entry WHERE stream = 'session:S-1' AND seq = %s", [seq])
    run = finished(begin("whole", SYSTEM))
    assert run.first_bad is not None
    assert (run.first_bad["stream"], run.first_bad["seq"]) == ("session:S-1", seq)
    acknowledge(run.pk, actor=REMY, note="A drill of ours.")
    assert (finished(begin("whole", SYSTEM)).acknowledged_by, open_finding(), alarms()) == ("Remy", None, 1)
    rewritten(superuser, "session:S-2")
    later = finished(begin("whole", SYSTEM))
    assert later.first_bad is not None
    assert "not what was signed" in later.first_bad["reason"]


def test_the_texts_of_a_deleted_entry_are_no_finding_of_their_own(superuser: psycopg.Connection[Any]) -> None:
    """It is one finding with texts too; a text that belongs to nothing that ever was in the log is another."""
    record([entry(texts=(Text(uuid7(), "note", "What was said."),)) for _ in range(6)])
    index_log()
    signed()
    superuser.execute("DELETE FROM audit_entry WHERE stream = 'session:S-1' AND seq = 3")
    run = finished(begin("whole", SYSTEM))
    acknowledge(run.pk, actor=REMY, note="A drill of ours.")
    assert (finished(begin("whole", SYSTEM)).acknowledged_by, open_finding(), alarms()) == ("Remy", None, 1)
    superuser.execute("ALTER TABLE audit_content DISABLE TRIGGER ALL")
    superuser.execute("UPDATE audit_content SET entry_id = 999999 WHERE entry_id = (SELECT max(entry_id) FROM audit_content)")
    later = finished(begin("whole", SYSTEM))
    assert later.first_bad is not None
    assert (later.first_bad["reason"], later == open_finding()) == ("a text belongs to an entry that is missing", True)


def test_the_command_says_that_a_finding_was_answered_and_names_a_later_one(superuser: psycopg.Connection[Any]) -> None:
    written(12)
    changed(superuser, 2)
    run = finished(begin("whole", SYSTEM))
    assert "answered" not in commanded()
    acknowledge(run.pk, actor=REMY, note="A drill of ours.")
    assert f"It was answered by Remy (verification {run.pk}); nothing else was found." in commanded()
    changed(superuser, 9)
    said = commanded()
    assert "log index 9" in said
    assert "answered" not in said


def commanded() -> str:
    """What the command says of a log that does not verify."""
    told = StringIO()
    with pytest.raises(SystemExit) as left:
        call_command("verify_audit", stderr=told)
    assert left.value.code == 1
    return told.getvalue()


@pytest.mark.parametrize("forged", [
    "body = convert_to(repeat('[', 200000), 'UTF8')",
    "body = convert_to(repeat('[', 3000) || repeat(']', 3000), 'UTF8')",
    "body_json = (repeat('[', 3000) || repeat(']', 3000))::jsonb",
    "at = 'infinity'",
    "at = '0044-03-15 BC'",
])  # fmt: skip
@pytest.mark.parametrize("fresh_hash", [False, True])
def test_what_cannot_be_read_is_named_and_ends_no_verification(
    superuser: psycopg.Connection[Any], forged: str, fresh_hash: bool
) -> None:
    """With texts that it commits to, and also where its hash is its own: the last of its stream."""
    record([entry(texts=(Text(uuid7(), "note", "What was said."),)) for _ in range(3)])
    index_log()
    superuser.execute(f"UPDATE audit_entry SET {forged} WHERE stream = 'session:S-1' AND seq = 3".encode())
    if fresh_hash:
        superuser.execute(f"UPDATE audit_entry SET entry_hash = {_HASH} WHERE stream = 'session:S-1' AND seq = 3".encode())
        superuser.execute(
            b"UPDATE audit_stream SET head_hash = (SELECT entry_hash FROM audit_entry WHERE stream = name AND seq = 3)"
            b" WHERE name = 'session:S-1'"
        )
    run = finished(begin("whole", SYSTEM))
    assert run.first_bad is not None
    assert (run.first_bad["stream"], run.first_bad["seq"], open_finding(), alarms()) == ("session:S-1", 3, run, 1)
    assert "session:S-1, entry 3" in commanded()


_HASH = """sha256('countersign.entry.v1\\000'::bytea || int4send(octet_length(stream)) || convert_to(stream, 'UTF8')
    || int8send(seq) || prev_hash || sha256(body))"""


def test_what_follows_a_deleted_entry_is_held_against_its_own_hash(superuser: psycopg.Connection[Any]) -> None:
    written(12)
    superuser.execute("DELETE FROM audit_entry WHERE stream = 'session:S-1' AND seq = 2")
    acknowledge(finished(begin("whole", SYSTEM)).pk, actor=REMY, note="A drill of ours.")
    superuser.execute("UPDATE audit_entry SET tool = 'rm' WHERE stream = 'session:S-1' AND seq = 3")
    found = finished(begin("whole", SYSTEM)).first_bad
    assert found is not None
    assert (found["stream"], found["seq"]) == ("session:S-1", 3)
    assert "column tool" in found["reason"]


def test_an_entry_that_left_no_gap_is_named_by_its_place(superuser: psycopg.Connection[Any]) -> None:
    """A stream that was dropped with its head leaves places alone, beside a gap of another stream that somebody answered."""
    written(12)
    superuser.execute("DELETE FROM audit_entry WHERE stream = 'session:S-1' AND seq = 2")
    acknowledge(finished(begin("whole", SYSTEM)).pk, actor=REMY, note="A drill of ours.")
    superuser.execute("DELETE FROM audit_entry WHERE stream = 'session:S-2'")
    superuser.execute("DELETE FROM audit_stream WHERE name = 'session:S-2'")
    later = finished(begin("whole", SYSTEM))
    assert later.first_bad is not None
    assert (later.first_bad["reason"], later == open_finding()) == ("the entry at this place is missing", True)


def test_one_answer_to_all_findings_of_a_kind_covers_exactly_these(superuser: psycopg.Connection[Any]) -> None:
    """What bulk damage left in three streams; an entry that is changed later, or once more, is a new finding."""
    written(24)
    superuser.execute("UPDATE audit_entry SET tool = 'rm' WHERE seq > 3 AND seq < 8 AND stream LIKE 'session:%'")
    run = finished(begin("whole", SYSTEM))
    covers = covered_by(run)
    assert covers is not None
    assert (covers.findings, covers.streams, covers.first, covers.last) == (12, 3, 10, 21)
    acknowledge(run.pk, actor=REMY, note="An import of ours.", together=True)
    said = AuditEntry.objects.get(kind="audit.acknowledged").body_json["facts"]
    assert (said["run"], said["findings"], said["streams"], said["first"], said["last"]) == (run.pk, 12, 3, 10, 21)
    assert len(said["covers"]) == 64
    again = finished(begin("whole", SYSTEM))
    assert (again.acknowledged_by, covered_by(again), open_finding(), alarms()) == ("Remy", None, None, 1)
    assert verify_stream("session:S-2", REMY).acknowledged_by == "Remy"
    for alarm, statement in enumerate((
        "UPDATE audit_entry SET tool = 'mv' WHERE stream = 'session:S-1' AND seq = 5",
        "UPDATE audit_entry SET tool = 'rm' WHERE stream = 'session:S-2' AND seq = 8",
    ), start=2):  # fmt: skip
        superuser.execute(statement.encode())
        later = finished(begin("whole", SYSTEM))
        assert (later == open_finding(), covered_by(later), alarms()) == (True, None, alarm)
        acknowledge(later.pk, actor=REMY, note="This one too.", together=True)
    assert (finished(begin("whole", SYSTEM)).acknowledged_by, alarms()) == ("Remy", 3)


def test_an_answer_to_one_finding_leaves_those_like_it(superuser: psycopg.Connection[Any]) -> None:
    written(12)
    superuser.execute("UPDATE audit_entry SET tool = 'rm' WHERE stream = 'session:S-1' AND seq > 1")
    run = finished(begin("whole", SYSTEM))
    covers = covered_by(run)
    assert covers is not None
    assert (covers.findings, covers.stream, covers.first_seq, covers.last_seq) == (3, "session:S-1", 2, 4)
    acknowledge(run.pk, actor=REMY, note="This one alone.")
    later = finished(begin("whole", SYSTEM))
    assert later.first_bad is not None
    assert (later.first_bad["seq"], later == open_finding()) == (3, True)


def test_an_answer_to_one_of_two_findings_of_an_entry_leaves_the_other_open(superuser: psycopg.Connection[Any]) -> None:
    written(12)
    changed(superuser, 4)
    first = finished(begin("whole", SYSTEM))
    superuser.execute("UPDATE audit_entry SET kind = 'session.halted' WHERE kind = 'session.failed'")
    second = finished(begin("whole", SYSTEM))
    acknowledge(first.pk, actor=REMY, note="A drill of ours.")
    assert (open_finding(), alarms()) == (second, 2)


@pytest.mark.usefixtures("small_parts")
def test_an_answer_to_a_log_that_is_not_what_was_signed_covers_nothing_that_is_changed_later(
    superuser: psycopg.Connection[Any],
) -> None:
    """Every checkpoint behind the first change fails; what the log is then is remembered, so that a second one is told."""
    written(12)
    signed()
    rewritten(superuser, "session:S-1")
    run = finished(begin("whole", SYSTEM))
    acknowledge(run.pk, actor=REMY, note="A drill of ours.")
    written(5, first=12)
    assert (finished(begin("whole", SYSTEM)).acknowledged_by, open_finding(), alarms()) == ("Remy", None, 1)
    rewritten(superuser, "session:S-2")
    later = finished(begin("whole", SYSTEM))
    assert (later.first_bad, later == open_finding(), alarms()) == (run.first_bad, True, 2)
    acknowledge(later.pk, actor=REMY, note="Again.")
    changed(superuser, 2)
    last = finished(begin("whole", SYSTEM))
    assert last.first_bad is not None
    assert (last.first_bad["log_index"], last == open_finding(), alarms()) == (2, True, 3)


def test_what_is_not_there_cannot_be_answered(fresh_database: Any) -> None:
    with pytest.raises(UnknownVerification):
        acknowledge(7, actor=REMY, note="Nothing.")
    with pytest.raises(UnknownVerification):
        of(7)


def rewritten(superuser: psycopg.Connection[Any], stream: str) -> int:
    """Change the last entry of a stream with its hash and the head; returns its place in the log."""
    row = superuser.execute(
        "SELECT e.id, l.log_index FROM audit_entry e JOIN audit_log_index l ON l.entry_id = e.id WHERE stream = %s"
        " ORDER BY seq DESC LIMIT 1",
        [stream],
    ).fetchone()
    assert row is not None
    superuser.execute(
        """UPDATE audit_entry AS e SET body = w.body, body_json = jsonb_set(e.body_json, '{facts,n}', '99'),
           entry_hash = sha256('countersign.entry.v1\\000'::bytea || int4send(octet_length(e.stream)) || convert_to(e.stream, 'UTF8')
             || int8send(e.seq) || e.prev_hash || sha256(w.body))
           FROM (SELECT id, convert_to(regexp_replace(convert_from(body, 'UTF8'), '"n":[0-9]+', '"n":99'), 'UTF8') AS body
                   FROM audit_entry) AS w WHERE w.id = e.id AND e.id = %s""",
        [row[0]],
    )
    superuser.execute(
        "UPDATE audit_stream SET head_hash = (SELECT entry_hash FROM audit_entry WHERE id = %s) WHERE name = %s",
        [row[0], stream],
    )
    return int(row[1])


@pytest.mark.usefixtures("small_parts")
def test_a_rewritten_chain_is_not_what_was_signed(superuser: psycopg.Connection[Any]) -> None:
    """With all its hashes: every part holds by itself, the tree does not."""
    written(12)
    signed()
    rewritten(superuser, "session:S-2")
    run = finished(begin("whole", SYSTEM))
    assert run.first_bad is not None
    assert "not what was signed" in run.first_bad["reason"]


@pytest.mark.usefixtures("small_parts")
def test_what_is_named_of_a_rewritten_chain_is_the_entry_behind_the_last_checkpoint_that_holds(
    superuser: psycopg.Connection[Any],
) -> None:
    """However the log is cut into parts: behind the checkpoint, and not behind the part before."""
    for first, count in ((0, 3), (3, 4), (7, 5)):
        written(count, first=first)
        signed()
    superuser.execute("DELETE FROM audit_checkpoint WHERE size = 7")
    assert rewritten(superuser, "session:S-2") == 12
    run = finished(begin("whole", SYSTEM))
    assert run.first_bad == {
        "stream": "", "seq": None, "log_index": 4, "reason": "from here to entry 12 of the log something is not what was signed",
    }  # fmt: skip
    assert verify().first_bad == FirstBad(**run.first_bad)


@pytest.mark.usefixtures("small_parts")
def test_a_log_is_verified_since_a_checkpoint_that_somebody_kept(superuser: psycopg.Connection[Any]) -> None:
    written(8)
    signed()
    kept = newest()
    assert kept is not None
    written(6, first=8)
    run = finished(begin("since", REMY, since=kept.size, since_root=bytes(kept.root).hex()))
    assert (run.ok, run.checked, run.since) == (True, 6, 8)
    wrong = finished(begin("since", REMY, since=kept.size, since_root="00" * 32))
    assert wrong.first_bad is not None
    assert "not what the given checkpoint says" in wrong.first_bad["reason"]
    longer = finished(begin("since", REMY, since=1000, since_root="00" * 32))
    assert longer.first_bad is not None
    assert "it is missing" in longer.first_bad["reason"]


@pytest.mark.usefixtures("small_parts")
def test_of_a_long_log_only_what_may_be_wrong_is_walked_to_name_it(
    superuser: psycopg.Connection[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    written(14)
    expected = []
    for tampering in (
        "UPDATE audit_entry SET kind = 'session.failed' WHERE stream = 'session:S-1' AND seq = 3",
        "DELETE FROM audit_entry WHERE stream = 'session:S-2' AND seq = 4",
        "UPDATE audit_stream SET head_seq = 2 WHERE name = 'session:S-0'",
    ):
        superuser.execute("BEGIN")
        superuser.execute(tampering.encode())
        superuser.execute("COMMIT")
        monkeypatch.setattr("audit.findings.FEW", 10_000)
        whole = named(Part(0, 14))
        monkeypatch.setattr("audit.findings.FEW", 0)
        expected.append(whole)
        assert named(Part(0, 14)) == whole
    assert all(expected)


def test_a_stream_is_verified_at_once(superuser: psycopg.Connection[Any]) -> None:
    written(6)
    run = verify_stream("session:S-1", REMY)
    assert (run.ok, run.checked, run.stream, run.what) == (True, 2, "session:S-1", "stream")
    changed(superuser, 2)
    assert verify_stream("session:S-2", REMY).ok
    assert verify_stream("session:S-1", REMY).ok is False
