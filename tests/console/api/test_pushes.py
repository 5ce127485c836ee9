"""The push of entries over the API: made, listed, paused, sent again, its secret changed, ended."""

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db
FILE: dict[str, Any] = {"name": "archive", "way": "file", "address": "entries.jsonl"}


@pytest.fixture(autouse=True)
def folder(settings: Any, tmp_path: Path) -> None:
    """Files may be written to a folder of the operator's."""
    settings.AUDIT_PUSH_DIR = str(tmp_path)


def test_a_target_lives_from_its_making_to_its_end(ada: User, audrey: User) -> None:
    """Admins alone; what is not there, or was ended, is not found."""
    program = Program(ada)
    made = program("POST", "/audit/push", {**FILE, "kinds": ["session"]}).json()
    assert (made["status"], made["secret"], made["kinds"]) == ("active", None, ["session"])
    assert [one["name"] for one in Program(audrey).get("/audit/push").json()["items"]] == ["archive"]
    assert program("POST", "/audit/push/archive/pause").json()["status"] == "paused"
    assert program("POST", "/audit/push/archive/resume").json()["status"] == "active"
    assert program("POST", "/audit/push/archive/rewind", {"start": 1}).json()["cursor"] == 0
    refused(program("POST", "/audit/push/archive/rewind", {"start": 10**9}), 422, "invalid_push")
    assert program("POST", "/audit/push/archive/end").json()["status"] == "ended"
    assert program.get("/audit/push").json()["items"] == []
    for act in ("pause", "resume", "rotate", "end"):
        refused(program("POST", f"/audit/push/archive/{act}"), 404, "unknown_push")
    refused(Program(audrey)("POST", "/audit/push", FILE), 403, "forbidden")


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"address": "../entries.jsonl"}, "address"),
        ({"address": "entries.txt"}, "address"),
        ({"kinds": ["nothing.happened"]}, "kinds"),
        ({"start": 10**9}, "start"),
        ({"way": "webhook", "address": "http://127.0.0.1:1/"}, "address"),
    ],
)
def test_what_is_wrong_of_a_target_is_named(ada: User, wrong: dict[str, Any], field: str) -> None:
    """Nothing is made of a target that cannot be."""
    answer = Program(ada)("POST", "/audit/push", {**FILE, **wrong})
    assert answer.status_code == 422
    assert field in answer.json()["detail"]
    assert Program(ada).get("/audit/push").json()["items"] == []
