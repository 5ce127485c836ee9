"""Control requests: at what rate, how they are resolved, and what the database lets nobody do (APPR-11)."""

import hashlib
import json
from typing import Any
from uuid import UUID

import pytest
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.db.models.functions import Now

from approvals import controls
from approvals.control_templates import Spoilt
from approvals.digest import digest
from approvals.errors import InvalidVerdict, NotAllowedToSet, NothingToUndo, StaleSetting
from approvals.facts import Person
from approvals.measures import measures
from approvals.models import ApprovalRequest, ControlRequest, ControlSetting
from approvals.moves import NewRequest
from approvals.queries import pending_count, waiting_by_agent
from approvals.services import decide, take_numbers, undo
from approvals.similar import similar
from audit.ids import uuid7
from audit.models import AuditEntry
from tests.approvals.conftest import ASKS, WORKER, as_actor, as_person, ask, body_of, by, edit_of

WRONG = Spoilt("recipient", {"to": "kim@examp1e.com"}, "to", "It goes to examp1e.com, which only looks like example.com.")


def switch(user: User, *, on: bool = True, one_in: int = 10, per_day: int = 2, **more: Any) -> ControlSetting:
    """Let somebody set the rate."""
    return controls.set_rate(
        on=on, one_in=one_in, per_day=per_day, reason="For a month.", person=as_person(user), actor=as_actor(user), **more
    )


def plant(setting: ControlSetting | None = None) -> ApprovalRequest:
    """Plant one, whether or not it is due."""
    salt, (number,), id_ = controls.new_salt(), take_numbers(1), uuid7()
    body = body_of(str(id_), 1).replace(b"S-88123/1.0", controls.call_of(salt).encode())
    new = NewRequest(
        id=id_, number=number, kind="tool_call", body=body, digest=digest(body), summary="Send an e-mail to kim@examp1e.com",
        judgement=ASKS, agent="research-assistant", environment="production", tool="send_email", tier="irreversible_write",
        blast_radius="narrow", facts={"consequence": "It leaves."},
    )  # fmt: skip
    controls.plant(setting or controls.setting(), new, WRONG, salt=salt, asked_by=WORKER, texts=())
    return ApprovalRequest.objects.get(id=id_)


def mark_of(row: ApprovalRequest) -> ControlRequest:
    """The mark of a control request as it stands."""
    return ControlRequest.objects.get(request=row)


def kinds(row: ApprovalRequest) -> list[str]:
    """What the trail says of a request."""
    return list(AuditEntry.objects.filter(stream=row.stream).order_by("seq").values_list("kind", flat=True))


@pytest.mark.django_db
def test_they_are_off_until_somebody_switches_them_on_with_a_reason(olga: User) -> None:
    """Nothing is planted by default; a program and an empty reason switch nothing."""
    assert not controls.setting().on
    assert controls.due() is None
    with pytest.raises(InvalidVerdict):
        controls.set_rate(on=True, one_in=10, per_day=2, reason=" ", person=as_person(olga), actor=as_actor(olga))
    with pytest.raises(InvalidVerdict):
        switch(olga, one_in=4)
    with pytest.raises(NotAllowedToSet):
        controls.set_rate(
            on=True, one_in=10, per_day=2, reason="By night.", person=Person(1, "robot", frozenset({"operator"}), service=True),
            actor=as_actor(olga),
        )  # fmt: skip
    first = switch(olga, revision=0)
    with pytest.raises(StaleSetting):
        switch(olga, on=False, revision=0)
    assert controls.setting().on
    entry = AuditEntry.objects.get(kind="control.set")
    assert json.loads(bytes(entry.body))["facts"]["reason"] == "For a month."
    assert first.revision == 2


@pytest.mark.django_db
def test_one_is_due_after_about_as_many_requests_as_it_was_set(olga: User) -> None:
    """About one in ten: after five at least, after fifteen at most, and never to be guessed."""
    ask()
    setting = switch(olga, one_in=10)
    newest = ApprovalRequest.objects.order_by("-number").values_list("number", flat=True)[0]
    assert newest + 5 <= setting.next_number <= newest + 15
    assert controls.due() is None
    ControlSetting.objects.update(next_number=newest)
    with transaction.atomic():
        due = controls.due()
        assert due is not None
        planted = plant(due)
    assert planted.number + 5 <= controls.setting().next_number <= planted.number + 15


@pytest.mark.django_db
def test_no_person_gets_more_of_them_in_a_day_than_was_set(olga: User, remy: User) -> None:
    """Those that wait could all be decided by whoever decided most: together they stay within the bound."""
    switch(olga, per_day=2)
    ControlSetting.objects.update(next_number=0)
    rows = [plant(), plant()]
    ControlSetting.objects.update(next_number=0)
    assert controls.due() is None
    for row in rows:
        decide(request_id=row.id, digest=row.digest, verdict="reject", instruction="Not there.", **by(remy))
    assert controls.due() is None
    with transaction.atomic():
        switch(olga, per_day=3)
        ControlSetting.objects.update(next_number=0)
        assert controls.due() is not None


@pytest.mark.django_db
def test_until_it_is_decided_nothing_tells_it_apart(olga: User) -> None:
    """The queue counts it, and its trail begins as that of any request."""
    switch(olga)
    real, planted = ask(), plant()
    assert pending_count() == 2
    assert waiting_by_agent() == {"research-assistant": 1}
    assert kinds(planted) == kinds(real) == ["approval.requested"]
    told = [json.loads(bytes(AuditEntry.objects.get(stream=row.stream).body)) for row in (real, planted)]
    assert told[0]["principal"] == told[1]["principal"]
    assert told[0]["facts"].keys() == told[1]["facts"].keys()
    assert "control" not in json.dumps(told[1]).replace("controls", "")
    assert controls.told(planted) == ""
    assert measures(7).overall.waiting == 2


@pytest.mark.django_db
def test_a_rejection_catches_it(remy: User) -> None:
    """It is over at once, and no figure but its own holds it."""
    row = plant()
    decided = decide(request_id=row.id, digest=row.digest, verdict="reject", instruction="A strange domain.", **by(remy))
    row.refresh_from_db()
    assert (decided.control, decided.effect, row.status) == (True, "rejected", "void")
    assert (mark_of(row).status, mark_of(row).decided_by) == ("caught", remy.pk)
    assert "It should have been rejected: It goes to examp1e.com," in controls.told(row)
    assert kinds(row) == ["approval.requested", "approval.rejected", "control.planted", "control.resolved"]
    found = measures(7)
    assert (found.overall.asked, found.reviewers) == (0, ())
    assert [(one.name, one.caught, one.missed, one.signals) for one in found.controlled] == [("Remy", 1, 0, ())]


@pytest.mark.django_db
def test_an_approval_misses_it_and_is_neither_held_nor_kept(remy: User) -> None:
    """Nothing can be undone, since nothing was begun; who approved is told at once."""
    row = plant()
    decided = decide(request_id=row.id, digest=row.digest, verdict="approve", hold=True, **by(remy))
    row.refresh_from_db()
    assert (decided.control, row.status, row.held_until) == (True, "void", None)
    assert mark_of(row).status == "missed"
    with pytest.raises(NothingToUndo):
        undo(request_id=row.id, actor=as_actor(remy))
    (one,) = measures(7).controlled
    assert one.signals == ("Missed 1 of 1 control requests, which should have been rejected.",)


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "outcome"), [("to", "caught"), ("to.0", "caught"), ("subject", "missed")])
def test_an_edit_catches_it_only_where_it_changes_what_is_wrong(remy: User, path: str, outcome: str) -> None:
    """Whoever polished the subject did not see where it goes."""
    row = plant()
    edit = edit_of(row)
    changed = type(edit)(**{**{name: getattr(edit, name) for name in edit.__slots__}, "difference": ({"path": path},)})
    decide(request_id=row.id, digest=row.digest, verdict="edit", edit=changed, **by(remy))
    row.refresh_from_db()
    assert (row.status, row.revision, mark_of(row).status) == ("void", 2, outcome)


@pytest.mark.django_db
def test_the_trail_proves_that_it_was_one_from_its_beginning(remy: User) -> None:
    """The salt in `control.planted` opens the commitment that the digest of the first entry covers."""
    row = plant()
    asked = json.loads(bytes(AuditEntry.objects.get(stream=row.stream, kind="approval.requested").body))["facts"]
    decide(request_id=row.id, digest=row.digest, verdict="approve", **by(remy))
    opened = json.loads(bytes(AuditEntry.objects.get(stream=row.stream, kind="control.planted").body))["facts"]
    body = bytes(row.body)
    assert hashlib.sha256(body).hexdigest() == asked["digest"]
    commitment = UUID(bytes=hashlib.sha256(bytes.fromhex(opened["salt"])).digest()[:16], version=4)
    assert json.loads(body)["call"] == str(commitment)


@pytest.mark.django_db
def test_a_repeat_of_the_decision_says_it_again(remy: User) -> None:
    """A lost answer is asked for once more: the same telling, and one resolution."""
    row = plant()
    said: dict[str, Any] = {"request_id": row.id, "digest": row.digest, "verdict": "approve", "idempotency_key": "k"}
    assert decide(**said, **by(remy)).control
    again = decide(**said, **by(remy))
    assert (again.control, again.replayed) == (True, True)
    assert kinds(row).count("control.resolved") == 1


@pytest.mark.django_db
def test_switched_off_those_that_wait_fall_away(olga: User, remy: User) -> None:
    """What was decided stays counted; what waits lapses and is nobody's."""
    switch(olga)
    kept, gone = plant(), plant()
    decide(request_id=kept.id, digest=kept.digest, verdict="reject", instruction="Not there.", **by(remy))
    switch(olga, on=False)
    gone.refresh_from_db()
    assert (gone.status, mark_of(gone).status, mark_of(gone).decided_by) == ("withdrawn", "lapsed", None)
    assert controls.told(gone) != ""
    assert (measures(7).lapsed, len(measures(7).controlled)) == (1, 1)


@pytest.mark.django_db
def test_it_is_no_example_for_those_after_it(remy: User) -> None:
    """How similar requests were decided says nothing of control requests."""
    row = plant()
    decide(request_id=row.id, digest=row.digest, verdict="approve", **by(remy))
    assert similar(ask()) is None


@pytest.mark.django_db
@pytest.mark.parametrize("status", ["approved", "held", "consumed"])
def test_the_database_refuses_a_control_request_that_could_run(remy: User, status: str) -> None:
    """Whatever a program says: no state of it is one that something runs by."""
    row = plant()
    values = {"status": status, "decided_by": remy.pk, "decided_at": Now(), "held_until": Now()}
    with pytest.raises(IntegrityError), transaction.atomic():
        ApprovalRequest.objects.filter(id=row.id).update(**values)
    row.refresh_from_db()
    assert row.status == "pending"


@pytest.mark.django_db
def test_a_real_request_cannot_be_called_a_control_request(remy: User) -> None:
    """Neither one with a session, nor one that was decided: nobody explains a mistake away afterwards."""
    real = ask()
    bare = ask(session_id=None, session_ref="", call_id=None)
    decide(request_id=bare.id, digest=bare.digest, verdict="reject", instruction="Not to them.", **by(remy))
    for row in (real, bare):
        with pytest.raises(IntegrityError, match="control request"), transaction.atomic():
            ControlRequest.objects.create(request=row, template="t", wrong="to", because="b", salt="00")


@pytest.mark.django_db
def test_its_mark_stays_as_it_was_made(remy: User) -> None:
    """Resolved once, never turned, never deleted."""
    row = plant()
    decide(request_id=row.id, digest=row.digest, verdict="approve", **by(remy))
    for change in ({"status": "caught"}, {"because": "Something else."}, {"decided_by": F("decided_by") + 1}):
        with pytest.raises(IntegrityError), transaction.atomic():
            ControlRequest.objects.filter(request=row).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        ControlRequest.objects.filter(request=row).delete()
