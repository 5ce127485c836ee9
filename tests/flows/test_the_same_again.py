"""Approve the same for the rest of this session: further calls run in the reviewer's name, within what he stated (APPR-3)."""

import threading
from typing import Any

import pytest
from django.contrib.auth.models import Group, User
from django.db import connections

from agents import services, stops
from agents.gate import undo
from agents.models import LibraryDocument, Session
from agents.tools.library import fingerprint
from approvals.errors import InvalidVerdict, NothingStands, NotYours
from approvals.measures import measures
from approvals.models import ApprovalRequest, Decision, StandingApproval
from approvals.sameness import Same
from approvals.standing import revoke
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of, person_of

TWO = Same(count=2, minutes=30, vary=("body",))


def first_mail(world: World, by: User, same: Same | None = TWO, scenario: str = "mail-series", **more: Any) -> Session:
    """Start a session that mails four times, and approve its first mail with what stands for the others."""
    session = world.start(f"scenario: {scenario} to=kim@customer.example")
    world.work()
    (request,) = world.pending(session)
    world.decide(request, by, "approve", same=same, **more)
    return session


def requests(session: Session) -> list[ApprovalRequest]:
    """Every request of a session, oldest first."""
    return list(ApprovalRequest.objects.filter(session_id=session.pk).order_by("number"))


def why(request: ApprovalRequest) -> str:
    """Why no standing approval decided a request."""
    return str(request.facts.get("standing", {}).get("why", ""))


def test_two_more_mails_run_without_a_person_and_the_fourth_asks(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """APPR-3, APPR-4: each is a request, a decision and an execution of its own, in the reviewer's name, counted."""
    session = first_mail(world, remy)
    world.work()
    assert len(mailoutbox) == 3
    *ran, fourth = requests(session)
    assert [row.status for row in ran] == ["consumed"] * 3
    assert {row.decided_name for row in ran} == {"Remy"}
    assert fourth.status == "pending"
    assert "All calls that it covered were made" in why(fourth)
    standing = StandingApproval.objects.get()
    assert (standing.status, standing.left, standing.request_id) == ("used_up", 0, ran[0].pk)
    assert list(Decision.objects.filter(standing_id=standing.pk).values_list("decided_by", flat=True)) == [remy.pk] * 2
    covered = AuditEntry.objects.filter(kind="approval.repeated").order_by("id")
    assert [entry.body_json["facts"]["standing"] for entry in covered] == [ran[0].ref] * 2
    assert [entry.body_json["facts"]["left"] for entry in covered] == [1, 0]
    world.decide(fourth, remy, "approve")
    world.work()
    assert len(mailoutbox) == 4
    counted = measures(7)
    assert (counted.overall.asked, [one.decided for one in counted.reviewers]) == (2, [2])  # the others nobody was asked
    assert world.log_is_whole()


def test_of_three_in_one_plan_the_last_one_left_covers_one(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """THREATS 12: calls of one plan share what is left; a marked repeat is what was approved, so it is covered."""
    session = first_mail(world, remy, scenario="mails-at-once")
    world.work()
    assert [row.status for row in requests(session)] == ["consumed", "consumed", "consumed", "pending"]
    assert len(mailoutbox) == 3
    assert StandingApproval.objects.get().left == 0


def test_another_recipient_is_asked_about_and_the_one_after_it_is_covered(world: World, remy: User, rosa: User) -> None:
    """Every argument that was not let vary stays as it was."""
    session = world.start("scenario: mail-series to=kim@customer.example other=eve@customer.example")
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve", same=TWO)
    world.work()
    *_, third = requests(session)
    assert third.status == "pending"
    assert "The argument to is another." in why(third)
    world.decide(third, rosa, "approve")
    world.work()
    assert [row.status for row in requests(session)] == ["consumed"] * 4


def test_with_nothing_let_vary_another_text_is_asked_about(world: World, remy: User) -> None:
    """All arguments have to stay exactly as they were, unless somebody says otherwise."""
    session = first_mail(world, remy, Same(count=2, minutes=30))
    world.work()
    (second,) = world.pending(session)
    assert "The argument body is another." in why(second)


def test_what_is_read_from_strangers_ends_it(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """THREATS, untrusted content: nobody approved the call that follows a letter."""
    title, body = "A letter", "Kestrel asks about the recall of all valves."
    LibraryDocument.objects.create(
        slug="letter-kestrel", title=title, body=body, trust="untrusted", sha256=fingerprint(title, body)
    )
    session = first_mail(world, remy, scenario="mails-and-a-letter")
    world.work()
    (second,) = world.pending(session)
    assert len(mailoutbox) == 1
    assert "Policy has a further reason to ask" in why(second)


def test_it_covers_nothing_before_its_own_approval_was_used_and_is_undone_with_it(world: World, remy: User, rosa: User) -> None:
    """APPR-7: an approval that is taken back stands for nothing."""
    session = first_mail(world, remy, hold=True)
    (request,) = requests(session)
    undo(request_id=request.pk, actor=actor_of(remy))
    assert StandingApproval.objects.get().status == "undone"
    request.refresh_from_db()
    world.decide(request, rosa, "approve")
    world.work()
    assert [row.status for row in requests(session)] == ["consumed", "pending"]


def stop_and_lift(world: World, session: Session) -> None:
    """Press the kill switch for the tool, and lift it."""
    stops.press(scope="tool:send_email", reason="Wait.", actor=actor_of(world.olga))
    stops.lift(scope="tool:send_email", actor=actor_of(world.olga))


def other_policy(world: World, session: Session) -> None:
    """Save a policy."""
    world.policy()


def no_reviewer_any_more(world: World, session: Session) -> None:
    """Take the reviewer's role."""
    User.objects.get(first_name="Remy").groups.remove(Group.objects.get(name="reviewer"))


def revoked(world: World, session: Session) -> None:
    """Revoke it."""
    request, *_ = requests(session)
    revoke(request_id=request.pk, person=person_of(world.olga), actor=actor_of(world.olga))


def wrote_in_it(world: World, session: Session) -> None:
    """The reviewer says something to the agent, and so takes part."""
    remy = User.objects.get(first_name="Remy")
    services.add_message(session=session, actor=actor_of(remy), user_id=remy.pk, content="Go on.")


ENDS = (
    (stop_and_lift, "The kill switch held it since."),
    (other_policy, "The policy was changed since."),
    (no_reviewer_any_more, "Remy may not decide such calls any more."),
    (wrote_in_it, "Remy may not decide such calls any more."),
    (revoked, "Olga revoked it."),
)


@pytest.mark.parametrize(("ends", "said"), ENDS)
def test_what_ends_it(world: World, remy: User, rosa: User, ends: Any, said: str) -> None:
    """THREATS 4, 24, GUARD-14: the kill switch, another policy, a lost role, a part in it, a revocation; the next call says it."""
    session = world.start("scenario: mail-series to=kim@customer.example other=eve@customer.example")
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve", same=Same(count=9, minutes=30, vary=("body",)))
    world.work()
    assert [row.status for row in requests(session)] == ["consumed", "consumed", "pending"]
    ends(world, session)
    world.decide(requests(session)[2], rosa, "approve")
    world.work()
    *before, last = requests(session)
    assert [row.status for row in before] == ["consumed"] * 3
    assert last.status == "pending"
    assert said in why(last)


SINCE = (
    ("reject", {"instruction": "Not to Eve."}, "A person rejected such a call since."),
    (
        "edit",
        {"arguments": {"to": ["kim@customer.example"], "subject": "Report", "body": "Short."}},
        "A reviewer changed such a call",
    ),
)


@pytest.mark.parametrize(("verdict", "more", "said"), SINCE)
def test_what_people_said_of_such_a_call_since_ends_it(
    world: World, remy: User, rosa: User, verdict: str, more: dict[str, Any], said: str
) -> None:
    """THREATS 18, 28: a rejection or an edit says that the next one is not simply the same."""
    session = world.start("scenario: mail-series to=kim@customer.example other=eve@customer.example")
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve", same=Same(count=9, minutes=30, vary=("body",)))
    world.work()
    world.decide(requests(session)[2], rosa, verdict, **more)
    world.work()
    last = requests(session)[-1]
    assert (len(requests(session)), last.status) == (4, "pending")
    assert said in why(last) or "rejected the same intent" in why(last)


def behind_another(world: World, remy: User) -> Session:
    """Bring a session to where a covered call waits behind one that is asked about."""
    session = first_mail(world, remy, scenario="mails-behind")
    world.work()
    assert [row.status for row in requests(session)] == ["consumed", "pending", "approved"]
    return session


def test_what_it_approved_and_has_not_run_asks_once_it_is_revoked(
    world: World, remy: User, rosa: User, mailoutbox: list[Any]
) -> None:
    """THREATS 12: it has to stand when the call runs; the one call stays counted."""
    session = behind_another(world, remy)
    revoked(world, session)
    world.decide(requests(session)[1], rosa, "approve")
    world.work()
    *_, covered, again = requests(session)
    assert (covered.status, again.status, len(mailoutbox)) == ("void", "pending", 2)
    assert StandingApproval.objects.get().left == 1
    assert world.log_is_whole()


def test_what_it_approved_runs_once_under_two_workers(world: World, remy: User, rosa: User, mailoutbox: list[Any]) -> None:
    """THREATS 12: it is consumed on the usual path; the other worker finds nothing to do."""
    session = behind_another(world, remy)
    world.decide(requests(session)[1], rosa, "approve")

    def work() -> None:
        try:
            world.work()
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(180)
    assert [row.status for row in requests(session)] == ["consumed"] * 3
    assert (len(mailoutbox), StandingApproval.objects.get().left) == (3, 1)
    assert world.log_is_whole()


def test_who_may_revoke_it(world: World, remy: User, rosa: User, sam: User, vic: User) -> None:
    """Whoever may decide, operators and admins; once."""
    session = first_mail(world, remy)
    (request,) = requests(session)
    for nobody in (vic, sam):
        with pytest.raises(NotYours):
            revoke(request_id=request.pk, person=person_of(nobody), actor=actor_of(nobody))
    row = revoke(request_id=request.pk, person=person_of(rosa), actor=actor_of(rosa))
    assert (row.status, row.ended_name, row.left) == ("revoked", "Rosa", 2)
    with pytest.raises(NothingStands):
        revoke(request_id=request.pk, person=person_of(rosa), actor=actor_of(rosa))


SAID = (
    (Same(count=11, minutes=30), "1 to 10 further calls"),
    (Same(count=0, minutes=30), "1 to 10 further calls"),
    (Same(count=1, minutes=61), "1 to 60 minutes"),
    (Same(count=1, minutes=30, vary=("to",)), "to has to stay"),
    (Same(count=1, minutes=30, vary=("subject",)), "subject has to stay"),
    (Same(count=1, minutes=30, vary=("nonsense",)), "nonsense has to stay"),
    (Same(count=1, minutes=30, up_to={"body": 5}), "body has to stay"),
)


@pytest.mark.parametrize(("same", "said"), SAID)
def test_what_cannot_be_said(world: World, remy: User, same: Same, said: str) -> None:
    """Within what policy gives, and no recipient, short text or unknown name may vary; nothing is decided then."""
    session = world.start("scenario: mail-series to=kim@customer.example")
    world.work()
    (request,) = world.pending(session)
    with pytest.raises(InvalidVerdict, match=said):
        world.decide(request, remy, "approve", same=same)
    request.refresh_from_db()
    assert (request.status, StandingApproval.objects.count()) == ("pending", 0)
