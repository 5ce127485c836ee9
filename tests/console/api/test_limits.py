"""Limits over the API: the page's own service, with fields named where they are wrong (GUARD-5)."""

import pytest
from django.contrib.auth.models import User

from agents.models import AgentRevision, Limit
from tests.console.api.calls import Program

BODY = {"scope": "model:scripted-1", "requests": 600, "tokens": 90_000, "reason": "What the provider allows."}


def test_what_is_set_is_listed_with_its_use_and_can_be_lifted(olga: User, desk: AgentRevision) -> None:
    program = Program(olga, ["limits:read", "limits:write", "sessions:write"])
    made = program("PUT", "/limits", BODY).json()
    assert (made["requests"], made["revision"], made["changed_by"]) == (600, 1, "Olga")
    program.post("/sessions", {"agent": "desk", "goal": "Hello"})
    listed = program.get("/limits").json()
    assert [item["scope"] for item in listed["items"]] == ["model:scripted-1"]
    assert listed["items"][0]["used"] == {"requests": 0, "tokens": 0, "at_once": 0}
    assert [(line["agent"], line["queued"]) for line in listed["queue"]] == [("desk", 1)]
    assert listed["waiting"] == []
    lifted = {"scope": "model:scripted-1", "reason": "Not needed.", "revision": 1}
    assert program("PUT", "/limits", lifted).json()["requests"] is None
    assert program.get("/limits").json()["items"] == []


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"requests": 0}, 422, "invalid_request"),
        ({"at_once": 3}, 422, "invalid_limit"),
        ({"scope": "weather:"}, 422, "invalid_limit"),
        ({"scope": "tool:nothing", "tokens": None}, 404, "tool_not_found"),
        ({"scope": "queue:nobody", "requests": None, "tokens": None, "at_once": 1}, 404, "unknown_agent"),
        ({"scope": "tool:send_email", "requests": 61, "tokens": None}, 403, "not_allowed"),
        ({"revision": 4}, 409, "stale_setting"),
    ],
)
def test_a_wrong_limit_is_refused_and_named(
    olga: User, desk: AgentRevision, change: dict[str, object], status: int, code: str
) -> None:
    answer = Program(olga, ["limits:write"])("PUT", "/limits", {**BODY, **change})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert not Limit.objects.filter(revision__gt=0).exists()


def test_a_full_queue_is_429_with_when_to_come_back(olga: User, desk: AgentRevision) -> None:
    program = Program(olga, ["limits:write", "sessions:write"])
    program("PUT", "/limits", {"scope": "queue:desk", "at_once": 1, "reason": "Enough."})
    body = {"agent": "desk", "goal": "Hello"}
    assert program.post("/sessions", body).status_code == 201
    refused = program.post("/sessions", body)
    assert (refused.status_code, refused.json()["code"]) == (429, "queue_full")
    assert refused.headers["Retry-After"] == "15"
