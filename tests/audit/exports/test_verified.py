"""What is exported is verified elsewhere: by the program that is given away, with keys that its reader has from others."""

import time
from pathlib import Path
from typing import Any

import psycopg
import pytest

from audit import keys, rotation
from audit.cosignatures import accept
from audit.exports import work
from audit.exports.exports import export_numbered, ref_of
from audit.note import COSIGNATURE, Note, Signer
from audit.queries import EntryFilter
from audit.seal import kept, newest, seal
from audit.services import record
from audit.verify_bundle import GOOD, INCOMPLETE, TAMPERED, Asked, Key, Result, verify
from audit.verify_bundle import Note as Said
from tests.audit.bundles import NOW
from tests.audit.bundles import signer as another
from tests.audit.conftest import entry
from tests.audit.exports.conftest import ALL, ask, made

WITNESS = another(9, "witness.example")


def verified(folder: Path, file: bytes, signer: Signer, *allow: str, **more: Any) -> Result:
    path = folder / "export.countersign.jsonl.gz"
    path.write_bytes(file)
    key, witness = (Key.of(str(one)) for one in (signer.verifier(), WITNESS.verifier(COSIGNATURE)))
    return verify(path, Asked([key], [witness], allow=frozenset(allow), now=NOW, **more))


def written() -> None:
    record([entry(f"session:S-{number % 7}", closes=number // 7 == 42) for number in range(301)])


def test_what_a_witness_signed_goes_with_the_export(signer: Signer, tmp_path: Path, settings: Any) -> None:
    settings.SEAL_WITNESSES = [str(WITNESS.verifier(COSIGNATURE))]
    written()
    row = ask()
    seal(signer)
    signed = newest()
    assert signed is not None
    note = Note.of(signed.note)
    accept(str(Note(note.text, (*note.signatures, WITNESS.cosign(note.text, 1_700_000_000)))))
    _, file = made(signer, row)
    assert verified(tmp_path, file, signer).exit == GOOD


def test_a_bundle_waits_for_a_witness_that_is_named_and_is_made_of_what_it_saw(
    signer: Signer, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The newest checkpoint is never one that a witness, who looks every few minutes, has seen."""
    settings.SEAL_WITNESSES = [str(WITNESS.verifier(COSIGNATURE))]
    monkeypatch.setattr(work, "WITNESS_EVERY_S", 0.0)
    written()
    row = ask()
    seal(signer)
    claimed = work.claim(row.number)
    assert claimed is not None
    work.make(claimed, until=time.monotonic() + 600)
    waiting = export_numbered(ref_of(row))
    assert (waiting.status, waiting.size) == ("queued", None)
    signed = newest()
    assert signed is not None
    note = Note.of(signed.note)
    accept(str(Note(note.text, (*note.signatures, WITNESS.cosign(note.text, 1_700_000_000)))))
    record([entry("policy")])
    row, file = made(signer, row)
    assert row.size == signed.size
    assert verified(tmp_path, file, signer).exit == GOOD


def test_where_no_witness_comes_it_is_made_without(
    signer: Signer, tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.SEAL_WITNESSES = [str(WITNESS.verifier(COSIGNATURE))]
    monkeypatch.setattr(work, "WITNESSED_WITHIN_S", 0.0)
    written()
    _, file = made(signer, ask())
    assert verified(tmp_path, file, signer).exit == INCOMPLETE


def test_a_second_export_proves_that_it_continues_the_first(signer: Signer, tmp_path: Path) -> None:
    written()
    first, _ = made(signer, ask())
    record([entry("policy")])
    _, file = made(signer, ask(EntryFilter(stream="policy")))
    before = kept_note(first.size)
    assert verified(tmp_path, file, signer, "unwitnessed", "part", since=before).exit == GOOD


def kept_note(size: int | None) -> Said:
    checkpoint = kept(size or 0)
    assert checkpoint is not None
    return Said.of(checkpoint.note)


def test_the_key_may_change_between(signer: Signer, tmp_path: Path) -> None:
    file = tmp_path / "seal.key"
    first = keys.make(file, signer.name)
    written()
    seal(first)
    new = rotation.rotate(file)
    record([entry("policy")])
    for where in (ALL, EntryFilter(stream="policy")):
        _, bundle = made(new, ask(where))
        found = verified(tmp_path, bundle, first, "unwitnessed", "part")
        assert (found.exit, found.signed_by) == (GOOD, str(new.verifier()))


CRIMES = {
    9: "UPDATE audit_entry SET body = overlay(body placing '\\x39'::bytea from 30) WHERE stream = 'session:S-2' AND seq = 9",
    43: "UPDATE audit_entry SET seq = 1000 WHERE stream = 'session:S-2' AND seq = 43",
    1: "UPDATE audit_entry SET prev_hash = sha256('') WHERE stream = 'session:S-2' AND seq = 1",
}


@pytest.mark.parametrize("seq", CRIMES)
def test_what_a_superuser_changed_is_named_by_whoever_gets_the_export(
    signer: Signer, tmp_path: Path, fresh_database: Any, seq: int
) -> None:
    written()
    seal(signer)
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        superuser.execute(CRIMES[seq])
    _, file = made(signer, ask())
    found = verified(tmp_path, file, signer, "unwitnessed")
    assert found.exit == TAMPERED
    assert found.first_wrong is not None
    assert (found.first_wrong["stream"], found.first_wrong["seq"]) == ("session:S-2", seq)
