"""Changing the log's key: an entry that both keys sign, and a sealer that goes on with the new one. AUDIT-3."""

import signal
from pathlib import Path
from typing import Any

import psycopg
import psycopg.types.json
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit import keys, rotation
from audit.errors import NoKey, WrongKey
from audit.index import index_log
from audit.key_chain import KeyChain, rotation_facts
from audit.models import AuditEntry, Checkpoint
from audit.note import BadNote, Note, Signer
from audit.rotation import beside, current, rotate
from audit.seal import origin, seal
from audit.services import record
from audit.verify import verify
from tests.audit.conftest import entry
from tests.audit.test_sealer import environment, key_of, manage, sealing, sizes  # noqa: F401  a fixture and its steps
from tests.waiting import wait_until


@pytest.fixture
def path(fresh_database: Any, tmp_path: Path) -> Path:
    """The file of a key that signed three entries."""
    file = tmp_path / "seal.key"
    sealed(keys.make(file, origin()))
    return file


def sealed(signer: Signer, count: int = 3) -> Checkpoint:
    record([entry() for _ in range(count)])
    found = seal(signer)
    assert found is not None
    return found


def signed_by(checkpoint: Checkpoint, signer: Signer) -> bool:
    return any(Note.of(checkpoint.note).signed_by([signer.verifier()]))


def test_the_new_key_signs_from_the_entry_on_that_both_keys_signed(path: Path) -> None:
    old = keys.read(path)
    new = rotate(path)

    assert keys.read(path).verifier() == new.verifier() != old.verifier()
    assert not beside(path).exists()
    checkpoint = sealed(new)
    chain = KeyChain(rotation.rotations(), [old.verifier()])
    (first, _) = Checkpoint.objects.order_by("size")
    assert chain.signer(Note.of(first.note), first.size) == old.verifier()
    assert chain.signer(Note.of(checkpoint.note), checkpoint.size) == new.verifier()
    with pytest.raises(BadNote):
        chain.signer(Note.of(first.note), checkpoint.size)


def test_the_old_key_signs_nothing_more(path: Path) -> None:
    old = keys.read(path)
    rotate(path)
    record([entry()])
    with pytest.raises(WrongKey):
        seal(old)


def test_what_was_committed_before_is_not_signed_by_the_new_key(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the entry of the change waits for its place in the log, the log before it still has its old key."""
    record([entry()])
    head = index_log(patience_ms=2000)
    new = rotate(path)
    monkeypatch.setattr("audit.seal.index_log", lambda *_, **__: head)
    with pytest.raises(WrongKey):
        seal(new)


def test_a_change_that_was_cut_off_before_its_entry_goes_on(path: Path) -> None:
    old, made = keys.read(path), keys.make(beside(path), origin())
    assert current(path).verifier() == old.verifier()
    sealed(current(path))
    assert rotate(path).verifier() == made.verifier()
    assert AuditEntry.objects.filter(stream="seal").count() == 1


def test_a_change_that_was_cut_off_after_its_entry_goes_on(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(rotation, "_move", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            rotate(path)
    made = keys.read(beside(path))
    assert current(path).verifier() == made.verifier()
    assert signed_by(sealed(current(path)), made)

    assert rotate(path).verifier() == keys.read(path).verifier() == made.verifier()
    assert not beside(path).exists()
    assert AuditEntry.objects.filter(stream="seal").count() == 1


def test_a_key_that_did_not_sign_the_log_cannot_be_replaced(path: Path, tmp_path: Path) -> None:
    stranger = tmp_path / "stranger.key"
    keys.make(stranger, origin())
    with pytest.raises(WrongKey):
        rotate(stranger)
    rotate(path)
    with pytest.raises(WrongKey):
        rotate(stranger)
    with pytest.raises(WrongKey):
        current(stranger)
    with pytest.raises(NoKey):
        rotate(tmp_path / "nowhere.key")


def test_a_key_is_replaced_again_and_again(path: Path) -> None:
    first = keys.read(path)
    for _ in range(3):
        sealed(rotate(path))
    chain = KeyChain(rotation.rotations(), [first.verifier()])
    for kept in Checkpoint.objects.order_by("size"):
        chain.signer(Note.of(kept.note), kept.size)
    assert len({str(Note.of(kept.note).signatures[0].key_id) for kept in Checkpoint.objects.all()}) == 4


def test_a_change_of_the_key_that_is_forged_in_the_database_is_not_followed(path: Path, fresh_database: Any) -> None:
    signer = keys.read(path)
    forged = {**rotation_facts(signer, Signer(origin(), Ed25519PrivateKey.generate())), "by_old": "AAAA"}
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as superuser:
        rotate(path)
        index_log(patience_ms=2000)
        superuser.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        superuser.execute(
            "UPDATE audit_entry SET body = convert_to(jsonb_set(convert_from(body, 'UTF8')::jsonb, '{facts}', %s)::text, 'UTF8')"
            " WHERE stream = 'seal'",
            [psycopg.types.json.Jsonb(forged)],
        )
    with pytest.raises(WrongKey, match="not signed by both"):
        current(path)


# Signatures of the kept checkpoints


def test_checkpoints_are_checked_by_the_key_that_is_named(path: Path, settings: Any) -> None:
    named = keys.read(path).verifier()
    sealed(rotate(path))
    settings.SEAL_PUBLIC_KEY = [str(named)]
    assert verify().ok
    settings.SEAL_PUBLIC_KEY = [str(Signer(origin(), Ed25519PrivateKey.generate()).verifier())]
    found = verify()
    assert found.first_bad is not None
    assert "is not signed by the log's key" in found.first_bad.reason


def test_a_checkpoint_that_somebody_else_signed_is_found(path: Path, settings: Any, fresh_database: Any) -> None:
    settings.SEAL_PUBLIC_KEY = [str(keys.read(path).verifier())]
    assert verify().ok
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as superuser:
        superuser.execute("ALTER TABLE audit_checkpoint DISABLE TRIGGER ALL")
        (kept,) = Checkpoint.objects.all()
        forged = Signer(origin(), Ed25519PrivateKey.generate()).sign(Note.of(kept.note).text)
        superuser.execute("UPDATE audit_checkpoint SET note = %s", [str(Note(Note.of(kept.note).text, (forged,)))])
    assert not verify().ok


def test_where_no_key_is_named_that_is_told(path: Path, environment: dict[str, str]) -> None:  # noqa: F811
    told = manage({**environment, "SEAL_KEY": "/nowhere"}, "verify_audit")
    assert told.returncode == 0, told.stderr
    assert "Signatures were not checked" in told.stdout
    told = manage({**environment, "SEAL_PUBLIC_KEY": str(keys.read(path).verifier())}, "verify_audit")
    assert "Signatures" not in told.stdout


# As the processes that they are


def test_a_running_sealer_goes_on_with_the_new_key(environment: dict[str, str], tmp_path: Path) -> None:  # noqa: F811
    old, file = key_of(environment), tmp_path / "checkpoint"
    record([entry()])
    with sealing(environment, "--publish", f"file:{file}") as process:
        wait_until(file.exists)
        told = manage(environment, "seal_key", "--rotate")
        assert told.returncode == 0, told.stderr
        wait_until(lambda: sizes() == [1, 2])
        process.send_signal(signal.SIGTERM)
        process.wait(120)
    newest = Checkpoint.objects.get(size=2)
    assert str(keys.read(Path(environment["SEAL_KEY"])).verifier()) == told.stdout.strip() != str(old)
    assert signed_by(newest, keys.read(Path(environment["SEAL_KEY"])))
    again = manage(environment, "seal", "--once")
    assert again.stdout == newest.note
