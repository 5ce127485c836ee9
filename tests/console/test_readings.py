"""Reading raw content leaves one entry for a person, a thing and an hour, on pages and over the API (THREATS 58, AUDIT-6)."""

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from agents.models import Session
from approvals.models import ApprovalRequest
from audit.index import index_log
from audit.models import AuditEntry
from console import readings
from console.models import Reading
from tests.console.api.calls import Program
from tests.console.views.conftest import signed_in, waiting
from tests.flows.conftest import World, model_url, world
from tests.threats.conftest import as_owner

__all__ = ["as_owner", "model_url", "signed_in", "waiting", "world"]
SignedIn = Callable[[User | None], Client]
Waiting = tuple[Session, ApprovalRequest]


@pytest.fixture(autouse=True)
def _another_process() -> None:
    """What this process remembers of another test's database is forgotten."""
    readings._noted.clear()


def read_by(user: User) -> list[str]:
    """What the log says this person read, in order."""
    rows = AuditEntry.objects.filter(kind="content.read", actor_id=str(user.pk)).order_by("seq")
    return [row.body_json["facts"]["item"] for row in rows]


def test_each_person_leaves_one_entry_for_a_request_and_an_hour(
    waiting: Waiting, world: World, signed_in: SignedIn, remy: User, rosa: User
) -> None:
    """However often, by page, by its parts, by another process and over the API; after an hour another one."""
    _, request = waiting
    address = f"/approvals/{request.ref}/"
    for _ in range(2):
        signed_in(remy).get(address)
        signed_in(remy).get(f"{address}?fragment=detail")
        Program(remy).get(f"/approvals/{request.ref}")
        readings._noted.clear()
    signed_in(rosa).get(address)
    assert sorted(read_by(remy)) == [request.ref, "approvals"]
    assert request.ref in read_by(rosa)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE console_reading SET read_at = read_at - interval '61 minutes'")
    signed_in(remy).get(f"{address}?fragment=detail")
    assert read_by(remy).count(request.ref) == 2
    assert world.log_is_whole()


def test_who_may_not_read_it_leaves_none(waiting: Waiting, signed_in: SignedIn, vic: User) -> None:
    """A viewer sees no raw content, so there is nothing to note."""
    session, request = waiting
    for page in (f"/approvals/{request.ref}/", f"/sessions/{session.ref}/", "/sessions/", "/approvals/"):
        assert signed_in(vic).get(page).status_code == 200
    Program(vic).get(f"/approvals/{request.ref}")
    Program(vic).get(f"/sessions/{session.ref}/timeline")
    assert read_by(vic) == []


def test_ones_own_session_is_read_without_an_entry_and_somebody_elses_is_not(
    waiting: Waiting, signed_in: SignedIn, olga: User, audrey: User
) -> None:
    """Olga started it and knows what she said; the auditor's look is noted, also over the API."""
    session, _ = waiting
    for who in (olga, audrey):
        signed_in(who).get(f"/sessions/{session.ref}/")
        Program(who).get(f"/sessions/{session.ref}/timeline")
        Program(who).get(f"/sessions/{session.ref}")
    assert read_by(olga) == []
    assert read_by(audrey) == [session.ref]


def test_the_raw_texts_of_an_entry_are_a_reading_and_the_entry_alone_is_none(
    waiting: Waiting, signed_in: SignedIn, audrey: User
) -> None:
    """An entry without texts holds nothing raw."""
    with_texts = AuditEntry.objects.filter(texts__isnull=False).distinct()
    places = [row.place.log_index for row in (with_texts.order_by("id").first(), bare()) if row]
    for place in places:
        assert signed_in(audrey).get(f"/audit/{place}/").status_code == 200
    assert read_by(audrey) == [f"entry {places[0]}"]


def test_the_story_of_a_session_says_who_read_the_raw_text_of_a_single_entry_of_it(
    waiting: Waiting, signed_in: SignedIn, audrey: User, ada: User
) -> None:
    """Who saw what, wholly: also what was read past the session's own pages, and in a file of its entries."""
    session, _ = waiting
    started = AuditEntry.objects.get(stream=f"session:{session.ref}", kind="session.started")
    signed_in(audrey).get(f"/audit/{started.place.log_index}/")
    index_log()
    story = Program(ada).get(f"/audit/sessions/{session.ref}").json()
    reads = [(one["principal"]["name"], one["facts"]["item"]) for one in story["items"] if one["kind"] == "content.read"]
    assert reads == [(audrey.first_name, f"entry {started.place.log_index}")]
    page = signed_in(ada).get(f"/audit/sessions/{session.ref}/").content.decode()
    assert f"entry {started.place.log_index}</span>" in page
    assert audrey.first_name in page.partition("Who took part")[2]


def test_lists_that_show_raw_content_are_readings_as_all_others(
    waiting: Waiting, signed_in: SignedIn, audrey: User, ada: User, vic: User
) -> None:
    """Goals of what starts by itself, and the title of a session that is played again."""
    session, _ = waiting
    body = {"name": "nightly", "agent": session.agent.slug, "goal": "Count what came.", "cron": "0 2 * * *"}
    assert Program(ada).post("/schedules", body).status_code == 201
    for who in (audrey, vic):
        for path in ("/schedules/", "/schedules/nightly/", f"/sessions/{session.ref}/reruns/"):
            assert signed_in(who).get(path).status_code == 200, path
        assert Program(who).get("/schedules").status_code == 200
    assert read_by(audrey) == ["schedules", "schedule nightly", session.ref]
    assert read_by(vic) == []


def test_an_order_over_the_api_shows_a_goal_as_reading_it_does(waiting: Waiting, ada: User, olga: User) -> None:
    """What starts by itself is paused by somebody who did not write its goal: that is a reading, and needs what reading needs."""
    session, _ = waiting
    made = {"agent": session.agent.slug, "goal": "Count what came."}
    assert Program(ada).post("/schedules", {"name": "nightly", "cron": "0 2 * * *", **made}).status_code == 201
    assert Program(ada).post("/inlets", {"name": "tickets", "per_hour": 5, **made}).status_code == 201
    assert read_by(ada) == []
    for path in ("/schedules/nightly", "/inlets/tickets"):
        for order in ("pause", "resume"):
            answer = Program(olga, scopes=["agents:write"]).post(f"{path}/{order}")
            assert (answer.status_code, answer.json()["goal"]) == (200, None), path
    assert read_by(olga) == []
    for path in ("/schedules/nightly", "/inlets/tickets"):
        told = [Program(olga).post(f"{path}/{order}").json() for order in ("pause", "resume")]
        assert [one["goal"] for one in told] == [made["goal"]] * 2
        changed = Program(ada)("PATCH", path, {"revision": told[1]["revision"], "tenant": "acme"})
        assert changed.json()["goal"] == made["goal"], changed.content
        assert Program(ada).post(f"{path}/end").status_code == 200
    assert read_by(olga) == read_by(ada) == ["schedule nightly", "inlet tickets"]


def bare() -> AuditEntry | None:
    """An entry without raw texts."""
    return AuditEntry.objects.filter(texts__isnull=True, stream__startswith="session:").order_by("id").first()


def test_old_notes_are_cleared_away(waiting: Waiting, signed_in: SignedIn, remy: User) -> None:
    """The table holds an hour: each new note takes older ones with it."""
    Reading.objects.bulk_create([Reading(reader="user:0", item=f"AP-{n}") for n in range(1, 51)])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE console_reading SET read_at = read_at - interval '2 hours'")
    signed_in(remy).get(f"/approvals/{waiting[1].ref}/")
    assert not Reading.objects.filter(reader="user:0").exists()


def test_what_cannot_be_noted_is_not_served(
    waiting: Waiting, signed_in: SignedIn, remy: User, as_owner: Callable[..., int]
) -> None:
    """No entry, no reading: where the log refuses, so does the page."""
    as_owner("REVOKE INSERT ON console_reading FROM countersign_app")
    client = signed_in(remy)
    client.raise_request_exception = False
    answer = client.get(f"/approvals/{waiting[1].ref}/")
    assert answer.status_code >= 500
    assert b"kim@customer.example" not in answer.content
