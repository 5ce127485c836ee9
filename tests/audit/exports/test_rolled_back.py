"""A whole database that was put back to an older state, checkpoints and all: with a witness found, without told. THREATS.md section 4."""

from collections.abc import Callable
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import call_command
from psycopg import sql

from audit.cosignatures import accept
from audit.models import AuditEntry
from audit.note import COSIGNATURE, Note, Signer
from audit.seal import newest, seal
from audit.services import record
from audit.verify_bundle import GOOD, INCOMPLETE, TAMPERED, Asked, Key, Result, verify
from audit.verify_bundle import Note as Said
from tests.audit.bundles import signer as another
from tests.audit.conftest import entry
from tests.audit.exports.conftest import ask, made

WITNESS = another(9, "witness.example")
DAY = 86_400
THEN = 1_700_000_000
Restore = Callable[[], None]


def grown(signer: Signer, at: int) -> Said:
    """Write more, sign it, have the witness see it; returns what the witness keeps."""
    record([entry(f"session:S-{number % 3}") for number in range(20)])
    seal(signer)
    checkpoint = newest()
    assert checkpoint is not None
    note = Note.of(checkpoint.note)
    seen = str(Note(note.text, (*note.signatures, WITNESS.cosign(note.text, at))))
    accept(seen)
    return Said.of(seen)


@pytest.fixture
def older(signer: Signer, fresh_database: Any, settings: Any) -> Restore:
    """A day's log as it was, all of its tables; what is returned puts the database back to that, as its superuser can."""
    settings.SEAL_WITNESSES = [str(WITNESS.verifier(COSIGNATURE))]
    settings.SEAL_PUBLIC_KEY = [str(signer.verifier())]
    grown(signer, THEN)
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as superuser:
        rows = superuser.execute("SELECT relname FROM pg_class WHERE relname LIKE 'audit\\_%' AND relkind = 'r'").fetchall()
        tables = [sql.Identifier(name) for (name,) in rows]
        superuser.execute("CREATE SCHEMA kept")
        for table in tables:
            superuser.execute(sql.SQL("CREATE TABLE kept.{0} AS SELECT * FROM {0}").format(table))

    def restore() -> None:
        with psycopg.connect(fresh_database.superuser_url) as superuser:
            superuser.execute("SET session_replication_role = replica")
            for table in tables:
                superuser.execute(sql.SQL("ALTER TABLE {} DISABLE TRIGGER ALL").format(table))
                superuser.execute(sql.SQL("DELETE FROM {}").format(table))
                superuser.execute(sql.SQL("INSERT INTO {0} SELECT * FROM kept.{0}").format(table))

    return restore


def judged(folder: Path, signer: Signer, *, witness: bool = True, **more: Any) -> Result:
    """What the verifier that is given away says of a bundle of the whole log as it is now."""
    path = folder / "log.countersign.jsonl.gz"
    path.write_bytes(made(signer, ask())[1])
    witnesses = [Key.of(str(WITNESS.verifier(COSIGNATURE)))] if witness else []
    return verify(path, Asked([Key.of(str(signer.verifier()))], witnesses, now=THEN + 2 * DAY, **more))


def put_back(restore: Restore) -> None:
    """Put the database back; nothing inside it can see that, and the command says so by saying nothing."""
    before = AuditEntry.objects.count()
    restore()
    assert AuditEntry.objects.count() < before
    out = StringIO()
    call_command("verify_audit", stdout=out)
    assert "The log verifies" in out.getvalue()


def test_whoever_kept_what_the_witness_saw_finds_it(
    older: Restore, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.exports.work.WITNESSED_WITHIN_S", 0.0)
    seen = grown(signer, THEN + DAY)
    put_back(older)
    found = judged(tmp_path, signer, since=seen)
    assert (found.exit, found.first_wrong and found.first_wrong["reason"]) == (TAMPERED, found.reason)
    assert "it was cut off or put back" in found.reason


def test_another_history_that_grows_beyond_it_is_found_too(
    older: Restore, signer: Signer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.exports.work.WITNESSED_WITHIN_S", 0.0)
    seen = grown(signer, THEN + DAY)
    put_back(older)
    for _ in range(2):
        record([entry("policy") for _ in range(30)])
        seal(signer)
    found = judged(tmp_path, signer, since=seen)
    assert (found.exit, found.first_wrong and found.first_wrong["index"]) == (TAMPERED, 21)
    assert "are not what was signed before" in found.reason


def test_without_a_witness_it_is_told_to_be_incomplete(older: Restore, signer: Signer, tmp_path: Path, settings: Any) -> None:
    settings.SEAL_WITNESSES = []
    put_back_after_more(signer, older)
    found = judged(tmp_path, signer, witness=False)
    assert (found.exit, [one["what"] for one in found.incomplete]) == (INCOMPLETE, ["unwitnessed"])


def put_back_after_more(signer: Signer, older: Restore) -> None:
    """Sign more that no witness sees, and put the database back."""
    record([entry("policy") for _ in range(9)])
    seal(signer)
    put_back(older)


def test_what_a_witness_saw_of_the_older_state_is_stale(older: Restore, signer: Signer, tmp_path: Path) -> None:
    """Its line of then came back with the rest: only how old it is tells."""
    put_back_after_more(signer, older)
    row = ask()
    checkpoint = seal(signer)
    assert checkpoint is not None
    note = Note.of(checkpoint.note)
    accept(str(Note(note.text, (*note.signatures, WITNESS.cosign(note.text, THEN)))))
    path = tmp_path / "log.countersign.jsonl.gz"
    path.write_bytes(made(signer, row)[1])
    asked: dict[str, Any] = {
        "keys": [Key.of(str(signer.verifier()))],
        "witnesses": [Key.of(str(WITNESS.verifier(COSIGNATURE)))],
    }
    assert verify(path, Asked(**asked, now=THEN + 2 * DAY)).exit == GOOD
    found = verify(path, Asked(**asked, now=THEN + 2 * DAY, max_age_s=DAY))
    assert (found.exit, [one["what"] for one in found.incomplete]) == (INCOMPLETE, ["stale"])
