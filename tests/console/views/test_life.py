"""From life to test: one click makes a case of what people rejected or changed, and the coverage says what has none."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.evals.suites import create_suite
from agents.models import Case, Session, Suite
from approvals.models import ApprovalRequest
from audit.actors import SYSTEM
from audit.models import AuditEntry
from tests.console.api.calls import Program, refused
from tests.flows.conftest import World

SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]
COVERAGE = "/agents/research-assistant/coverage/"


@pytest.fixture
def rejected(world: World, waiting: Waiting, rosa: User) -> Waiting:
    """Rosa rejected the e-mail."""
    session, request = waiting
    world.decide(request, rosa, "reject", instruction="Nobody asked for it.")
    world.work()
    request.refresh_from_db()
    return session, request


def html(answer: object) -> str:
    """What the page says."""
    return answer.content.decode()  # type: ignore[attr-defined,no-any-return]


def test_a_rejected_request_becomes_a_case_with_one_click(rejected: Waiting, ada: User, signed_in: SignedIn) -> None:
    """It lands in a suite of its agent, with an entry; request and coverage say so, and the same click again makes nothing new."""
    _, request = rejected
    client = signed_in(ada)
    assert "Make it a case" in html(client.get(f"/approvals/{request.ref}/"))
    assert "1 without a case" in html(client.get(COVERAGE))
    for _ in range(2):
        assert client.post(f"/approvals/{request.ref}/case/").headers["Location"] == COVERAGE
    case = Case.objects.get()
    assert (case.origin, case.origin_ref, case.origin_tool, case.revision) == ("request", request.ref, "send_email", 1)
    (expected,) = case.document["expect"]
    assert (expected["tool"], expected["kind"]) == ("send_email", "not_called")
    assert (case.suite.agent.slug, case.suite.gate) == ("research-assistant", False)
    assert AuditEntry.objects.filter(kind="case.added").count() == 1
    assert f"in {case.suite.slug}" in html(client.get(f"/approvals/{request.ref}/"))
    assert "All have a case" in html(client.get(COVERAGE)).split('id="tools-h"')[0]


def test_a_session_becomes_a_case_from_its_turns(rejected: Waiting, ada: User, signed_in: SignedIn) -> None:
    """The origin is linked both ways."""
    session, _ = rejected
    client = signed_in(ada)
    assert "Make it a case" in html(client.get(f"/sessions/{session.ref}/turns/"))
    assert client.post(f"/sessions/{session.ref}/case/").status_code == 302
    assert Case.objects.get().origin_ref == session.ref
    assert session.ref.lower() in html(client.get(f"/sessions/{session.ref}/turns/"))


def test_nobody_makes_a_case_of_what_he_may_not_read(rejected: Waiting, paul: User, signed_in: SignedIn) -> None:
    """Who may read prompts may read cases: making one must not be a way to read a session."""
    session, request = rejected
    client = signed_in(paul)
    assert "which you may not read" in html(client.get(f"/approvals/{request.ref}/"))
    assert client.post(f"/approvals/{request.ref}/case/").status_code == 403
    assert client.post(f"/sessions/{session.ref}/case/").status_code == 403
    refused(Program(paul).post(f"/sessions/{session.ref}/cases", {}), 403, "forbidden")
    refused(Program(paul).post(f"/approvals/{request.ref}/cases", {}), 403, "forbidden")
    create_suite(slug="mine", title="Mine", prompt="research-assistant", agent="research-assistant", actor=SYSTEM)
    for life in ({"session": session.ref}, {"request": request.ref}):
        refused(Program(paul).post("/evals/suites/mine/cases", life), 403, "forbidden")
    assert not Case.objects.exists()
    assert Suite.objects.count() == 1


def test_what_nobody_rejected_or_changed_is_no_case(world: World, waiting: Waiting, ada: User, signed_in: SignedIn) -> None:
    """A request that waits offers none, and the API says why."""
    session, request = waiting
    assert "As a test" not in html(signed_in(ada).get(f"/approvals/{request.ref}/"))
    refused(Program(ada).post(f"/approvals/{request.ref}/cases", {}), 422, "invalid_input")
    refused(Program(ada).post(f"/sessions/{session.ref}/cases", {"suite": "none"}), 404, "unknown_suite")
    Session.objects.filter(pk=session.pk).update(status="queued")
    refused(Program(ada).post(f"/sessions/{session.ref}/cases", {}), 422, "invalid_input")


def test_the_api_makes_cases_and_says_what_has_none(rejected: Waiting, ada: User, vic: User) -> None:
    """The same service; everybody may read the coverage."""
    session, request = rejected
    before = Program(vic).get("/agents/research-assistant/coverage").json()
    assert [(one["approval"], one["rejected"], one["case"]) for one in before["decided"]] == [(request.ref, True, None)]
    made = Program(ada).post(f"/approvals/{request.ref}/cases", {})
    assert made.status_code == 201, made.content
    assert (made.json()["origin"], made.json()["ref"]) == ("request", request.ref)
    assert Program(ada).post(f"/sessions/{session.ref}/cases", {"suite": made.json()["suite"]}).status_code == 201
    after = Program(vic).get("/agents/research-assistant/coverage").json()
    assert after["decided"][0]["case"] == made.json()["name"]
    (mail,) = [one for one in after["tools"] if one["name"] == "send_email"]
    assert mail["not_called"] >= 1
    refused(Program(vic).get("/agents/nobody/coverage"), 404, "unknown_agent")
