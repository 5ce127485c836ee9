"""Grading over the API: rubrics, shares, items and grades, and how far judge and people agree."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import transaction

from agents.grading import sampling
from agents.models import AgentRevision, GradingItem, Session
from agents.services import start_session
from audit.actors import Actor
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db
RUBRIC: dict[str, Any] = {"document": {"title": "Was it help", "criteria": [
    {"name": "right", "title": "It was right", "scale": ["no", "half", "yes"]}]}}  # fmt: skip
ITEMS = "/evals/grading/items"


def taken(paul: User, by: User) -> str:
    """An item that waits, of a session that somebody started."""
    program = Program(paul)
    assert program("PUT", "/evals/rubrics/help", RUBRIC).status_code == 200
    assert program("PUT", "/evals/grading/rules/agent/desk", {"rubric": "help", "share": 100}).status_code == 200
    actor = Actor("user", str(by.pk), by.first_name)
    with transaction.atomic():
        session = start_session(actor=actor, person_id=by.pk, agent="desk", goal="Hello")
    Session.objects.filter(pk=session.pk).update(status="waiting_input", updated_at="2020-01-01T00:00:00Z")
    sampling.beat(settles_s=-1, rests_s=-1)  # in one transaction it is always the same moment
    return GradingItem.objects.get(session=session).ref


def test_a_rubric_is_stored_by_revision(paul: User, vic: User, desk: AgentRevision) -> None:
    """PUT and GET /evals/rubrics; what is wrong is named by its place."""
    program = Program(paul)
    made = program("PUT", "/evals/rubrics/help", RUBRIC).json()
    assert (made["revision"], made["document"]["criteria"][0]["scale"]) == (1, ["no", "half", "yes"])
    assert Program(vic).get("/evals/rubrics").json()["items"] == [made]
    assert Program(vic).get("/evals/rubrics/help").json() == made
    refused(program("PUT", "/evals/rubrics/help", {**RUBRIC, "revision": 7}), 409, "stale_rubric")
    wrong = refused(
        program("PUT", "/evals/rubrics/help", {"document": {"title": "Help", "criteria": []}}), 422, "invalid_rubric"
    )
    assert wrong["errors"][0]["loc"] == ["body", "document", "criteria"]
    bent = {**RUBRIC["document"], "criteria": [{"name": "Right", "title": "It was right", "scale": ["no", "yes"]}]}
    (only,) = refused(program("PUT", "/evals/rubrics/help", {"document": bent}), 422, "invalid_rubric")["errors"]
    assert only["loc"][-2:] == ["0", "name"], "that no criterion is left is no error of its own"
    refused(program.get("/evals/rubrics/other"), 404, "unknown_rubric")


def test_a_share_is_set_by_revision(paul: User, olga: User, desk: AgentRevision) -> None:
    """PUT /evals/grading/rules/{kind}/{key}: prompt managers and operators; errors name the field."""
    program = Program(paul)
    program("PUT", "/evals/rubrics/help", RUBRIC)
    where = "/evals/grading/rules/agent/desk"
    made = Program(olga)("PUT", where, {"rubric": "help", "share": 5, "judge": "scripted-1", "revision": 0}).json()
    assert (made["agent"], made["share"], made["judge"], made["items"]) == ("desk", 5, "scripted-1", {})
    assert program.get("/evals/grading/rules").json()["items"] == [made]
    refused(program("PUT", where, {"rubric": "help", "share": 5, "revision": 0}), 409, "stale_grading_rule")
    refused(program("PUT", where, {"rubric": "help", "share": 101}), 422, "invalid_request")
    unknown = refused(program("PUT", where, {"rubric": "help", "share": 5, "judge": "gpt-nonsense"}), 422, "invalid_input")
    assert "`judge`" in unknown["detail"]
    assert "scripted-1" in unknown["detail"]
    refused(program("PUT", where, {"rubric": "other", "share": 1}), 404, "unknown_rubric")
    refused(program("PUT", "/evals/grading/rules/agent/nobody", {"rubric": "help", "share": 1}), 404, "unknown_agent")
    refused(program("PUT", "/evals/grading/rules/suite/nothing", {"rubric": "help", "share": 1}), 404, "unknown_suite")


def test_an_item_is_taken_graded_and_then_shows_what_others_gave(
    paul: User, rosa: User, remy: User, olga: User, vic: User, desk: AgentRevision
) -> None:
    """Nobody is shown the grades of others before giving their own."""
    ref = taken(paul, olga)
    one, other = Program(rosa), Program(remy)
    whole = one.post("/evals/grading/next", {}).json()
    assert (whole["id"], whole["claimed_by"], whole["given"], whole["hidden"]) == (ref, "Rosa", [], 0)
    assert whole["messages"][0]["text"] == "Hello"
    refused(other.post("/evals/grading/next", {}), 404, "nothing_to_grade")
    refused(other.post(f"{ITEMS}/{ref}/grades", {"scores": {"right": 1}}), 409, "grading_claimed")
    wrong = refused(one.post(f"{ITEMS}/{ref}/grades", {"scores": {"right": 4}}), 422, "invalid_grade")
    assert wrong["errors"][0]["loc"] == ["body", "scores", "right"]
    graded = one.post(f"{ITEMS}/{ref}/grades", {"scores": {"right": 3}, "notes": {"right": "So it is."}})
    assert graded.status_code == 201
    assert graded.json()["given"][0]["notes"] == {"right": "So it is."}
    before = other.get(f"{ITEMS}/{ref}").json()
    assert (before["given"], before["hidden"], before["status"]) == ([], 1, "graded")
    other.post(f"{ITEMS}/{ref}/grades", {"scores": {"right": 2}})
    after = other.get(f"{ITEMS}/{ref}").json()
    assert sorted(given["scores"]["right"] for given in after["given"]) == [2, 3]
    assert Program(olga).get(f"{ITEMS}/{ref}").json()["hidden"] == 0, "who grades nothing is not led"
    bare = Program(vic).get(f"{ITEMS}/{ref}").json()
    assert (bare["messages"], bare["given"]) == (None, [])
    (told,) = Program(vic).get("/evals/grading/agreement").json()["items"]
    assert (told["graded"], told["criteria"][0]["people"]["n"], told["criteria"][0]["people"]["near"]) == (1, 1, 1)
    assert told["criteria"][0]["people"]["kappa"] is None


def test_an_item_is_given_back_and_skipped(paul: User, rosa: User, olga: User, desk: AgentRevision) -> None:
    """POST …/claim, …/release, …/skip."""
    ref = taken(paul, olga)
    program = Program(rosa)
    assert program.post(f"{ITEMS}/{ref}/claim", {}).json()["claimed_by"] == "Rosa"
    assert program.post(f"{ITEMS}/{ref}/release", {}).json()["claimed_by"] == ""
    refused(program.post(f"{ITEMS}/{ref}/skip", {"reason": "x"}), 422, "invalid_request")
    assert program.post(f"{ITEMS}/{ref}/skip", {"reason": "It was a test."}).json()["status"] == "skipped"
    refused(program.post(f"{ITEMS}/{ref}/claim", {}), 409, "not_gradable")
    assert program.get(f"{ITEMS}?status=skipped").json()["items"][0]["skipped_reason"] == "It was a test."
    refused(program.get(f"{ITEMS}/G-999"), 404, "unknown_grading_item")


def test_people_grade_and_only_what_they_may_read(paul: User, rosa: User, olga: User, desk: AgentRevision) -> None:
    """A prompt manager reads no session of others; a service token grades nothing."""
    ref = taken(paul, olga)
    refused(Program(paul).post(f"{ITEMS}/{ref}/claim", {}), 404, "unknown_grading_item")
    assert Program(paul).get(f"{ITEMS}/{ref}").json()["messages"] is None
    refused(Program(rosa, service="robot").post(f"{ITEMS}/{ref}/claim", {}), 403, "forbidden")
