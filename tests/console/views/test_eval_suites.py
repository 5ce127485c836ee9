"""Suites and cases made by hand: without scripts, nothing typed is lost, and somebody else's newer revision is told."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from agents.evals import suites
from agents.models import Case, EvalRun, Suite
from agents.services import apply_agent
from audit.actors import SYSTEM
from audit.models import AuditEntry
from tests.console.api.conftest import DESK

SignedIn = Callable[[User | None], Client]
SUITE, CASE = "/evals/suites/manners/", "/evals/suites/manners/cases/quiet/"
MAKE = {
    "slug": "manners",
    "agent": "desk",
    "title": "Good manners",
    "threshold": "80",
    "repeats": "2",
    "cap": "1.50",
    "gate": "on",
}
DOCUMENT: dict[str, Any] = {"start": [{"text": "Hello"}], "expect": [{"kind": "not_called", "tool": "send_email"}]}
FORM = {"name": "quiet", "title": "It writes to nobody", "shown": "0", "start.0.source": "user", "start.0.text": "Hello",
        "expect.0.kind": "not_called", "expect.0.tool": "send_email"}  # fmt: skip


@pytest.fixture
def client(db: None, paul: User, signed_in: SignedIn) -> Client:
    """Paul, who writes prompts, beside an agent."""
    apply_agent(DESK, actor=SYSTEM)
    return signed_in(paul)


@pytest.fixture
def manners(client: Client) -> Suite:
    """A suite without cases."""
    assert client.post("/evals/new/", MAKE).headers["Location"] == SUITE
    return suites.suite_named("manners")


def said(answer: Any) -> str:
    """What the page says."""
    text: str = answer.content.decode()
    return text


def test_a_suite_is_made_by_form(client: Client, manners: Suite) -> None:
    """The same service as the API's: an entry, and the prompt of the agent."""
    assert (manners.prompt.slug, manners.threshold, manners.repeats, manners.cap_microusd, manners.gate) == (
        "desk",
        80,
        2,
        1_500_000,
        True,
    )
    assert AuditEntry.objects.get(kind="suite.created").body_json["principal"]["name"] == "Paul"
    assert "Good manners" in said(client.get("/evals/"))
    assert "No case yet" in said(client.get(SUITE))


def test_what_is_wrong_with_a_suite_stands_at_its_field(client: Client, manners: Suite) -> None:
    """With everything that was typed."""
    wrong = {**MAKE, "slug": "Bad Name", "cap": "1,000.00", "threshold": "101", "title": "My suite"}
    answer = client.post("/evals/new/", wrong)
    html = said(answer)
    assert answer.status_code == 422
    for name in ("slug", "cap", "threshold"):
        assert f'id="{name}-error"' in html
    assert 'value="My suite"' in html
    assert 'value="1,000.00"' in html
    again = client.post("/evals/new/", MAKE)
    assert again.status_code == 409
    assert "take another name" in said(again)
    assert "Choose one of the agents" in said(client.post("/evals/new/", {**MAKE, "agent": "nobody"}))
    assert Suite.objects.count() == 1


def test_a_suite_is_changed_and_ended(client: Client, manners: Suite) -> None:
    """Who was shown something else changes nothing, and reads what it is now beside what he typed."""
    sent = {**MAKE, "revision": str(manners.revision), "threshold": "95", "gate": "", "act": "change"}
    assert client.post(SUITE, sent).headers["Location"] == SUITE
    row = suites.suite_named("manners")
    assert (row.threshold, row.gate) == (95, False)
    stale = client.post(SUITE, {**sent, "threshold": "70"})
    assert stale.status_code == 409
    assert "95 %" in said(stale)
    assert 'value="70"' in said(stale)
    assert suites.suite_named("manners").threshold == 95
    assert client.post(SUITE, {"act": "end"}).headers["Location"] == "/evals/"
    assert client.get(SUITE).status_code == 404


def test_a_case_is_written_without_a_script_row_by_row(client: Client, manners: Suite) -> None:
    """Buttons of the form bring another row, and nothing typed is lost on the way."""
    answer = client.get("/evals/suites/manners/new/")
    assert 'name="start.0.text"' in said(answer)
    typed = {"title": "It writes to nobody", "name": "quiet", "start.0.source": "user", "start.0.text": "Hello\r\nthere"}
    html = said(client.post("/evals/suites/manners/new/", {**typed, "add": "not_called"}))
    assert 'name="expect.0.tool"' in html
    assert "Hello\nthere" in html
    assert Case.objects.count() == 0
    html = said(client.post("/evals/suites/manners/new/", {**typed, "expect.0.kind": "not_called", "drop": "expect.0"}))
    assert 'name="expect.0.tool"' not in html
    done = client.post("/evals/suites/manners/new/", {**typed, "expect.0.kind": "not_called", "expect.0.tool": "send_email"})
    assert done.headers["Location"] == SUITE
    row = suites.case_named("manners", "quiet")
    assert row.document == {"start": [{"text": "Hello\nthere"}], "expect": [{"kind": "not_called", "tool": "send_email"}]}
    assert (row.origin, row.author) == ("hand", "Paul")


def test_what_is_wrong_with_a_case_stands_at_its_row(client: Client, manners: Suite) -> None:
    """Each message at its input, the row open; nothing is stored."""
    answer = client.post(
        "/evals/suites/manners/new/", {**FORM, "name": "Bad Name", "expect.0.tool": "", "expect.1.kind": "within"}
    )
    html = said(answer)
    assert answer.status_code == 422
    assert 'id="p-expect-0-tool-error"' in html
    assert 'id="r-expect-1-error"' in html
    assert 'id="name-error"' in html
    assert Case.objects.count() == 0
    broken = client.post("/evals/suites/manners/new/", {"name": "quiet", "title": "It writes", "shown": "0", "document": "{"})
    assert broken.status_code == 422
    assert 'id="document-error"' in said(broken)


def test_form_and_json_are_two_views_of_one_document(client: Client, manners: Suite) -> None:
    """Switching stores nothing and loses nothing."""
    html = said(client.post("/evals/suites/manners/new/", {**FORM, "switch": "1"}))
    assert "&quot;not_called&quot;" in html
    assert 'value="It writes to nobody"' in html
    text = '{"start": [{"text": "Hello"}], "expect": [{"kind": "order", "tools": ["a", "b"]}]}'
    html = said(client.post("/evals/suites/manners/new/", {"name": "quiet", "title": "Order", "document": text, "switch": "1"}))
    assert 'name="expect.0.tools"' in html
    assert Case.objects.count() == 0
    assert (
        client.post("/evals/suites/manners/new/", {"name": "q", "title": "Order", "document": text}).headers["Location"]
        == SUITE
    )
    assert suites.case_named("manners", "q").document["expect"][0]["tools"] == ["a", "b"]


def test_a_newer_revision_of_somebody_else_is_told_and_nothing_is_lost(
    client: Client, manners: Suite, ada: User, signed_in: SignedIn
) -> None:
    """The second one finds what he typed and whose revision is there; saved again it takes its place, knowingly."""
    client.post("/evals/suites/manners/new/", FORM)
    assert "take another name" in said(client.post("/evals/suites/manners/new/", FORM))
    assert signed_in(ada).post(CASE, {**FORM, "shown": "1", "title": "Ada says so"}).headers["Location"] == SUITE
    answer = client.post(CASE, {**FORM, "shown": "1", "title": "Paul says so"})
    html = said(answer)
    assert answer.status_code == 409
    assert "Ada saved revision 2 while you wrote" in html
    assert 'value="Paul says so"' in html
    assert 'name="shown" value="2"' in html
    assert client.post(CASE, {**FORM, "shown": "2", "title": "Paul says so"}).headers["Location"] == SUITE
    assert suites.case_named("manners", "quiet").revision == 3
    signed_in(ada).post(CASE, {"act": "remove"})
    gone = client.post(CASE, {**FORM, "shown": "3", "title": "Once more"})
    assert gone.status_code == 409
    assert "taken out while you wrote" in said(gone)
    assert 'value="Once more"' in said(gone)
    assert client.post(CASE, {**FORM, "shown": "0", "title": "Once more"}).headers["Location"] == SUITE
    assert suites.case_named("manners", "quiet").revision == 4


def test_cases_are_read_by_who_may_and_listed_page_by_page(
    client: Client, manners: Suite, vic: User, audrey: User, signed_in: SignedIn
) -> None:
    """Fifty a page with as many queries as for one; a viewer sees names alone, an auditor reads and cannot write."""

    def put(number: int) -> None:
        suites.put_case(slug="manners", name=f"case-{number:02}", title=f"Title {number}", document=DOCUMENT, actor=SYSTEM)

    put(0)
    client.get(SUITE)
    with CaptureQueriesContext(connection) as one:
        client.get(SUITE)
    for number in range(1, 60):
        put(number)
    with CaptureQueriesContext(connection) as many:
        html = said(client.get(SUITE))
    assert len(many) == len(one)
    assert "?after=case-49" in html
    assert "case-59" in said(client.get(f"{SUITE}?after=case-49"))
    where = f"{SUITE}cases/case-01/"
    hidden = said(signed_in(vic).get(where))
    assert "does not read what cases say" in hidden
    assert "send_email" not in hidden
    assert "Title 1" not in hidden
    read = said(signed_in(audrey).get(where))
    assert "send_email" in read
    assert "Save" not in read.split("<h1")[1].split("</main")[0]


def test_a_suite_is_run_from_its_page(client: Client, manners: Suite) -> None:
    """With the version that is chosen."""
    client.post("/evals/suites/manners/new/", FORM)
    assert "<option>1.0.0</option>" in said(client.get(SUITE))
    answer = client.post("/evals/runs/", {"prompt": "desk", "suite": "manners", "version": "1.0.0"})
    run = EvalRun.objects.get()
    assert answer.headers["Location"] == f"/evals/runs/E-{run.number}/"
