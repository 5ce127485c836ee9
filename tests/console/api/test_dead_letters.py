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
        ("/dead-letters/replay", {}),
        ("/dead-letters/replay", {"ids": ["S-1"], "every": {"until": "2026-11-22T10:00:00Z"}}),
        ("/dead-letters/replay", {"every": {}}),
        ("/dead-letters/replay", {"every": {"until": "2026-11-22T10:00:00"}}),
        ("/dead-letters/replay", {"ids": ["S-1", "S-2"], "goal": "One goal for two."}),
        ("/dead-letters/replay", {"every": {"until": "2026-11-22T10:00:00Z"}, "goal": "One goal for all."}),
    ):
        refused(program.post(path, body), 422, "invalid_request")


def test_all_of_a_filter_that_failed_until_a_moment_are_taken(olga: User, desk: AgentRevision) -> None:
    """Once for one key, however often it is sent; the answer says how many are left."""
    program = Program(olga)
    refs = kept(program, 2)
    every = {"category": "model", "agent": "desk", "until": "2026-11-22T10:00:00Z"}
    none = program.post("/dead-letters/replay", {"every": {**every, "until": "2026-11-22T09:59:59Z"}}).json()
    assert none == {"items": [], "left": 0}
    answer = program.post("/dead-letters/replay", {"every": every}, key="all").json()
    assert ([(one["id"], one["session"]["status"]) for one in answer["items"]], answer["left"]) == (
        [(ref, "queued") for ref in refs],
        0,
    )
    assert program.post("/dead-letters/replay", {"every": every}, key="all").json() == answer
    assert program.post("/dead-letters/close", {"every": every, "note": "Not worth it."}).json()["items"] == []


def test_the_goal_of_one_is_changed_before_it_goes_on(olga: User, desk: AgentRevision) -> None:
    """The session says the new one from then on."""
    program = Program(olga)
    (ref,) = kept(program, 1)
    answer = program.post("/dead-letters/replay", {"ids": [ref], "goal": "Calculate 2 + 2."}).json()["items"][0]["session"]
    assert (answer["goal"], answer["title"]) == ("Calculate 2 + 2.", "Calculate 2 + 2.")
    assert program.get(f"/sessions/{ref}").json()["goal"] == "Calculate 2 + 2."
