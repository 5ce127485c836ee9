"""Suites, cases and runs over the API, and the gate that they are before a release."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.models import AgentRevision
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db
SUITES = "/evals/suites"
CASE: dict[str, Any] = {"title": "It does not write", "document": {
    "start": [{"text": "Hello"}], "expect": [{"kind": "not_called", "tool": "send_email"}]}}  # fmt: skip


def suite(program: Program, **more: Any) -> dict[str, Any]:
    """A suite of the desk's."""
    answer = program.post(SUITES, {"slug": "manners", "title": "Manners", "prompt": "desk", "agent": "desk", **more})
    assert answer.status_code == 201, answer.content
    found: dict[str, Any] = answer.json()
    return found


def test_a_suite_is_made_changed_and_ended(paul: User, vic: User, desk: AgentRevision) -> None:
    """POST, GET, PATCH and DELETE /evals/suites."""
    program = Program(paul)
    made = suite(program, threshold=80)
    assert (made["cases"], made["threshold"], made["gate"]) == (0, 80, True)
    assert program.get(SUITES).json()["items"] == [made]
    changed = program("PATCH", f"{SUITES}/manners", {"revision": made["revision"], "gate": False}).json()
    assert (changed["gate"], changed["threshold"]) == (False, 80)
    refused(program("PATCH", f"{SUITES}/manners", {"revision": made["revision"], "gate": True}), 409, "stale_suite")
    refused(
        program.post(
            SUITES, {**made, "title": "Again"} and {"slug": "manners", "title": "Again", "prompt": "desk", "agent": "desk"}
        ),
        409,
        "suite_exists",
    )
    refused(Program(vic).post(SUITES, {"slug": "other", "title": "Other", "prompt": "desk", "agent": "desk"}), 403, "forbidden")
    assert program("DELETE", f"{SUITES}/manners").status_code == 200
    refused(program.get(f"{SUITES}/manners"), 404, "unknown_suite")


def test_a_case_is_stored_by_revision_and_read_by_who_may(paul: User, vic: User, desk: AgentRevision) -> None:
    """PUT, GET and DELETE of cases; what is wrong is named by its place."""
    program = Program(paul)
    suite(program)
    where = f"{SUITES}/manners/cases/quiet"
    made = program("PUT", where, CASE).json()
    assert (made["revision"], made["origin"], made["document"]["expect"]) == (1, "hand", CASE["document"]["expect"])
    assert program("PUT", where, CASE).json()["revision"] == 1
    assert program("PUT", where, {**CASE, "title": "It keeps quiet"}).json()["revision"] == 2
    refused(program("PUT", where, {**CASE, "shown": 1}), 409, "stale_case")
    refused(program("PUT", where, {**CASE, "shown": 0}), 409, "case_exists")
    assert program("PUT", where, {**CASE, "shown": 2}).json()["revision"] == 3
    assert [one["name"] for one in program.get(f"{SUITES}/manners/cases").json()["items"]] == ["quiet"]
    assert Program(vic).get(where).json()["document"] is None
    wrong = refused(
        program("PUT", where, {"title": "Wrong", "document": {"start": [], "expect": [{"kind": "guess"}]}}), 422, "invalid_case"
    )
    assert any("start" in one["loc"] for one in wrong["errors"])
    refused(program.post(f"{SUITES}/manners/cases", {"session": "S-1"}), 404, "unknown_session")
    refused(program.post(f"{SUITES}/manners/cases", {}), 422, "invalid_input")
    assert program("DELETE", where).status_code == 200
    refused(program.get(where), 404, "unknown_case")


def test_a_run_is_started_read_and_cancelled(paul: User, vic: User, desk: AgentRevision) -> None:
    """POST and GET /evals/runs, …/{run}, …/results, …/cancel."""
    program = Program(paul)
    suite(program, repeats=2)
    refused(program.post("/evals/runs", {"suite": "manners", "version": "1.0.0"}), 422, "invalid_input")
    program("PUT", f"{SUITES}/manners/cases/quiet", CASE)
    unknown = refused(
        program.post("/evals/runs", {"suite": "manners", "version": "1.0.0", "model": "gpt-nonsense"}), 422, "invalid_input"
    )
    assert "scripted-1" in unknown["detail"]
    run = program.post("/evals/runs", {"suite": "manners", "version": "1.0.0"}).json()
    assert (run["status"], run["total"], run["done"], run["reached"]) == ("queued", 2, 0, None)
    told = Program(vic).get(f"/evals/runs/{run['id']}").json()
    assert (told["run"]["id"], told["against"], told["differs"], told["cases"][0]["of"]) == (run["id"], None, [], 0)
    assert program.get("/evals/runs?suite=manners").json()["items"][0]["id"] == run["id"]
    assert program.get(f"/evals/runs/{run['id']}/results").json()["items"] == []
    assert program.post(f"/evals/runs/{run['id']}/cancel", {}).json()["status"] == "cancelled"
    refused(program.post(f"/evals/runs/{run['id']}/cancel", {}), 409, "run_ended")
    refused(program.get("/evals/runs/E-999"), 404, "unknown_run")


def test_a_version_below_the_gate_is_released_by_a_person_with_a_reason_alone(paul: User, desk: AgentRevision) -> None:
    """API.md: `override: {reason}`; a program of its own has none."""
    program = Program(paul)
    suite(program)
    program("PUT", f"{SUITES}/manners/cases/quiet", CASE)
    program.post("/prompts/desk/versions", {"text": "Another desk.", "note": "Another one."})
    body = {"version": "1.0.1", "share": 10}
    told = refused(program.post("/prompts/desk/releases", body), 409, "below_gate")
    assert "never run" in told["detail"]
    refused(program.post("/prompts/desk/releases", {**body, "override": {"reason": "no"}}), 422, "invalid_request")
    answer = program.post("/prompts/desk/releases", {**body, "override": {"reason": "The supplier asked for it."}})
    assert answer.status_code == 201
