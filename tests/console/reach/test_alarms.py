"""Programs are told of alarms of the log: signed, in order to each address, once, and nothing raw."""

import json
from typing import Any

import psycopg
import pytest
from django.contrib.auth.models import User
from django.db.models.functions import Now
from standardwebhooks import Webhook

from agents.agreement import runs
from agents.models import Session
from audit import feed, index, lag
from audit.actors import SYSTEM
from audit.events import EventKind
from audit.models import AuditEntry
from audit.services import Entry, record
from audit.verifications import begin, finished
from console.models import Callback
from console.reach import sender, webhooks
from console.reach.alarms import alarms_have_addresses
from tests.console.reach.receiving import Receiver
from tests.console.reach.test_webhooks import receiver as receiver  # noqa: PLC0414  a fixture
from tests.console.reach.test_webhooks import told_to
from tests.flows.conftest import World


@pytest.fixture
def named(receiver: Receiver, settings: Any) -> Receiver:
    """A program that an operator named for alarms."""
    settings.ALARM_WEBHOOKS = [receiver.url]
    return receiver


def alarm(kind: EventKind = EventKind.ALARM_SEAL_LATE, ref: str = lag.REF) -> None:
    """Raise an alarm of the log."""
    record([Entry("system", kind, SYSTEM, {"waiting": 3}, ids=(ref,))])
    index.finish()


def test_a_program_is_told_of_a_log_that_does_not_verify(world: World, fresh_database: Any, named: Receiver) -> None:
    sender.round_trip()
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as raw:
        raw.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        raw.execute("UPDATE audit_entry SET tool = 'nothing' WHERE id = (SELECT min(id) FROM audit_entry)")
    for _ in range(2):  # the same finding is one alarm
        assert finished(begin("whole", SYSTEM)).ok is False
    index.finish()
    for _ in range(2):
        sender.round_trip()
    ((headers, body),) = named.came
    told = Webhook(webhooks.secrets_of(named.url)[0]).verify(body, headers)
    entry = AuditEntry.objects.get(kind="alarm.verification_failed")
    assert (told["type"], told["data"]["event"]) == ("alarm.verification_failed", entry.place.log_index)
    assert told["data"]["text"].startswith("The log does not verify.")
    assert told["data"]["url"].endswith("/audit/verification/")
    assert told["data"]["trail"].endswith(f"/audit/{entry.place.log_index}/")
    assert AuditEntry.objects.filter(kind="webhook.delivered").count() == 1


def test_a_row_that_is_not_what_the_log_says_is_told(world: World, named: Receiver) -> None:
    sender.round_trip()
    session = world.start("Calculate 1 + 1.")
    world.work()
    Session.objects.filter(pk=session.pk).update(tenant="harmless")
    runs.run(actor=SYSTEM)
    index.finish()
    sender.round_trip()
    assert told_to(named) == ["alarm.disagreement"]
    told = json.loads(named.came[0][1])["data"]
    assert told["url"].endswith("/audit/agreement/")
    assert "harmless" not in named.came[0][1]


def test_each_address_has_its_own_order_and_one_that_fails_holds_up_no_other(
    world: World, named: Receiver, settings: Any
) -> None:
    other = named.url + "/other"
    settings.ALARM_WEBHOOKS = [named.url, other]
    sender.round_trip()
    alarm()
    alarm(EventKind.ALARM_LOG_FORKED)
    named.statuses = [500]
    sender.round_trip()  # to each the first one: one of the two is refused
    sender.round_trip()
    assert sorted(told_to(named)) == ["alarm.log_forked", "alarm.seal_late", "alarm.seal_late"]
    Callback.objects.filter(delivered_at=None).update(ready_at=Now())
    sender.round_trip()
    Callback.objects.filter(delivered_at=None).update(ready_at=Now())
    sender.round_trip()
    rows = Callback.objects.exclude(delivered_at=None).order_by("delivered_at")
    for url in (named.url, other):
        assert [row.kind for row in rows if row.url == url] == ["alarm.seal_late", "alarm.log_forked"]


def test_what_is_no_alarm_of_the_log_and_what_nobody_named_is_not_told(
    world: World, receiver: Receiver, settings: Any, olga: User
) -> None:
    sender.round_trip()
    alarm()
    sender.round_trip()
    settings.ALARM_WEBHOOKS = [receiver.url]
    record([Entry("system", EventKind.ALARM_WORKER_FENCED, SYSTEM, {}, ids=("S-1",))])
    alarm(ref="audit:something-else")
    sender.round_trip()
    assert feed.head() == feed.read(0, 10_000)[-1].n
    assert (receiver.came, Callback.objects.count()) == ([], 0)


def test_an_address_that_nothing_is_sent_to_is_told_when_the_installation_is_checked(settings: Any) -> None:
    settings.ALARM_WEBHOOKS = ["https://hooks.example.org/a", "http://hooks.example.org/b?key=secret", "nonsense"]
    told = alarms_have_addresses()
    assert [one.id for one in told] == ["countersign.E002"] * 2
    assert "Address 2 of ALARM_WEBHOOKS is not encrypted" in str(told[0].msg)
    assert "secret" not in str(told)
