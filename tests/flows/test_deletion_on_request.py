"""Somebody asks that what was said for them is deleted: shown first, done once, told everywhere, and the log verifies. AUDIT-6."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.test import Client

from agents import erasure, services
from agents.agreement import check as agreement
from agents.erasure import ContentGone, SessionsOpen, StalePreview
from agents.errors import BadText
from agents.evals.recorded import from_life
from agents.loading import load
from agents.models import Session
from agents.models.library import Memory
from agents.reruns.reruns import start_rerun
from agents.tools.stores import MemoryStore
from approvals.digest import ERASED
from approvals.models import ApprovalRequest, Decision, StandingApproval
from approvals.sameness import Same
from audit.content import read_texts
from audit.models import AuditEntry, Content
from audit.retention import holds
from audit.retention.errors import ContentHeld
from tests.console.api.calls import Program, refused
from tests.console.views.conftest import signed_in
from tests.flows.conftest import World, actor_of

__all__ = ["signed_in"]

SignedIn = Callable[[User | None], Client]
MARIA = "maria@customer.example"
SECRET = "Calculate 4321 + 1. (secret-customer)"


def ended(world: World, goal: str = SECRET, **more: Any) -> Session:
    """A session on Maria's behalf that answered and was ended."""
    session = world.start(goal, **{"on_behalf_of": MARIA, **more})
    world.work()
    return services.cancel(session=session, actor=actor_of(world.olga))


def erased(world: World, by: str = "on_behalf_of", whose: str = MARIA) -> int:
    """Delete what a preview shows, and return the number of the request."""
    found = erasure.find(by, whose)
    row = erasure.erase(by=by, whose=whose, token=found.token, reason="She asked for it.", actor=actor_of(world.olga))
    return row.number


def test_what_was_said_for_a_customer_goes_and_the_log_stays_whole(world: World) -> None:
    """Texts, titles, memory and quotes; other people's sessions are left alone."""
    mine, other = ended(world), ended(world, on_behalf_of="bob@customer.example")
    MemoryStore({"session": mine.ref, "principal": MARIA}, mine.ref).save("principal", "likes", "short answers")
    found = erasure.find("on_behalf_of", MARIA)
    assert (found.sessions, found.open, found.held) == ((mine.ref,), (), ())
    assert found.texts["goal"] == 1
    assert found.goes["memories"] == 1
    number = erased(world)
    assert not Content.objects.filter(entry__stream=f"session:{mine.ref}").exists()
    assert Content.objects.filter(entry__stream=f"session:{other.ref}").exists()
    assert not Memory.objects.exists()
    mine.refresh_from_db()
    assert mine.title == "Deleted"
    told = AuditEntry.objects.filter(kind="content.deleted").get().body_json
    assert (told["ids"], told["facts"]["request"]) == ([mine.ref], number)
    assert "secret-customer" not in str(told)
    assert world.log_is_whole()
    assert agreement.check().ok, "the rows that are left still say what the log says"


def test_every_page_says_that_it_was_deleted_when_and_by_whom(world: World, signed_in: SignedIn, ada: User) -> None:
    """The session in each of its views, a turn, the entry; none of them shows a gap as if nothing had been there."""
    session = ended(world)
    number = erased(world)
    entry = AuditEntry.objects.filter(stream=f"session:{session.ref}", seq=1).values_list("place__log_index", flat=True).get()
    page = signed_in(ada)
    views = ("", "?view=waterfall&span=c1.1", "turns/?turn=1")
    for address in (*(f"/sessions/{session.ref}/{view}" for view in views), f"/audit/{entry}/"):
        answer = page.get(address)
        assert answer.status_code == 200, address
        text = answer.content.decode()
        assert f"by Olga, request {number}." in text, address
        assert "secret-customer" not in text, address
    assert page.get(f"/sessions/{session.ref}/?view=events").status_code == 200
    answer = Program(ada).get(f"/sessions/{session.ref}").json()
    assert (answer["title"], answer["goal"]) == ("Deleted", None)
    assert Program(ada).get(f"/sessions/{session.ref}/timeline").status_code == 200


def test_a_request_gives_up_what_was_decided_on_and_its_page_says_so(
    world: World, signed_in: SignedIn, ada: User, remy: User, mailoutbox: list[Any]
) -> None:
    """Edited arguments and the words of a rejection too; digests and verdicts stay, and the log says the same as the rows."""
    edited, rejected = (world.start(f"scenario: mail-once to={MARIA} token=T{n}", on_behalf_of=MARIA) for n in range(2))
    world.work()
    (one,), (other,) = world.pending(edited), world.pending(rejected)
    world.decide(one, remy, "edit", arguments={"to": [MARIA], "subject": "secret-subject", "body": "secret-body"})
    world.decide(other, remy, "reject", instruction="Not to secret-maria.")
    world.work()
    for session in (edited, rejected):
        services.cancel(session=session, actor=actor_of(world.olga))
    digests = {row.ref: row.digest for row in ApprovalRequest.objects.all()}
    assert erasure.find("on_behalf_of", MARIA).goes["arguments of requests"] == len(digests) >= 2
    number = erased(world)
    for row in ApprovalRequest.objects.all():
        assert (bytes(row.body), row.digest, row.summary, row.target) == (ERASED, digests[row.ref], "Deleted", "")
        kept = str([row.facts, row.taint, *row.decisions.values()])
        assert "secret" not in kept
        assert MARIA not in kept
        answer = signed_in(ada).get(f"/approvals/{row.ref}/")
        assert answer.status_code == 200
        assert f"by Olga, request {number}." in answer.content.decode()
        told = Program(ada).get(f"/approvals/{row.ref}")
        assert told.status_code == 200
        assert (told.json()["arguments"], told.json()["summary"]) == (None, "Deleted")
    assert {row.verdict for row in Decision.objects.all()} == {"edit", "reject"}
    report = agreement.check()
    assert report.ok, report.findings
    assert erasure.find("on_behalf_of", MARIA).goes["arguments of requests"] == 0


def test_a_standing_approval_gives_up_what_could_differ(
    world: World, signed_in: SignedIn, ada: User, remy: User, mailoutbox: list[Any]
) -> None:
    """Only once the deletion is recorded; who gave it, for how many calls, and what it covered stay, and so does the log."""
    session = world.start("scenario: mail-series to=kim@customer.example", on_behalf_of=MARIA)
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve", same=Same(count=2, minutes=30, vary=("body",)))
    world.work()
    emptied = "UPDATE approvals_standingapproval SET vary = '[]', up_to = '{}'"
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(emptied)
    services.cancel(session=session, actor=actor_of(world.olga))
    erased(world)
    standing = StandingApproval.objects.get()
    assert (standing.vary, standing.up_to, standing.count, standing.given_name) == ([], {}, 2, "Remy")
    refused_by = ApprovalRequest.objects.order_by("-number").first()
    assert refused_by is not None
    assert refused_by.facts == {}, "nor why it did not cover a further call"
    page = signed_in(ada).get(f"/approvals/{request.ref}/").content.decode()
    assert "What could differ was deleted." in page
    assert "more calls of <code>send_email</code>" in page
    assert agreement.check().ok
    assert world.log_is_whole()


def test_a_request_gives_up_nothing_that_nobody_asked_to_be_deleted(world: World, remy: User) -> None:
    """The database refuses it of a session whose deletion is not recorded, and the check of the rows finds it."""
    session = world.start("scenario: mail-once")
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "reject", instruction="Not to them.")
    world.work()
    for statement in (
        "UPDATE approvals_approvalrequest SET body = '{\"arguments\":{}}'",
        "UPDATE approvals_decision SET instruction = ''",
    ):
        with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
    with psycopg.connect(world.database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE approvals_approvalrequest DISABLE TRIGGER ALL")
        raw.execute("UPDATE approvals_approvalrequest SET body = '{\"arguments\":{}}'")
    assert "the hash of its bytes" in {one.what for one in agreement.check().findings}


def test_a_session_that_can_go_on_keeps_its_texts(world: World) -> None:
    """It is named; after it was ended the deletion goes through."""
    session = world.start(SECRET, on_behalf_of=MARIA)
    world.work()
    assert erasure.find("on_behalf_of", MARIA).open == (session.ref,)
    with pytest.raises(SessionsOpen, match=session.ref):
        erased(world)
    services.cancel(session=session, actor=actor_of(world.olga))
    erased(world)


def test_what_is_held_is_not_deleted(world: World) -> None:
    """For nobody, until the hold is lifted."""
    session = ended(world)
    hold = holds.place(scope="session", whose=session.ref, reason="A court asked for it", actor=actor_of(world.olga))
    with pytest.raises(ContentHeld):
        erased(world)
    assert Content.objects.filter(entry__stream=f"session:{session.ref}").exists()
    holds.lift(id_=hold.pk, actor=actor_of(world.olga))
    erased(world)


def test_only_what_was_shown_is_deleted(world: World) -> None:
    """Something that came after the preview is not deleted unseen; nor is anything for a name that nobody has."""
    ended(world)
    before = erasure.find("on_behalf_of", MARIA)
    ended(world)
    with pytest.raises(StalePreview):
        erasure.erase(
            by="on_behalf_of", whose=MARIA, token=before.token, reason="She asked for it.", actor=actor_of(world.olga)
        )
    with pytest.raises(BadText):
        erased(world, whose="nobody@customer.example")
    assert erasure.find("on_behalf_of", "maria").sessions == ()


def test_no_model_is_given_what_is_not_whole(world: World) -> None:
    """No re-run, no case; and where a text is read all the same, a word says that it was deleted."""
    session = ended(world)
    erased(world)
    with pytest.raises(ContentGone, match="request"):
        start_rerun(session=session, actor=actor_of(world.olga))
    with pytest.raises(ContentGone):
        from_life(suite="no-suite", session=session.ref, actor=actor_of(world.olga))
    (state,) = load([session.pk], None)
    assert "[deleted]" in [getattr(item, "text", "") for item in state.items]
    assert all(item.text for item in state.items if getattr(item, "source", ""))
    assert [call.raw for call in state.calls()] == ['{"deleted":true}']


def test_an_admin_does_it_on_the_page(world: World, signed_in: SignedIn, ada: User, audrey: User) -> None:
    """Looked at first, then confirmed with a reason; an auditor sees that it was done."""
    session = ended(world)
    page = signed_in(ada)
    shown = page.get("/audit/content/delete/", {"by": "on_behalf_of", "whose": MARIA}).content.decode()
    assert session.ref in shown
    assert "secret-customer" not in shown
    token = erasure.find("on_behalf_of", MARIA).token
    assert token in shown
    form = {"by": "on_behalf_of", "whose": MARIA, "token": token, "reason": "She asked for it."}
    assert page.post("/audit/content/delete/", {**form, "reason": ""}).status_code == 422
    assert page.post("/audit/content/delete/", {**form, "token": "0" * 64}).status_code == 409
    assert page.post("/audit/content/delete/", form).status_code == 302
    seen = signed_in(audrey).get("/audit/content/").content.decode()
    assert "She asked for it." in seen
    assert signed_in(audrey).get("/audit/content/delete/").status_code == 403
    again = page.get("/audit/content/delete/", {"by": "on_behalf_of", "whose": MARIA}).content.decode()
    assert "None is left" in again


def test_the_api_does_the_same(world: World, ada: User, audrey: User) -> None:
    """Preview, deletion once under one key, the list."""
    session = ended(world)
    program, whose = Program(ada), {"by": "session", "whose": session.ref}
    shown = program.post("/audit/content/deletions/preview", whose).json()
    assert (shown["sessions"], shown["texts"]["goal"]) == ([session.ref], 1)
    asked = {**whose, "token": shown["token"], "reason": "She asked for it."}
    made = program.post("/audit/content/deletions", asked, key="once")
    assert made.status_code == 201
    assert program.post("/audit/content/deletions", asked, key="once").json() == made.json()
    refused(program.post("/audit/content/deletions", asked), 409, "stale_preview")
    (row,) = Program(audrey).get("/audit/content/deletions").json()["items"]
    assert row == made.json()
    assert not read_texts([session.messages.get(index=0).text_id])
    assert Program(audrey).post("/audit/content/deletions", asked).status_code == 403
