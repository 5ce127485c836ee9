"""Rows and log agree after a day's work; the check is kept, told, done each day part by part; a drill shows what it finds."""

import json
from datetime import timedelta
from io import StringIO
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.utils import timezone

from agents import tasks
from agents.agreement import runs
from agents.agreement.check import Position, check_session, go_on
from agents.agreement.drill import TAMPERINGS, hold
from agents.agreement.errors import BeingChecked, NothingToDrill, UnknownTampering
from agents.agreement.found import Report
from agents.models import AgreementRun, Session
from agents.prompts.releases import release
from agents.prompts.versions import add_version
from agents.services import cancel
from audit.actors import SYSTEM
from audit.index import index_log
from audit.models import AuditEntry
from audit.note import Signer
from audit.seal import origin, seal
from audit.verify import verify
from tests.flows.conftest import World

MAIL = "scenario: mail-once to=kim@customer.example token=T1"


@pytest.fixture
def worked(world: World, remy: User, mailoutbox: list[Any]) -> Session:
    """An e-mail that was edited and approved, one that was rejected, a sum, and a session that was cancelled."""
    world.policy(hold_s=0)
    edited, rejected, cancelled = (world.start(MAIL) for _ in range(3))
    world.start("What is 2 + 3?")
    world.work()
    (first,), (second,) = world.pending(edited), world.pending(rejected)
    arguments = {"to": ["lee@customer.example"], "subject": "Edited", "body": "Shorter."}
    world.decide(first, remy, "edit", arguments=arguments)
    world.decide(second, remy, "reject", instruction="Ask the customer first.")
    cancel(session=cancelled, actor=SYSTEM, reason="Not needed.")
    world.work()
    index_log()
    return edited


def test_after_a_days_work_every_row_is_what_the_log_says(worked: Session) -> None:
    row = runs.run(actor=SYSTEM)
    assert (row.ok, row.wrong, row.findings) == (True, 0, [])
    assert row.counts.items() >= {"sessions": 4, "requests": 3, "decisions": 2, "approved": 1, "unsettled": 0}.items()
    assert AuditEntry.objects.get(kind="audit.compared").body_json["facts"]["counts"] == row.counts
    assert check_session(worked.number).counts["sessions"] == 1


def test_a_veto_by_whoever_approved_before_is_what_the_log_says(world: World, remy: User) -> None:
    """The vote of before counts no longer, in the table and by the entries."""
    world.policy(rules=[{"name": "Two people", "tool": "send_email", "then": "ask", "required": 2}])
    session = world.start(MAIL)
    world.work()
    (asked,) = world.pending(session)
    world.decide(asked, remy, "approve")
    world.decide(asked, remy, "reject", instruction="I misread the sum.")
    world.work()
    index_log()
    row = runs.run(actor=SYSTEM)
    assert (row.ok, row.findings, row.counts["decisions"]) == (True, [], 2)


def test_a_row_that_was_forged_is_told_with_an_alarm_and_the_entry_that_says_otherwise(worked: Session) -> None:
    Session.objects.filter(pk=worked.pk).update(on_behalf_of="nobody", tenant="another")
    row = runs.run(actor=SYSTEM)
    (one,) = row.findings
    assert (one["table"], one["row"], one["what"], one["row_says"]) == ("agents_session", worked.ref, "tenant", "another")
    entry = AuditEntry.objects.get(stream=f"session:{worked.ref}", seq=one["seq"])
    assert (entry.kind, one["log_index"]) == ("session.started", entry.place.log_index)
    told = AuditEntry.objects.get(kind="alarm.disagreement").body_json["facts"]
    assert told == {"wrong": 1, "findings": [{"table": "agents_session", "row": worked.ref, "what": "tenant"}]}


def test_the_command_leaves_with_1_where_a_row_disagrees(worked: Session) -> None:
    out, err = StringIO(), StringIO()
    call_command("verify_agreement", stdout=out, stderr=err)
    assert "Rows and log agree: " in out.getvalue()
    Session.objects.filter(pk=worked.pk).update(tenant="another")
    with pytest.raises(SystemExit) as left:
        call_command("verify_agreement", stdout=out, stderr=err)
    assert left.value.code == 1
    assert f"agents_session {worked.ref}: tenant is another, but the log says nothing" in err.getvalue()
    out = StringIO()
    with pytest.raises(SystemExit):
        call_command("verify_agreement", json=True, stdout=out)
    told = json.loads(out.getvalue())
    assert (told["ok"], told["wrong"], told["findings"][0]["row"]) == (False, 1, worked.ref)


def test_the_daily_check_goes_on_part_by_part_and_is_then_done(worked: Session, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "PART_S", -1.0)
    soon: list[int] = []
    monkeypatch.setattr(tasks, "agree_soon", lambda: soon.append(1))
    assert runs.is_due()
    for _ in range(20):
        tasks.agree()
    row = AgreementRun.objects.get()
    assert row.ended_at is not None
    assert row.ok
    assert 3 <= len(soon) < 20
    assert row.counts["sessions"] == 4
    assert not runs.is_due()
    AgreementRun.objects.update(started_at=timezone.now() - timedelta(hours=25))
    assert runs.is_due()


def test_it_is_not_done_by_itself_where_nobody_wants_it(worked: Session, settings: Any) -> None:
    settings.AGREEMENT_EVERY_H = 0
    assert not runs.is_due()
    assert not runs.run_a_part()
    assert not AgreementRun.objects.exists()


def test_of_many_checks_the_newest_are_kept(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runs, "KEPT", 2)
    made = [runs.run(actor=SYSTEM).pk for _ in range(4)]
    assert [row.pk for row in runs.newest_runs(10)] == made[:1:-1]


def test_a_prompt_that_was_released_rolled_out_and_saved_agrees(world: World) -> None:
    slug = "research-assistant"
    for version, text in (("1.1.0", "You answer with what you have."), ("1.2.0", "You answer at once.")):
        add_version(slug=slug, text=text, note="Shorter.", actor=SYSTEM, user_id=None, version=version)
    release(slug=slug, version="1.1.0", share=10, actor=SYSTEM)
    release(slug=slug, version="1.1.0", share=100, actor=SYSTEM)
    report = Report()
    assert go_on(report, Position()) is None
    assert report.findings == []
    assert report.counts["releases"] == 4


def test_each_drill_finds_its_tampering_in_a_copy_and_leaves_everything_as_it_was(worked: Session) -> None:
    signer = Signer(origin(), Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert seal(signer) is not None
    for number, name in enumerate(TAMPERINGS, 1):
        held = hold(name, actor=SYSTEM)
        assert held.found, name
        assert (held.bad is None) == (name in ("status", "arguments", "verdict", "decider", "request")), (name, held.bad)
        entry = AuditEntry.objects.filter(kind="audit.drilled").latest("id")
        assert entry.body_json["facts"].items() >= {"tampering": name, "copied": held.stream, "found": True}.items()
        assert AuditEntry.objects.filter(kind="audit.drilled").count() == number
    assert verify().ok
    assert runs.run(actor=SYSTEM).ok


def test_a_rewritten_chain_is_drilled_only_where_a_checkpoint_covers_it(worked: Session) -> None:
    with pytest.raises(NothingToDrill):
        hold("rewrite", actor=SYSTEM)
    with pytest.raises(UnknownTampering):
        hold("wish", actor=SYSTEM)
    out = StringIO()
    call_command("audit_drill", stdout=out)
    assert "rewrite: not drilled" in out.getvalue()
    assert "NOT FOUND" not in out.getvalue()
    call_command("audit_drill", "decider", stdout=out)
    with pytest.raises(CommandError, match="no way to tamper"):
        call_command("audit_drill", "wish", stdout=out)


def test_where_nobody_decided_anything_nothing_is_drilled(world: World) -> None:
    with pytest.raises(NothingToDrill):
        hold("change", actor=SYSTEM)
    with pytest.raises(CommandError, match="Decide one first"):
        call_command("audit_drill", "change", stdout=StringIO())


def test_two_checks_at_once_are_one_too_many(world: World) -> None:
    with psycopg.connect(world.database.url) as other:
        other.execute("SELECT pg_advisory_lock(hashtext('countersign.agreement'))")
        with pytest.raises(BeingChecked):
            runs.run(actor=SYSTEM)
        other.execute("SELECT pg_advisory_unlock(hashtext('countersign.agreement'))")
    assert runs.run(actor=SYSTEM).ok
