"""What witnesses signed, kept beside the checkpoints: only of those whom the settings name, one line each, the newest."""

import time
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from audit.cosignatures import accept, last_witnessed, lines_for
from audit.errors import InvalidCosignature, NotSealed
from audit.models import Checkpoint, Cosignature
from audit.note import COSIGNATURE, BadNote, Note, Signer
from audit.note import Checkpoint as Said
from audit.seal import origin, seal
from audit.services import record
from console.checks import named_keys_are_keys
from tests.audit.conftest import entry

KEY = Signer("countersign/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
ONE, TWO, STRANGER = (
    Signer(f"{name}.example", Ed25519PrivateKey.from_private_bytes(bytes([number]) * 32))
    for number, name in enumerate(("one", "two", "stranger"), start=1)
)


@pytest.fixture
def kept(fresh_database: Any, settings: Any) -> Note:
    """The note of a checkpoint of three entries, where two witnesses are named."""
    settings.SEAL_WITNESSES = [str(one.verifier(COSIGNATURE)) for one in (ONE, TWO)]
    return sealed()


def sealed() -> Note:
    record([entry() for _ in range(3)])
    checkpoint = seal(Signer(origin(), KEY.key))
    assert checkpoint is not None
    return Note.of(checkpoint.note)


def cosigned(note: Note, *by: Signer, at: int = 1_700_000_000) -> str:
    return str(Note(note.text, (*note.signatures, *(one.cosign(note.text, at) for one in by))))


def test_lines_of_named_witnesses_are_kept_and_those_of_others_are_not(kept: Note) -> None:
    accept(cosigned(kept, ONE, STRANGER))
    accept(cosigned(kept, TWO))
    assert lines_for(3) == [str(one.cosign(kept.text, 1_700_000_000)) for one in (ONE, TWO)]
    assert lines_for(2) == []


def test_of_each_witness_the_newest_line_is_kept(kept: Note) -> None:
    for at in (1_700_000_000, 1_700_000_200, 1_700_000_100):
        accept(cosigned(kept, ONE, at=at))
    assert lines_for(3) == [str(ONE.cosign(kept.text, 1_700_000_200))]
    assert Cosignature.objects.count() == 1


def test_which_checkpoint_was_last_witnessed_is_known(kept: Note) -> None:
    assert last_witnessed() is None
    accept(cosigned(kept, ONE))
    newer = sealed()
    accept(cosigned(newer, TWO))
    found = last_witnessed()
    assert found is not None
    assert (found.size, found.name, found.at.timestamp()) == (6, "two.example", 1_700_000_000)


@pytest.mark.parametrize(
    "crime", ["nobody", "stranger", "forged", "another text", "another signed text", "to come", "no note", ""]
)
def test_what_no_named_witness_signed_is_refused(kept: Note, crime: str) -> None:
    forged = ONE.cosign(kept.text, 1)
    other = Note(str(Said(origin(), 3, bytes(32))), ())
    said = {
        "nobody": str(kept),
        "stranger": cosigned(kept, STRANGER),
        "forged": str(Note(kept.text, (type(forged)(forged.name, forged.key_id, bytes(8) + forged.signature[8:]),))),
        "another text": str(Note(kept.text, (ONE.cosign(other.text, 1),))),
        "another signed text": cosigned(other, ONE),
        "to come": cosigned(kept, ONE, at=int(time.time()) + 9_999),
        "no note": "no note",
        "": "",
    }
    with pytest.raises(InvalidCosignature):
        accept(said[crime])
    assert lines_for(3) == []


@pytest.mark.parametrize("size", [2, 4, 2**63, 2**200])
def test_a_size_at_which_nothing_was_signed_is_told(kept: Note, size: int) -> None:
    with pytest.raises(NotSealed):
        accept(cosigned(Note(str(Said(origin(), size, bytes(32))), ()), ONE))


def test_a_witness_that_is_no_witness_is_told(kept: Note, settings: Any) -> None:
    settings.SEAL_WITNESSES = [str(KEY.verifier())]
    with pytest.raises((BadNote, InvalidCosignature), match="not a witness's"):
        accept(cosigned(kept, ONE))
    assert Checkpoint.objects.count() == 1


def test_settings_that_name_no_key_are_told_before_anything_starts(settings: Any) -> None:
    settings.SEAL_PUBLIC_KEY = [str(KEY.verifier())]
    settings.SEAL_WITNESSES = [str(ONE.verifier(COSIGNATURE))]
    assert named_keys_are_keys() == []
    settings.SEAL_PUBLIC_KEY = ["nonsense"]
    settings.SEAL_WITNESSES = [str(KEY.verifier())]
    assert [told.id for told in named_keys_are_keys()] == ["countersign.E001"] * 2
