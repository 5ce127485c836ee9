"""One person's decision: what it does, and every way in which it is refused."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection

from approvals.errors import (
    AlreadyDecided,
    ApprovalNotFound,
    EditRefused,
    Expired,
    IdempotencyConflict,
    InvalidVerdict,
    NeedsReauthentication,
    NotPending,
    NotYours,
    StaleDigest,
)
from approvals.models import ApprovalRequest, Decision
from approvals.services import Edit, decide, expire, withdraw
from audit.batch import Batch
from audit.ids import uuid7
from audit.models import AuditEntry, Content
from audit.services import transition
from tests.approvals.conftest import ASKS, WORKER, as_person, ask, by, edit_of

pytestmark = pytest.mark.django_db
Kinds = Callable[[ApprovalRequest], list[str]]


def expire_at_once(request: ApprovalRequest) -> None:
    """Let the request's time be over; its row is moved by nobody yet."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE approvals_approvalrequest SET expires_at = now() - interval '1 s' WHERE id = %s", [request.id])


def test_approval_settles_the_request_at_once(request_row: ApprovalRequest, rosa: User, kinds_of: Kinds) -> None:
    """APPR-3, AUDIT-1: who, when and what stand in the row, the decision and the log."""
    done = decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, **by(rosa))
    assert (done.effect, done.votes, done.replayed) == ("approved", 1, False)
    assert (done.request.status, done.request.decided_by, done.request.decided_name) == ("approved", rosa.pk, "Rosa")
    assert done.request.decided_at is not None
    assert (done.decision.verdict, done.decision.digest, done.decision.decided_by) == ("approve", request_row.digest, rosa.pk)
    assert kinds_of(request_row) == ["approval.requested", "approval.approved"]


def test_rejection_keeps_the_instruction_for_the_agent(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-3, AUDIT-6: the words stand in the content table, the entry commits to them."""
    words = "  Ask Kim first.  "
    done = decide(request_id=request_row.id, verdict="reject", digest=request_row.digest, instruction=words, **by(rosa))
    assert (done.effect, done.decision.instruction) == ("rejected", "Ask Kim first.")
    entry = AuditEntry.objects.get(stream=request_row.stream, kind="approval.rejected")
    assert "Ask Kim" not in str(entry.body_json)
    assert Content.objects.get(entry_id=entry.pk, name="instruction").body == "Ask Kim first."


def test_held_approval_can_still_be_undone(request_row: ApprovalRequest, rosa: User, kinds_of: Kinds) -> None:
    """APPR-7: the console's own buttons give the policy's undo period."""
    done = decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, hold=True, **by(rosa))
    assert done.effect == done.request.status == "held"
    assert done.request.held_until is not None
    assert done.request.decided_at is not None
    assert (done.request.held_until - done.request.decided_at).total_seconds() == 5
    assert kinds_of(request_row)[-1] == "approval.held"


def test_no_undo_period_where_policy_gives_none(rosa: User) -> None:
    """APPR-7: a period of zero seconds is none."""
    request = ask(replace(ASKS, hold_s=0))
    assert decide(request_id=request.id, verdict="approve", digest=request.digest, hold=True, **by(rosa)).effect == "approved"


def test_four_eyes_refuse_who_started_it(rosa: User, ada: User) -> None:
    """APPR-5; THREATS 22: the requester and everybody in the list, admin or not."""
    request = ask(requester=ada.pk, excluded=frozenset({rosa.pk}))
    for user in (ada, rosa):
        with pytest.raises(NotYours) as refused:
            decide(request_id=request.id, verdict="approve", digest=request.digest, **by(user))
        assert refused.value.refusal == "four_eyes"
    assert not Decision.objects.exists()


def test_viewer_decides_nothing(request_row: ApprovalRequest, vic: User) -> None:
    """OPS-3: seeing is not deciding."""
    with pytest.raises(NotYours) as refused:
        decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, **by(vic))
    assert refused.value.refusal == "role"


def test_requester_confirms_his_own_where_policy_lets_him(vic: User) -> None:
    """TOOL-6: self_confirm, in Python and in the database."""
    request = ask(replace(ASKS, self_confirm=True), requester=vic.pk)
    assert decide(request_id=request.id, verdict="approve", digest=request.digest, **by(vic)).effect == "approved"


def test_destructive_call_needs_fresh_reauthentication(rosa: User) -> None:
    """THREATS 30: stale, asked again; by a token, never."""
    request = ask(replace(ASKS, reauthenticate=True))
    stale, token = as_person(rosa, reauthenticated=False), as_person(rosa, reauthenticated=None)
    with pytest.raises(NeedsReauthentication):
        decide(request_id=request.id, verdict="approve", digest=request.digest, **by(rosa, person=stale))
    with pytest.raises(NotYours) as refused:
        decide(request_id=request.id, verdict="approve", digest=request.digest, **by(rosa, person=token))
    assert refused.value.refusal == "reauthentication_impossible"
    assert decide(request_id=request.id, verdict="approve", digest=request.digest, **by(rosa)).effect == "approved"


def test_another_digest_than_the_one_that_stands_is_refused(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 2: what was shown is no longer what is asked."""
    with pytest.raises(StaleDigest) as refused:
        decide(request_id=request_row.id, verdict="approve", digest="0" * 64, **by(rosa))
    assert refused.value.revision == 1


def test_expiry_counts_at_the_decision(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-6; THREATS 14, 21: before any sweep, by the database's clock; expired never means allowed."""
    expire_at_once(request_row)
    with pytest.raises(Expired):
        decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, **by(rosa))
    request_row.refresh_from_db()
    assert request_row.status == "pending"


def test_swept_request_says_that_it_expired(request_row: ApprovalRequest, rosa: User, kinds_of: Kinds) -> None:
    """APPR-6: expired stays distinct from rejected."""
    expire_at_once(request_row)
    request_row.refresh_from_db()
    changes, entries = expire([request_row])
    transition(Batch(changes=tuple(changes), entries=tuple(entries)))
    with pytest.raises(Expired):
        decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, **by(rosa))
    assert kinds_of(request_row)[-1] == "approval.expired"


def test_second_reviewer_is_told_who_and_when(request_row: ApprovalRequest, remy: User, rosa: User) -> None:
    """APPR-7; THREATS 15: the first decision counts."""
    decide(request_id=request_row.id, verdict="reject", digest=request_row.digest, instruction="Not today.", **by(remy))
    with pytest.raises(AlreadyDecided) as lost:
        decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, **by(rosa))
    told = lost.value
    assert (told.decided_name, told.verdict, told.status) == ("Remy", "reject", "rejected")
    assert told.decided_at == Decision.objects.get().created_at


def test_decision_after_the_session_ended_is_refused(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 17: stop is terminal."""
    changes, entries = withdraw([request_row], actor=WORKER, reason="cancelled")
    transition(Batch(changes=tuple(changes), entries=tuple(entries)))
    with pytest.raises(NotPending):
        decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, **by(rosa))


def test_unknown_request_is_not_found(rosa: User) -> None:
    """THREATS 13: no more is said."""
    with pytest.raises(ApprovalNotFound):
        decide(request_id=uuid7(), verdict="approve", digest="0" * 64, **by(rosa))


def test_same_key_gives_the_same_answer(request_row: ApprovalRequest, rosa: User, kinds_of: Kinds) -> None:
    """THREATS 16: a double click or a retry of the network is one decision."""
    said: dict[str, Any] = {
        "request_id": request_row.id,
        "verdict": "approve",
        "digest": request_row.digest,
        "idempotency_key": "k",
    }
    first = decide(**said, **by(rosa))
    again = decide(**said, **by(rosa))
    assert again.replayed
    assert again.decision == first.decision
    assert kinds_of(request_row) == ["approval.requested", "approval.approved"]


def test_same_key_for_something_else_is_refused(request_row: ApprovalRequest, rosa: User) -> None:
    """The API's idempotency: another body under the same key is an error."""
    said: dict[str, Any] = {"request_id": request_row.id, "digest": request_row.digest, "idempotency_key": "k"}
    decide(**said, verdict="approve", **by(rosa))
    with pytest.raises(IdempotencyConflict):
        decide(**said, verdict="reject", instruction="No, stop.", **by(rosa))


def test_key_of_one_person_is_not_that_of_another(request_row: ApprovalRequest, remy: User, rosa: User) -> None:
    """THREATS 16: keys are per approval and user."""
    said: dict[str, Any] = {
        "request_id": request_row.id,
        "verdict": "approve",
        "digest": request_row.digest,
        "idempotency_key": "k",
    }
    decide(**said, **by(remy))
    with pytest.raises(AlreadyDecided):
        decide(**said, **by(rosa))


@pytest.mark.parametrize("instruction", ["", "  ", "no", "x" * 2_001, "no\x00pe", "no\ud800pe"])
def test_rejection_tells_the_agent_why(request_row: ApprovalRequest, rosa: User, instruction: str) -> None:
    """APPR-3: 3 to 2,000 characters that can be stored."""
    with pytest.raises(InvalidVerdict) as refused:
        decide(request_id=request_row.id, verdict="reject", digest=request_row.digest, instruction=instruction, **by(rosa))
    assert refused.value.field == "instruction"


@pytest.mark.parametrize(
    ("kind", "said", "effect"),
    [
        ("budget", {"verdict": "extend", "amount": 250_000}, "answered"),
        ("budget", {"verdict": "reject"}, "rejected"),
        ("question", {"verdict": "answer", "answer": "The second one."}, "answered"),
        ("question", {"verdict": "reject"}, "rejected"),
        ("unknown_outcome", {"verdict": "happened", "answer": "Message 17"}, "answered"),
        ("unknown_outcome", {"verdict": "run_again"}, "answered"),
        ("unknown_outcome", {"verdict": "give_up"}, "answered"),
        ("stuck", {"verdict": "answer", "answer": "Search again."}, "answered"),
        ("stuck", {"verdict": "answer", "instruction": "Search again."}, "answered"),
        ("stuck", {"verdict": "give_up"}, "answered"),
        ("prompt_release", {"verdict": "approve"}, "approved"),
        ("prompt_release", {"verdict": "reject"}, "rejected"),
    ],
)
def test_every_kind_takes_its_verdicts(rosa: User, kind: str, said: dict[str, Any], effect: str) -> None:
    """APPR-3: all kinds come to the same inbox with their own verdicts."""
    request = ask(kind=kind, call_id=None)
    done = decide(request_id=request.id, digest=request.digest, **said, **by(rosa))
    assert done.effect == done.request.status == effect
    assert done.decision.amount == said.get("amount")
    assert done.decision.answer == said.get("answer", said.get("instruction", ""))


@pytest.mark.parametrize(
    ("kind", "said", "field"),
    [
        ("tool_call", {"verdict": "extend", "amount": 5}, "verdict"),
        ("tool_call", {"verdict": "edit"}, "arguments"),
        ("budget", {"verdict": "extend"}, "amount"),
        ("budget", {"verdict": "extend", "amount": 0}, "amount"),
        ("budget", {"verdict": "extend", "amount": -1}, "amount"),
        ("budget", {"verdict": "extend", "amount": 10**13}, "amount"),
        ("question", {"verdict": "answer", "answer": " "}, "answer"),
        ("question", {"verdict": "approve"}, "verdict"),
    ],
)
def test_verdict_without_what_it_needs_is_refused(rosa: User, kind: str, said: dict[str, Any], field: str) -> None:
    """The API's 422: which field is wrong."""
    request = ask(kind=kind)
    with pytest.raises(InvalidVerdict) as refused:
        decide(request_id=request.id, digest=request.digest, **said, **by(rosa))
    assert refused.value.field == field


def test_quorum_waits_for_a_second_person(remy: User, rosa: User, kinds_of: Kinds) -> None:
    """APPR-5; THREATS 23: distinct humans by account; the same one does not count twice."""
    request = ask(replace(ASKS, required=2))
    said: dict[str, Any] = {"request_id": request.id, "verdict": "approve", "digest": request.digest}
    assert decide(**said, **by(remy)).effect == "pending"
    with pytest.raises(AlreadyDecided) as twice:
        decide(**said, **by(remy))
    assert twice.value.decided_name == "Remy"
    done = decide(**said, **by(rosa))
    assert (done.effect, done.votes) == ("approved", 2)
    assert kinds_of(request) == ["approval.requested", "decision.made", "approval.approved"]


def test_one_rejection_is_a_veto(remy: User, rosa: User) -> None:
    """APPR-5: veto, whatever votes there are."""
    request = ask(replace(ASKS, required=3))
    decide(request_id=request.id, verdict="approve", digest=request.digest, **by(remy))
    done = decide(request_id=request.id, verdict="reject", digest=request.digest, instruction="Too risky.", **by(rosa))
    assert done.effect == "rejected"


def test_who_approved_by_mistake_can_still_stop_it_while_others_are_waited_for(remy: User, rosa: User) -> None:
    """APPR-5: a veto only stops, so an earlier vote is no bar to it; that vote counts no longer, and nothing can be approved."""
    request = ask(replace(ASKS, required=2))
    said: dict[str, Any] = {"request_id": request.id, "digest": request.digest}
    decide(**said, verdict="approve", **by(remy))
    with pytest.raises(AlreadyDecided, match='is already voted on: Remy decided "approve"'):
        decide(**said, verdict="approve", **by(remy))
    done = decide(**said, verdict="reject", instruction="I misread the sum.", **by(remy))
    assert (done.effect, done.request.status) == ("rejected", "rejected")
    assert list(Decision.objects.order_by("created_at").values_list("verdict", "voided")) == [
        ("approve", "undo"),
        ("reject", ""),
    ]
    with pytest.raises(AlreadyDecided):
        decide(**said, verdict="approve", **by(rosa))


def test_edit_is_the_next_revision_and_its_editors_approval(request_row: ApprovalRequest, rosa: User, kinds_of: Kinds) -> None:
    """APPR-3, APPR-4: same request, new digest, the difference kept."""
    edit = edit_of(request_row)
    done = decide(request_id=request_row.id, verdict="edit", digest=request_row.digest, edit=edit, **by(rosa))
    assert (done.effect, done.votes) == ("approved", 1)
    assert (done.request.revision, done.request.digest, bytes(done.request.body)) == (2, edit.digest, edit.body)
    assert done.request.summary == edit.summary
    assert (done.decision.revision, done.decision.difference) == (2, list(edit.difference))
    assert kinds_of(request_row) == ["approval.requested", "approval.revised", "approval.approved"]


def test_values_of_an_edit_are_not_in_the_log(request_row: ApprovalRequest, rosa: User) -> None:
    """AUDIT-6: the entry names what was changed, not the values."""
    decide(request_id=request_row.id, verdict="edit", digest=request_row.digest, edit=edit_of(request_row), **by(rosa))
    entry = AuditEntry.objects.get(stream=request_row.stream, kind="approval.revised")
    assert entry.body_json["facts"]["changed"] == ["to"]
    assert "lee@example.com" not in str(entry.body_json)


def test_edit_voids_the_votes_on_what_stood_before(remy: User, rosa: User) -> None:
    """APPR-3; THREATS 28: one vote, then an edit: the votes start anew, with the editor's."""
    request = ask(replace(ASKS, required=2))
    decide(request_id=request.id, verdict="approve", digest=request.digest, **by(remy))
    edit = edit_of(request, replace(ASKS, required=2))
    done = decide(request_id=request.id, verdict="edit", digest=request.digest, edit=edit, **by(rosa))
    assert (done.effect, done.votes, done.request.status) == ("pending", 1, "pending")
    assert Decision.objects.get(decided_by=remy.pk).voided == "edit"
    with pytest.raises(StaleDigest):
        decide(request_id=request.id, verdict="approve", digest=request.digest, **by(remy))
    assert decide(request_id=request.id, verdict="approve", digest=edit.digest, **by(remy)).effect == "approved"


def test_edit_that_raises_the_judgement_asks_the_rest_of_the_quorum(
    request_row: ApprovalRequest, remy: User, rosa: User
) -> None:
    """APPR-3; THREATS 10: one was enough before; the edited call needs two."""
    edit = edit_of(request_row, replace(ASKS, required=2, risk=4))
    done = decide(request_id=request_row.id, verdict="edit", digest=request_row.digest, edit=edit, **by(rosa))
    assert (done.effect, done.request.required, done.request.risk) == ("pending", 2, 4)
    assert decide(request_id=request_row.id, verdict="approve", digest=edit.digest, **by(remy)).effect == "approved"


def test_edit_that_policy_refuses_changes_nothing(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 10, 11: judged again before anything is written."""
    edit = edit_of(request_row, replace(ASKS, verdict="deny"))
    with pytest.raises(EditRefused):
        decide(request_id=request_row.id, verdict="edit", digest=request_row.digest, edit=edit, **by(rosa))
    request_row.refresh_from_db()
    assert request_row.revision == 1
    assert not Decision.objects.exists()


def test_edit_needs_the_right_to_approve_its_result(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 10: nobody edits a call into one that others would have to approve."""
    edit = edit_of(request_row, replace(ASKS, groups=("finance",)))
    with pytest.raises(NotYours) as refused:
        decide(request_id=request_row.id, verdict="edit", digest=request_row.digest, edit=edit, **by(rosa))
    assert refused.value.refusal == "group"


def test_repeated_edit_is_one_edit(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 16: the answer to the retry is that of the first."""
    said: dict[str, Any] = {
        "request_id": request_row.id,
        "verdict": "edit",
        "digest": request_row.digest,
        "idempotency_key": "k",
    }
    first = decide(**said, edit=edit_of(request_row), **by(rosa))
    again = decide(**said, edit=edit_of(first.request), **by(rosa))
    assert again.replayed
    assert again.request.revision == 2


def test_edit_is_prepared_only_for_who_may_decide_now(request_row: ApprovalRequest, rosa: User, vic: User) -> None:
    """THREATS 13, 16: neither a stranger nor a repeat makes the arguments be looked at."""
    seen: list[int] = []

    def prepare(row: ApprovalRequest) -> Edit:
        seen.append(row.revision)
        return edit_of(row)

    said: dict[str, Any] = {"request_id": request_row.id, "verdict": "edit", "edit": prepare, "idempotency_key": "k"}
    with pytest.raises(NotYours):
        decide(**said, digest=request_row.digest, **by(vic))
    with pytest.raises(StaleDigest):
        decide(**said, digest="0" * 64, **by(rosa))
    assert not seen
    assert decide(**said, digest=request_row.digest, **by(rosa)).effect == "approved"
    assert decide(**said, digest=request_row.digest, **by(rosa)).replayed
    assert seen == [1]
