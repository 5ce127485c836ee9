"""Where alarms of the log go, over the API: what the page of verification shows, and nothing of an address but its host."""

import uuid
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now

from console.models import Callback
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db
FIRST, SECOND = "https://hooks.example.org/services/T0-SECRET", "https://other.example.org/alarms?key=HIDDEN"


def test_where_nothing_is_named_the_list_is_empty(audrey: User) -> None:
    assert Program(audrey).get("/audit/alarms").json() == {"items": [], "next_cursor": None}


def test_each_program_stands_there_by_its_host_with_its_newest_message(audrey: User, remy: User, settings: Any) -> None:
    """In the order of the setting; one that was sent nothing says so."""
    settings.ALARM_WEBHOOKS = [FIRST, SECOND]
    for n, kind, more in (
        (1, "alarm.seal_late", {"attempts": 1, "delivered_at": Now()}),
        (2, "alarm.log_forked", {"attempts": 2, "error": f"{FIRST} cannot be reached."}),
    ):
        Callback.objects.create(id=uuid.uuid4(), n=n, session="audit", kind=kind, url=FIRST, body="{}", **more)
    answer = Program(audrey).get("/audit/alarms")
    told, silent = answer.json()["items"]
    assert (told["host"], told["kind"], told["outcome"], told["attempts"]) == (
        "hooks.example.org",
        "alarm.log_forked",
        "trying",
        2,
    )
    assert told["error"] == "hooks.example.org cannot be reached."
    assert told["at"]
    assert silent == {"host": "other.example.org", "kind": None, "outcome": "none", "at": None, "attempts": 0, "error": ""}
    assert b"SECRET" not in answer.content
    assert b"HIDDEN" not in answer.content
    refused(Program(remy).get("/audit/alarms"), 403, "forbidden")
    refused(Program(audrey, ["sessions:read"]).get("/audit/alarms"), 403, "forbidden")
