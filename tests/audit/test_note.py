"""Signed notes, checkpoints and cosignatures, in the bytes that other programs read (C2SP)."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from audit.note import COSIGNATURE, BadNote, Checkpoint, Note, Signer, Verifier

# The example of C2SP signed-note, made by Go's sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
SAID = (
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
OURS = Signer("countersign/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
WITNESS = Signer("witness.example", Ed25519PrivateKey.from_private_bytes(bytes(range(1, 33))))


def checkpoint(size: int = 7) -> Checkpoint:
    return Checkpoint("countersign/log", size, bytes(32))


def signed(text: str) -> Note:
    return Note(text, (OURS.sign(text), WITNESS.cosign(text, 1_800_000_000)))


def test_a_note_of_another_program_is_read_and_its_signature_holds() -> None:
    note = Note.of(SAID)
    assert str(note) == SAID
    assert [key.name for key, _ in note.signed_by([Verifier.of(PETER)])] == ["PeterNeumann"]


def test_a_changed_text_is_not_what_was_signed() -> None:
    note = Note.of(SAID.replace("cryptography", "a ledger"))
    with pytest.raises(BadNote, match="PeterNeumann"):
        list(note.signed_by([Verifier.of(PETER)]))


def test_a_name_alone_is_no_key() -> None:
    stranger = Signer("PeterNeumann", OURS.key).verifier()
    assert list(Note.of(SAID).signed_by([stranger])) == []


def test_a_checkpoint_is_signed_and_cosigned_and_both_hold_by_given_keys_alone() -> None:
    note = Note.of(str(signed(str(checkpoint()))))
    keys = [OURS.verifier(), WITNESS.verifier(COSIGNATURE)]
    assert Checkpoint.of(note.text) == checkpoint()
    assert [key.name for key, _ in note.signed_by(keys)] == ["countersign/log", "witness.example"]
    assert list(note.signed_by([])) == []


def test_a_cosignature_is_of_its_time_and_is_no_signature_of_the_log() -> None:
    text = str(checkpoint())
    one = WITNESS.cosign(text, 1_800_000_000)
    later = (1_800_000_001).to_bytes(8, "big") + one.signature[8:]
    assert WITNESS.verifier(COSIGNATURE).accepts(text, one.signature)
    assert not WITNESS.verifier(COSIGNATURE).accepts(text, later)
    assert not WITNESS.verifier().accepts(text, one.signature[8:])


def test_the_same_checkpoint_is_signed_in_the_same_bytes() -> None:
    assert str(signed(str(checkpoint()))) == str(signed(str(checkpoint())))


def test_a_key_is_read_back_from_its_text() -> None:
    for key in (OURS.verifier(), WITNESS.verifier(COSIGNATURE), Verifier.of(PETER)):
        assert Verifier.of(str(key)) == key
    assert str(Verifier.of(PETER)) == PETER


@pytest.mark.parametrize(
    "text",
    [
        "",
        "name",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER[:-4],
        PETER.replace("PeterNeumann", "Peter Neumann"),
        "+00000000+AA==",
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Verifier.of(text)


@pytest.mark.parametrize(
    "text",
    ["", "log\n", "log\n07\nAA==\n", f"log\n-1\n{base64.b64encode(bytes(32)).decode()}\n", "log\n7\nAA==\n", "log\n7\n*\n"],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(BadNote):
        Checkpoint.of(text)


@pytest.mark.parametrize(
    "said",
    [
        "",
        "text\n",
        "text\n\nname AAAAAAAA\n",
        "text\n\n— name\n",
        "text\n\n— name AAAA\n",
        "text\n\n— name AAAAAAAA",
        "text\n\n\n",
    ],
)
def test_what_is_no_note_is_refused(said: str) -> None:
    with pytest.raises(BadNote):
        Note.of(said)


@given(st.text(max_size=300))
def test_whatever_is_read_is_a_note_or_refused(said: str) -> None:
    try:
        note = Note.of(said)
    except BadNote:
        return
    assert Note.of(str(note)) == note
