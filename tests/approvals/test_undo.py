"""Taking an approval back, and taking part in a session."""

from dataclasses import replace

import pytest
from django.contrib.auth.models import User

from approvals.errors import NothingToUndo, NotYours
from approvals.models import ApprovalRequest, Decision
from approvals.services import decide, exclude, undo
from audit.ids import uuid7
from tests.approvals.conftest import ASKS, as_actor, ask, by, edit_of
from tests.approvals.test_consume import let_pass

pytestmark = pytest.mark.django_db


def hold(request: ApprovalRequest, user: User) -> None:
    """Let `user` approve by the console's button."""
    decide(request_id=request.id, verdict="approve", digest=request.digest, hold=True, **by(user))


def test_approval_can_be_taken_back_within_its_undo_period(request_row: ApprovalRequest, rosa: User, remy: User) -> None:
    """APPR-7: pending again, as if nothing had been said; anyone may decide then, the same person too."""
    hold(request_row, rosa)
    request = undo(request_id=request_row.id, actor=as_actor(rosa))
    assert (request.status, request.decided_by, request.decided_name, request.held_until) == ("pending", None, "", None)
    assert Decision.objects.get().voided == "undo"
    hold(request, rosa)
    undo(request_id=request_row.id, actor=as_actor(rosa))
    assert decide(request_id=request.id, verdict="approve", digest=request.digest, **by(remy)).effect == "approved"


def test_only_who_approved_takes_it_back(request_row: ApprovalRequest, rosa: User, ada: User) -> None:
    """APPR-7: not an admin either."""
    hold(request_row, rosa)
    with pytest.raises(NotYours):
        undo(request_id=request_row.id, actor=as_actor(ada))


def test_undo_period_ends(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-7: afterwards the worker may have used it."""
    hold(request_row, rosa)
    let_pass(request_row, "held_until")
    with pytest.raises(NothingToUndo):
        undo(request_id=request_row.id, actor=as_actor(rosa))


def test_what_is_not_held_cannot_be_undone(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-7: a decision over REST has no undo period."""
    decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, **by(rosa))
    with pytest.raises(NothingToUndo):
        undo(request_id=request_row.id, actor=as_actor(rosa))


def test_undo_of_the_last_vote_leaves_the_others(rosa: User, remy: User) -> None:
    """APPR-5: one of two votes stays."""
    request = ask(replace(ASKS, required=2))
    hold(request, remy)
    hold(request, rosa)
    undo(request_id=request.id, actor=as_actor(rosa))
    assert list(Decision.objects.filter(voided="").values_list("decided_by", flat=True)) == [remy.pk]
    assert decide(request_id=request.id, verdict="approve", digest=request.digest, **by(rosa)).votes == 2


def test_undone_edit_leaves_its_revision_to_be_decided(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-3, APPR-7: the arguments stay as edited, nobody has approved them."""
    edit = edit_of(request_row)
    decide(request_id=request_row.id, verdict="edit", digest=request_row.digest, edit=edit, hold=True, **by(rosa))
    request = undo(request_id=request_row.id, actor=as_actor(rosa))
    assert (request.revision, request.digest, request.status) == (2, edit.digest, "pending")
    assert decide(request_id=request.id, verdict="approve", digest=edit.digest, **by(rosa)).votes == 1


def test_author_of_a_message_may_not_decide_any_more(rosa: User, remy: User) -> None:
    """APPR-5: four eyes are widened, and the vote given before is void."""
    session = uuid7()
    request, ended = ask(replace(ASKS, required=2), session_id=session), ask(session_id=session)
    other = ask()
    decide(request_id=ended.id, verdict="reject", digest=ended.digest, instruction="Not this.", **by(remy))
    decide(request_id=request.id, verdict="approve", digest=request.digest, **by(rosa))
    assert exclude(session_id=session, user_id=rosa.pk, actor=as_actor(rosa)) == 1
    assert exclude(session_id=session, user_id=rosa.pk, actor=as_actor(rosa)) == 0
    for row in (request, ended, other):
        row.refresh_from_db()
    assert (request.excluded, ended.excluded, other.excluded) == ([rosa.pk], [], [])
    assert Decision.objects.get(decided_by=rosa.pk).voided == "rights"
    with pytest.raises(NotYours):
        decide(request_id=request.id, verdict="approve", digest=request.digest, **by(rosa))
    assert decide(request_id=request.id, verdict="approve", digest=request.digest, **by(remy)).votes == 1
