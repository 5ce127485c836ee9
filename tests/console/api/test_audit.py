"""The audit trail over the API."""

import hashlib
import json
from enum import Enum
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User

from audit import merkle
from audit.actors import Actor
from audit.events import EventKind
from audit.index import index_log
from audit.note import Checkpoint, Note, Signer
from audit.seal import origin, seal
from audit.services import Entry, record
from tests.console.api.calls import Program, refused


def write(user: User, kind: EventKind = EventKind.DECISION_MADE, stream: str = "session:S-1", count: int = 1) -> None:
    """Write entries by a user, and give them their place."""
    actor = Actor("user", str(user.pk), user.first_name)
    record([Entry(stream, kind, actor, {"tool": "send_email", "n": n}, ids=(stream.partition(":")[2],)) for n in range(count)])
    index_log(patience_ms=2000)


@pytest.mark.django_db
def test_entries_come_with_their_place_and_their_hashes(audrey: User, olga: User) -> None:
    """API.md, Resources: log index, hash, previous hash; newest first."""
    write(olga, count=3)
    found = Program(audrey).get("/audit/entries?stream=session:S-1").json()["items"]
    assert [one["facts"]["n"] for one in found] == [2, 1, 0]
    assert found[0]["previous_hash"] == found[1]["hash"]
    assert found[0]["log_index"] == found[1]["log_index"] + 1
    assert found[0]["principal"] == {"kind": "user", "id": str(olga.pk), "name": "Olga", "token": ""}
    exact = Program(audrey).get(f"/audit/entries/{found[0]['log_index']}").json()
    assert json.loads(exact["bytes"])["facts"] == {"tool": "send_email", "n": 2}
    assert len(hashlib.sha256(exact["bytes"].encode()).hexdigest()) == len(exact["hash"])


@pytest.mark.django_db
def test_filters_and_cursors_narrow_and_walk(audrey: User, olga: User, remy: User) -> None:
    """stream, principal, kind, tool, from, to, q."""
    write(olga, count=3)
    write(remy, EventKind.SESSION_CANCELLED, "session:S-2")
    program = Program(audrey)
    for query, count in (
        ("stream=session:S-2", 1),
        (f"principal=user:{remy.pk}&kind=session.cancelled", 1),
        (f"principal=user:{olga.pk}&kind=decision", 3),
        ("tool=send_email", 4),
        ("tool=send_email&to=2020-01-01T00:00:00Z", 0),
        ("tool=send_email&from=2020-01-01T00:00:00Z", 4),
        ("tool=send_email&from=0001-01-01T00:00:00Z&to=9999-12-31T00:00:00Z", 4),
        ("tool=send_email&q=remy", 1),
        ("q=%22%27()%26!", 0),
    ):
        answer = program.get(f"/audit/entries?{query}")
        assert (answer.status_code, len(answer.json()["items"])) == (200, count), query
    page = program.get("/audit/entries?stream=session:S-1&limit=2").json()
    rest = program.get(f"/audit/entries?stream=session:S-1&limit=2&cursor={page['next_cursor']}").json()
    assert [one["facts"]["n"] for one in page["items"] + rest["items"]] == [2, 1, 0]
    assert rest["next_cursor"] is None
    refused(program.get("/audit/entries?from=yesterday"), 422, "invalid_request")
    refused(program.get("/audit/entries?from=2026-01-01T00:00:00"), 422, "invalid_request")
    refused(program.get("/audit/entries?q=%00"), 422, "invalid_request")
    for typo in ("usr", "users:7", "User:7", ":7"):
        told = refused(program.get(f"/audit/entries?principal={typo}"), 422, "invalid_request")["errors"][0]
        assert "Write user, service, agent or system" in told["msg"], typo


@pytest.mark.django_db
def test_a_kind_that_there_is_not_is_refused_and_those_near_it_are_named(audrey: User, olga: User) -> None:
    """A slip of the pen is not an empty trail; what another version wrote is found by its kind."""
    program = Program(audrey)
    problem = refused(program.get("/audit/entries?kind=decision.mad"), 422, "invalid_request")
    assert problem["errors"][0]["loc"] == ["query", "kind"]
    assert "near it are decision.made" in problem["errors"][0]["msg"]
    refused(program.get("/audit/entries?kind=xyzzy"), 422, "invalid_request")
    assert program.get("/audit/entries?kind=session.recalled").status_code == 422
    Later = Enum("Later", {"RECALLED": "session.recalled"})  # noqa: N806  the vocabulary of another version
    recalled: Any = Later.RECALLED
    write(olga, recalled)
    found = program.get("/audit/entries?kind=session.recalled").json()["items"]
    assert [one["kind"] for one in found] == ["session.recalled"]


@pytest.mark.django_db
def test_reviewers_read_what_they_did_and_nothing_else(remy: User, olga: User, vic: User) -> None:
    """API.md, Rights: own decisions; viewers nothing."""
    write(olga)
    write(remy)
    program = Program(remy)
    found = program.get(f"/audit/entries?principal=user:{olga.pk}").json()["items"]
    assert {one["principal"]["id"] for one in found} == {str(remy.pk)}
    mine = next(one for one in found if one["kind"] == "decision.made")
    assert program.get(f"/audit/entries/{mine['log_index']}").status_code == 200
    refused(program.get(f"/audit/entries/{mine['log_index'] - 1}"), 404, "not_found")
    refused(program.post("/audit/verify"), 403, "forbidden")
    refused(Program(vic).get("/audit/entries"), 403, "forbidden")


@pytest.mark.django_db
def test_there_is_no_such_entry(audrey: User) -> None:
    """404, and bounds on the number."""
    refused(Program(audrey).get("/audit/entries/999999"), 404, "unknown_entry")
    refused(Program(audrey).get(f"/audit/entries/{2**64}"), 422, "invalid_request")


def test_verification_counts_what_it_checked_and_is_logged(fresh_database: object, audrey: User, olga: User) -> None:
    """API.md, Resources: POST /audit/verify."""
    write(olga, count=3)
    program = Program(audrey)
    answer = program.post("/audit/verify", {"stream": "session:S-1"}).json()
    assert answer == {"ok": True, "checked": 3, "first_bad": None, "run": answer["run"]}
    refused(program.post("/audit/verify", {"stream": "session:S-404"}), 404, "unknown_stream")
    whole = program.post("/audit/verify").json()
    assert whole["ok"]
    assert whole["checked"] > 3
    kinds = [one["kind"] for one in program.get("/audit/entries?stream=system").json()["items"]]
    assert kinds.count("audit.verified") == 2


@pytest.mark.django_db
def test_an_entry_is_proved_to_be_in_the_log_that_was_signed_and_an_earlier_log_to_be_its_beginning(
    audrey: User, olga: User
) -> None:
    """With what the API answers and the log's public key alone."""
    program, signer = Program(audrey), Signer(origin(), Ed25519PrivateKey.generate())
    refused(program.get("/audit/checkpoint"), 404, "not_sealed")
    write(olga, count=3)
    seal(signer)
    older = program.get("/audit/checkpoint").json()
    write(olga, count=4)
    seal(signer)

    index = program.get("/audit/entries?stream=session:S-1").json()["items"][-1]["log_index"]
    proof = program.get(f"/audit/entries/{index}/proof").json()
    note = Note.of(proof["checkpoint"]["note"])
    signed = Checkpoint.of(note.text)
    assert [key for key, _ in note.signed_by([signer.verifier()])] == [signer.verifier()]
    path, leaf = [bytes.fromhex(step) for step in proof["path"]], merkle.leaf_hash(bytes.fromhex(proof["entry_hash"]))
    assert merkle.proves_inclusion(path, index - 1, leaf, signed.size, signed.root)

    between = program.get(f"/audit/consistency?older={older['size']}").json()
    steps = [bytes.fromhex(step) for step in between["path"]]
    first = Checkpoint.of(Note.of(between["older"]["note"]).text)
    assert merkle.proves_consistency(steps, first.size, first.root, signed.size, signed.root)
    assert program.get(f"/audit/entries/1/proof?size={older['size']}").json()["checkpoint"] == older == between["older"]


@pytest.mark.django_db
def test_what_was_not_signed_is_said_not_to_be(audrey: User, olga: User) -> None:
    write(olga, count=3)
    seal(Signer(origin(), Ed25519PrivateKey.generate()))
    write(olga)
    program = Program(audrey)
    head = program.get("/audit/entries?stream=session:S-1").json()["items"][0]["log_index"]

    refused(program.get(f"/audit/entries/{head}/proof"), 404, "not_sealed")
    refused(program.get(f"/audit/entries/{head + 9}/proof"), 404, "unknown_entry")
    refused(program.get(f"/audit/checkpoint?size={head + 9}"), 404, "not_sealed")
    refused(program.get("/audit/consistency?older=0"), 422, "invalid_request")
    refused(Program(olga).get("/audit/consistency?older=2"), 404, "not_sealed")
