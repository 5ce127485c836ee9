"""The witness of the log, over the API: it cosigns what continues, and finds what was rewritten, cut off or put back."""

import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User
from django_q.models import OrmQ

from agents.queue import BACKGROUND_CLUSTER
from audit import keys, merkle
from audit.actors import SYSTEM
from audit.cosignatures import accept
from audit.exports import work
from audit.exports.exports import ask_export
from audit.exports.models import Export
from audit.index import index_log
from audit.models import AuditEntry, Checkpoint
from audit.note import COSIGNATURE, Note, Signer
from audit.note import Checkpoint as Said
from audit.queries import EntryFilter
from audit.rotation import rotate
from audit.seal import origin, seal
from audit.services import record
from audit.witness import BROKEN, GOOD, UNUSABLE, LogBroken, Witness, main
from tests.audit.answering import answering
from tests.audit.conftest import entry
from tests.console.api.calls import Program, refused

NOW = 1_800_000_000
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def grown(count: int = 3) -> Signer:
    """A log with more entries, signed."""
    record([entry() for _ in range(count)])
    index_log(patience_ms=2000)
    signer = Signer(origin(), KEY)
    seal(signer)
    return signer


@pytest.fixture
def witness(db: None, audrey: User, tmp_path: Path) -> Witness:
    program = Program(audrey)

    def fetch(path: str) -> Mapping[str, Any]:
        answer = program.get(path)
        return answer.json() if answer.status_code == 200 else {}

    own = keys.make(tmp_path / "witness.key", "witness.example")
    return Witness(own, Signer(origin(), KEY).verifier(), tmp_path / "seen.sqlite3", fetch)


def test_a_log_that_grows_is_cosigned_each_time(witness: Witness) -> None:
    log = grown()
    first = witness.look(NOW)
    assert witness.look(NOW + 1).text == first.text
    grown(300)
    note = Note.of(str(witness.look(NOW + 2)))
    assert [key.name for key, _ in note.signed_by([log.verifier(), witness.signer.verifier(COSIGNATURE)])] == [
        origin(),
        "witness.example",
    ]


def test_a_log_put_back_to_an_older_state_is_found(witness: Witness) -> None:
    grown()
    older = Checkpoint.objects.get()
    grown()
    witness.look(NOW)
    back = replace(witness, fetch=lambda _: {"note": older.note})
    with pytest.raises(LogBroken, match="put back"):
        back.look(NOW + 1)


def another(size: int, signer: Signer) -> Any:
    """What a log of other entries would answer, that knows every rule."""
    leaves = [merkle.leaf_hash(bytes([number] * 32)) for number in range(size)]

    def read(level: int, start: int, count: int) -> list[bytes]:
        return leaves[start : start + count]

    text = str(Said(signer.name, size, merkle.root(read, size)))
    note = str(Note(text, (signer.sign(text),)))

    def fetch(path: str) -> Mapping[str, Any]:
        if path == "/audit/checkpoint":
            return {"note": note}
        older = int(path.partition("older=")[2].partition("&")[0])
        return {"path": [step.hex() for step in merkle.consistency_proof(read, older, size)]}

    return fetch


@pytest.mark.parametrize("more", [0, 1, 60])
def test_a_log_that_was_rewritten_and_signed_anew_is_found(witness: Witness, more: int) -> None:
    """By somebody who has the log's key and every right in the database."""
    grown()
    seen = Said.of(witness.look(NOW).text)
    forged = replace(witness, fetch=another(seen.size + more, Signer(origin(), KEY)))
    with pytest.raises(LogBroken, match="not what they were"):
        forged.look(NOW + 1)


@pytest.mark.parametrize("path", [["zz"], "none", None, ["00"], 7])
def test_a_log_without_a_proof_that_it_continues_is_not_cosigned(witness: Witness, path: Any) -> None:
    grown()
    witness.look(NOW)
    grown()
    newest = witness.fetch("/audit/checkpoint")
    mute = replace(witness, fetch=lambda asked: newest if asked == "/audit/checkpoint" else {"path": path})
    with pytest.raises(LogBroken):
        mute.look(NOW + 1)


def test_only_the_given_key_is_trusted(witness: Witness) -> None:
    grown()
    stranger = replace(witness, trusted=Signer(origin(), Ed25519PrivateKey.generate()).verifier())
    with pytest.raises(LogBroken, match="is not signed by"):
        stranger.look(NOW)
    with pytest.raises(LogBroken, match="no checkpoint"):
        replace(witness, fetch=lambda _: {}).look(NOW)


def test_a_key_that_took_the_place_of_the_given_one_is_followed_and_no_other(witness: Witness, tmp_path: Path) -> None:
    path = tmp_path / "seal.key"
    first = keys.make(path, origin())
    record([entry()])
    seal(first)
    seeing = replace(witness, trusted=first.verifier())
    seeing.look(NOW)
    seal(rotate(path))
    assert Said.of(seeing.look(NOW + 1).text).size == AuditEntry.objects.count()

    def hiding(path: str) -> Mapping[str, Any]:
        return {} if "key_rotated" in path else witness.fetch(path)

    with pytest.raises(LogBroken, match="is not signed by"):
        replace(seeing, fetch=hiding).look(NOW + 2)
    stranger = replace(witness, trusted=Signer(origin(), Ed25519PrivateKey.generate()).verifier())
    with pytest.raises(LogBroken):
        stranger.look(NOW + 3)


def test_what_a_witness_signed_is_kept_and_shown_with_the_checkpoint(witness: Witness, audrey: User, settings: Any) -> None:
    settings.SEAL_WITNESSES = [str(witness.signer.verifier(COSIGNATURE))]
    grown()
    note, program = witness.look(NOW - 200_000_000), Program(audrey)
    answer = program.post("/audit/cosignatures", {"note": str(note)})
    assert answer.status_code == 200, answer.content
    assert answer.json()["cosignatures"] == [str(note.signatures[-1])]
    assert program.get("/audit/checkpoint").json()["cosignatures"] == [str(note.signatures[-1])]
    stranger = replace(witness, signer=Signer("stranger.example", KEY), store=witness.store.with_name("other"))
    refused(program.post("/audit/cosignatures", {"note": str(stranger.look(NOW))}), 422, "invalid_cosignature")
    refused(program.post("/audit/cosignatures", {"note": "nonsense"}), 422, "invalid_cosignature")
    refused(program.post("/audit/cosignatures", {}), 422, "invalid_request")


def test_as_a_command_it_makes_a_key_once_and_says_why_it_could_not_look(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["key", "witness.example"]) == GOOD
    made = capsys.readouterr().out
    assert made.startswith("witness.example+")
    assert main(["key", "witness.example"]) == UNUSABLE
    assert main(["key", "--show"]) == GOOD
    assert capsys.readouterr().out == made
    assert main(["look", "http://127.0.0.1:9", str(Signer("log", KEY).verifier())]) == UNUSABLE
    assert "could not be asked" in capsys.readouterr().err
    assert main(["look", "http://127.0.0.1:9", "no key"]) == UNUSABLE


REFUSAL = b'{"detail": "None of the witnesses named\\u001b[2J signed it."}'


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (b"SSH-2.0-nothing\r\n", "did not answer as the API does"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{", "did not answer as the API does"),
        (b"HTTP/1.1 200 OK\r\n\r\n" + b"[" * 100_000, "did not answer as the API does"),
        (b"HTTP/1.1 401 No\r\n\r\nlocked", "refused with 401"),
        (b"HTTP/1.1 422 No\r\n\r\n" + REFUSAL, "refused with 422: None of the witnesses named\\x1b[2J signed it."),
    ],
)
def test_as_a_command_it_could_not_look_where_the_answer_is_none_of_the_apis(
    answer: bytes, told: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1 is the word for a log that was rewritten: whatever else goes wrong leaves with 2, and says what the console said."""
    monkeypatch.chdir(tmp_path)
    main(["key", "witness.example"])
    with answering(answer) as address:
        assert main(["look", address, str(Signer("log", KEY).verifier())]) == UNUSABLE
    assert told in capsys.readouterr().err


def test_as_a_command_without_a_key_it_says_how_a_witness_gets_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["look", "http://127.0.0.1:9", str(Signer("log", KEY).verifier())]) == UNUSABLE
    assert "python -m audit.witness key NAME" in capsys.readouterr().err


def test_as_a_command_it_leaves_with_1_where_the_log_is_broken(
    witness: Witness, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setattr("audit.witness.over_http", lambda *_: witness.fetch)
    words = [
        "look",
        "http://here",
        str(witness.trusted),
        "--store",
        str(witness.store),
        "--key",
        str(witness.store.parent / "witness.key"),
    ]
    grown()
    assert main(words) == GOOD
    assert Note.of(capsys.readouterr().out).text == str(Said.of(witness.look(NOW).text))
    monkeypatch.setattr("audit.witness.over_http", lambda *_: another(1, Signer(origin(), KEY)))
    assert main(words) == BROKEN
    assert "put back" in capsys.readouterr().err


def test_a_bundle_that_waits_for_a_witness_is_made_when_one_signed(
    witness: Witness, audrey: User, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    """Not when the next minute looks for what is due."""
    settings.SEAL_WITNESSES = [str(witness.signer.verifier(COSIGNATURE))]
    grown()
    program = Program(audrey)
    ref = program.post("/audit/exports", {}).json()["id"]
    grown()
    claimed = work.claim()
    assert claimed is not None
    work.make(claimed, until=time.monotonic() + 6000)
    waiting = Export.objects.get()
    assert (waiting.status, waiting.size, work.claim()) == ("queued", None, None)
    with django_capture_on_commit_callbacks(execute=True):
        assert program.post("/audit/cosignatures", {"note": str(witness.look(NOW - 200_000_000))}).status_code == 200
    assert [task.task["func"] for task in OrmQ.objects.filter(key=BACKGROUND_CLUSTER)][-1:] == ["agents.tasks.export"]
    assert not work.work_open()
    assert program.get(f"/audit/exports/{ref}").json()["status"] == "ready"


def test_a_witness_that_signs_while_a_bundle_is_put_back_is_seen(
    witness: Witness, audrey: User, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It woke nobody, for nobody slept yet."""
    settings.SEAL_WITNESSES = [str(witness.signer.verifier(COSIGNATURE))]
    grown()
    ask_export(kind="bundle", where=EntryFilter(), actor=SYSTEM)
    grown()
    put_back = work._move

    def signed_meanwhile(row: Export, event: str, values: dict[str, Any], *more: Any) -> None:
        if event == "release":
            accept(str(witness.look(NOW - 200_000_000)))
            assert work.wake() == 0
        put_back(row, event, values, *more)

    monkeypatch.setattr(work, "_move", signed_meanwhile)
    assert not work.work_open()
    assert Export.objects.get().status == "ready"
