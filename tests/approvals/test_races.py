"""Several people and workers at the same moment: real transactions in threads, many times over."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.db.transaction import atomic

from approvals.claims import claim, release, tend
from approvals.errors import AlreadyClaimed, AlreadyDecided, Expired, NothingToUndo, NotPending
from approvals.models import ApprovalRequest, Decision
from approvals.services import consume, decide, due, exclude, expire, ready, take_numbers, undo
from audit.batch import Batch
from audit.errors import StaleState
from audit.models import AuditEntry
from audit.services import transition
from tests.approvals.conftest import ASKS, WORKER, as_actor, ask, by, edit_of
from tests.approvals.test_claims import bound
from tests.approvals.test_consume import let_pass

pytestmark = pytest.mark.usefixtures("fresh_database")
ROUNDS = 8


def together(*acts: Callable[[], Any]) -> list[Any]:
    """Do `acts` at the same moment, each in a thread with a connection of its own; return results and errors."""
    start = threading.Barrier(len(acts))
    results: list[Any] = [None] * len(acts)

    def run(place: int, act: Callable[[], Any]) -> None:
        start.wait(120)
        try:
            results[place] = act()
        except Exception as error:  # noqa: BLE001  the error is the result that is looked at
            results[place] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=(place, act)) for place, act in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(180)
    return results


def kinds(results: Sequence[Any]) -> Counter[str]:
    """Return how often each effect or error came out."""
    return Counter(
        type(result).__name__ if isinstance(result, Exception) else str(getattr(result, "effect", result)) for result in results
    )


def decided_entries(request: ApprovalRequest) -> int:
    """Return how many outcomes of the request the log knows."""
    outcomes = ("approval.approved", "approval.rejected", "approval.held")
    return AuditEntry.objects.filter(stream=request.stream, kind__in=outcomes).count()


def saying(request: ApprovalRequest, user: User, verdict: str, **said: Any) -> Callable[[], Any]:
    """Return one person's decision, to be done later."""
    who = by(user)
    return lambda: decide(request_id=request.id, verdict=verdict, digest=request.digest, **said, **who)


def test_of_two_reviewers_one_wins_and_the_other_is_told(remy: User, rosa: User) -> None:
    """APPR-7; THREATS 15: approve against reject, by two people."""
    for _ in range(ROUNDS):
        request = ask()
        results = together(saying(request, remy, "approve"), saying(request, rosa, "reject", instruction="Not today."))
        (lost,) = [result for result in results if isinstance(result, Exception)]
        (won,) = [result for result in results if not isinstance(result, Exception)]
        assert isinstance(lost, AlreadyDecided)
        assert lost.decided_name == won.decision.decided_name
        assert lost.decided_at == won.decision.created_at
        assert Decision.objects.filter(request=request).count() == decided_entries(request) == 1


def test_double_click_is_one_decision(rosa: User) -> None:
    """THREATS 16: the same key twice at once gives the same answer twice."""
    for _ in range(ROUNDS):
        request = ask()
        first, second = together(*[saying(request, rosa, "approve", idempotency_key="k")] * 2)
        assert sorted([first.replayed, second.replayed]) == [False, True]
        assert first.decision == second.decision
        assert Decision.objects.filter(request=request).count() == 1


def test_double_click_without_a_key_is_one_decision_too(rosa: User) -> None:
    """THREATS 16: the second is told that it was he himself."""
    request = ask()
    assert kinds(together(*[saying(request, rosa, "approve")] * 3)) == {"approved": 1, "AlreadyDecided": 2}


def test_two_votes_at_once_make_a_quorum_of_two(remy: User, rosa: User) -> None:
    """APPR-5: no vote is lost, none counts twice."""
    for _ in range(ROUNDS):
        request = ask(replace(ASKS, required=2))
        results = together(saying(request, remy, "approve"), saying(request, rosa, "approve"))
        assert kinds(results) == {"pending": 1, "approved": 1}
        assert ready([request.id])[request.id].votes == 2


def test_edit_and_approval_at_once_never_approve_what_was_not_shown(remy: User, rosa: User) -> None:
    """APPR-3, APPR-4; THREATS 2, 28: either what stood is approved, or the edit, by whom it was shown to."""
    for _ in range(ROUNDS):
        request = ask()
        edit = edit_of(request)
        results = together(saying(request, remy, "edit", edit=edit), saying(request, rosa, "approve"))
        request.refresh_from_db()
        assert kinds(results)["approved"] == 1
        decision = Decision.objects.get(request=request)
        assert (request.revision, decision.verdict) in {(1, "approve"), (2, "edit")}


def test_decision_that_waited_past_the_expiry_is_too_late(rosa: User) -> None:
    """THREATS 14: the clock is read after the lock was got."""
    request = ask()
    locked, go = threading.Event(), threading.Event()

    def hold_and_let_expire() -> None:
        with atomic():
            ApprovalRequest.objects.select_for_update().get(id=request.id)
            locked.set()
            assert go.wait(120)
            let_pass(request, "expires_at")

    def decide_meanwhile() -> Any:
        assert locked.wait(120)
        threading.Timer(0.2, go.set).start()
        return saying(request, rosa, "approve")()

    _, result = together(hold_and_let_expire, decide_meanwhile)
    assert isinstance(result, Expired)
    assert not Decision.objects.exists()


def sweep() -> str:
    """Expire what is due, as the worker's sweep does it."""
    with atomic():
        changes, entries = expire(due(10))
        transition(Batch(changes=tuple(changes), entries=tuple(entries)))
    return f"swept {len(changes)}"


def test_sweep_and_decision_at_the_moment_of_expiry_agree(rosa: User) -> None:
    """APPR-6; THREATS 14: expired for both, whoever is first; a sweep leaves a locked row to the next one."""
    for _ in range(ROUNDS):
        request = ask()
        let_pass(request, "expires_at")
        results = together(sweep, sweep, saying(request, rosa, "approve"))
        assert kinds([*results, sweep()]) == {"swept 1": 1, "swept 0": 2, "Expired": 1}
        request.refresh_from_db()
        assert request.status == "expired"
        assert AuditEntry.objects.filter(stream=request.stream, kind="approval.expired").count() == 1


def use(request: ApprovalRequest) -> Callable[[], str]:
    """Return a worker's use of the approval, with what it read before."""
    known = ready([request.id])[request.id]
    if known.held_until is not None:
        known = replace(known, now=known.held_until + timedelta(seconds=1))
    change, entry = consume(known, request.digest, actor=WORKER)

    def write() -> str:
        transition(Batch(changes=(change,), entries=(entry,)))
        return "used"

    return write


def test_of_many_workers_one_uses_the_approval(rosa: User) -> None:
    """APPR-4; THREATS 12: retry, redelivery, two workers."""
    for _ in range(ROUNDS):
        request = ask()
        saying(request, rosa, "approve")()
        assert kinds(together(*[use(request)] * 4)) == {"used": 1, "StaleState": 3}


def test_undo_and_use_never_both_happen(rosa: User) -> None:
    """APPR-7: at the end of the undo period one of them wins."""
    for _ in range(ROUNDS):
        request = ask(replace(ASKS, hold_s=1))
        saying(request, rosa, "approve", hold=True)()
        with connection.cursor() as cursor:
            soon = "UPDATE approvals_approvalrequest SET held_until = clock_timestamp() + interval '3 ms' WHERE id = %s"
            cursor.execute(soon, [request.id])
        undone, used = together(partial(undo, request_id=request.id, actor=as_actor(rosa)), use(request))
        request.refresh_from_db()
        assert (request.status == "consumed") == (used == "used")
        assert isinstance(used, StaleState) or isinstance(undone, NothingToUndo)
        assert (request.status == "pending") == (not isinstance(undone, Exception))


def test_message_of_the_reviewer_and_use_never_both_pass(rosa: User) -> None:
    """APPR-5; THREATS 24: either it ran before he took part, or his vote is void and it does not run."""
    for _ in range(ROUNDS):
        request = ask()
        saying(request, rosa, "approve")()
        assert request.session_id is not None
        widen = partial(exclude, session_id=request.session_id, user_id=rosa.pk, actor=as_actor(rosa))
        widened, used = together(widen, use(request))
        request.refresh_from_db()
        if used == "used":
            assert (widened, request.excluded) == (0, [])
        else:
            assert isinstance(used, StaleState)
            assert (request.status, request.excluded) == ("approved", [rosa.pk])


def test_numbers_are_taken_once() -> None:
    """AP-20001 and so on: no number twice, whoever asks at once."""
    taken = [number for numbers in together(*[lambda: take_numbers(20)] * 4) for number in numbers]
    assert len(set(taken)) == 80
    assert min(taken) >= 20_001


def test_of_two_claims_at_once_one_is_told_of_the_other(remy: User, rosa: User) -> None:
    """APPR-7: two people reach for the same request; one has it, the other knows who."""
    for _ in range(ROUNDS):
        request = ask()
        results = together(*[partial(claim, request_id=request.id, **by(user)) for user in (remy, rosa)])
        (lost,) = [result for result in results if isinstance(result, Exception)]
        request.refresh_from_db()
        assert isinstance(lost, AlreadyClaimed)
        assert request.claimed_name == lost.claimed_name
        assert AuditEntry.objects.filter(stream=request.stream, kind="approval.claimed").count() == 1


def test_a_claim_and_a_decision_at_once_never_lose_the_decision(remy: User, rosa: User) -> None:
    """APPR-7: the claim comes first or too late; the decision stands in either case."""
    for _ in range(ROUNDS):
        request = ask()
        claimed, decided = together(partial(claim, request_id=request.id, **by(remy)), saying(request, rosa, "approve"))
        assert decided.effect == "approved"
        assert isinstance(claimed, NotPending) or claimed.claimed_name == "Remy"


def test_sweeps_at_once_escalate_once() -> None:
    """APPR-6: however many workers look, one entry."""
    request = ask()
    let_pass(request, "escalates_at")
    assert sorted(together(tend, tend, tend)) == [0, 0, 1]
    assert AuditEntry.objects.filter(stream=request.stream, kind="approval.escalated").count() == 1


def test_claims_at_once_never_pass_what_policy_gives_one_person(remy: User) -> None:
    """Two would both find room for one: they are counted one after the other."""
    bound(most=1)
    for _ in range(ROUNDS):
        rows = [ask() for _ in range(3)]
        results = together(*(partial(claim, request_id=row.id, **by(remy)) for row in rows))
        assert sorted(type(result).__name__ for result in results) == ["ApprovalRequest", "TooManyClaims", "TooManyClaims"]
        for row in rows:
            release(request_id=row.id, **by(remy))
