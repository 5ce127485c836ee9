"""Approving alone in an emergency: allowed by policy, never around four eyes, loud, and reviewed by somebody else (THREATS 60)."""

from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import IntegrityError, connection, transaction

from approvals.breaking import open_uses, review, uses
from approvals.document import DEFAULT_POLICY
from approvals.emergency import Glass, may_break, missing
from approvals.errors import InvalidVerdict, NeedsReauthentication, NotConsumable, NotYours, UnknownGlassUse
from approvals.facts import Judgement, Person, Reason, RequestFacts
from approvals.loosening import loosened
from approvals.models import ApprovalRequest, Decision, GlassUse
from approvals.policies import save
from approvals.services import Decided, consume, decide, exclude, ready, undo
from audit.ids import uuid7
from audit.models import AuditEntry
from audit.services import Batch, transition
from tests.approvals.conftest import WORKER, as_actor, as_person, ask, by
from tests.conftest import person

pytestmark = pytest.mark.django_db
REASON = "The payment system is down and nobody of the legal department can be reached."
HARD = Judgement("ask", (Reason("rule", "Policy rule 'Two of legal'."),), risk=4, required=2, groups=("legal",), hold_s=5)


def allow(admin: User, enabled: bool = True) -> None:
    """Let the policy allow or forbid it."""
    document = {**DEFAULT_POLICY.model_dump(mode="json"), "break_glass": {"enabled": enabled}}
    save(document, note="Emergencies", actor=as_actor(admin))


def broken(row: ApprovalRequest, user: User, reason: str = REASON, **changed: Any) -> Decided:
    """Break the glass on a request as somebody."""
    glass = Glass(reason, changed.pop("confirm", row.ref))
    return decide(request_id=row.id, digest=row.digest, glass=glass, **{"verdict": "approve", **by(user), **changed})


@pytest.fixture
def hard(ada: User) -> ApprovalRequest:
    """A request for two of the legal department, where the policy allows to break the glass."""
    allow(ada)
    return ask(HARD)


def test_it_stands_for_groups_and_quorum_and_is_loud(hard: ApprovalRequest, ada: User) -> None:
    """One entry of its own kind, a mark on the decision, a use that waits for its review, and the approval is used."""
    decided = broken(hard, ada)
    assert (decided.effect, decided.decision.broke_glass) == ("approved", True)
    (use,) = open_uses()
    assert (use.ref, use.used_name, use.reason, use.status) == (hard.ref, "Ada", REASON, "open")
    assert use.lacked == ["somebody of legal", "1 more person"]
    kinds = list(AuditEntry.objects.filter(stream=hard.stream).order_by("seq").values_list("kind", flat=True))
    assert kinds == ["approval.requested", "approval.approved", "glass.broken"]
    change, entry = consume(ready([hard.id])[hard.id], hard.digest, actor=WORKER)
    transition(Batch((change,), (), (entry,)))
    hard.refresh_from_db()
    assert hard.status == "consumed"


def test_the_undo_period_is_as_ever(hard: ApprovalRequest, ada: User) -> None:
    """It is held, can be taken back, and was done all the same: the review stays to be made."""
    assert broken(hard, ada, hold=True).effect == "held"
    with pytest.raises(NotConsumable) as refused:
        consume(ready([hard.id])[hard.id], hard.digest, actor=WORKER)
    assert refused.value.cause == "held"
    undo(request_id=hard.id, actor=as_actor(ada))
    assert ready([hard.id])[hard.id].votes == 0
    assert [use.status for use in uses()] == ["open"]


def test_the_policy_has_to_allow_it(ada: User) -> None:
    """As shipped it does not; switched off again, what was approved so counts no more."""
    row = ask(HARD)
    with pytest.raises(NotYours) as refused:
        broken(row, ada)
    assert refused.value.refusal == "break_glass_off"
    allow(ada)
    broken(row, ada)
    allow(ada, enabled=False)
    assert ready([row.id])[row.id].votes == 0


def test_four_eyes_hold(ada: User, remy: User) -> None:
    """Nobody, admin included, passes four eyes: not for what one started, nor where policy lets one confirm one's own."""
    allow(ada)
    own = replace(HARD, self_confirm=True)
    for row in (ask(HARD, requester=ada.pk), ask(HARD, excluded=frozenset({ada.pk})), ask(own, requester=ada.pk)):
        with pytest.raises(NotYours) as refused:
            broken(row, ada)
        assert refused.value.refusal == "four_eyes"


def test_who_writes_in_the_session_later_broke_it_for_nothing(hard: ApprovalRequest, ada: User) -> None:
    """Four eyes are widened after it: the approval counts no more."""
    broken(hard, ada)
    assert hard.session_id is not None
    exclude(session_id=hard.session_id, user_id=ada.pk, actor=as_actor(ada))
    assert ready([hard.id])[hard.id].votes == 0


def test_who_lost_the_role_broke_it_for_nothing(hard: ApprovalRequest, ada: User) -> None:
    """THREATS 24."""
    broken(hard, ada)
    ada.groups.set([Group.objects.get_or_create(name="reviewer")[0]])
    assert ready([hard.id])[hard.id].votes == 0


def test_it_is_for_admins_with_a_fresh_password(hard: ApprovalRequest, ada: User, remy: User) -> None:
    """A token cannot give one; a service is no person."""
    with pytest.raises(NotYours):
        broken(hard, remy)
    with pytest.raises(NeedsReauthentication):
        broken(hard, ada, person=as_person(ada, reauthenticated=False))
    for other in (as_person(ada, reauthenticated=None), Person(ada.pk, "robot", frozenset({"admin"}), service=True)):
        with pytest.raises(NotYours):
            broken(hard, ada, person=other)


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"reason": "Because."}, "reason"),
        ({"reason": "x" * 2001}, "reason"),
        ({"reason": " " * 40}, "reason"),
        ({"confirm": "AP-1"}, "confirm"),
        ({"confirm": ""}, "confirm"),
        ({"verdict": "reject", "instruction": "Do not."}, "break_glass"),
    ],
)
def test_it_asks_for_a_reason_and_the_id(changed: dict[str, Any], field: str, hard: ApprovalRequest, ada: User) -> None:
    """What is wrong is named; nothing is written."""
    with pytest.raises(InvalidVerdict) as refused:
        broken(hard, ada, **changed)
    assert refused.value.field == field
    assert not GlassUse.objects.exists()


def test_it_is_not_for_what_can_be_decided_without(ada: User) -> None:
    """The list of uses holds emergencies alone."""
    allow(ada)
    with pytest.raises(InvalidVerdict, match="Nothing is missing"):
        broken(ask(), ada)
    with pytest.raises(NotYours):
        broken(ask(kind="budget", tool="", tier="", call_id=None), ada)


def test_who_agreed_before_has_one_vote(ada: User, remy: User) -> None:
    """Ada is one of two; the other does not come, and her own vote becomes the one that broke the glass."""
    allow(ada)
    row = ask(replace(HARD, groups=()))
    decide(request_id=row.id, verdict="approve", digest=row.digest, **by(ada))
    broken(row, ada)
    assert [(vote.broke_glass, vote.voided) for vote in Decision.objects.filter(request=row).order_by("created_at")] == [
        (None, "undo"), (True, ""),
    ]  # fmt: skip
    assert ready([row.id])[row.id].votes == 2


def test_somebody_else_reviews_it_once(hard: ApprovalRequest, ada: User, audrey: User, remy: User) -> None:
    """An auditor or another admin, with a note; never who broke it."""
    broken(hard, ada)
    (use,) = open_uses()
    note = "Read the log of the incident; the e-mail was right, and legal agreed the next morning."
    for user in (ada, remy):
        with pytest.raises(NotYours):
            review(use.id, note=note, **by(user))
    with pytest.raises(InvalidVerdict):
        review(use.id, note="Fine.", **by(audrey))
    assert review(use.id, note=note, **by(audrey)).reviewed_name == "Audrey"
    assert open_uses() == []
    other = person("arno", "admin")
    assert review(use.id, note="Another note, which changes nothing of it.", **by(other)).note == note
    entry = AuditEntry.objects.filter(kind="glass.reviewed").latest("seq").body_json
    assert (entry["principal"]["id"], entry["facts"]["used_by"]) == (str(audrey.pk), str(ada.pk))
    with pytest.raises(UnknownGlassUse):
        review(uuid7(), note=note, **by(audrey))


def _vote_and_commit(values: dict[str, Any]) -> None:
    """Write a decision, and look at what is otherwise looked at when the transaction commits."""
    Decision.objects.create(**values)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_the_database_refuses_what_is_not_told(hard: ApprovalRequest, ada: User, remy: User) -> None:
    """No such decision without its use, none where policy forbids it, none around four eyes; a use stays as it was."""
    values = {"request": hard, "revision": 1, "verdict": "approve", "digest": hard.digest, "decided_by": ada.pk,
              "decided_name": "Ada", "broke_glass": True}  # fmt: skip
    with pytest.raises(IntegrityError, match="has to be told"), transaction.atomic():
        _vote_and_commit(values)
    with pytest.raises(IntegrityError, match="four eyes"), transaction.atomic():
        Decision.objects.create(**{**values, "request": (own := ask(HARD, requester=ada.pk)), "digest": own.digest})
    broken(hard, ada)
    for change in ({"reason": "Another one."}, {"status": "reviewed"}):
        with pytest.raises(IntegrityError), transaction.atomic():
            GlassUse.objects.update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        GlassUse.objects.all().delete()
    allow(ada, enabled=False)
    other = ask(HARD)
    with pytest.raises(IntegrityError, match="lets nobody"), transaction.atomic():
        Decision.objects.create(**{**values, "request": other, "digest": other.digest})


def test_allowing_it_is_a_loosening() -> None:
    """Who looks at a next policy before saving it is told."""
    after = DEFAULT_POLICY.model_copy(update={"break_glass": type(DEFAULT_POLICY.break_glass)(enabled=True)})
    assert loosened(DEFAULT_POLICY, after) == ("Admins may break the glass.",)
    assert loosened(after, DEFAULT_POLICY) == ()


def test_what_is_missing_is_said() -> None:
    """Groups by name, people by number."""
    admin = Person(1, "Ada", frozenset({"admin", "finance"}), reauthenticated=True)
    request = RequestFacts("tool_call", groups=("finance", "legal|board"))
    assert missing(admin, request, votes=0, required=3) == ("somebody of legal or board", "2 more people")
    assert missing(admin, RequestFacts("tool_call"), votes=1, required=2) == ()
    assert may_break(admin, request, enabled=True) is None
