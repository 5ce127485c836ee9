"""From life to test: one click makes a case of what people rejected or changed, and the coverage says what has none."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.test import Client

from agents.evals.suites import create_suite, put_case
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


def test_whoever_makes_a_case_chooses_the_suite(rejected: Waiting, ada: User, signed_in: SignedIn) -> None:
    """The newest is chosen at first; what has a case already stays where that is, also when a newer suite comes."""
    session, request = rejected
    client, page = signed_in(ada), f"/approvals/{request.ref}/"
    assert "make one</a> that asks" in html(client.get(page))
    assert "make one</a> that asks" in html(client.get(COVERAGE))
    agent = "research-assistant"
    for slug in ("older", "newer"):
        create_suite(slug=slug, title="For a test", prompt=agent, agent=agent, actor=SYSTEM)
    assert '<option value="newer" selected>' in html(client.get(page))
    assert '<option value="newer" selected>' in html(client.get(COVERAGE))
    assert 'name="suite" value="older"' in html(client.get(f"{COVERAGE}?suite=older"))
    client.post(f"{page}case/", {"suite": "older"})
    assert Case.objects.get().suite.slug == "older"
    assert '<option value="older" selected>' in html(client.get(page))
    Program(ada).post(f"/approvals/{request.ref}/cases", {})
    assert Case.objects.get().suite.slug == "older", "a second click makes no second case"
    client.post(f"/sessions/{session.ref}/case/")
    assert Case.objects.get(origin="session").suite.slug == "newer"
    assert client.post(f"/sessions/{session.ref}/case/", {"suite": "none"}).status_code == 404


def test_a_session_becomes_a_case_with_one_click(rejected: Waiting, ada: User, signed_in: SignedIn) -> None:
    """From its own page as from its turns; the origin is linked both ways."""
    session, _ = rejected
    client = signed_in(ada)
    assert "Make it a case" in html(client.get(f"/sessions/{session.ref}/"))
    assert "Make it a case" in html(client.get(f"/sessions/{session.ref}/turns/"))
    assert client.post(f"/sessions/{session.ref}/case/").status_code == 302
    assert Case.objects.get().origin_ref == session.ref
    for page in ("", "turns/"):
        assert f">{session.ref.lower()}</a> in" in html(client.get(f"/sessions/{session.ref}/{page}"))


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


def test_an_order_covers_the_tools_that_it_names(rejected: Waiting, ada: User) -> None:
    """A case that expects calls one after the other expects each of them."""
    made = Program(ada).post(f"/approvals/{rejected[1].ref}/cases", {}).json()
    order = {"kind": "order", "tools": ["search_documents", "read_document"]}
    document = {"start": [{"text": "Look it up"}], "expect": [order, {"kind": "called", "tool": "read_document"}]}
    put_case(slug=made["suite"], name="order", title="It looks", document=document, actor=SYSTEM)
    found = {one["name"]: one["called"] for one in Program(ada).get("/agents/research-assistant/coverage").json()["tools"]}
    assert (found["search_documents"], found["read_document"], found["send_email"]) == (1, 1, 0)
