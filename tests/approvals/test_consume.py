"""Using an approval up: once, for what was approved, in time, and only while those who agreed still may."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.transaction import atomic

from approvals.errors import NotConsumable
from approvals.models import ApprovalRequest
from approvals.people import roles_of
from approvals.services import consume, decide, exclude, expire, ready, undo, void, withdraw
from audit.batch import Batch
from audit.errors import IllegalMove, StaleState
from audit.models import AuditEntry
from audit.services import transition
from tests.approvals.conftest import ASKS, WORKER, as_actor, ask, by, edit_of

pytestmark = pytest.mark.django_db


def approve(request: ApprovalRequest, *users: User, hold: bool = False) -> None:
    """Let `users` approve `request`."""
    for user in users:
        decide(request_id=request.id, verdict="approve", digest=request.digest, hold=hold, **by(user))


def use(request: ApprovalRequest, digest: str = "") -> str:
    """Use the approval as the worker does; return the request's status then."""
    change, entry = consume(ready([request.id])[request.id], digest or request.digest, actor=WORKER)
    transition(Batch(changes=(change,), entries=(entry,)))
    request.refresh_from_db()
    return request.status


def cause(request: ApprovalRequest, digest: str = "") -> str:
    """Return why the approval cannot be used."""
    with pytest.raises(NotConsumable) as refused:
        use(request, digest)
    return str(refused.value.facts["cause"])


def let_pass(request: ApprovalRequest, column: str) -> None:
    """Let a time of the request be over."""
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE approvals_approvalrequest SET {column} = now() - interval '1 s' WHERE id = %s", [request.id])


def test_approval_is_used_once(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-4; THREATS 12: one consume; the next finds nothing to use."""
    approve(request_row, rosa)
    assert use(request_row) == "consumed"
    assert cause(request_row) == "status"
    entry = AuditEntry.objects.get(stream=request_row.stream, kind="approval.consumed")
    assert entry.body_json["facts"]["digest"] == request_row.digest


def test_two_workers_with_the_same_reading_use_it_once(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 12: the second one's move finds the row gone on."""
    approve(request_row, rosa)
    first, second = (consume(ready([request_row.id])[request_row.id], request_row.digest, actor=WORKER) for _ in range(2))
    transition(Batch(changes=(first[0],), entries=(first[1],)))
    with pytest.raises(StaleState):
        transition(Batch(changes=(second[0],), entries=(second[1],)))


def test_nothing_is_used_without_an_approval(request_row: ApprovalRequest) -> None:
    """GUARD: a pending request holds nothing."""
    assert cause(request_row) == "status"


def test_other_bytes_than_those_approved_are_refused(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-4; THREATS 1, 3, 5: the digest is computed from what is about to run."""
    approve(request_row, rosa)
    assert cause(request_row, "0" * 64) == "digest"


def test_approval_that_ran_out_is_not_used(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 14: expired between approval and run."""
    approve(request_row, rosa)
    let_pass(request_row, "expires_at")
    assert cause(request_row) == "expired"


def test_database_judges_the_expiry_when_the_worker_does_not(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 14: time that goes by between reading and writing counts."""
    approve(request_row, rosa)
    known = ready([request_row.id])[request_row.id]
    let_pass(request_row, "expires_at")
    change, entry = consume(known, request_row.digest, actor=WORKER)
    with pytest.raises(StaleState):
        transition(Batch(changes=(change,), entries=(entry,)))


def test_held_approval_waits_for_the_end_of_its_undo_period(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-7: not before, by the database's clock; then from held at once."""
    approve(request_row, rosa, hold=True)
    assert cause(request_row) == "held"
    known = ready([request_row.id])[request_row.id]
    assert known.held_until is not None
    early = replace(known, now=known.held_until + timedelta(seconds=1))
    change, entry = consume(early, request_row.digest, actor=WORKER)
    with pytest.raises(StaleState), atomic():
        transition(Batch(changes=(change,), entries=(entry,)))
    let_pass(request_row, "held_until")
    assert use(request_row) == "consumed"


def test_what_was_read_before_an_edit_does_not_use_the_edit(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-4; THREATS 2: held, read by a worker, taken back, edited and held again: other bytes, another approval."""
    approve(request_row, rosa, hold=True)
    let_pass(request_row, "held_until")
    change, entry = consume(ready([request_row.id])[request_row.id], request_row.digest, actor=WORKER)
    request_row.refresh_from_db()
    with connection.cursor() as cursor:
        later = "UPDATE approvals_approvalrequest SET held_until = now() + interval '9 s' WHERE id = %s"
        cursor.execute(later, [request_row.id])
    undo(request_id=request_row.id, actor=as_actor(rosa))
    edit = edit_of(request_row)
    decide(request_id=request_row.id, verdict="edit", digest=request_row.digest, edit=edit, hold=True, **by(rosa))
    let_pass(request_row, "held_until")
    with pytest.raises(StaleState):
        transition(Batch(changes=(change,), entries=(entry,)))


@pytest.mark.parametrize("graver", [{"required": 2}, {"groups": ("finance",)}, {"reauthenticate": True}])
def test_approval_is_not_enough_where_policy_now_asks_for_more(
    request_row: ApprovalRequest, rosa: User, graver: dict[str, Any]
) -> None:
    """THREATS 4: policy was tightened after the approval; the same or a milder one changes nothing."""
    approve(request_row, rosa)
    known = ready([request_row.id])[request_row.id]
    with pytest.raises(NotConsumable) as refused:
        consume(known, request_row.digest, actor=WORKER, judgement=replace(ASKS, **graver))
    assert refused.value.facts["cause"] == "votes"
    for fine in (ASKS, replace(ASKS, verdict="allow", **graver)):
        assert consume(known, request_row.digest, actor=WORKER, judgement=fine)[0].event == "consume"


def test_vote_of_who_lost_the_role_is_void(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 24: the role was taken away after the vote; the call has to be asked about anew."""
    approve(request_row, rosa)
    rosa.groups.clear()
    assert cause(request_row) == "votes"


def test_vote_of_a_switched_off_account_is_void(remy: User, rosa: User) -> None:
    """THREATS 24: of two votes one is left."""
    request = ask(replace(ASKS, required=2))
    approve(request, remy, rosa)
    remy.is_active = False
    remy.save()
    assert roles_of(remy.pk) == frozenset()
    assert ready([request.id])[request.id].votes == 1
    assert cause(request) == "votes"


def test_switched_off_requester_confirms_nothing(vic: User) -> None:
    """THREATS 24: self_confirm needs no role, and yet an account that is on."""
    request = ask(replace(ASKS, self_confirm=True), requester=vic.pk)
    approve(request, vic)
    assert ready([request.id])[request.id].votes == 1
    vic.is_active = False
    vic.save()
    assert cause(request) == "votes"


def test_vote_of_who_then_wrote_a_message_is_void(request_row: ApprovalRequest, rosa: User) -> None:
    """APPR-5: authors of messages take part, also when they approved before."""
    approve(request_row, rosa)
    assert request_row.session_id is not None
    assert exclude(session_id=request_row.session_id, user_id=rosa.pk, actor=as_actor(rosa)) == 1
    assert cause(request_row) == "votes"


def test_database_counts_the_votes_itself(request_row: ApprovalRequest, rosa: User) -> None:
    """THREATS 24: a vote that is voided between reading and writing is missed by the reader, not by the database."""
    approve(request_row, rosa)
    known = ready([request_row.id])[request_row.id]
    assert request_row.session_id is not None
    exclude(session_id=request_row.session_id, user_id=rosa.pk, actor=as_actor(rosa))
    change, entry = consume(known, request_row.digest, actor=WORKER)
    with pytest.raises(StaleState):
        transition(Batch(changes=(change,), entries=(entry,)))


def test_many_are_read_in_one_statement(rosa: User, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker reads what stands for fifty sessions at once."""
    statements: list[str] = []
    execute = psycopg.Cursor.execute

    def counted(cursor: psycopg.Cursor[Any], query: Any, *rest: Any, **more: Any) -> psycopg.Cursor[Any]:
        statements.append(str(query))
        return execute(cursor, query, *rest, **more)

    requests = [ask() for _ in range(5)]
    for request in requests:
        approve(request, rosa)
    monkeypatch.setattr(psycopg.Cursor, "execute", counted)
    found = ready([request.id for request in requests])
    assert len(statements) == 1
    assert {known.votes for known in found.values()} == {1}


@pytest.mark.parametrize("hold", [False, True])
def test_ended_session_takes_its_approval_along(request_row: ApprovalRequest, rosa: User, hold: bool) -> None:
    """THREATS 17: what was approved and not yet run is withdrawn."""
    approve(request_row, rosa, hold=hold)
    request_row.refresh_from_db()
    changes, entries = withdraw([request_row], actor=WORKER, reason="cancelled")
    transition(Batch(changes=tuple(changes), entries=tuple(entries)))
    assert cause(request_row) == "status"


def test_void_request_makes_room_for_the_next_one_of_its_call(request_row: ApprovalRequest) -> None:
    """THREATS 5: the target changed; the call is asked about anew."""
    changes, entries = void([request_row], actor=WORKER, reason="the target changed")
    transition(Batch(changes=tuple(changes), entries=tuple(entries)))
    assert ask(call_id=request_row.call_id).status == "pending"


def test_request_that_is_not_due_does_not_expire(request_row: ApprovalRequest) -> None:
    """APPR-6: the database's clock decides, whoever asks."""
    changes, entries = expire([request_row])
    with pytest.raises(StaleState):
        transition(Batch(changes=tuple(changes), entries=tuple(entries)))


def test_ended_request_cannot_be_closed_again(request_row: ApprovalRequest, rosa: User) -> None:
    """An end is an end."""
    approve(request_row, rosa)
    use(request_row)
    with pytest.raises(IllegalMove):
        transition(Batch(changes=tuple(withdraw([request_row], actor=WORKER, reason="late")[0])))
