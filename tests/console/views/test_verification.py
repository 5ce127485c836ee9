"""The page of verification: verdicts, how the log stands, the banner on all audit pages, and the answer to a finding."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone

from audit.actors import SYSTEM
from audit.events import EventKind
from audit.index import index_log
from audit.models import AuditEntry, VerificationRun
from audit.services import Entry, record
from audit.verifications import begin

SignedIn = Callable[[User | None], Client]
BANNER = "<span>The log does not verify</span>"
PAGES = ("/audit/", "/audit/1/", "/audit/verification/")


@pytest.fixture
def tampered(fresh_database: Any) -> Iterator[psycopg.Connection[Any]]:
    """A log of which an entry says something else than its bytes."""
    record([Entry("session:S-1", EventKind.SESSION_RESUMED, SYSTEM, {"n": n}, ids=("S-1",)) for n in range(3)])
    index_log()
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        raw.execute("UPDATE audit_entry SET body_json = '{}' WHERE stream = 'session:S-1' AND seq = 2")
        yield raw


@pytest.mark.parametrize("forged", [
    b"\xff\xfe",
    b"[" * 3000 + b"]" * 3000,
    b'{"ids":5,"principal":[],"content":{"note":7},"rev":"x","closes":3,"trace":[1],"facts":[2]}',
    b'{"ids":[1,[2]],"principal":{"name":["x"],"token":1},"content":{"note":{"class":[]}},"rev":true}',
])  # fmt: skip
def test_an_entry_that_was_forged_is_shown_as_far_as_it_can_be_read(
    tampered: psycopg.Connection[Any], signed_in: SignedIn, audrey: User, forged: bytes
) -> None:
    tampered.execute("UPDATE audit_entry SET body = %s WHERE stream = 'session:S-1' AND seq = 2", [forged])
    for path in ("/audit/", "/audit/2/", "/audit/sessions/S-1/", "/api/v1/audit/entries", "/api/v1/audit/entries/2"):
        assert signed_in(audrey).get(path).status_code == 200, path


@pytest.mark.parametrize("forged", ["infinity", "-infinity", "0044-03-15 BC", "0001-01-01", "9999-12-31 23:59Z", "12026-11-24"])
def test_an_entry_with_a_time_beyond_all_calendars_is_shown_and_so_are_those_beside_it(
    tampered: psycopg.Connection[Any], signed_in: SignedIn, audrey: User, forged: str
) -> None:
    tampered.execute("UPDATE audit_entry SET at = %s::timestamptz WHERE stream = 'session:S-1' AND seq = 2", [forged])
    client = signed_in(audrey)
    for path in ("/audit/", "/audit/2/", "/audit/sessions/", "/audit/sessions/S-1/", "/api/v1/audit/entries",
                 "/api/v1/audit/entries/2", "/api/v1/audit/sessions/S-1"):  # fmt: skip
        answer = client.get(path, headers={"X-Time-Zone": "Pacific/Kiritimati"})
        assert answer.status_code == 200, path
    assert client.get("/api/v1/audit/entries/2").json()["at"][:4] in ("0002", "9998")


def test_how_the_log_stands_is_shown_before_and_after(fresh_database: Any, signed_in: SignedIn, audrey: User) -> None:
    record([Entry("policy", EventKind.POLICY_REVISED, SYSTEM, {"n": n}) for n in range(8)])
    client = signed_in(audrey)
    before = client.get("/audit/verification/").content.decode()
    assert "Not verified yet" in before
    assert "Nothing was verified yet" in before
    answer = client.post("/audit/verify/", follow=True)
    assert answer.redirect_chain[-1][0] == f"/audit/verification/{VerificationRun.objects.get().pk}/"
    assert "The log is unbroken" in answer.content.decode()
    after = client.get("/audit/verification/").content.decode()
    assert "Unbroken" in after
    assert "to entry" in after
    assert "Nothing is signed" in after
    assert "By nobody" in after


def test_the_log_is_not_called_good_while_a_finding_is_unanswered(
    tampered: psycopg.Connection[Any], signed_in: SignedIn, audrey: User
) -> None:
    client = signed_in(audrey)
    found = client.post("/audit/verify/", follow=True).redirect_chain[-1][0]
    page = client.get("/audit/verification/").content.decode()
    assert "Known to be good" not in page
    assert "Not any more: verification" in page
    client.post(f"{found}acknowledge/", {"note": "It was the drill of the operators."})
    assert "Not any more" not in client.get("/audit/verification/").content.decode()


def test_the_log_is_not_called_good_after_an_answer_either_until_it_was_found_good(
    tampered: psycopg.Connection[Any], signed_in: SignedIn, audrey: User
) -> None:
    """It verified before; what was found since is answered, and still wrong."""
    client = signed_in(audrey)
    good = VerificationRun.objects.create(
        what="whole", ok=True, upto=3, checked=3, actor_kind="system", ended_at=timezone.now()
    )
    found = client.post("/audit/verify/", follow=True).redirect_chain[-1][0]
    client.post(f"{found}acknowledge/", {"note": "It was the drill of the operators."})
    page = client.get("/audit/verification/").content.decode()
    assert "Known to be good" not in page
    assert f"Found wrong and answered: verification {good.pk + 1}" in page
    VerificationRun.objects.create(what="whole", ok=True, upto=9, checked=9, actor_kind="system", ended_at=timezone.now())
    assert "Known to be good" in client.get("/audit/verification/").content.decode()


def test_what_cannot_be_verified_is_said_with_what_was_typed(fresh_database: Any, signed_in: SignedIn, audrey: User) -> None:
    client = signed_in(audrey)
    wrong = client.post("/audit/verify/", {"since": "no <note>"})
    assert wrong.status_code == 422
    assert "no &lt;note&gt;" in wrong.content.decode()
    unknown = client.post("/audit/verify/", {"stream": "session:S-404"})
    assert unknown.status_code == 404
    assert 'value="session:S-404"' in unknown.content.decode()
    assert client.post("/audit/verify/", {"stream": "a\0b"}).status_code == 404
    assert client.post("/audit/verify/", {"since": "a\0b"}).status_code == 422


def test_a_finding_stands_on_all_audit_pages_until_somebody_answers(
    tampered: psycopg.Connection[Any], signed_in: SignedIn, audrey: User, olga: User, remy: User
) -> None:
    """UI.md, Chain broken: the first wrong entry, the last good one, and both copies to take away."""
    client = signed_in(audrey)
    wrong = AuditEntry.objects.get(stream="session:S-1", seq=2).place.log_index
    verdict = client.post("/audit/verify/", follow=True).content.decode()
    run = VerificationRun.objects.get(ok=False)
    assert "The log does not verify" in verdict
    assert f'href="/audit/{wrong}/"' in verdict
    assert f'href="/audit/{wrong - 1}/"' in verdict
    assert "its searchable copy says something else than its bytes" in verdict
    assert client.get(f"/audit/verification/{run.pk}/").content.decode().count(BANNER) == 1
    for path in PAGES:
        assert BANNER in client.get(path).content.decode(), path
    theirs = signed_in(remy).get("/audit/").content.decode()
    assert "Auditors and admins are told what" in theirs
    assert "evidence.json" not in theirs
    evidence = client.get(f"/audit/verification/{run.pk}/evidence.json")
    assert evidence.headers["Content-Disposition"] == f'attachment; filename="finding-{run.pk}.json"'
    told = evidence.json()
    assert told["entries"][0]["copy"] == "{}"
    assert '"n":1' in told["entries"][0]["bytes"]
    assert told["last_good"]["log_index"] == wrong - 1

    path = f"/audit/verification/{run.pk}/acknowledge/"
    assert signed_in(olga).post(path, {"note": "Not mine to say."}).status_code == 403
    assert client.post(path, {"note": " "}).status_code == 422
    long = client.post(path, {"note": "We looked. " * 200 + "Last <word>"})
    assert long.status_code == 422
    assert "This is 2211 characters long. Say it in 2000 at most." in long.content.decode()
    assert "Last &lt;word&gt;</textarea>" in long.content.decode()
    said = client.post(path, {"note": "We <tried> it."}, follow=True).content.decode()
    assert "We &lt;tried&gt; it." in said
    for path in PAGES:
        assert BANNER not in client.get(path).content.decode(), path


def test_findings_of_a_kind_are_answered_together_on_the_page(
    tampered: psycopg.Connection[Any], signed_in: SignedIn, audrey: User, olga: User
) -> None:
    """What bulk damage left: the page says how many there are and where, and one answer is about exactly these."""
    client = signed_in(audrey)
    tampered.execute("UPDATE audit_entry SET body_json = '{}' WHERE stream = 'session:S-1'")
    page = client.post("/audit/verify/", follow=True).content.decode()
    run = VerificationRun.objects.get(ok=False)
    assert "3 findings of this kind, all of <b" in page
    assert "Write it down for all 3" in page
    path = f"/audit/verification/{run.pk}/acknowledge/"
    said = {"note": "An import of ours.", "together": "yes"}
    assert signed_in(olga).post(path, said).status_code == 403
    assert client.post(path, said).status_code == 302
    client.post("/audit/verify/")
    assert BANNER not in client.get("/audit/").content.decode()


def test_who_answers_after_somebody_else_is_shown_who_did_and_what_was_typed_stays(
    tampered: psycopg.Connection[Any], signed_in: SignedIn, audrey: User, ada: User
) -> None:
    client = signed_in(audrey)
    client.post("/audit/verify/")
    run = VerificationRun.objects.get(ok=False)
    path = f"/audit/verification/{run.pk}/acknowledge/"
    signed_in(ada).post(path, {"note": "The restore test of Friday."})
    late = client.post(path, {"note": "A <drill> of ours."})
    page = late.content.decode()
    assert late.status_code == 409
    assert "Your answer was not written down" in page
    assert "Ada has answered this finding already" in page
    assert "A &lt;drill&gt; of ours." in page
    assert "The restore test of Friday." in page
    run.refresh_from_db()
    assert run.note == "The restore test of Friday."


def test_a_verification_that_runs_shows_how_far_it_is(fresh_database: Any, signed_in: SignedIn, audrey: User) -> None:
    record([Entry("policy", EventKind.POLICY_REVISED, SYSTEM, {"n": n}) for n in range(8)])
    run = begin("whole", SYSTEM)
    VerificationRun.objects.update(place=4, upto=8)
    client = signed_in(audrey)
    shown = client.get(f"/audit/verification/{run.pk}/").content.decode()
    assert "4 of 8 entries done" in shown
    assert 'value="50"' in shown
    assert "50 %" in client.get("/audit/verification/").content.decode()
    assert client.post("/audit/verify/").status_code == 409


def test_there_is_no_evidence_of_what_is_well(fresh_database: Any, signed_in: SignedIn, audrey: User) -> None:
    client = signed_in(audrey)
    client.post("/audit/verify/")
    run = VerificationRun.objects.get()
    assert client.get(f"/audit/verification/{run.pk}/evidence.json").status_code == 404
    assert client.get("/audit/verification/999/").status_code == 404
