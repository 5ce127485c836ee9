"""The database as the last guardian: SQL as the application's role, past all Python."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction

from approvals.models import ApprovalRequest, Decision, PolicyRevision
from approvals.services import decide
from audit.ids import uuid7
from tests.approvals.conftest import ask, body_of, by

pytestmark = pytest.mark.django_db
Refused = Callable[..., str]


@pytest.fixture
def refused() -> Refused:
    """Return a function that runs SQL which the database must refuse, and returns what it says."""

    def run(statement: str, *values: Any) -> str:
        with pytest.raises(IntegrityError) as error, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement, values)
        return str(error.value)

    return run


DECISION = """
    INSERT INTO approvals_decision
        (id, request_id, revision, verdict, digest, decided_by, decided_name, instruction, difference)
    VALUES (%s, %s, %s, %s, %s, %s, 'x', %s, '[]')
"""


def test_excluded_person_cannot_be_written_as_decider(request_row: ApprovalRequest, refused: Refused) -> None:
    """THREATS 22: four eyes in the database."""
    request = ask(excluded=frozenset({7}), requester=8)
    for user in (7, 8):
        assert "four eyes" in refused(DECISION, uuid7(), request.id, 1, "approve", request.digest, user, "")


def test_decision_on_something_else_cannot_be_written(request_row: ApprovalRequest, refused: Refused) -> None:
    """APPR-4: another digest, another revision, a rejection without a word."""
    row = request_row
    assert "not on what" in refused(DECISION, uuid7(), row.id, 1, "approve", "0" * 64, 7, "")
    assert "not on what" in refused(DECISION, uuid7(), row.id, 2, "approve", row.digest, 7, "")
    assert "why" in refused(DECISION, uuid7(), row.id, 1, "reject", row.digest, 7, " x ")


def test_decision_on_what_is_not_pending_cannot_be_written(request_row: ApprovalRequest, rosa: User, refused: Refused) -> None:
    """THREATS 15, 17: neither twice nor too late."""
    decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, **by(rosa))
    assert "takes no decision" in refused(DECISION, uuid7(), request_row.id, 1, "approve", request_row.digest, 7, "")


def test_second_open_request_of_a_call_is_refused(request_row: ApprovalRequest) -> None:
    """One approval could be spent while the other still asks."""
    with pytest.raises(IntegrityError, match="one_open_request_per_call"), transaction.atomic():
        ask(call_id=request_row.call_id)


SET = "UPDATE approvals_approvalrequest SET {} WHERE id = %s"


def test_body_changes_only_as_the_next_revision(request_row: ApprovalRequest, refused: Refused) -> None:
    """APPR-4; THREATS 1: neither the digest nor the body alone, nor both without a revision."""
    body = body_of(request_row.ref, 1, b'{"to":"eve@elsewhere.example"}')
    both = "body = %s, digest = encode(sha256(%s), 'hex')"
    assert "not that of its body" in refused(SET.format("digest = repeat('0', 64)"), request_row.id)
    assert "not that of its body" in refused(SET.format("body = %s"), body, request_row.id)
    assert "next revision" in refused(SET.format(both), body, body, request_row.id)
    assert "next revision" in refused(SET.format("revision = 2"), request_row.id)


@pytest.mark.parametrize("change", ["required = 2", "tier = 'read_only'", "self_confirm = true", "groups = '{x}'"])
def test_who_has_to_agree_changes_only_with_a_revision(request_row: ApprovalRequest, refused: Refused, change: str) -> None:
    """THREATS 27: no quiet change of the quorum."""
    assert "next revision" in refused(SET.format(change), request_row.id)


@pytest.mark.parametrize("change", ["call_id = gen_random_uuid()", "number = 1", "tool = 'other'", "requester = NULL"])
def test_what_a_request_is_about_stays(refused: Refused, change: str) -> None:
    """An approval cannot be carried over to another call."""
    assert "cannot change" in refused(SET.format(change), ask(requester=8).id)


def test_four_eyes_are_only_widened(refused: Refused) -> None:
    """THREATS 22: nobody is taken off the list."""
    request = ask(excluded=frozenset({7}))
    assert "only be widened" in refused(SET.format("excluded = '{}'"), request.id)
    assert "only be widened" in refused(SET.format("excluded = '{9}'"), request.id)


def test_status_alone_does_not_make_an_approval(request_row: ApprovalRequest, rosa: User, refused: Refused) -> None:
    """GUARD: consumed without approved is refused; approved without votes is not used."""
    assert "no approval" in refused(SET.format("status = 'consumed', decided_by = 7, decided_at = now()"), request_row.id)
    with connection.cursor() as cursor:
        cursor.execute(SET.format("status = 'approved', decided_by = 7, decided_at = now()"), [request_row.id])
        cursor.execute(SET.format("status = 'consumed'"), [request_row.id])
        assert cursor.rowcount == 0


def test_end_stays_an_end(request_row: ApprovalRequest, rosa: User, refused: Refused) -> None:
    """THREATS 17: a rejected request does not come back."""
    decide(request_id=request_row.id, verdict="reject", digest=request_row.digest, instruction="No, never.", **by(rosa))
    assert "which is an end" in refused(SET.format("status = 'pending'"), request_row.id)


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ("status = 'nonsense'", "request_status_known"),
        ("status = 'approved'", "decided_needs_decider_and_time"),
        ("status = 'held', decided_by = 7, decided_at = now()", "held_needs_its_end"),
    ],
)
def test_named_constraints_hold(request_row: ApprovalRequest, refused: Refused, change: str, name: str) -> None:
    """Each says what it prevents."""
    assert name in refused(SET.format(change), request_row.id)


def test_decision_is_never_changed_or_deleted(request_row: ApprovalRequest, rosa: User, refused: Refused) -> None:
    """AUDIT: what somebody said stays; it can only be void, and stays so."""
    done = decide(request_id=request_row.id, verdict="reject", digest=request_row.digest, instruction="Not now.", **by(rosa))
    for change in ("verdict = 'approve'", "decided_by = 7", "instruction = 'Do it.'", "voided = 'nonsense'", "digest = ''"):
        assert "only voided" in refused(f"UPDATE approvals_decision SET {change} WHERE id = %s", done.decision.id)
    Decision.objects.filter(id=done.decision.id).update(voided="rights")
    assert "only voided" in refused("UPDATE approvals_decision SET voided = '' WHERE id = %s", done.decision.id)
    assert "cannot be deleted" in refused("DELETE FROM approvals_decision WHERE id = %s", done.decision.id)
    assert "cannot be deleted" in refused("DELETE FROM approvals_approvalrequest WHERE id = %s", request_row.id)


def test_policy_revision_is_never_changed(refused: Refused) -> None:
    """APPR-10: a revision is immutable; only which one is current moves."""
    row = PolicyRevision.objects.get(current=True)
    assert "make a new one" in refused("UPDATE approvals_policyrevision SET document = '{}' WHERE id = %s", row.id)
    assert "cannot be deleted" in refused("DELETE FROM approvals_policyrevision WHERE id = %s", row.id)
    second = "INSERT INTO approvals_policyrevision (id, number, document, checksum, current) VALUES (%s, 9, '{}', '', true)"
    assert "one_current_policy" in refused(second, uuid7())
