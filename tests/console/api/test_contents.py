"""Keeping and deleting raw content over the API: days for each class, holds, and deletions that somebody asked for. AUDIT-6."""

import pytest
from django.contrib.auth.models import User

from agents.models import AgentRevision
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db
ROOT = "/audit/content"


def test_days_are_set_by_revision(ada: User, audrey: User) -> None:
    """PUT /audit/content/rules/{cls}: admins; every class is listed, with or without days."""
    program = Program(ada)
    made = program("PUT", f"{ROOT}/rules/result", {"days": 30}).json()
    assert (made["cls"], made["days"], made["revision"], made["deleted"]) == ("result", 30, 1, 0)
    listed = Program(audrey).get(f"{ROOT}/rules").json()["items"]
    assert made in listed
    assert [one["days"] for one in listed if one["cls"] != "result"] == [None] * (len(listed) - 1)
    refused(program("PUT", f"{ROOT}/rules/result", {"days": 10}), 409, "stale_retention")
    refused(program("PUT", f"{ROOT}/rules/result", {"days": 0, "revision": 1}), 422, "invalid_request")
    refused(program("PUT", f"{ROOT}/rules/nothing", {"days": 10}), 404, "not_found")
    refused(Program(audrey)("PUT", f"{ROOT}/rules/result", {"days": 10, "revision": 1}), 403, "forbidden")


def test_a_hold_stands_until_it_is_lifted(ada: User, audrey: User) -> None:
    """POST /audit/content/holds: of a session that is there, or of a name."""
    program = Program(ada)
    said = {"scope": "principal", "whose": "maria@customer.example", "reason": "A court asks."}
    made = program("POST", f"{ROOT}/holds", said).json()
    assert Program(audrey).get(f"{ROOT}/holds").json()["items"] == [made]
    assert program("POST", f"{ROOT}/holds", {**said, "scope": "session", "whose": "S-1"}).status_code == 422
    lifted = program("POST", f"{ROOT}/holds/{made['id']}/lift").json()
    assert lifted["lifted_by"]
    assert program.get(f"{ROOT}/holds").json()["items"] == []
    assert program("POST", f"{ROOT}/holds/{made['id']}/lift").status_code == 404


def test_nothing_is_deleted_but_what_a_preview_showed(ada: User, audrey: User, desk: AgentRevision) -> None:
    """POST /audit/content/deletions: the token of the preview, and a reason."""
    program = Program(ada)
    begun = program("POST", "/sessions", {"agent": "desk", "goal": "Hello", "on_behalf_of": "maria@customer.example"}).json()
    whose = {"by": "on_behalf_of", "whose": "maria@customer.example"}
    seen = program("POST", f"{ROOT}/deletions/preview", whose).json()
    assert (seen["sessions"], seen["open"]) == ([begun["id"]], [begun["id"]])
    said = {**whose, "token": seen["token"], "reason": "She asked for it."}
    assert program("POST", f"{ROOT}/deletions", said).status_code == 409, "the session is still open"
    assert program("POST", f"/sessions/{begun['id']}/cancel", {"reason": "She leaves."}).status_code == 200
    assert program("POST", f"{ROOT}/deletions", {**said, "token": "0" * 64}).status_code == 409
    said["token"] = program("POST", f"{ROOT}/deletions/preview", whose).json()["token"]
    done = program("POST", f"{ROOT}/deletions", said)
    assert (done.status_code, done.json()["reason"]) == (201, "She asked for it.")
    assert done.json()["texts"] >= 1
    page = Program(audrey).get(f"{ROOT}/deletions?limit=1").json()
    assert page == {"items": [done.json()], "next_cursor": None}
    refused(Program(audrey)("POST", f"{ROOT}/deletions", said), 403, "forbidden")
