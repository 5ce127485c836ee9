"""The audit area: filters of the trail to the minute, saved searches, sessions and the story of one. AUDIT-5."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User

from audit.actors import SYSTEM, Actor
from audit.events import EventKind
from audit.index import index_log
from audit.models import AuditEntry
from audit.services import Entry, record
from console.models import SavedView
from tests.console.api.calls import Program

AGENT = Actor("agent", "research-assistant", "Research assistant")


@pytest.fixture
def told(db: None, olga: User, remy: User) -> None:
    """A session that ended: started by Olga for a customer, decided by Remy, its content read by Audrey; and another one."""
    people = {
        name: Actor("user", str(user.pk), user.get_full_name() or name) for name, user in (("olga", olga), ("remy", remy))
    }
    started: dict[str, Any] = {
        "agent": "research-assistant",
        "revision": 3,
        "prompt_version": "research v4",
        "prompt_checksum": "ab" * 32,
    }
    stream = "session:S-71"
    record([
        Entry("policy", EventKind.POLICY_REVISED, people["olga"], {"number": 2}, rev=2),
        Entry(stream, EventKind.SESSION_STARTED, people["olga"], started, ids=("S-71",), on_behalf_of="kim@customer.example"),
        Entry("session:S-7", EventKind.SESSION_STARTED, people["olga"], started, ids=("S-7",)),
        Entry(stream, EventKind.APPROVAL_REQUESTED, AGENT, {"tool": "send_email"}, ids=("S-71", "AP-9")),
        Entry("content", EventKind.CONTENT_READ, Actor("user", "99", "Audrey Auditor"), {"item": "AP-9"}, ids=("AP-9",)),
        Entry("content", EventKind.CONTENT_READ, Actor("user", "98", "Somebody Else"), {"item": "AP-90"}, ids=("AP-90",)),
        Entry(stream, EventKind.DECISION_MADE, people["remy"], {"verdict": "approve", "votes": 1}, ids=("S-71", "AP-9")),
        Entry(stream, EventKind.SESSION_COMPLETED, AGENT, {}, ids=("S-71",), closes=True),
    ])  # fmt: skip
    index_log(patience_ms=1000)


def test_a_session_is_told_with_who_saw_what_and_who_decided(told: None, audrey: User, signed_in: Any) -> None:
    page = signed_in(audrey).get("/audit/sessions/S-71/").content.decode()
    for words in ("The story of S-71", "kim@customer.example", "research v4", "revision 2", "Audrey Auditor", "decision.made", "approve",
                  "session.completed", "Verified just now: 4 entries, unbroken", "Closed: nothing can follow"):  # fmt: skip
        assert words in page, words
    assert "Somebody Else" not in page
    assert "S-7<" not in page


def test_a_part_of_a_story_says_on_paper_that_it_is_a_part(told: None, audrey: User, signed_in: Any) -> None:
    """The buttons to the other parts are not printed; a sheet that ends with the whole chain's hash must not pass for the whole."""
    client = signed_in(audrey)
    assert "This is a part of the story" not in client.get("/audit/sessions/S-71/").content.decode()
    began = AuditEntry.objects.get(kind="session.started", stream="session:S-71")
    page = client.get(f"/audit/sessions/S-71/?after={began.pk}").content.decode()
    first = began.place.log_index
    told_so = (
        f"This is a part of the story: 4 of 5 entries, log entries {first + 2} to {first + 6}. session:S-71, 4 entries, closed."
    )
    assert told_so in page


def test_a_session_that_the_log_does_not_know_is_not_found(told: None, audrey: User, signed_in: Any) -> None:
    assert signed_in(audrey).get("/audit/sessions/S-404/").status_code == 404


def test_sessions_are_listed_with_their_chains(told: None, audrey: User, signed_in: Any) -> None:
    page = signed_in(audrey).get("/audit/sessions/").content.decode()
    assert page.index("S-7<") < page.index("S-71<")
    assert "Closed" in page
    assert "Open" in page
    assert "No session matches" in signed_in(audrey).get("/audit/sessions/?q=unheardof").content.decode()


def test_the_story_over_the_api_goes_on_by_its_cursor(told: None, audrey: User) -> None:
    program = Program(audrey)
    whole = program.get("/audit/sessions/S-71").json()
    assert [one["kind"] for one in whole["items"]] == [
        "session.started", "approval.requested", "content.read", "decision.made", "session.completed",
    ]  # fmt: skip
    assert (whole["length"], whole["closed"], whole["entries"], whole["policy"]) == (4, True, 5, 1)
    first = program.get("/audit/sessions/S-71?limit=3").json()
    rest = program.get(f"/audit/sessions/S-71?limit=3&cursor={first['next_cursor']}").json()
    assert first["items"] + rest["items"] == whole["items"]
    assert rest["next_cursor"] is None
    assert program.get("/audit/sessions/S-404").status_code == 404


def test_the_trail_is_narrowed_to_a_session_and_to_the_minute(told: None, audrey: User, signed_in: Any) -> None:
    client = signed_in(audrey)
    page = client.get("/audit/?session=S-71").content.decode()
    assert page.count('id="entry-') == 5
    at = AuditEntry.objects.latest("id").at.replace(second=0, microsecond=0)
    after, before = f"{at + timedelta(minutes=1):%Y-%m-%dT%H:%M}", f"{at:%Y-%m-%dT%H:%M}"
    assert 'id="entry-' not in client.get(f"/audit/?from={after}&session=S-71").content.decode()
    assert 'id="entry-' not in client.get(f"/audit/?to={before}&session=S-71").content.decode()
    day = client.get(f"/audit/?from={at:%Y-%m-%d}&to={at:%Y-%m-%d}&session=S-71").content.decode()
    assert day.count('id="entry-') == 5
    assert 'value="9999' not in client.get("/audit/?to=9999-12-31").content.decode()


def test_a_search_is_kept_for_oneself_and_forgotten(told: None, audrey: User, ada: User, signed_in: Any) -> None:
    client = signed_in(audrey)
    answer = client.post("/audit/views/", {"name": "Decisions", "query": "kind=decision.made&kind2=x"})
    assert answer["Location"] == "/audit/?kind=decision.made"
    page = client.get("/audit/?kind=decision.made").content.decode()
    assert "Decisions</a>" in page
    assert "Forget" in page
    assert "Decisions</a>" not in signed_in(ada).get("/audit/").content.decode()
    assert "Decisions</a>" not in client.get("/approvals/").content.decode()
    key = SavedView.objects.get().pk
    signed_in(ada).post(f"/audit/views/{key}/remove/")
    client.post(f"/approvals/views/{key}/remove/")
    assert SavedView.objects.count() == 1
    client.post(f"/audit/views/{key}/remove/")
    assert SavedView.objects.count() == 0


def test_a_kind_of_principal_that_there_is_not_filters_nothing_and_is_told_with_those_that_there_are(
    told: None, audrey: User, signed_in: Any
) -> None:
    client = signed_in(audrey)
    for path in ("/audit/", "/audit/sessions/"):
        page = client.get(f"{path}?principal=usr:7").content.decode()
        assert "Shown without the filter principal “usr:7”" in page, path
        assert "Write user, service, agent or system" in page, path
        assert "S-71" in page, path
    refused = client.post("/audit/exports/", {"principal": "usr:7", "format": "csv"})
    assert refused.status_code == 422
    assert "Write user, service, agent or system" in refused.content.decode()
    assert 'value="usr:7"' in refused.content.decode()


def test_who_acted_stands_there_with_an_id_only_where_that_says_more(signed_in: Any, audrey: User, told: None) -> None:
    record([Entry("system", EventKind.POLICY_REVISED, SYSTEM, {"number": 3}, rev=3)])
    index_log(patience_ms=1000)
    newest = AuditEntry.objects.count()
    client = signed_in(audrey)
    told_of = client.get(f"/audit/{newest}/").content.decode()
    assert "Countersign (system)" in told_of
    people = [client.get(f"/audit/{number}/").content.decode() for number in range(1, newest)]
    assert any("Research assistant (agent research-assistant)" in one for one in people)
