"""Control requests from end to end: planted by the sweep, shown like any other, never run, told at once (APPR-11)."""

import json

import pytest
from django.contrib.auth.models import User
from django.core.mail import EmailMessage

from agents import stops
from agents.errors import BadEdit
from agents.gate import answer
from agents.gate.sweep import sweep
from agents.models import ToolCall
from approvals import controls
from approvals.measures import measures
from approvals.models import ApprovalRequest, ControlRequest, ControlSetting
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of, person_of

MAIL = "scenario: mail-once to=kim@customer.example token=T1"


def switched_on(world: World, **more: int) -> None:
    """Let control requests be planted from the next request on."""
    rate = {"one_in": 10, "per_day": 5, **more}
    controls.set_rate(on=True, reason="For a month.", person=person_of(world.olga), actor=actor_of(world.olga), **rate)
    ControlSetting.objects.update(next_number=0)


def planted(world: World) -> ApprovalRequest:
    """Let one real call wait, and the sweep plant one after it; return that one."""
    world.start(MAIL)
    world.work(until=lambda: ApprovalRequest.objects.filter(status="pending").exists())
    switched_on(world)
    assert sweep() == 1
    return ApprovalRequest.objects.get(session_id__isnull=True)


def test_the_sweep_plants_one_that_looks_like_the_call_it_was_made_after(world: World) -> None:
    """Same agent, tool, environment and people to ask; one thing in it is plainly wrong."""
    row = planted(world)
    real = ApprovalRequest.objects.get(session_id__isnull=False)
    copied = ("kind", "agent", "tool", "tier", "blast_radius", "environment", "prompt_version", "groups", "required", "hold_s",
              "status", "revision")  # fmt: skip
    assert all(getattr(row, name) == getattr(real, name) for name in copied)
    assert (row.session_id, row.call_id, row.session_ref) == (None, None, "")
    mark = ControlRequest.objects.get(request=row)
    told, was = (json.loads(bytes(one.body))["arguments"] for one in (row, real))
    assert {name for name in told if told[name] != was[name]} == {mark.wrong}
    assert (row.expires_at - row.created_at).total_seconds() == pytest.approx(
        (real.expires_at - real.created_at).total_seconds(), abs=2
    )
    assert sweep() == 0


def test_approved_it_never_runs_and_counts_as_missed(world: World, remy: User, mailoutbox: list[EmailMessage]) -> None:
    """Nobody's call, nobody's session: the worker finds nothing to do, and the log proves what it was."""
    row = planted(world)
    decided = world.decide(row, remy, "approve", hold=True)
    assert decided.control
    calls = ToolCall.objects.count()
    world.work(until=world.idle)
    sweep()
    row.refresh_from_db()
    assert row.status == "void"
    assert mailoutbox == []
    assert ToolCall.objects.count() == calls
    assert "It should have been rejected:" in controls.told(row)
    assert [(one.name, one.caught, one.missed) for one in measures(7).controlled] == [("Remy", 0, 1)]
    assert measures(7).overall.asked == 1
    assert not AuditEntry.objects.filter(stream=row.stream, kind="approval.consumed").exists()
    assert world.log_is_whole()


def test_rejected_it_is_caught_and_the_real_call_beside_it_goes_on(
    world: World, remy: User, mailoutbox: list[EmailMessage]
) -> None:
    """What is planted disturbs nothing."""
    row = planted(world)
    assert world.decide(row, remy, "reject", instruction="A strange domain.").control
    real = ApprovalRequest.objects.get(session_id__isnull=False)
    assert not world.decide(real, remy, "approve").control
    world.work(until=world.idle)
    assert [mail.to for mail in mailoutbox] == [["kim@customer.example"]]
    assert [(one.caught, one.missed) for one in measures(7).controlled] == [(1, 0)]
    assert world.log_is_whole()


def test_an_edit_of_it_is_checked_as_any_other_and_runs_nothing(
    world: World, remy: User, mailoutbox: list[EmailMessage]
) -> None:
    """What the tool does not take is refused in the same words; what was put right is caught."""
    row = planted(world)
    right = json.loads(bytes(ApprovalRequest.objects.get(session_id__isnull=False).body))["arguments"]
    with pytest.raises(BadEdit):
        answer(request_id=row.id, person=person_of(remy), actor=actor_of(remy), verdict="edit", digest=row.digest,
               arguments={"to": 7})  # fmt: skip
    assert world.decide(row, remy, "edit", arguments=right).control
    row.refresh_from_db()
    assert (row.status, row.revision, ControlRequest.objects.get(request=row).status) == ("void", 2, "caught")
    assert json.loads(bytes(row.body))["arguments"] == right
    world.work(until=world.idle)
    assert mailoutbox == []


def test_nobody_deciding_it_lapses(world: World) -> None:
    """It expires by itself, and is nobody's mistake."""
    row = planted(world)
    ApprovalRequest.objects.filter(id=row.id).update(expires_at=row.created_at)
    assert sweep() == 1
    row.refresh_from_db()
    assert (row.status, row.facts["control"]["outcome"]) == ("expired", "lapsed")
    assert (measures(7).controlled, measures(7).lapsed) == ((), 1)
    assert world.log_is_whole()


def test_none_is_planted_while_the_kill_switch_holds_anything(world: World) -> None:
    """Whoever stops agents has other things to do than to be tested."""
    world.start(MAIL)
    world.work(until=lambda: ApprovalRequest.objects.filter(status="pending").exists())
    switched_on(world)
    stops.press(scope="tool:publish_note", reason="It publishes the wrong notes.", actor=actor_of(world.olga))
    assert sweep() == 0
    stops.lift(scope="tool:publish_note", actor=actor_of(world.olga))
    assert sweep() == 1


def test_without_a_real_call_to_copy_none_is_planted(world: World) -> None:
    """A catalogue of its own would soon be known by heart."""
    switched_on(world)
    assert sweep() == 0
