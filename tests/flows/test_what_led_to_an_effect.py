"""One statement says which prompt, which policy and which people led to an effect; it stays true when all of them moved on."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.effects import led_to
from agents.errors import UnknownCall
from agents.models import PromptVersion, Session
from agents.prompts.releases import release
from agents.prompts.rollback import rollback
from agents.prompts.versions import add_version
from approvals import policies
from approvals.models import PolicyRevision
from approvals.policy import DEFAULT_POLICY
from approvals.sameness import Same
from approvals.services import Glass
from audit import index
from audit.models import AuditEntry
from tests.flows.conftest import World, actor_of

MAIL = "scenario: mail-once to=kim@customer.example token=T1"


def test_an_effect_names_its_prompt_its_policy_and_who_approved_it(world: World, remy: User, mailoutbox: list[Any]) -> None:
    world.policy(hold_s=0)
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    world.policy(hold_s=1)  # this one holds as the call begins
    policy = PolicyRevision.objects.get(current=True)
    world.decide(request, remy, "approve")
    world.work()
    world.policy(hold_s=0)
    add_version(slug="research-assistant", text="Another.", actor=actor_of(world.olga), user_id=None, note="Another.")
    release(slug="research-assistant", version="1.0.1", share=100, actor=actor_of(world.olga))
    index.finish()
    (call,) = world.calls(session)
    version = PromptVersion.objects.get(version="1.0.0")
    with CaptureQueriesContext(connection) as others:
        led = led_to(call.key)
    assert len(others) == 0  # its one statement does not go through Django's cursor
    assert (led.prompt, led.version, led.checksum) == ("research-assistant", "1.0.0", version.checksum)
    assert (led.policy, led.policy_checksum) == (policy.number, policy.checksum)
    assert [(one.by, one.verdict, one.digest) for one in led.decisions] == [("Remy", "approve", request.digest)]
    assert (led.request, led.request_status, led.status) == (request.number, "consumed", "succeeded")
    entry = AuditEntry.objects.get(place__log_index=str(led.entry))
    assert (entry.kind, entry.body_json["facts"]["key"]) == ("tool_call.executing", call.key)


def test_a_call_that_nobody_was_asked_about_says_so(world: World) -> None:
    """By policy alone."""
    session = world.start("What do our policies say about refunds?")
    world.work()
    index.finish()
    led = led_to(world.calls(session)[0].key)
    assert (led.request, led.decisions) == (None, ())
    assert AuditEntry.objects.get(place__log_index=str(led.entry)).kind.startswith("tool_call.")
    assert led.version == "1.0.0"
    with pytest.raises(UnknownCall):
        led_to(f"{session.ref}/99.1")


def two_of_us(world: World, **more: Any) -> None:
    """Policy asks two people for everything that it asks about."""
    document = DEFAULT_POLICY.model_dump(mode="json")
    tiers = {name: {**tier, "required": 2} for name, tier in document["tiers"].items()}
    policies.save({**document, "tiers": tiers, **more}, note="Two.", actor=actor_of(world.olga))


def said(world: World, session: Session, at: int = 0) -> list[tuple[str, str]]:
    """Who said what of a call that ran."""
    call = world.calls(session)[at]
    assert call.status == "succeeded"
    return [(one.by, one.verdict) for one in led_to(call.key).decisions]


def test_an_edited_call_names_the_editor_and_the_digest_that_was_shown(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """What runs is the editor's revision; what was on the screen before it stays provable."""
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    arguments = {"to": ["lee@customer.example"], "subject": "Edited", "body": "Shorter."}
    world.decide(request, remy, "edit", arguments=arguments)
    world.work()
    led = led_to(world.calls(session)[0].key)
    assert said(world, session) == [("Remy", "edit")]
    assert (led.edited, led.request_revision, led.decisions[0].digest) == (True, 2, request.digest)
    request.refresh_from_db()
    assert led.digest == request.digest != led.decisions[0].digest


def test_a_quorum_is_named_whole_and_an_agreement_that_was_voided_is_not(
    world: World, remy: User, rosa: User, ada: User, mailoutbox: list[Any]
) -> None:
    """Ada agreed to what was then changed: her vote led to nothing."""
    two_of_us(world)
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    world.decide(request, ada, "approve")
    arguments = {"to": ["lee@customer.example"], "subject": "Edited", "body": "Shorter."}
    world.decide(request, remy, "edit", arguments=arguments)
    request.refresh_from_db()
    world.decide(request, rosa, "approve")
    world.work()
    assert said(world, session) == [("Remy", "edit"), ("Rosa", "approve")]


def test_a_standing_approval_names_who_gave_it_and_with_what(world: World, remy: User, mailoutbox: list[Any]) -> None:
    """The second mail was put before nobody."""
    session = world.start("scenario: mail-series to=kim@customer.example")
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve", same=Same(count=1, minutes=30, vary=("body",)))
    world.work()
    first, second = (led_to(call.key).decisions[0] for call in world.calls(session)[:2])
    assert (first.standing, first.stood) == (False, None)
    assert (second.by, second.standing, second.stood) == ("Remy", True, request.number)
    assert second.request != request.number


def test_whoever_broke_the_glass_is_named_so(world: World, ada: User, mailoutbox: list[Any]) -> None:
    """Alone, where two would have had to agree."""
    two_of_us(world, break_glass={"enabled": True})
    session = world.start(MAIL)
    world.work()
    (request,) = world.pending(session)
    world.decide(request, ada, "approve", glass=Glass("The customer waits, and nobody else is awake tonight.", request.ref))
    world.work()
    led = led_to(world.calls(session)[0].key)
    assert [(one.by, one.broke_glass) for one in led.decisions] == [("Ada", True)]


def test_in_a_session_that_was_moved_each_call_names_the_version_of_its_own_turn(
    world: World, remy: User, mailoutbox: list[Any]
) -> None:
    """What ran before the rollback was led to by the bad version, and what ran after it by the good one."""
    slug = "research-assistant"
    add_version(slug=slug, text="You write too many mails.", actor=actor_of(world.olga), user_id=None, note="Worse.")
    release(slug=slug, version="1.0.1", share=100, actor=actor_of(world.olga))
    session = world.start("scenario: mail-series to=kim@customer.example")
    world.work()
    (request,) = world.pending(session)
    world.decide(request, remy, "approve")
    world.work()
    rollback(slug=slug, reason="Too many mails.", running="move", actor=actor_of(world.olga))
    world.work(until=lambda: any(row.prompt_version.endswith(" 1.0.0") for row in world.pending(session)))
    world.decide(world.pending(session)[0], remy, "approve")
    world.work()
    led = [led_to(call.key) for call in world.calls(session) if call.status == "succeeded"]
    assert [one.version for one in led[:2]] == ["1.0.1", "1.0.0"]
    checksums = dict(PromptVersion.objects.values_list("version", "checksum"))
    assert [one.checksum for one in led[:2]] == [checksums["1.0.1"], checksums["1.0.0"]]
    withdrawn = [led_to(call.key) for call in world.calls(session) if call.status == "withdrawn"]
    assert [(one.version, one.decisions) for one in withdrawn] == [("1.0.1", ())]
