"""Approval requests over the API: reading them, deciding, losing a race."""

import re
from dataclasses import replace
from threading import Thread
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client, RequestFactory

from agents.models import AgentRevision, Session
from agents.services import start_session
from approvals.models import ApprovalRequest, Decision
from audit.actors import SYSTEM, Actor
from audit.entry import Entry, Text
from audit.events import EventKind
from audit.ids import uuid7
from audit.services import record
from console.auth import caller_of_user
from console.signin import reauthenticate
from tests.approvals.conftest import ASKS, ask
from tests.conftest import PASSWORD
from tests.console.api.calls import ROOT, Program, refused


@pytest.fixture
def asked(olga: User, desk: AgentRevision) -> ApprovalRequest:
    """A request to send an e-mail in a session that Olga started."""
    actor = caller_of_user(olga).actor()
    row = start_session(actor=actor, person_id=olga.pk, agent="desk", goal="Send it")
    return ask(session_id=row.id, session_ref=row.ref, call_id=None, requester=olga.pk)


def decide(program: Program, row: ApprovalRequest, key: str = "", **said: Any) -> Any:
    """Decide on what is asked now."""
    row.refresh_from_db()
    return program.post(f"/approvals/{row.ref}/decisions", {"digest": row.digest, **said}, key=key)


def test_a_request_shows_what_would_run_and_what_you_may_say(remy: User, asked: ApprovalRequest) -> None:
    """API.md, Resources: arguments from the canonical bytes, digest, reasons, verdicts."""
    shown = Program(remy).get(f"/approvals/{asked.ref}").json()
    assert shown["arguments"] == {"subject": "Hello", "to": "kim@example.com"}
    assert (shown["id"], shown["digest"], shown["session"]) == (asked.ref, asked.digest, asked.session_ref)
    assert (shown["kind"], shown["status"], shown["revision"], shown["required"]) == ("tool_call", "pending", 1, 1)
    assert sorted(shown["verdicts"]) == ["approve", "edit", "reject"]
    assert shown["reasons"][0].keys() == {"code", "text"}


def test_verdicts_are_those_of_the_caller(olga: User, vic: User, paul: User, remy: User, asked: ApprovalRequest) -> None:
    """Four eyes, roles, scopes and kinds of tokens: each leaves nothing to say."""
    for program in (
        Program(olga),
        Program(vic),
        Program(paul),
        Program(remy, service="robot"),
        Program(remy, ["approvals:read"]),
    ):
        assert program.get(f"/approvals/{asked.ref}").json()["verdicts"] == []


def test_a_viewer_sees_what_would_be_called_but_not_with_what(vic: User, remy: User, asked: ApprovalRequest) -> None:
    """API.md, Rights: reveal raw content."""
    shown = Program(vic).get(f"/approvals/{asked.ref}").json()
    assert (shown["summary"], shown["arguments"], shown["raw_arguments"]) == ("Call send_email", None, None)
    assert asked.summary in Program(remy).get(f"/approvals/{asked.ref}").content.decode()
    assert Program(vic).get("/approvals?q=kim").json()["items"] == []
    assert Program(remy).get("/approvals?q=kim").json()["items"]


def test_what_a_reviewer_wrote_is_raw_content_too(remy: User, vic: User, asked: ApprovalRequest) -> None:
    """AUDIT-6: a viewer sees who decided what and when, and no word of it."""
    decide(Program(remy), asked, verdict="reject", instruction="She left the firm")
    (seen,) = Program(vic).get(f"/approvals/{asked.ref}").json()["decisions"]
    assert (seen["verdict"], seen["by"], seen["instruction"], seen["difference"]) == ("reject", "Remy", None, None)
    (known,) = Program(remy).get(f"/approvals/{asked.ref}").json()["decisions"]
    assert known["instruction"] == "She left the firm"


def test_filters_narrow_the_list(remy: User, asked: ApprovalRequest) -> None:
    """status, kind, tier, agent, tool."""
    program = Program(remy)
    for query, found in (
        ("status=pending", 1),
        ("status=consumed", 0),
        ("kind=tool_call&tier=irreversible_write&tool=send_email&agent=research-assistant", 1),
        ("tool=other", 0),
        (f"q={asked.ref}", 1),
    ):
        assert len(program.get(f"/approvals?{query}").json()["items"]) == found, query
    refused(program.get("/approvals?status=open"), 422, "invalid_request")
    refused(program.get("/approvals?cursor=nonsense"), 422, "invalid_cursor")


def test_approving_over_the_api_has_no_undo_period(remy: User, asked: ApprovalRequest) -> None:
    """API.md: only the pages' decisions are held."""
    answer = decide(Program(remy), asked, verdict="approve")
    assert (answer.status_code, answer.json()["status"]) == (200, "approved"), answer.content
    assert [(one["verdict"], one["by"]) for one in answer.json()["decisions"]] == [("approve", "Remy")]
    assert answer.json()["verdicts"] == []


def test_the_answer_to_each_of_two_votes_is_the_request_as_anybody_reads_it_then(
    remy: User, rosa: User, asked: ApprovalRequest
) -> None:
    said = Text(uuid7(), "reasoning", "The customer asked for it.")
    record([Entry("policy", EventKind.POLICY_REVISED, SYSTEM, {}, texts=(said,))])
    row = ask(
        replace(ASKS, required=2),
        call_id=None,
        session_id=asked.session_id,
        session_ref=asked.session_ref,
        reasoning_id=said.id,
    )
    for user, status, voted in ((remy, "pending", ["Remy"]), (rosa, "approved", ["Remy", "Rosa"])):
        program = Program(user)
        answer = decide(program, row, verdict="approve")
        assert (answer.status_code, answer.json()["status"]) == (200, status), answer.content
        assert answer.json()["reasoning"] == "The customer asked for it."
        assert [one["by"] for one in answer.json()["decisions"]] == voted
        assert answer.json() == program.get(f"/approvals/{row.ref}").json()
        assert answer.json()["verdicts"] == (["reject", "edit"] if status == "pending" else [])


def test_the_second_reviewer_is_told_who_decided_what_and_when(remy: User, rosa: User, asked: ApprovalRequest) -> None:
    """THREATS 15: first commit wins."""
    decide(Program(remy), asked, verdict="approve")
    problem = refused(decide(Program(rosa), asked, verdict="reject", instruction="Not to her"), 409, "already_decided")
    assert (problem["decision"]["verdict"], problem["decision"]["by"]) == ("approve", "Remy")
    assert problem["decision"]["at"].endswith("Z")
    assert re.search(r" at \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ\.$", problem["detail"])


def test_what_was_shown_is_what_is_decided_on(remy: User, asked: ApprovalRequest) -> None:
    """THREATS 2: another digest is a lost race."""
    refused(
        Program(remy).post(f"/approvals/{asked.ref}/decisions", {"verdict": "approve", "digest": "0" * 64}), 409, "stale_digest"
    )
    assert not Decision.objects.exists()


def test_a_repeat_with_its_key_is_one_decision(remy: User, asked: ApprovalRequest) -> None:
    """THREATS 16: the same answer, once decided."""
    program = Program(remy)
    first, second = (decide(program, asked, key="once", verdict="approve") for _ in range(2))
    assert (first.status_code, first.content) == (second.status_code, second.content)
    assert Decision.objects.count() == 1
    refused(decide(program, asked, key="once", verdict="reject", instruction="No, wait"), 422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ({"verdict": "reject"}, "invalid_verdict"),
        ({"verdict": "reject", "instruction": "no"}, "invalid_verdict"),
        ({"verdict": "reject", "instruction": "x" * 2001}, "invalid_request"),
        ({"verdict": "extend", "amount": 5}, "invalid_verdict"),
        ({"verdict": "approve", "arguments": {"to": "kim@example.com"}}, "invalid_verdict"),
        ({"verdict": "approve", "instruction": "Write to Lee instead"}, "invalid_verdict"),
        ({"verdict": "reject", "instruction": "Not to her", "answer": "No"}, "invalid_verdict"),
        ({"verdict": "reject", "instruction": "Not to her", "amount": 5}, "invalid_verdict"),
        ({"verdict": "perhaps"}, "invalid_request"),
        ({"verdict": "edit"}, "invalid_verdict"),
        ({"verdict": "approve", "status": "consumed"}, "invalid_request"),
        ({"verdict": "approve", "decided_by": 1}, "invalid_request"),
        ({"verdict": "approve", "digest": "abc"}, "invalid_request"),
    ],
)
def test_a_verdict_needs_what_belongs_to_it(remy: User, asked: ApprovalRequest, said: Any, code: str) -> None:
    """THREATS 27: 422 names the member; nothing is decided."""
    problem = refused(decide(Program(remy), asked, **said), 422, code)
    assert problem["errors"]
    assert not Decision.objects.exists()


def test_what_does_not_belong_to_a_verdict_is_named(remy: User, asked: ApprovalRequest) -> None:
    """Who sends changed arguments with an approval believes that they are what runs."""
    problem = refused(
        decide(Program(remy), asked, verdict="approve", arguments={"to": "lee@example.com"}), 422, "invalid_verdict"
    )
    assert [one["loc"] for one in problem["errors"]] == [["body", "arguments"]]


def test_nobody_decides_what_they_started(olga: User, ada: User, remy: User, desk: AgentRevision) -> None:
    """THREATS 22: admins neither, nor through a token."""
    for user in (ada, remy):
        row = ask(call_id=None, session_id=None, requester=user.pk)
        refused(decide(Program(user), row, verdict="approve"), 403, "not_yours")


def test_tokens_decide_only_as_people_with_the_scope(remy: User, paul: User, vic: User, asked: ApprovalRequest) -> None:
    """THREATS 23, 25: no service token, no narrow token, no other role."""
    refused(decide(Program(remy, service="robot"), asked, verdict="approve"), 403, "forbidden")
    refused(decide(Program(remy, ["approvals:read", "approvals:write"]), asked, verdict="approve"), 403, "forbidden")
    refused(decide(Program(vic), asked, verdict="approve"), 403, "forbidden")
    refused(decide(Program(paul), asked, verdict="approve"), 403, "not_yours")


def test_an_expired_request_is_gone(remy: User, asked: ApprovalRequest) -> None:
    """THREATS 14: by the database's clock."""
    ApprovalRequest.objects.filter(pk=asked.pk).update(expires_at=asked.created_at)
    refused(decide(Program(remy), asked, verdict="approve"), 410, "expired")


def test_there_is_no_request_of_that_number(remy: User) -> None:
    """THREATS 13: 404 tells nothing."""
    program = Program(remy)
    refused(program.get("/approvals/AP-1"), 404, "approval_not_found")
    refused(program.post("/approvals/AP-1/decisions", {"verdict": "approve", "digest": "0" * 64}), 404, "approval_not_found")


def test_a_decision_wakes_its_session(remy: User, asked: ApprovalRequest) -> None:
    """The row of the session changes in the same transaction."""
    before = Session.objects.get().nudges
    decide(Program(remy), asked, verdict="reject", instruction="Write to Lee instead")
    assert Session.objects.get().nudges > before


def test_the_actor_of_a_decision_names_the_token(remy: User, asked: ApprovalRequest) -> None:
    """A decision by a program is a person's, and says through which token."""
    program = Program(remy)
    decide(program, asked, verdict="approve")
    assert Decision.objects.get().token == program.made.token.pk
    assert Actor("user", str(remy.pk), "Remy", program.made.token.pk) == caller_actor(program)


def caller_actor(program: Program) -> Actor:
    """The principal of a program."""
    from_token = program.made.token
    return Actor("user", str(from_token.user_id), from_token.user.get_full_name(), from_token.pk)


GRAVE = replace(ASKS, reauthenticate=True)
SENT = {"X-CSRFToken": "a" * 32}


def decide_in_browser(client: Client, row: ApprovalRequest) -> Any:
    """Approve from a signed-in browser."""
    client.cookies["countersign_csrf"] = "a" * 32
    body = {"verdict": "approve", "digest": row.digest}
    return client.post(f"{ROOT}/approvals/{row.ref}/decisions", body, content_type="application/json", headers=SENT)


def test_a_token_never_decides_what_asks_for_the_password(remy: User, desk: AgentRevision) -> None:
    """API.md, Manners; THREATS 30: a token cannot prove who sits there; it can still reject."""
    row = ask(GRAVE, call_id=None, session_id=None, tier="destructive")
    program = Program(remy)
    assert program.get(f"/approvals/{row.ref}").json()["verdicts"] == ["reject"]
    refused(decide(program, row, verdict="approve"), 403, "not_yours")


def test_a_browser_is_asked_for_the_password_for_this_very_digest(remy: User) -> None:
    """THREATS 30: 401 as a challenge; a proof for another request does not count."""
    row, other = (ask(GRAVE, call_id=None, session_id=None, tier="destructive") for _ in range(2))
    client = Client(enforce_csrf_checks=True)
    client.login(username=remy.username, password=PASSWORD)
    refused(decide_in_browser(client, row), 401, "reauthentication_required")
    request = RequestFactory().post("/")
    request.session, request.user = client.session, remy
    reauthenticate(request, PASSWORD, row.digest)
    request.session.save()
    client.cookies["countersign_session"] = str(request.session.session_key)
    refused(decide_in_browser(client, other), 401, "reauthentication_required")
    assert decide_in_browser(client, row).status_code == 200


def test_reading_never_decides(remy: User, asked: ApprovalRequest) -> None:
    """THREATS 53: no address decides by GET, whatever a link says."""
    program = Program(remy)
    path = f"/approvals/{asked.ref}/decisions?verdict=approve&digest={asked.digest}"
    refused(program.get(path), 405, "method_not_allowed")
    assert program("HEAD", path).status_code == 405
    assert not Decision.objects.exists()


def test_two_programs_at_once_one_wins(fresh_database: Any, remy: User, rosa: User) -> None:
    """THREATS 15, over HTTP with real transactions: one 200, and one 409 that names the winner."""
    row = ask(call_id=None, session_id=None)
    answers: list[Any] = []

    def send(program: Program, said: dict[str, str]) -> None:
        answers.append(program.post(f"/approvals/{row.ref}/decisions", {"digest": row.digest, **said}))
        connection.close()

    wishes = ((Program(remy), {"verdict": "approve"}), (Program(rosa), {"verdict": "reject", "instruction": "Not today"}))
    threads = [Thread(target=send, args=wish) for wish in wishes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    won, lost = sorted(answers, key=lambda answer: answer.status_code)
    problem = refused(lost, 409, "already_decided")
    assert won.status_code == 200
    assert problem["decision"]["by"] == won.json()["decisions"][0]["by"]
