"""Agents, prompts, tools and policies over the API: what stands behind every judgement."""

import copy
from typing import Any

import pytest
from django.contrib.auth.models import User

from agents.models import AgentRevision
from approvals.document import DEFAULT_POLICY
from tests.console.api.calls import Program, refused
from tests.console.api.conftest import DESK

pytestmark = pytest.mark.django_db


def test_an_agent_shows_its_document_its_tools_and_its_live_prompt(vic: User, desk: AgentRevision) -> None:
    """API.md, Resources: GET /agents, GET /agents/{slug}."""
    program = Program(vic)
    shown = program.get("/agents/desk").json()
    assert (shown["slug"], shown["revision"], shown["prompt_version"]) == ("desk", 1, "1.0.0")
    assert [(one["name"], one["tier"]) for one in shown["tools"]] == [
        ("calculate", "read_only"),
        ("send_email", "irreversible_write"),
    ]
    assert shown["document"]["limits"]["turns"] == 20
    assert program.get("/agents").json()["items"] == [shown]
    refused(program.get("/agents/nobody"), 404, "unknown_agent")


def test_an_admin_puts_the_next_revision(ada: User, olga: User, desk: AgentRevision) -> None:
    """PUT makes a new revision; the same again changes nothing; others may not."""
    document = {**DESK, "single_turn": True}
    del document["prompt_text"]
    refused(Program(olga)("PUT", "/agents/desk", document), 403, "forbidden")
    program = Program(ada)
    for _ in range(2):
        answer = program("PUT", "/agents/desk", document)
        assert (answer.status_code, answer.json()["revision"]) == (200, 2), answer.content
    fresh = {**document, "slug": "other", "prompt": "other", "prompt_text": "Another."}
    assert program("PUT", "/agents/other", fresh).json()["revision"] == 1
    bare = {name: value for name, value in fresh.items() if name != "slug"}
    assert program("PUT", "/agents/other", bare).json()["document"]["slug"] == "other"


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"slug": "other"}, "invalid_agent"),
        ({"tools": ["no_such_tool"]}, "invalid_agent"),
        ({"limits": {"turns": 0}}, "invalid_request"),
        ({"revision": 7}, "invalid_request"),
        ({"task_types": {}}, "invalid_request"),
        ({"prompt": "missing", "prompt_text": None}, "invalid_agent"),
    ],
)
def test_a_document_that_cannot_be_is_refused(ada: User, desk: AgentRevision, changed: Any, code: str) -> None:
    """422 with the field; the revision stays."""
    refused(Program(ada)("PUT", "/agents/desk", {**DESK, **changed}), 422, code)
    assert AgentRevision.objects.filter(agent__slug="desk").count() == 1


def test_wrong_values_are_told_in_words_of_json(ada: User, desk: AgentRevision) -> None:
    """Nobody who writes JSON knows tuples, dictionaries or instances."""
    wrong = {**DESK, "tools": "calculate", "task_types": {"default": 5}, "limits": [], "temperature": "hot", "colour": "red"}
    problem = refused(Program(ada)("PUT", "/agents/desk", wrong), 422, "invalid_request")
    assert {".".join(one["loc"]): one["msg"] for one in problem["errors"]} == {
        "body.tools": "must be a list",
        "body.task_types.default": "must be a list",
        "body.limits": "must be an object (JSON) or a table of its own (TOML)",
        "body.temperature": "must be a number",
        "body.colour": "unknown; take it out, or check its spelling",
    }
    unknown = refused(Program(ada)("PUT", "/agents/desk", {**DESK, "tools": ["no_such_tool"]}), 422, "invalid_agent")
    assert unknown["errors"] == [{"loc": ["body", "tools"], "msg": "unknown tools: no_such_tool"}]


def test_prompts_are_read_with_their_versions(vic: User, paul: User, desk: AgentRevision) -> None:
    """API.md, Resources: GET /prompts, /prompts/{slug}, /prompts/{slug}/versions."""
    program = Program(vic)
    shown = program.get("/prompts/desk").json()
    assert [(one["version"], one["share"]) for one in shown["releases"]] == [("1.0.0", 100)]
    assert program.get("/prompts").json()["items"] == [shown]
    versions = program.get("/prompts/desk/versions").json()
    assert [(one["version"], one["text"]) for one in versions["items"]] == [("1.0.0", None)]  # a viewer reads no prompts
    versions = Program(paul).get("/prompts/desk/versions").json()
    assert [(one["version"], one["text"]) for one in versions["items"]] == [("1.0.0", DESK["prompt_text"])]
    refused(program.get("/prompts/nothing"), 404, "unknown_prompt")


def test_tools_are_listed_with_the_tier_that_counts(vic: User) -> None:
    """API.md, The demo: the built-in tools with their tiers."""
    found = {one["name"]: one for one in Program(vic).get("/tools").json()["items"]}
    assert found["send_email"]["tier"] == found["send_email"]["declared_tier"] == "irreversible_write"
    assert found["send_email"]["egress"]
    assert found["calculate"]["tier"] == "read_only"
    assert found["delete_document"]["tier"] == "destructive"


def test_operators_restrain_tools_and_only_admins_loosen_them(vic: User, olga: User, ada: User) -> None:
    """API.md, Rights: disable and raise are the operator's, lowering is the admin's."""
    path, reason = "/tools/draft_message", "Too many drafts"
    refused(Program(vic)("PATCH", path, {"enabled": False, "reason": reason}), 403, "forbidden")
    operator = Program(olga)
    answer = operator("PATCH", path, {"tier": "irreversible_write", "enabled": False, "reason": reason})
    assert answer.status_code == 200, answer.content
    assert (answer.json()["tier"], answer.json()["enabled"], answer.json()["reason"]) == ("irreversible_write", False, reason)
    refused(operator("PATCH", path, {"tier": "read_only", "reason": reason}), 403, "not_allowed")
    lowered = Program(ada)("PATCH", path, {"tier": "reversible_write", "enabled": True, "reason": "Reviewed again"})
    assert (lowered.json()["tier"], lowered.json()["enabled"]) == ("reversible_write", True)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"enabled": False}, "invalid_request"),
        ({"enabled": False, "reason": "x"}, "invalid_request"),
        ({"reason": "for nothing"}, "invalid_request"),
        ({"tier": "harmless", "reason": "a new tier"}, "invalid_request"),
        ({"egress": False, "enabled": True, "reason": "mass assignment"}, "invalid_request"),
    ],
)
def test_a_setting_says_what_and_why(olga: User, body: Any, code: str) -> None:
    """THREATS 27."""
    refused(Program(olga)("PATCH", "/tools/send_email", body), 422, code)


def test_a_setting_that_somebody_else_changed_is_a_lost_race(olga: User) -> None:
    """With the revision that was shown."""
    program = Program(olga)
    now = program("PATCH", "/tools/send_email", {"enabled": False, "reason": "First of two"}).json()["revision"]
    stale = {"enabled": True, "reason": "Second of two", "revision": now - 1}
    refused(program("PATCH", "/tools/send_email", stale), 409, "stale_setting")
    refused(program("PATCH", "/tools/nothing", {"enabled": True, "reason": "No such tool"}), 404, "tool_not_found")


def test_the_policy_is_read_by_all_and_revised_by_admins(vic: User, olga: User, ada: User) -> None:
    """API.md, Rights: policies are the admin's."""
    shown = Program(vic).get("/policies").json()
    now, document = shown["number"], copy.deepcopy(shown["document"])
    assert document == DEFAULT_POLICY.model_dump(mode="json")
    new = {"document": document, "note": "As shipped"}
    refused(Program(olga).post("/policies", new), 403, "forbidden")
    admin = Program(ada)
    made = admin.post("/policies", new, key="p1")
    assert (made.status_code, made.json()["number"], made.json()["current"]) == (201, now + 1, True), made.content
    assert admin.post("/policies", new, key="p1").content == made.content
    shown = Program(vic).get("/policies?limit=1").json()
    assert (shown["number"], [one["number"] for one in shown["items"]]) == (now + 1, [now + 1])


def test_a_policy_that_is_not_whole_is_refused_with_its_places(ada: User) -> None:
    """Empty or unknown means no: a document with a hole never judges."""
    problem = refused(Program(ada).post("/policies", {"document": {"tiers": {}}, "note": "Broken"}), 422, "invalid_policy")
    assert problem["errors"]
    refused(Program(ada).post("/policies", {"document": {"everything": "allow"}, "note": "Broken"}), 422, "invalid_policy")


def test_a_policy_is_revised_from_the_revision_that_was_read_compared_and_restored(vic: User, olga: User, ada: User) -> None:
    """Two programs at once: the second gets 409; any two revisions are compared; restoring saves the old text anew."""
    admin, reader = Program(ada), Program(vic)
    before = reader.get("/policies").json()
    longer = {"document": {**before["document"], "ttl_s": 172_800}, "note": "Two days", "base": before["number"]}
    made = admin.post("/policies", longer).json()["number"]
    refused(admin.post("/policies", {**longer, "note": "Once more"}), 409, "stale_policy")
    assert reader.get(f"/policies/{made}").json()["note"] == "Two days"
    found = reader.get(f"/policies/{made}/difference?against={before['number']}").json()
    assert (found["added"], found["removed"], found["loosens"]) == (
        ["Requests stay open for: 2 d"], ["Requests stay open for: 1 d"], ["Requests and approvals stay open longer."],
    )  # fmt: skip
    restored = {"note": "Back to one day", "base": made}
    refused(Program(olga).post(f"/policies/{before['number']}/restore", restored), 403, "forbidden")
    back = admin.post(f"/policies/{before['number']}/restore", restored, key="r1")
    assert (back.status_code, back.json()["number"]) == (201, made + 1)
    assert back.json()["document"] == before["document"]
    assert admin.post(f"/policies/{before['number']}/restore", restored, key="r1").content == back.content
    refused(admin.post(f"/policies/{before['number']}/restore", restored), 409, "stale_policy")
    refused(reader.get("/policies/999999"), 404, "unknown_revision")
    refused(reader.get(f"/policies/{made}/difference"), 422, "invalid_request")
