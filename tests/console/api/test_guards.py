"""Measures and guards of a prompt over the API."""

import pytest
from django.contrib.auth.models import User

from agents.agents import apply_agent
from agents.prompts.releases import release
from agents.prompts.versions import add_version
from approvals import policies
from approvals.policy import DEFAULT_POLICY
from audit.actors import SYSTEM
from audit.models import AuditEntry
from tests.console.api.calls import Program, refused
from tests.console.api.conftest import DESK

ROOT = "/prompts/desk"


@pytest.fixture(autouse=True)
def _canary(db: None) -> None:
    """A canary beside a live version."""
    apply_agent(DESK, actor=SYSTEM)
    add_version(slug="desk", text="You are a desk.\nBe brief.", actor=SYSTEM, user_id=None, note="Shorter.")
    release(slug="desk", version="1.1.0", share=25, actor=SYSTEM)


def test_live_versions_are_compared_with_their_samples(paul: User) -> None:
    """Nothing was counted yet: no value, no end, nothing that trips."""
    program = Program(paul)
    found = program.get(f"{ROOT}/measures").json()
    assert [(one["version"], one["share"]) for one in found["versions"]] == [("1.1.0", 25), ("1.0.0", 75)]
    nothing = {"n": 0, "events": 0, "value": None, "low": None, "high": None}
    assert found["versions"][0]["measures"]["rejection"] == nothing
    assert not any(one["enough"] or one["trips"] for one in found["guards"])


def test_guards_are_read_and_set_by_what_was_shown(paul: User) -> None:
    """The whole set at once; the entry says what changed."""
    program = Program(paul)
    usual = program.get(f"{ROOT}/guards").json()
    assert (usual["revision"], usual["changed_by"], usual["running"]) == (0, "", "finish")
    mine = {"guards": [{"measure": "cost", "allowed": 0.25, "minimum": 100}], "running": "stop", "revision": 0}
    assert program("PUT", f"{ROOT}/guards", mine).json()["revision"] == 1
    refused(program("PUT", f"{ROOT}/guards", mine), 409, "stale_setting")
    assert program.get(f"{ROOT}/guards").json()["guards"] == mine["guards"]
    assert AuditEntry.objects.get(kind="prompt.guarded").body_json["facts"]["guards"][0]["allowed_thousandths"] == 250


def test_what_no_guard_can_be_is_refused_at_its_place(paul: User) -> None:
    """A share is at most all, and a measure is guarded once."""
    program = Program(paul)
    far = {"guards": [{"measure": "halt", "allowed": 1.5}]}
    problem = program("PUT", f"{ROOT}/guards", far).json()
    assert "guards" in str(problem)
    refused(program("PUT", "/prompts/nobody/guards", {"guards": []}), 404, "unknown_prompt")


def test_a_release_that_needs_a_second_person_names_the_request(paul: User, ada: User) -> None:
    """Nothing is routed before somebody else agreed; the page leads to the request too."""
    document = {**DEFAULT_POLICY.model_dump(mode="json"), "releases": {"second_person": True}}
    policies.save(document, note="Two of us.", actor=SYSTEM)
    asked = Program(paul).post(f"{ROOT}/releases", {"version": "1.1.0", "share": 50, "reason": "It answers faster."})
    assert asked.status_code == 201, asked.content
    told = asked.json()
    assert [one["share"] for one in told["releases"]] == [75, 25]
    request = Program(ada).get(f"/approvals/{told['awaits']}").json()
    assert (request["kind"], request["status"]) == ("prompt_release", "pending")
    problem = refused(
        Program(ada).post(f"{ROOT}/releases", {"version": "1.1.0", "share": 100, "reason": "Now."}), 409, "not_released"
    )
    assert told["awaits"] in problem["detail"]
