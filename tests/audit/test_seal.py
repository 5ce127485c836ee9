"""Sealing the log: what was signed once stays its beginning, and whoever changes it is found. AUDIT-3, THREATS.md section 4."""

import random
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.db import DatabaseError, connection, transaction

from audit import keys, merkle, note
from audit.errors import KeyExists, LogForked, NoKey, NotInLog
from audit.index import index_log
from audit.models import AuditEntry, Checkpoint, LogIndex, Subtree
from audit.note import Note, Signer
from audit.seal import newest, origin, seal
from audit.services import record
from audit.tree import Tree
from tests.audit.conftest import entry

WRITERS, ROUNDS = 16, 12


@pytest.fixture
def signer(fresh_database: Any) -> Signer:
    return Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture
def superuser(fresh_database: Any) -> Iterator[psycopg.Connection]:
    """Somebody who may do anything in the database, and takes the triggers away first."""
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as one:
        for table in ("audit_entry", "audit_log_index", "audit_checkpoint", "audit_subtree"):
            one.execute(f"ALTER TABLE {table} DISABLE TRIGGER ALL")
        yield one


def written(count: int) -> None:
    for start in range(0, count, 500):
        record([entry(f"session:S-{number % 7}") for number in range(start, min(count, start + 500))])


def signed(signer: Signer) -> Checkpoint:
    found = seal(signer)
    assert found is not None
    return found


def assert_all_pairs_consistent() -> None:
    tree, kept = Tree(), list(Checkpoint.objects.order_by("size"))
    for place, old in enumerate(kept):
        for new in kept[place:]:
            proof = tree.consistency_proof(old.size, new.size)
            assert merkle.proves_consistency(proof, old.size, bytes(old.root), new.size, bytes(new.root))


def test_an_empty_log_is_not_signed(signer: Signer) -> None:
    assert seal(signer) is None


def test_a_checkpoint_is_a_note_that_its_key_signed_over_all_that_is_committed(signer: Signer) -> None:
    written(300)
    checkpoint = signed(signer)

    told = Note.of(checkpoint.note)
    assert [key for key, _ in told.signed_by([signer.verifier()])] == [signer.verifier()]
    assert note.Checkpoint.of(told.text) == note.Checkpoint(origin(), 300, _plain_root(_leaves()))


def _leaves() -> list[bytes]:
    rows = LogIndex.objects.select_related("entry").order_by("log_index")
    return [merkle.leaf_hash(bytes(row.entry.entry_hash)) for row in rows]


def _plain_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return merkle.node_hash(_plain_root(leaves[:half]), _plain_root(leaves[half:]))


def test_what_is_signed_already_is_given_again_in_the_same_bytes(signer: Signer) -> None:
    written(3)
    first = signed(signer)
    assert signed(signer).note == first.note
    assert Checkpoint.objects.count() == 1


def test_while_others_index_what_is_indexed_is_signed(signer: Signer, superuser: psycopg.Connection) -> None:
    """AUDIT-3: a queue of those who index keeps no sealer from its work."""
    written(3)
    assert index_log(patience_ms=60_000) == 3
    with superuser.transaction():
        superuser.execute("SELECT pg_advisory_xact_lock(hashtextextended('countersign.audit_index', 0))")
        written(2)
        checkpoint = seal(signer, patience_ms=0)
        assert checkpoint is not None
        assert checkpoint.size == 3
    assert signed(signer).size == 5


def test_subtrees_are_kept_as_they_are_completed(signer: Signer) -> None:
    for count in (255, 1, 300, 500):
        written(count)
        signed(signer)
    assert list(Subtree.objects.values_list("level", "number").order_by("level", "number")) == [(8, 0), (8, 1), (8, 2), (8, 3)]
    assert_all_pairs_consistent()


def test_every_entry_is_proved_to_be_under_the_checkpoint(signer: Signer) -> None:
    written(700)
    checkpoint, tree, leaves = signed(signer), Tree(), _leaves()
    for index in (1, 2, 256, 257, 512, 513, 700):
        proof = tree.inclusion_proof(index, checkpoint.size)
        assert merkle.proves_inclusion(proof, index - 1, leaves[index - 1], checkpoint.size, bytes(checkpoint.root))
    with pytest.raises(NotInLog):
        tree.inclusion_proof(701, checkpoint.size)


@pytest.mark.parametrize(
    ("crime", "place"),
    [
        ("DELETE FROM audit_log_index WHERE log_index = 605", 605),
        ("DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_log_index WHERE log_index = 610)", 610),
        ("DELETE FROM audit_log_index WHERE log_index >= 720", 720),
        ("DELETE FROM audit_subtree WHERE level = 8 AND number = 1", 257),
        ("DELETE FROM audit_subtree", 1),
    ],
)
def test_what_a_proof_misses_is_named_by_its_place(
    signer: Signer, superuser: psycopg.Connection, crime: str, place: int
) -> None:
    written(720)
    checkpoint = signed(signer)
    assert Tree().root(720) == bytes(checkpoint.root)
    superuser.execute(crime)
    for ask in (lambda: Tree().inclusion_proof(600, 720), lambda: Tree().root(720), lambda: Tree().consistency_proof(600, 720)):
        with pytest.raises(NotInLog) as missing:
            ask()
        assert missing.value.place == place


@pytest.mark.parametrize(
    "crime",
    [
        "UPDATE audit_entry SET entry_hash = sha256(entry_hash) WHERE id = (SELECT entry_id FROM audit_log_index WHERE log_index = 700)",
        "DELETE FROM audit_log_index WHERE log_index = 710",
        "DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_log_index WHERE log_index = 703)",
        "UPDATE audit_subtree SET hash = sha256(hash) WHERE number = 1",
        "UPDATE audit_checkpoint SET root = sha256(root)",
    ],
)  # fmt: skip
def test_nothing_more_is_signed_over_a_log_that_is_not_what_was_signed(
    signer: Signer, superuser: psycopg.Connection, crime: str
) -> None:
    written(720)
    first = signed(signer)
    superuser.execute(crime)

    written(5)
    with pytest.raises((LogForked, NotInLog)):
        seal(signer)
    assert [kept.size for kept in Checkpoint.objects.all()] == [first.size]


def test_a_log_that_was_cut_off_is_not_signed_as_it_was(signer: Signer, superuser: psycopg.Connection) -> None:
    written(10)
    signed(signer)
    superuser.execute("DELETE FROM audit_log_index WHERE log_index > 8")
    written(1)

    assert index_log(patience_ms=1000) == 9
    found = newest()
    assert found is not None
    assert found.size == 10  # the note that is outside stays the proof
    with pytest.raises(NotInLog):
        Tree().root(10)


def test_the_application_cannot_write_or_change_a_checkpoint_by_itself(signer: Signer) -> None:
    written(3)
    signed(signer)
    for statement in (
        "INSERT INTO audit_checkpoint (size, root, note, at) VALUES (9, sha256(''), '', now())",
        "UPDATE audit_checkpoint SET note = ''",
        "DELETE FROM audit_checkpoint",
        "INSERT INTO audit_subtree (level, number, hash) VALUES (8, 0, sha256(''))",
        "TRUNCATE audit_subtree",
    ):
        with (
            pytest.raises(DatabaseError, match="permission denied|append-only"),
            transaction.atomic(),
            connection.cursor() as cursor,
        ):
            cursor.execute(statement)


def test_a_checkpoint_never_covers_what_is_not_committed(signer: Signer) -> None:
    written(2)
    with pytest.raises(DatabaseError, match="not in the log"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT audit_seal(3, sha256(''), 'note', '{}', '{}', '{}')")


def test_writers_that_roll_back_and_two_sealers_leave_consistent_checkpoints_over_all_that_was_committed(
    signer: Signer,
) -> None:
    done, problems = threading.Event(), []

    def write(number: int) -> None:
        dice = random.Random(number)
        try:
            for _ in range(ROUNDS):
                with transaction.atomic():
                    record([entry(f"session:S-{dice.randint(1, 20)}") for _ in range(dice.randint(1, 20))])
                    transaction.set_rollback(dice.random() < 0.3)
        except BaseException as problem:
            problems.append(problem)
            raise
        finally:
            connection.close()

    def keep_sealing() -> None:
        try:
            while not done.is_set():
                seal(signer)
        except BaseException as problem:
            problems.append(problem)
            raise
        finally:
            connection.close()

    sealers = [threading.Thread(target=keep_sealing) for _ in range(2)]
    writers = [threading.Thread(target=write, args=(number,)) for number in range(WRITERS)]
    for thread in (*sealers, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in sealers:
        thread.join()
    last = signed(signer)

    assert not problems
    assert last.size == AuditEntry.objects.count() == LogIndex.objects.count()
    assert bytes(last.root) == _plain_root(_leaves())
    assert_all_pairs_consistent()


def test_a_key_is_made_once_and_read_by_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys" / "seal.key"
    made = keys.make(path, "countersign/log")

    assert keys.read(path).verifier() == made.verifier()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(KeyExists):
        keys.make(path, "countersign/log")
    path.chmod(0o644)
    with pytest.raises(NoKey, match="chmod 600"):
        keys.read(path)


@pytest.mark.parametrize("text", ["", "PRIVATE+KEY+name", "PRIVATE+KEY+name+00000000+AQ==", "not a key"])
def test_what_is_no_key_is_told_with_its_file(tmp_path: Path, text: str) -> None:
    path = tmp_path / "seal.key"
    path.touch(mode=0o600)
    path.write_text(text)
    with pytest.raises(NoKey, match=str(path)):
        keys.read(path)
