"""Deciding many requests in one go over the API: the page's rule, each with its own decision and result (THREATS 9, 16, 55)."""

from typing import Any

import pytest
from django.contrib.auth.models import User

from approvals.models import ApprovalRequest, Decision
from approvals.services import decide
from audit.models import AuditEntry
from console.models import StoredAnswer
from tests.approvals.conftest import ask, by
from tests.console.api.calls import Program, refused
from tests.console.views.test_bulk import MARK, low, statuses

pytestmark = pytest.mark.django_db


def send(program: Program, verdict: str, *rows: ApprovalRequest, key: str = "", **more: Any) -> Any:
    """Send one verdict on many requests, each with the digest that it has now."""
    items = [{"id": row.ref, "digest": row.digest} for row in rows]
    return program.post("/approvals/decisions", {"verdict": verdict, "items": items, **more}, key=key)


def codes(answer: Any) -> list[str]:
    """Return what came of each: the code of its problem, else its status."""
    assert answer.status_code == 200, answer.content
    return [one["problem"]["code"] if one["problem"] else one["approval"]["status"] for one in answer.json()["items"]]


def test_many_are_approved_each_with_its_own_decision_and_entry(remy: User) -> None:
    """APPR-8: one call, three decisions, three entries, three results in the order of the set; no undo period."""
    rows = [low() for _ in range(3)]
    answer = send(Program(remy), "approve", *rows)
    assert codes(answer) == ["approved"] * 3
    assert [one["id"] for one in answer.json()["items"]] == [row.ref for row in rows]
    assert statuses(*rows) == ["approved"] * 3
    assert Decision.objects.filter(request__in=rows, decided_by=remy.pk).count() == 3
    assert AuditEntry.objects.filter(kind="approval.approved", stream__in=[row.stream for row in rows]).count() == 3


def test_what_failed_says_why_and_the_rest_goes_through(remy: User, rosa: User) -> None:
    """THREATS 9: another digest, somebody faster, none such, one's own: each has a problem of its own."""
    fit, stale, late, own = low(), low(), low(), low(requester=remy.pk)
    decide(request_id=late.id, verdict="reject", digest=late.digest, instruction="Not this one.", **by(rosa))
    items = [{"id": row.ref, "digest": row.digest} for row in (fit, late, own)]
    items += [{"id": stale.ref, "digest": "0" * 64}, {"id": "AP-1", "digest": "0" * 64}]
    answer = Program(remy).post("/approvals/decisions", {"verdict": "approve", "items": items})
    assert codes(answer) == ["approved", "already_decided", "not_yours", "stale_digest", "approval_not_found"]
    problem = answer.json()["items"][1]["problem"]
    assert (problem["status"], problem["decision"]["by"]) == (409, "Rosa")
    assert statuses(fit, late, own, stale) == ["approved", "rejected", "pending", "pending"]


def test_what_has_to_be_looked_at_alone_is_not_approved_among_others(remy: User) -> None:
    """UI.md 4: high risk, untrusted content, no call of a tool."""
    fit, *others = low(), low(risk=3), low(taint=(MARK,)), low(kind="question", tool="send_email")
    answer = send(Program(remy), "approve", fit, *others)
    assert codes(answer) == ["approved", "decide_alone", "decide_alone", "not_yours"]
    assert statuses(*others) == ["pending"] * 3


def test_a_set_that_breaks_the_rule_is_refused_as_a_whole(remy: User) -> None:
    """Too many, of two tools, the same one twice, without an instruction: 422 and nothing is decided."""
    program, rows = Program(remy), [low() for _ in range(21)]
    refused(send(program, "approve", *rows), 422, "invalid_verdict")
    refused(send(program, "approve", rows[0], low(tool="fetch_url")), 422, "invalid_verdict")
    refused(send(program, "approve", rows[0], rows[0]), 422, "invalid_request")
    refused(send(program, "approve"), 422, "invalid_request")
    refused(send(program, "approve", rows[0], instruction="Why not."), 422, "invalid_verdict")
    refused(send(program, "reject", *rows), 422, "invalid_verdict")
    refused(send(program, "edit", rows[0]), 422, "invalid_request")
    assert set(statuses(*rows)) == {"pending"}


def test_any_set_is_rejected_with_one_instruction(remy: User) -> None:
    """Of any tool, risk and kind, fifty at most."""
    rows = [low(), low(risk=4), low(taint=(MARK,)), low(tool="fetch_url"), ask()]
    assert codes(send(Program(remy), "reject", *rows, instruction="Stop all of this.")) == ["rejected"] * 5
    assert set(Decision.objects.values_list("instruction", flat=True)) == {"Stop all of this."}


def test_the_same_key_decides_once_and_answers_the_same(remy: User) -> None:
    """THREATS 16: a repeat is the first answer; with another set it is refused; without its stored answer it repeats itself."""
    program, rows = Program(remy), [low(), low()]
    first = send(program, "approve", *rows, key="one")
    again = send(program, "approve", *rows, key="one")
    assert again.content == first.content
    assert again["Idempotency-Replayed"] == "true"
    refused(send(program, "approve", rows[0], key="one"), 422, "idempotency_key_reused")
    assert Decision.objects.filter(request__in=rows).count() == 2


def test_a_set_that_was_left_half_done_is_finished_by_the_same_key(remy: User) -> None:
    """The process ended before its answer was kept: the repeat tells of what was decided, and decides nothing twice."""
    program, rows = Program(remy), [low(), low()]
    assert codes(send(program, "approve", *rows, key="one")) == ["approved", "approved"]
    StoredAnswer.objects.all().delete()
    assert codes(send(program, "approve", *rows, key="one")) == ["approved", "approved"]
    assert Decision.objects.filter(request__in=rows).count() == 2
    assert codes(send(program, "approve", *rows, key="two")) == ["already_decided", "already_decided"]


def test_without_right_or_scope_nothing_is_decided(vic: User, ada: User, remy: User) -> None:
    """Viewers, service tokens, tokens without the scope."""
    row = low()
    for program in (Program(vic), Program(ada, service="robot"), Program(remy, scopes=["approvals:write"])):
        refused(send(program, "approve", row), 403, "forbidden")
    assert statuses(row) == ["pending"]


def test_an_approval_given_on_a_page_is_taken_back_over_the_api(remy: User) -> None:
    """UI.md 4 "Undo is real": within its undo period; afterwards, and of what a program approved, there is nothing to undo."""
    row, program = low(), Program(remy)
    decide(request_id=row.id, verdict="approve", digest=row.digest, hold=True, **by(remy))
    assert program.post(f"/approvals/{row.ref}/undo").json()["status"] == "pending"
    assert codes(send(program, "approve", row)) == ["approved"]
    refused(program.post(f"/approvals/{row.ref}/undo"), 409, "nothing_to_undo")
    refused(program.post("/approvals/AP-1/undo"), 404, "approval_not_found")
