"""Having a request in hand over the API."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from approvals.models import ApprovalRequest
from tests.approvals.conftest import ask
from tests.approvals.test_consume import let_pass
from tests.console.api.calls import Program, refused

pytestmark = pytest.mark.django_db


@pytest.fixture
def asked(olga: User) -> ApprovalRequest:
    """A request in a session that Olga started."""
    return ask(requester=olga.pk)


def shown(program: Program, row: ApprovalRequest) -> Any:
    """Return who has it, as the list says."""
    return program.get("/approvals").json()["items"][0]["claim"]


def test_a_claim_is_seen_by_programs(remy: User, rosa: User, asked: ApprovalRequest) -> None:
    """Taken, refused to the second, given back."""
    one, other = Program(remy), Program(rosa)
    assert one.post(f"/approvals/{asked.ref}/claim").json()["claim"]["by"] == "Remy"
    refused(other.post(f"/approvals/{asked.ref}/claim"), 409, "already_claimed")
    assert shown(other, asked)["assigned_by"] is None
    refused(other.post(f"/approvals/{asked.ref}/release"), 403, "not_yours")
    assert one.post(f"/approvals/{asked.ref}/release").json()["claim"] is None


def test_an_operator_assigns_what_they_started(olga: User, remy: User, asked: ApprovalRequest) -> None:
    """Olga may not decide it, but she may say who shall look; not herself, and nobody unknown."""
    program = Program(olga)
    claim = program.post(f"/approvals/{asked.ref}/assign", {"to": remy.username}).json()["claim"]
    assert (claim["by"], claim["until"], claim["assigned_by"]) == ("Remy", None, "Olga")
    refused(program.post(f"/approvals/{asked.ref}/assign", {"to": olga.username}), 403, "not_yours")
    refused(program.post(f"/approvals/{asked.ref}/assign", {"to": "nobody@demo.example"}), 404, "unknown_person")
    refused(program.post(f"/approvals/{asked.ref}/assign", {}), 422, "invalid_request")


def test_more_time_is_given_three_times(remy: User, asked: ApprovalRequest) -> None:
    """Then it is said why not; what has expired is gone."""
    program = Program(remy)
    before = asked.expires_at
    for _ in range(3):
        assert program.post(f"/approvals/{asked.ref}/extend").status_code == 200
    asked.refresh_from_db()
    assert (asked.expires_at - before).days >= 2
    refused(program.post(f"/approvals/{asked.ref}/extend"), 409, "cannot_extend")
    other = ask()
    let_pass(other, "expires_at")
    refused(program.post(f"/approvals/{other.ref}/extend"), 410, "expired")


def test_a_service_token_has_nothing_in_hand(ada: User, remy: User, asked: ApprovalRequest) -> None:
    """THREATS 23: a person has to; what may not be known of is not there."""
    for act, body in (("claim", None), ("release", None), ("extend", None), ("assign", {"to": remy.username})):
        refused(Program(ada, service="robot").post(f"/approvals/{asked.ref}/{act}", body), 403, "forbidden")
        refused(Program(remy).post(f"/approvals/AP-1/{act}", body), 404, "approval_not_found")
