"""Dead letters over the API: listed with their kinds, replayed and closed many at once (LOOP-14)."""

import pytest
from django.contrib.auth.models import User

from agents.models import AgentRevision, Session
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db
WHY = {"category": "model", "code": "model_timeout", "detail": "The model did not answer."}


def kept(program: Program, count: int) -> list[str]:
    """Sessions that failed for good."""
    refs = [program.post("/sessions", {"agent": "desk", "goal": f"Calculate {n} + 1."}).json()["id"] for n in range(count)]
    numbers = [int(ref[2:]) for ref in refs]
    Session.objects.filter(number__in=numbers).update(status="dead_letter", error=WHY, ended_at="2026-11-22T10:00:00Z")
    return refs


def test_they_are_listed_newest_first_with_how_many_of_each_kind(olga: User, desk: AgentRevision) -> None:
    """By cursor; filters narrow the list, not the counts."""
    program = Program(olga)
    refs = kept(program, 3)
    page = program.get("/dead-letters?limit=2").json()
    rest = program.get(f"/dead-letters?limit=2&cursor={page['next_cursor']}").json()
    assert [one["id"] for one in (*page["items"], *rest["items"])] == refs[::-1]
    assert page["kinds"] == [{"category": "model", "code": "model_timeout", "count": 3, "oldest": "2026-11-22T10:00:00Z"}]
    assert program.get("/dead-letters?category=tool").json()["items"] == []
    assert len(program.get("/dead-letters?category=model&code=model_timeout&agent=desk").json()["items"]) == 3


def test_each_has_its_own_result_and_the_same_key_does_it_once(olga: User, desk: AgentRevision) -> None:
    """What is no dead letter, or is not there, is told beside the others."""
    program = Program(olga)
    first, second = kept(program, 2)
    body = {"ids": [first, "S-1"], "instruction": "Try again.", "as_now": True}
    answer = program.post("/dead-letters/replay", body, key="once").json()["items"]
    assert [(one["id"], one["session"] and one["session"]["status"], one["problem"] and one["problem"]["code"]) for one in answer] == [
        (first, "queued", None), ("S-1", None, "unknown_session"),
    ]  # fmt: skip
    assert program.post("/dead-letters/replay", body, key="once").json()["items"] == answer
    closed = program.post("/dead-letters/close", {"ids": [second, first], "note": "Not worth it."}).json()["items"]
    assert closed[0]["session"]["status"] == "failed"
    assert closed[1]["problem"]["code"] == "not_dead"


def test_what_cannot_be_read_is_refused_whole(olga: User, desk: AgentRevision) -> None:
    """Empty, too many, no note."""
    program = Program(olga)
    for path, body in (
        ("/dead-letters/replay", {"ids": []}),
        ("/dead-letters/replay", {"ids": ["S-1"] * 51}),
        ("/dead-letters/replay", {"ids": ["AP-1"]}),
        ("/dead-letters/close", {"ids": ["S-1"]}),
        ("/dead-letters/close", {"ids": ["S-1"], "note": "  x "}),
    ):
        refused(program.post(path, body), 422, "invalid_request")
