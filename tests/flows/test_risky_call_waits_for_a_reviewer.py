"""The story of the product: an agent proposes, a person countersigns, and nothing happens without it."""

import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from agents import services
from agents.errors import BadEdit
from agents.gate import undo
from approvals.errors import AlreadyDecided, NotYours, StaleDigest
from approvals.models import ApprovalRequest
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of

MAIL = "scenario: mail-once to=kim@customer.example token=T1"


def kinds(world: World, ref: str) -> list[str]:
    """The kinds of a session's entries, in order."""
    return list(AuditEntry.objects.filter(stream=f"session:{ref}").order_by("seq").values_list("kind", flat=True))


def test_an_approved_mail_is_sent_and_the_log_proves_it(world: World, remy: User, mailoutbox: list[EmailMessage]) -> None:
    """LOOP-1, APPR-1, APPR-4, AUDIT-1: the whole main job."""
    session = world.start(MAIL)
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_approval"
    assert session.lease_owner is None
    (request,) = world.pending(session)
    assert request.cost_microusd == session.cost_microusd > 0
    assert mailoutbox == []

    world.decide(request, remy, "approve")
    world.work()

    session.refresh_from_db()
    request.refresh_from_db()
    assert session.status == "waiting_input"
    assert [mail.to for mail in mailoutbox] == [["kim@customer.example"]]
    assert request.status == "consumed"
    assert world.answer_of(session) == "The message was sent."
    story = kinds(world, session.ref)
    assert story.index("approval.requested") < story.index("approval.approved") < story.index("approval.consumed")
    assert story.index("approval.consumed") < story.index("tool_call.executing") < story.index("tool_call.succeeded")
    assert world.log_is_whole()


def test_a_rejection_reaches_the_model_with_its_instruction(world: World, remy: User, mailoutbox: list[EmailMessage]) -> None:
    """APPR-3: the agent reads why, and goes on."""
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "reject", instruction="Ask the customer first.")
    world.work()
    assert mailoutbox == []
    (call,) = world.calls(session)
    assert call.status == "rejected"
    told = json.loads(world.result(call))
    assert told["error_type"] == "rejected"
    assert told["instruction"] == "Ask the customer first."
    assert world.answer_of(session).startswith("The reviewer said no")
    assert world.log_is_whole()


def test_an_edit_is_what_runs_and_the_model_is_told(world: World, remy: User, mailoutbox: list[EmailMessage]) -> None:
    """APPR-3, APPR-4: same request, next revision, new digest; the edit counts as the editor's approval."""
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    arguments = {"to": ["lee@customer.example"], "subject": "Edited", "body": "Shorter."}
    decided = world.decide(request, remy, "edit", arguments=arguments)
    assert decided.effect == "approved"
    assert decided.request.revision == 2
    assert decided.request.digest != request.digest
    world.work()
    assert [(mail.to, mail.subject) for mail in mailoutbox] == [(["lee@customer.example"], "Edited")]
    (call,) = world.calls(session)
    assert call.edited
    assert call.judgement["changes"]
    assert world.log_is_whole()


def test_an_edit_with_bad_arguments_is_refused_and_nothing_changes(world: World, remy: User) -> None:
    """THREATS 11: the same guards as for the model."""
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    with pytest.raises(BadEdit) as caught:
        world.decide(request, remy, "edit", arguments={"to": "not-a-list", "subject": "x", "body": "y", "bcc": "z"})
    assert {error["loc"] for error in caught.value.errors} & {"arguments.bcc", "arguments.to"}
    request.refresh_from_db()
    assert (request.status, request.revision) == ("pending", 1)


def test_an_edit_that_raises_the_judgement_asks_the_rest_of_the_quorum(
    world: World, remy: User, rosa: User, mailoutbox: list[Any]
) -> None:
    """APPR-3, THREATS 10 and 28: a rule over arguments asks for two; the editor is one of them."""
    rule = {"name": "outside", "tool": "send_email", "when": {"path": "to.*", "op": "eq", "value": "board@customer.example"},
            "then": "ask", "required": 2}  # fmt: skip
    world.policy(rules=[rule])
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    arguments = {"to": ["board@customer.example"], "subject": "S", "body": "B"}
    decided = world.decide(request, remy, "edit", arguments=arguments)
    assert decided.effect == "pending"
    world.work()
    assert mailoutbox == []
    request.refresh_from_db()
    with pytest.raises(AlreadyDecided):
        world.decide(request, remy, "approve")
    world.decide(request, rosa, "approve")
    world.work()
    assert [mail.to for mail in mailoutbox] == [["board@customer.example"]]


def test_who_started_it_cannot_approve_it(world: World, remy: User) -> None:
    """APPR-5, THREATS 22: four eyes."""
    session = world.start(MAIL, by=remy)
    world.work()
    (request,) = world.pending(session)
    with pytest.raises(NotYours):
        world.decide(request, remy, "approve")


def test_who_wrote_a_message_in_it_cannot_approve_it(world: World, remy: User, rosa: User, mailoutbox: list[Any]) -> None:
    """APPR-5, LOOP-9: a message during a pending approval joins the next turn, and its author takes part."""
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    services.add_message(session=session, actor=actor_of(remy), user_id=remy.pk, content="And tell me when it is done.")
    with pytest.raises(NotYours):
        world.decide(request, remy, "approve")
    world.decide(request, rosa, "approve")
    world.work()
    session.refresh_from_db()
    assert len(mailoutbox) == 1
    assert session.status == "waiting_input"


def test_a_stale_digest_is_refused(world: World, remy: User) -> None:
    """THREATS 2: what was shown is not what stands."""
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    with pytest.raises(StaleDigest):
        world.decide(request, remy, "approve", digest="0" * 64)


def test_an_approval_can_be_undone_within_its_period_and_the_agent_waits_on(
    world: World, remy: User, mailoutbox: list[Any]
) -> None:
    """APPR-7: nothing runs while the undo period lasts, and nothing after an undo."""
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    decided = world.decide(request, remy, "approve", hold=True)
    assert decided.effect == "held"
    undo(request_id=request.id, actor=actor_of(remy))
    world.work()
    session.refresh_from_db()
    assert session.status == "waiting_approval"
    assert mailoutbox == []
    assert [row.ref for row in world.pending(session)] == [request.ref]


def test_a_held_approval_runs_when_its_period_is_over(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """APPR-7: nobody has to do anything more."""
    world.policy(hold_s=1)
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve", hold=True)
    world.work()
    request.refresh_from_db()
    assert request.status == "consumed"
    assert len(mailoutbox) == 1


def test_nobody_answering_is_not_a_refusal_and_not_a_permission(world: World, mailoutbox: list[Any]) -> None:
    """APPR-6, THREATS 21: expiry rejects, and the agent is told in other words."""
    world.agent(limits={"approval_ttl_s": 1})
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    world.work(until=lambda: ApprovalRequest.objects.filter(id=request.id, status="expired").exists())
    world.work()
    assert mailoutbox == []
    (call,) = world.calls(session)
    assert call.status == "expired"
    assert "Nobody answered in time" in world.result(call)
    assert world.answer_of(session).startswith("Nobody answered in time")


def test_two_approvals_of_one_turn_are_decided_in_any_order(world: World, remy: User, mailoutbox: list[EmailMessage]) -> None:
    """LOOP-8: reads of the same plan run at once; a write waits for the one before it."""
    session = world.start("scenario: two-approvals token=T2")
    world.work()
    calls = world.calls(session)
    assert [call.status for call in calls] == ["awaiting", "succeeded", "awaiting"]
    first, second = world.pending(session)
    world.decide(second, remy, "approve")
    world.work()
    assert mailoutbox == []
    world.decide(first, remy, "approve")
    world.work()
    assert [mail.to for mail in mailoutbox] == [["one@customer.example"], ["two@customer.example"]]
    session.refresh_from_db()
    assert session.status == "waiting_input"
    assert world.log_is_whole()


def test_a_marked_repeat_of_a_write_asks_again(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """TOOL-3: the same call a second time is a new question, and it says so."""
    session = world.start("scenario: repeat-mail token=T3")
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve")
    world.work()
    (again,) = world.pending(session)
    assert "repeat" in {reason["code"] for reason in again.reasons}
    world.decide(again, remy, "reject", instruction="Once is enough.")
    world.work()
    assert len(mailoutbox) == 1


def test_a_question_of_the_agent_is_answered(world: World, remy: User) -> None:
    """APPR-3: questions come to the same inbox with their own verdict."""
    session = world.start("scenario: ask-person")
    world.work()
    (request,) = world.pending(session)
    assert request.kind == "question"
    world.decide(request, remy, "answer", answer="Blue.")
    world.work()
    assert "Blue." in world.answer_of(session)


def test_an_approval_after_a_cancel_is_refused_and_nothing_runs(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """THREATS 17: stop is terminal."""
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    services.cancel(session=session, actor=actor_of(world.olga), reason="Not needed.")
    with pytest.raises(Exception, match="withdrawn"):
        world.decide(request, remy, "approve")
    world.work()
    session.refresh_from_db()
    assert session.status == "cancelled"
    assert mailoutbox == []
    assert world.log_is_whole()
