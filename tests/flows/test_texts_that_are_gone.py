"""A raw text that is not there any more was deleted by somebody, and an entry says so; otherwise it is found. AUDIT-3, AUDIT-6."""

from typing import Any

import pytest

from agents import erasure, services
from agents.agreement import gone, runs
from agents.agreement.check import check
from agents.models import Session
from audit.actors import SYSTEM
from audit.content import forget
from audit.index import index_log
from audit.models import AuditEntry, Content
from audit.retention import rules, sweep
from audit.retention.models import RetentionRule
from tests.flows.conftest import World, actor_of


@pytest.fixture
def ended(world: World) -> Session:
    """A session that answered and was ended, beside another."""
    world.start("What is 4 + 5?")
    session = world.start("What is 2 + 3?")
    world.work()
    services.cancel(session=session, actor=SYSTEM)
    index_log()
    return session


def found() -> list[tuple[str, str]]:
    """What is said of texts."""
    return [(one.row, one.row_says) for one in check().findings if one.table == "audit_content"]


def test_a_text_that_was_deleted_beside_the_product_is_named(ended: Session) -> None:
    """Whoever may write to the table can delete from it: retention does."""
    assert check().ok
    goal = Content.objects.get(entry__stream=f"session:{ended.ref}", name="goal")
    place = goal.entry.place.log_index
    goal.delete()
    assert found() == [(f"session:{ended.ref} entry 1, goal", "missing")]
    row = runs.run(actor=SYSTEM)
    assert (row.ok, row.findings[0]["seq"], row.findings[0]["log_index"]) == (False, 1, place)
    assert AuditEntry.objects.filter(kind="alarm.disagreement").exists()
    assert not any(name.startswith(gone.COUNTED) for name in row.counts)


def test_what_entries_say_was_deleted_is_not_missed(world: World, ended: Session) -> None:
    """One by one, and all of a session because somebody asked for it."""
    other = Content.objects.exclude(entry__stream=f"session:{ended.ref}").order_by("entry_id").first()
    assert other is not None
    forget([other.pk], actor=SYSTEM, reason="Asked for.")
    token = erasure.find("session", ended.ref).token
    erasure.erase(by="session", whose=ended.ref, token=token, reason="Asked for.", actor=actor_of(world.olga))
    index_log()
    report = check()
    assert report.ok, report.findings
    assert report.counts["deleted_texts"] > 2


def test_of_texts_that_were_deleted_by_age_no_more_may_be_gone(world: World, ended: Session, monkeypatch: Any) -> None:
    other = Content.objects.filter(cls="goal").exclude(entry__stream=f"session:{ended.ref}").get()
    rules.set_rule(cls="goal", days=1, revision=0, actor=SYSTEM)
    monkeypatch.setattr(sweep, "_boundary", lambda rule: AuditEntry.objects.order_by("-pk")[0].pk)
    assert sweep.sweep() == 1
    index_log()
    assert RetentionRule.objects.get(pk="goal").deleted == 1
    assert check().ok
    other.delete()
    ((row, _),) = found()
    assert row.endswith("entry 1, goal"), "its place is not one of those that were swept"


def test_a_text_between_those_that_were_swept_is_missed_by_its_number(world: World, ended: Session, monkeypatch: Any) -> None:
    """Where it lies among texts that were deleted by their age, their count tells."""
    last = world.start("What is 7 + 1?")
    world.work()
    services.cancel(session=last, actor=SYSTEM)
    kept = world.start("What is 1 + 1?")
    world.work()
    third = world.start("What is 3 + 1?")
    world.work()
    services.cancel(session=third, actor=SYSTEM)
    index_log()
    rules.set_rule(cls="goal", days=1, revision=0, actor=SYSTEM)
    monkeypatch.setattr(sweep, "_boundary", lambda rule: AuditEntry.objects.order_by("-pk")[0].pk)
    assert sweep.sweep() == 3
    index_log()
    assert check().ok
    Content.objects.get(entry__stream=f"session:{kept.ref}", name="goal").delete()
    assert found() == [("class goal", "1 texts more are gone than were deleted")]


@pytest.mark.usefixtures("ended")
def test_texts_are_looked_at_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = check()
    monkeypatch.setattr(gone, "AT_ONCE", 2)
    assert check().counts == whole.counts
    gone_text = Content.objects.order_by("-entry_id").first()
    assert gone_text is not None
    gone_text.delete()
    assert len(found()) == 1
