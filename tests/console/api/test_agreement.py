"""Over the API: whether the rows are what the log says, and drills."""

import pytest
from django.contrib.auth.models import User

from audit.models import AuditEntry
from tests.console.api.calls import Program, refused


@pytest.mark.django_db
def test_a_check_is_made_kept_and_read_again(audrey: User) -> None:
    program = Program(audrey)
    assert program.get("/audit/agreement").json() == {"last": None}
    answer = program.post("/audit/agreement")
    assert answer.status_code == 200
    told = answer.json()
    assert (told["ok"], told["by"], told["wrong"], told["findings"]) == (True, audrey.first_name, 0, [])
    assert program.get("/audit/agreement").json() == {"last": told}
    assert AuditEntry.objects.get(kind="audit.compared").actor_id == str(audrey.pk)


@pytest.mark.django_db
def test_drills_are_listed_and_one_that_is_none_is_told(audrey: User) -> None:
    program = Program(audrey)
    named = {one["name"] for one in program.get("/audit/drills").json()["items"]}
    assert {"change", "cut", "rewrite", "status", "request"} <= named
    told = refused(program.post("/audit/drills", {"tampering": "wish"}), 404, "unknown_tampering")
    assert all(name in told["detail"] for name in named)
    refused(program.post("/audit/drills", {"tampering": "change"}), 409, "nothing_to_drill")
    refused(program.post("/audit/drills", {}), 422, "invalid_request")
