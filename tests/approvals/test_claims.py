"""Taking a request in hand, giving it back, assigning it, giving it more time, and what the clock does (APPR-6, APPR-7)."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.utils import timezone

from approvals.claims import assign, claim, extend, holder_of, release, tend
from approvals.document import DEFAULT_POLICY, Policy
from approvals.errors import AlreadyClaimed, CannotExtend, Expired, NotPending, NotYours, TooManyClaims, UnknownPerson
from approvals.models import ApprovalRequest
from approvals.people import people_with, person_named
from approvals.policies import save
from approvals.services import decide
from audit.actors import SYSTEM
from audit.models import AuditEntry
from tests.approvals.conftest import as_person, ask, by
from tests.approvals.test_consume import let_pass

pytestmark = pytest.mark.django_db
Kinds = Callable[[ApprovalRequest], list[str]]


def holder(row: ApprovalRequest) -> str:
    """Return who has the request in hand now, by name."""
    row.refresh_from_db()
    found = holder_of(row, timezone.now())
    return found.name if found else ""


def facts_of(row: ApprovalRequest, kind: str) -> dict[str, Any]:
    """Return the facts of the newest entry of a kind."""
    entry = AuditEntry.objects.filter(stream=row.stream, kind=kind).latest("seq")
    return dict(entry.body_json["facts"])


def test_a_claim_has_an_end_and_an_entry(request_row: ApprovalRequest, remy: User, kinds_of: Kinds) -> None:
    """Whoever takes it is named to the others for ten minutes by the database's clock."""
    row = claim(request_id=request_row.id, **by(remy))
    assert holder(row) == "Remy"
    assert row.claimed_until is not None
    assert 0 < (row.claimed_until - timezone.now()).total_seconds() <= DEFAULT_POLICY.claims.lease_s + 1
    assert (row.status, row.revision, row.digest) == ("pending", 1, request_row.digest)
    assert kinds_of(row) == ["approval.requested", "approval.claimed"]


def test_a_second_claim_is_told_who_has_it(request_row: ApprovalRequest, remy: User, rosa: User) -> None:
    """One at a time; the error names the other."""
    claim(request_id=request_row.id, **by(remy))
    with pytest.raises(AlreadyClaimed) as refused:
        claim(request_id=request_row.id, **by(rosa))
    assert "Remy has" in refused.value.detail


def test_a_claim_never_stops_a_decision(request_row: ApprovalRequest, remy: User, rosa: User) -> None:
    """APPR-7: the first decision counts, whoever has it in hand."""
    claim(request_id=request_row.id, **by(remy))
    decided = decide(request_id=request_row.id, verdict="approve", digest=request_row.digest, **by(rosa))
    assert (decided.effect, decided.request.decided_name) == ("approved", "Rosa")


def test_a_claim_is_renewed_only_when_half_of_it_is_over(request_row: ApprovalRequest, remy: User, kinds_of: Kinds) -> None:
    """A page that stays open does not fill the log."""
    claim(request_id=request_row.id, **by(remy))
    claim(request_id=request_row.id, **by(remy))
    assert kinds_of(request_row).count("approval.claimed") == 1
    ApprovalRequest.objects.filter(id=request_row.id).update(claimed_until=timezone.now() + timedelta(seconds=60))
    row = claim(request_id=request_row.id, **by(remy))
    assert kinds_of(request_row).count("approval.claimed") == 2
    assert row.claimed_until is not None
    assert (row.claimed_until - timezone.now()).total_seconds() > DEFAULT_POLICY.claims.lease_s / 2


def test_a_lapsed_claim_is_nobodys_and_is_freed_by_the_sweep(
    request_row: ApprovalRequest, remy: User, rosa: User, kinds_of: Kinds
) -> None:
    """Somebody who left keeps nothing, and the log says when it was freed."""
    claim(request_id=request_row.id, **by(remy))
    let_pass(request_row, "claimed_until")
    assert holder(request_row) == ""
    assert tend() == 1
    assert kinds_of(request_row)[-1] == "approval.unclaimed"
    assert facts_of(request_row, "approval.unclaimed")["lapsed"] is True
    assert tend() == 0
    claim(request_id=request_row.id, **by(rosa))
    assert holder(request_row) == "Rosa"


def test_only_who_may_decide_can_claim(request_row: ApprovalRequest, vic: User, paul: User, remy: User) -> None:
    """Four eyes and roles hold here too: the requester has no hand in it."""
    for user in (vic, paul):
        with pytest.raises(NotYours):
            claim(request_id=request_row.id, **by(user))
    own = ask(requester=remy.pk)
    with pytest.raises(NotYours):
        claim(request_id=own.id, **by(remy))


def test_a_claim_is_given_back_by_its_owner_or_an_operator(
    request_row: ApprovalRequest, remy: User, rosa: User, olga: User, kinds_of: Kinds
) -> None:
    """Another reviewer cannot take it away; giving back what nobody has is nothing."""
    claim(request_id=request_row.id, **by(remy))
    with pytest.raises(NotYours):
        release(request_id=request_row.id, **by(rosa))
    release(request_id=request_row.id, **by(olga))
    assert holder(request_row) == ""
    release(request_id=request_row.id, **by(olga))
    assert kinds_of(request_row).count("approval.unclaimed") == 1


def test_an_assignment_stands_until_it_is_given_back(request_row: ApprovalRequest, olga: User, remy: User, rosa: User) -> None:
    """An operator gives it to a reviewer: no lease, the giver is named, the claim of another is replaced."""
    claim(request_id=request_row.id, **by(rosa))
    row = assign(request_id=request_row.id, to=as_person(remy), **by(olga))
    assert (holder(row), row.claimed_until, row.assigned_by) == ("Remy", None, "Olga")
    assert facts_of(row, "approval.delegated")["from_name"] == "Rosa"
    with pytest.raises(AlreadyClaimed):
        claim(request_id=row.id, **by(rosa))
    assert tend() == 0
    release(request_id=row.id, **by(remy))
    assert holder(row) == ""


def test_it_is_assigned_only_to_who_may_decide_it(olga: User, remy: User, vic: User) -> None:
    """Neither to somebody without the role, nor to somebody whom four eyes exclude, nor by somebody without a say."""
    row = ask(excluded=frozenset({remy.pk}))
    for to in (vic, remy, olga):
        with pytest.raises(NotYours):
            assign(request_id=row.id, to=as_person(to), **by(olga))
    with pytest.raises(NotYours):
        assign(request_id=row.id, to=as_person(remy), **by(vic))


def test_more_time_is_what_it_had_at_first_and_bounded(request_row: ApprovalRequest, remy: User) -> None:
    """Three times at most, each as long as its first life; then it is said why not."""
    life = request_row.expires_at - request_row.created_at
    for times in range(1, DEFAULT_POLICY.claims.extensions + 1):
        row = extend(request_id=request_row.id, **by(remy))
        assert row.extensions == times
        assert abs((row.expires_at - request_row.expires_at - times * life).total_seconds()) < 2
    with pytest.raises(CannotExtend):
        extend(request_id=request_row.id, **by(remy))


def bound(**claims: Any) -> None:
    """Let policy bound claims and extensions."""
    save({**DEFAULT_POLICY.model_dump(mode="json"), "claims": claims}, note="", actor=SYSTEM)


def test_policy_says_how_long_a_claim_lasts(request_row: ApprovalRequest, remy: User) -> None:
    """APPR-6: its seconds, in the row and in the entry."""
    bound(lease_s=120)
    row = claim(request_id=request_row.id, **by(remy))
    assert row.claimed_until is not None
    assert 60 < (row.claimed_until - timezone.now()).total_seconds() <= 121
    assert facts_of(row, "approval.claimed")["lease_s"] == 120


def test_policy_says_how_many_claims_one_person_has(remy: User, rosa: User, olga: User) -> None:
    """What was given to somebody, what they gave back and what is over does not count; one's own can be renewed."""
    bound(most=2)
    rows = [ask() for _ in range(4)]
    for row in rows[:2]:
        claim(request_id=row.id, **by(remy))
    with pytest.raises(TooManyClaims):
        claim(request_id=rows[2].id, **by(remy))
    claim(request_id=rows[0].id, **by(remy))
    claim(request_id=rows[2].id, **by(rosa))
    release(request_id=rows[0].id, **by(remy))
    assign(request_id=rows[0].id, to=as_person(remy), **by(olga))
    claim(request_id=rows[3].id, **by(remy))
    let_pass(rows[1], "claimed_until")
    release(request_id=rows[2].id, **by(rosa))
    claim(request_id=rows[2].id, **by(remy))


def test_policy_says_how_often_and_by_how_much_a_request_is_given_more_time(request_row: ApprovalRequest, remy: User) -> None:
    """Less than the database allows; never, where it says so."""
    bound(extensions=1, extension_s=90)
    row = extend(request_id=request_row.id, **by(remy))
    assert abs((row.expires_at - request_row.expires_at).total_seconds() - 90) < 2
    with pytest.raises(CannotExtend, match="extended 1 time"):
        extend(request_id=request_row.id, **by(remy))
    bound(extensions=0)
    with pytest.raises(CannotExtend, match="no request more time"):
        extend(request_id=ask().id, **by(remy))


def test_a_document_from_before_bounds_claims_as_ever() -> None:
    """Stored revisions have no word about claims: ten minutes, any number, three times, a day."""
    old = {name: value for name, value in DEFAULT_POLICY.model_dump(mode="json").items() if name != "claims"}
    rule = Policy.model_validate(old).claims
    assert (rule.lease_s, rule.most, rule.extensions, rule.extension_s) == (600, None, 3, 86_400)


def test_what_is_over_takes_no_more_time(request_row: ApprovalRequest, remy: User, rosa: User) -> None:
    """THREATS 14: neither an expired request nor a decided one comes back to life."""
    let_pass(request_row, "expires_at")
    for act in (claim, release, extend):
        with pytest.raises(Expired):
            act(request_id=request_row.id, **by(remy))
    other = ask()
    decide(request_id=other.id, verdict="approve", digest=other.digest, **by(rosa))
    for act in (claim, release, extend):
        with pytest.raises(NotPending):
            act(request_id=other.id, **by(remy))


def test_a_request_is_escalated_before_it_expires(request_row: ApprovalRequest, kinds_of: Kinds) -> None:
    """APPR-6: when four fifths of its time are over, once, with an entry; it still waits."""
    assert request_row.escalates_at is not None
    share = (request_row.escalates_at - request_row.created_at) / (request_row.expires_at - request_row.created_at)
    assert round(share, 2) == 0.8
    assert tend() == 0
    let_pass(request_row, "escalates_at")
    assert tend() == 1
    assert tend() == 0
    request_row.refresh_from_db()
    assert request_row.escalated_at is not None
    assert (request_row.status, kinds_of(request_row)[-1]) == ("pending", "approval.escalated")


def test_more_time_lets_it_escalate_again(request_row: ApprovalRequest, remy: User, kinds_of: Kinds) -> None:
    """What was given time is no longer urgent, until that time is nearly over too."""
    let_pass(request_row, "escalates_at")
    assert tend() == 1
    row = extend(request_id=request_row.id, **by(remy))
    assert row.escalated_at is None
    assert tend() == 0
    let_pass(row, "escalates_at")
    assert tend() == 1
    assert kinds_of(row).count("approval.escalated") == 2


def test_the_database_refuses_a_claim_without_an_end(request_row: ApprovalRequest) -> None:
    """Whoever writes: a claim ends or is an assignment; more than three extensions there are not."""
    rows = ApprovalRequest.objects.filter(id=request_row.id)
    for wrong in ({"claimed_by": 1, "claimed_name": "X"}, {"claimed_name": "X"}, {"extensions": 4}, {"assigned_by": "Olga"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            rows.update(**wrong)


def test_people_are_found_by_address_and_role(remy: User, rosa: User, vic: User) -> None:
    """Accounts that are switched off are not there."""
    assert person_named("remy@demo.example") == as_person(remy, reauthenticated=None)
    User.objects.filter(pk=rosa.pk).update(is_active=False)
    assert [mail for _, mail in people_with({"reviewer"})] == ["remy@demo.example"]
    with pytest.raises(UnknownPerson):
        person_named("rosa@demo.example")
