"""Verification over the API: since a checkpoint, what was found before, and the answer to a finding."""

from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User

from audit import findings
from audit.note import Checkpoint, Note, Signer
from audit.seal import newest, origin, seal
from audit.verifications import finished
from console import verifying
from tests.console.api.calls import Program, refused
from tests.console.api.test_audit import write

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


@pytest.fixture
def signer(fresh_database: Any) -> Signer:
    return Signer(origin(), KEY)


@pytest.fixture
def tampered(fresh_database: Any, olga: User) -> None:
    """A log of which an entry says something else than its bytes."""
    write(olga, count=3)
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        raw.execute("UPDATE audit_entry SET kind = 'session.failed' WHERE stream = 'session:S-1' AND seq = 2")


def test_what_follows_a_checkpoint_that_somebody_kept_is_verified(
    signer: Signer, audrey: User, olga: User, settings: Any
) -> None:
    """Signed by the key that is trusted; without one the outcome says that it was not checked."""
    write(olga, count=3)
    seal(signer)
    kept = newest()
    assert kept is not None
    write(olga, count=2)
    program = Program(audrey)
    answer = program.post("/audit/verify", {"since": kept.note}).json()
    assert (answer["ok"], answer["first_bad"]) == (True, None)
    assert "SEAL_PUBLIC_KEY" in program.get(f"/audit/verifications/{answer['run']}").json()["remark"]
    settings.SEAL_PUBLIC_KEY = [str(signer.verifier())]
    answer = program.post("/audit/verify", {"since": kept.note}).json()
    assert program.get(f"/audit/verifications/{answer['run']}").json()["remark"] == ""
    settings.SEAL_PUBLIC_KEY = [str(Signer(origin(), OTHER).verifier())]
    refused(program.post("/audit/verify", {"since": kept.note}), 422, "invalid_checkpoint")


def test_a_note_that_is_none_of_this_log_is_refused_and_no_finding(signer: Signer, audrey: User) -> None:
    text = str(Checkpoint("countersign/another", 3, bytes(32)))
    other = str(Note(text, (signer.sign(text),)))
    for note in ("nothing", "a\n\nb\n", other):
        refused(Program(audrey).post("/audit/verify", {"since": note}), 422, "invalid_checkpoint")
    assert Program(audrey).get("/audit/verifications").json()["items"] == []


def test_a_log_that_is_not_what_the_checkpoint_says_is_found(signer: Signer, audrey: User, olga: User) -> None:
    """Put back, or rewritten, with its checkpoints: seen by whoever kept one."""
    write(olga, count=3)
    for size, root, reason in ((3, bytes(32), "not what the given checkpoint says"), (999, bytes(32), "it is missing")):
        text = str(Checkpoint(origin(), size, root))
        answer = Program(audrey).post("/audit/verify", {"since": str(Note(text, (signer.sign(text),)))}).json()
        assert answer["ok"] is False
        assert reason in answer["first_bad"]["reason"]


@pytest.mark.usefixtures("tampered")
def test_a_finding_is_kept_with_its_evidence_and_answered(audrey: User, ada: User, olga: User, remy: User) -> None:
    program = Program(audrey)
    run = program.post("/audit/verify").json()
    assert (run["ok"], run["first_bad"]["stream"], run["first_bad"]["seq"]) == (False, "session:S-1", 2)
    path = f"/audit/verifications/{run['run']}"
    assert program.get(path).json()["evidence"]["entries"][0]["kind"] == "session.failed"
    refused(Program(olga).post(f"{path}/acknowledge", {"note": "Mine."}), 403, "forbidden")
    refused(program.post(f"{path}/acknowledge", {"note": ""}), 422, "invalid_request")
    answered = Program(ada).post(f"{path}/acknowledge", {"note": "The restore test of Friday."}).json()
    assert (answered["acknowledged_by"], answered["note"]) == ("Ada", "The restore test of Friday.")
    told = refused(program.post(f"{path}/acknowledge", {"note": "Again."}), 409, "already_acknowledged")
    assert "Ada has answered this finding already, at " in told["detail"]
    assert program.get(path).json()["note"] == "The restore test of Friday."
    refused(program.get("/audit/verifications/999"), 404, "unknown_verification")
    refused(Program(remy).get(path), 403, "forbidden")


def test_findings_of_a_kind_are_answered_together(fresh_database: Any, audrey: User, olga: User) -> None:
    """One answer, one entry that names the range, and nothing left to answer."""
    write(olga, count=5)
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        raw.execute("UPDATE audit_entry SET tool = 'rm' WHERE stream = 'session:S-1' AND seq > 2")
    program = Program(audrey)
    path = f"/audit/verifications/{program.post('/audit/verify').json()['run']}"
    covers = program.get(path).json()["covers"]
    assert (covers["findings"], covers["stream"], covers["first_seq"], covers["last_seq"]) == (3, "session:S-1", 3, 5)
    refused(Program(olga).post(f"{path}/acknowledge", {"note": "Mine.", "together": True}), 403, "forbidden")
    answer = program.post(f"{path}/acknowledge", {"note": "An import of ours.", "together": True})
    assert answer.json()["acknowledged_by"] == "Audrey"
    (said,) = program.get("/audit/entries?kind=audit.acknowledged").json()["items"]
    assert {name: said["facts"][name] for name in ("findings", "stream", "first_seq", "last_seq")} == {
        "findings": 3, "stream": "session:S-1", "first_seq": 3, "last_seq": 5,
    }  # fmt: skip
    again = program.get(f"/audit/verifications/{program.post('/audit/verify').json()['run']}").json()
    assert (again["ok"], again["acknowledged_by"], again["covers"]) == (False, "Audrey", None)


def test_verifications_are_listed_newest_first(fresh_database: Any, audrey: User, olga: User) -> None:
    write(olga)
    program = Program(audrey)
    runs = [program.post("/audit/verify").json()["run"] for _ in range(3)]
    page = program.get("/audit/verifications?limit=2").json()
    rest = program.get(f"/audit/verifications?limit=2&cursor={page['next_cursor']}").json()
    assert [one["run"] for one in page["items"] + rest["items"]] == runs[::-1]
    assert {one["by"] for one in page["items"]} == {"Audrey"}


def test_a_long_log_is_verified_in_the_background(
    fresh_database: Any, audrey: User, olga: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer comes at once, with the number by which its outcome is asked for; a second one has to wait for it."""
    asked: list[str] = []
    monkeypatch.setattr(verifying, "SMALL", 0)
    monkeypatch.setattr(verifying, "verify_soon", lambda: asked.append("soon"))
    write(olga, count=3)
    program = Program(audrey)
    run = program.post("/audit/verify").json()
    assert (run["ok"], run["checked"], asked) == (None, 0, ["soon"])
    refused(program.post("/audit/verify"), 409, "already_verifying")
    finished(findings.of(run["run"]))
    done = program.get(f"/audit/verifications/{run['run']}").json()
    assert done["ok"] is True
    assert done["place"] == done["upto"]
