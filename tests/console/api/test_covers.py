"""Covers over the API: naming, listing and ending them, and what a decision in somebody's place says (THREATS 23, 29)."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.utils import timezone

from tests.approvals.conftest import ask
from tests.approvals.test_covers import LEGAL
from tests.conftest import person
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def lea(db: None) -> User:
    """Lea reviews for the legal department, and goes away."""
    return person("lea", "reviewer", "legal")


def wish(deputy: User, **changed: Any) -> dict[str, Any]:
    """Return the body that names a cover for a day."""
    return {"deputy": deputy.username, "until": (timezone.now() + timedelta(days=1)).isoformat(), **changed}


def test_a_cover_is_named_used_and_ended(lea: User, remy: User) -> None:
    """The verdicts come with it; the decision says in whose place; ended twice is ended once."""
    row = ask(LEGAL)
    assert Program(remy).get(f"/approvals/{row.ref}").json()["verdicts"] == []
    made = Program(lea).post("/covers", wish(remy, reason="On leave")).json()
    assert (made["state"], made["absent"], made["deputy"], made["roles"]) == ("running", "Lea", "Remy", ["legal", "reviewer"])
    program = Program(remy)
    assert program.get("/approvals").json()["items"][0]["verdicts"] == ["approve", "reject", "edit"]
    decided = program.post(f"/approvals/{row.ref}/decisions", {"verdict": "approve", "digest": row.digest}).json()
    assert (decided["decisions"][0]["by"], decided["decisions"][0]["in_place_of"]) == ("Remy", "Lea")
    for _ in range(2):
        ended = program("DELETE", f"/covers/{made['id']}").json()
        assert (ended["state"], ended["ended_by"]) == ("ended", "Remy")


def test_an_ordinary_decision_is_in_nobodys_place(remy: User) -> None:
    """Null, not an empty name."""
    row = ask()
    decided = Program(remy).post(f"/approvals/{row.ref}/decisions", {"verdict": "approve", "digest": row.digest}).json()
    assert decided["decisions"][0]["in_place_of"] is None


def test_what_is_wrong_is_named(lea: User, remy: User, ada: User, vic: User) -> None:
    """The field, and nothing made."""
    program = Program(lea)
    refused(program.post("/covers", wish(lea)), 422, "cannot_cover")
    refused(program.post("/covers", wish(vic)), 422, "cannot_cover")
    late = (timezone.now() + timedelta(days=92)).isoformat()
    answer = program.post("/covers", wish(remy, until=late))
    refused(answer, 422, "cannot_cover")
    assert answer.json()["errors"][0]["loc"] == ["body", "until"]
    refused(program.post("/covers", wish(remy, until="2026-01-01T00:00:00")), 422, "invalid_request")
    refused(program.post("/covers", {**wish(remy), "deputy": "nobody@demo.example"}), 404, "unknown_person")
    refused(program.post("/covers", wish(remy, absent=ada.username)), 403, "not_yours")
    assert Program(ada).get("/covers?status=any").json()["items"] == []


def test_a_service_names_and_ends_nothing(lea: User, remy: User, ada: User) -> None:
    """THREATS 23: a person has to; nor does a token that does not decide."""
    refused(Program(ada, service="robot").post("/covers", wish(remy, absent=lea.username)), 403, "forbidden")
    refused(Program(lea, ["approvals:write"]).post("/covers", wish(remy)), 403, "forbidden")
    made = Program(lea).post("/covers", wish(remy)).json()
    refused(Program(ada, service="robot")("DELETE", f"/covers/{made['id']}"), 403, "forbidden")


def test_each_sees_their_own_and_who_reads_the_trail_all(lea: User, remy: User, rosa: User, audrey: User, vic: User) -> None:
    """Newest first, page by page; somebody else's is not there."""
    made = [Program(lea).post("/covers", wish(remy)).json()["id"], Program(remy).post("/covers", wish(rosa)).json()["id"]]
    seen = {
        user.username: [one["id"] for one in Program(user).get("/covers").json()["items"]] for user in (lea, remy, rosa, vic)
    }
    assert list(seen.values()) == [made[:1], made[::-1], made[1:], []]
    first = Program(audrey).get("/covers?limit=1").json()
    then = Program(audrey).get(f"/covers?limit=1&cursor={first['next_cursor']}").json()
    assert [one["id"] for page in (first, then) for one in page["items"]] == made[::-1]
    assert then["next_cursor"] is None
    refused(Program(rosa)("DELETE", f"/covers/{made[0]}"), 404, "unknown_cover")
