"""One statement says which prompt, which policy and which people led to an effect; it stays true when all of them moved on."""

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from agents.effects import led_to
from agents.errors import UnknownCall
from agents.models import PromptVersion
from agents.prompts.releases import release
from agents.prompts.versions import add_version
from approvals.models import PolicyRevision
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
