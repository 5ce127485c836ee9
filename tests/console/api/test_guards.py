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
    twice = {"guards": [{"measure": "halt", "allowed": 0.1}] * 2}
    said = refused(program("PUT", f"{ROOT}/guards", twice), 422, "invalid_guards")
    assert said["detail"] == "The guards are not valid: a measure is guarded once."
    long = refused(program.post(f"{ROOT}/rollback", {"reason": "x" * 501}), 422, "invalid_request")
    assert long["errors"] == [{"loc": ["body", "reason"], "msg": "has at most 500 characters"}]
    refused(program("PUT", "/prompts/nobody/guards", {"guards": []}), 404, "unknown_prompt")


ASKS = {"version": "1.1.0", "share": 50, "reason": "It answers faster."}


@pytest.fixture
def _two_of_us() -> None:
    """Policy asks a second person."""
    document = {**DEFAULT_POLICY.model_dump(mode="json"), "releases": {"second_person": True}}
    policies.save(document, note="Two of us.", actor=SYSTEM)


def shares(program: Program) -> list[int]:
    """What goes where."""
    return [one["share"] for one in program.get(ROOT).json()["releases"]]


@pytest.mark.usefixtures("_two_of_us")
def test_a_release_that_needs_a_second_person_is_202_with_the_request(paul: User, ada: User) -> None:
    """Nothing is routed before somebody else agreed; the same key is answered alike, and the prompt names what it waits for."""
    asker = Program(paul)
    asked = asker.post(f"{ROOT}/releases", ASKS, key="once")
    assert asked.status_code == 202, asked.content
    told = asked.json()
    assert (told["kind"], told["status"], told["verdicts"]) == ("prompt_release", "pending", [])
    assert told["summary"] == "Release 1.1.0 of desk to 50% of new sessions"
    again = asker.post(f"{ROOT}/releases", ASKS, key="once")
    assert (again.status_code, again.json()["id"], again["Idempotency-Replayed"]) == (202, told["id"], "true")
    assert (shares(asker), asker.get(ROOT).json()["awaits"]) == ([75, 25], told["id"])
    assert asker.get("/prompts").json()["items"][0]["awaits"] == told["id"]
    problem = refused(
        Program(ada).post(f"{ROOT}/releases", {"version": "1.1.0", "share": 100, "reason": "Now."}), 409, "not_released"
    )
    assert told["id"] in problem["detail"]
    decided = Program(ada).post(f"/approvals/{told['id']}/decisions", {"verdict": "approve", "digest": told["digest"]})
    assert (decided.status_code, decided.json()["status"]) == (200, "consumed")
    assert (shares(asker), asker.get(ROOT).json()["awaits"]) == ([50, 50], None)


@pytest.mark.usefixtures("_two_of_us")
def test_what_changes_nothing_asks_nobody(paul: User) -> None:
    """The canary has that share already."""
    assert Program(paul).post(f"{ROOT}/releases", {**ASKS, "share": 25}).status_code == 201


@pytest.mark.usefixtures("_two_of_us")
def test_who_asked_may_take_it_back(paul: User, ada: User) -> None:
    """Then another release can be asked for, and nobody decides on the first one any more."""
    asker = Program(paul)
    told = asker.post(f"{ROOT}/releases", ASKS).json()
    taken = asker.post(f"{ROOT}/releases/withdraw")
    assert (taken.status_code, taken.json()["status"]) == (200, "withdrawn")
    refused(asker.post(f"{ROOT}/releases/withdraw"), 409, "nothing_asked")
    late = Program(ada).post(f"/approvals/{told['id']}/decisions", {"verdict": "approve", "digest": told["digest"]})
    assert late.status_code == 409
    assert asker.post(f"{ROOT}/releases", {**ASKS, "share": 100}).status_code == 202


@pytest.mark.usefixtures("_two_of_us")
def test_the_first_version_of_a_new_prompt_waits_too(ada: User, paul: User) -> None:
    """An agent that comes with a prompt has no live version, and starts nothing, before somebody else agreed."""
    admin, document = Program(ada), {**DESK, "prompt": "counter", "prompt_text": "You stand at a counter."}
    for _ in range(2):  # the same document again changes nothing
        assert admin("PUT", "/agents/desk", document).json()["prompt_version"] is None
    found = admin.get("/prompts/counter").json()
    assert found["releases"] == []
    refused(admin.post("/sessions", {"agent": "desk", "goal": "Say hello."}), 422, "invalid_agent")
    request = Program(paul).get(f"/approvals/{found['awaits']}").json()
    said = {"verdict": "approve", "digest": request["digest"]}
    assert Program(ada).post(f"/approvals/{found['awaits']}/decisions", said).status_code == 403
    assert Program(paul).post(f"/approvals/{found['awaits']}/decisions", said).status_code == 200
    assert [one["version"] for one in admin.get("/prompts/counter").json()["releases"]] == ["1.0.0"]
    assert admin.post("/sessions", {"agent": "desk", "goal": "Say hello."}).status_code == 201
