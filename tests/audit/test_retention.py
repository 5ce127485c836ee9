"""Raw content is deleted by its age, class by class, unless it is held or its session goes on; the log stays whole. AUDIT-6."""

from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext

from audit.actors import Actor
from audit.content import texts_of
from audit.events import EventKind
from audit.ids import uuid7
from audit.index import index_log
from audit.models import AuditEntry, Content
from audit.retention import deletions, holds, rules, sweep
from audit.retention.classes import CLASSES
from audit.retention.deletions import why_gone
from audit.retention.errors import ContentHeld, InvalidRetention, StaleRetention, TooManyHolds, UnknownHold
from audit.retention.models import KeptBack, RetentionRule
from audit.services import Entry, Text, record
from audit.verify import verify
from tests.audit.conftest import REMY
from tests.conftest import FreshDatabase

ADA = Actor("user", "1", "Ada")
MARIA = "maria@customer.example"


def said(stream: str, *classes: str, closes: bool = False, actor: Actor = REMY, on_behalf_of: str = "") -> int:
    """Let something be said, one text of each class; return the entry."""
    texts = tuple(Text(uuid7(), f"{cls}.{number}", f"Something of {cls}", cls) for number, cls in enumerate(classes))
    kind = EventKind.SESSION_STARTED
    (made,) = record([Entry(stream, kind, actor, {}, texts=texts, closes=closes, on_behalf_of=on_behalf_of)])
    index_log()
    return made.id


def all_old() -> None:
    """Let every entry be of long ago, as only the database's owner can."""
    with connections["owner"].cursor() as cursor:
        cursor.execute("ALTER TABLE audit_entry DISABLE TRIGGER audit_entry_stays")
        cursor.execute("UPDATE audit_entry SET at = at - interval '100 days'")
        cursor.execute("ALTER TABLE audit_entry ENABLE ALWAYS TRIGGER audit_entry_stays")
    connections["owner"].close()


def left() -> list[str]:
    """The classes of the texts that are there, in the order of their entries."""
    return list(Content.objects.order_by("entry_id", "name").values_list("cls", flat=True))


def keep(cls: str, days: int | None, revision: int = 0) -> RetentionRule:
    """Keep a class for so many days."""
    return rules.set_rule(cls=cls, days=days, revision=revision, actor=ADA)


def test_without_a_rule_nothing_is_deleted_and_nothing_is_looked_at(fresh_database: FreshDatabase) -> None:
    """One look-up a minute is all that it costs."""
    said("session:S-1", "goal", closes=True)
    all_old()
    with CaptureQueriesContext(connection) as asked:
        assert sweep.sweep() == 0
    assert len(asked) == 1
    assert left() == ["goal"]


def test_what_is_over_goes_class_by_class(fresh_database: FreshDatabase) -> None:
    """What is younger, and what is of another class, stays. One entry says how many, of what, and up to where."""
    said("session:S-1", "goal", "result", "result")
    said("session:S-1", "result", closes=True)
    all_old()
    young = said("session:S-2", "result", closes=True)
    keep("result", 30)
    assert sweep.sweep() == 3
    assert left() == ["goal", "result"]
    assert [text.cls for text in texts_of(young)] == ["result"]
    told = AuditEntry.objects.get(kind="content.deleted").body_json["facts"]
    assert told == {"reason": "retention", "class": "result", "count": 3, "days": 30, "from": 1, "upto": 2}
    assert RetentionRule.objects.get().deleted == 3
    assert sweep.sweep() == 0


def test_the_log_verifies_afterwards(fresh_database: FreshDatabase) -> None:
    """The commitment stays; the place of the text says why it is not there."""
    entry_id = said("session:S-1", "result", closes=True)
    keep("result", 1)
    # As if its day were over, without touching the entry.
    assert sweep.batch(RetentionRule.objects.get(), entry_id) == 1
    index_log()
    assert verify().ok
    assert left() == []
    assert why_gone("session:S-1", entry_id=entry_id, cls="result").startswith("Deleted by its age")
    assert "nothing says who" in why_gone("session:S-1", entry_id=entry_id, cls="goal")


def test_a_session_that_goes_on_keeps_its_texts_until_it_ends(fresh_database: FreshDatabase) -> None:
    """Its model needs them. Then they go with the next sweep."""
    said("session:S-1", "goal")
    all_old()
    keep("goal", 30)
    assert sweep.sweep() == 0
    assert list(KeptBack.objects.values_list("stream", flat=True)) == ["session:S-1"]
    said("session:S-1", closes=True)
    assert sweep.sweep() == 1
    assert left() == []
    assert not KeptBack.objects.exists()


@pytest.mark.parametrize(("scope", "whose"), [("session", "S-1"), ("principal", "user:7"), ("principal", MARIA)])
def test_what_is_held_stays_until_the_hold_is_lifted(fresh_database: FreshDatabase, scope: str, whose: str) -> None:
    """As that session, as one that the principal started, or as one that ran on somebody's behalf."""
    said("session:S-1", "result", on_behalf_of=MARIA)
    said("session:S-1", "result", closes=True, actor=ADA)
    said("session:S-2", "result", closes=True, actor=ADA)
    all_old()
    held = holds.place(scope=scope, whose=whose, reason="A court asked for it.", actor=ADA)
    keep("result", 30)
    assert sweep.sweep() == 1
    assert left() == ["result", "result"]
    assert sweep.sweep() == 0
    holds.lift(id_=held.pk, actor=ADA)
    assert sweep.sweep() == 2
    kinds = AuditEntry.objects.filter(stream="content").order_by("seq").values_list("kind", flat=True)
    assert [kind.removeprefix("content.") for kind in kinds] == ["held", "rule_set", "deleted", "hold_lifted", "deleted"]


def test_it_goes_on_in_bounded_batches(fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> None:
    """An entry's texts are never cut apart; each batch has its own entry."""
    for number in range(5):
        said(f"session:S-{number + 1}", "result", "result", "goal", closes=True)
    all_old()
    keep("result", 30)
    monkeypatch.setattr(sweep, "BATCH", 4)
    assert sweep.sweep() == 10
    assert left() == ["goal"] * 5
    counts = [row.body_json["facts"]["count"] for row in AuditEntry.objects.filter(kind="content.deleted").order_by("id")]
    assert sum(counts) == 10
    assert max(counts) <= 4


def test_a_sweep_without_time_left_deletes_nothing(fresh_database: FreshDatabase) -> None:
    """The next one goes on."""
    said("session:S-1", "result", closes=True)
    all_old()
    keep("result", 30)
    assert sweep.sweep(until=0.0) == 0
    assert left() == ["result"]


def test_texts_of_other_streams_go_by_their_age_alone(fresh_database: FreshDatabase) -> None:
    """Grades and reasons belong to no session that could go on."""
    said("grading:G-1", "grade")
    all_old()
    keep("grade", 30)
    assert sweep.sweep() == 1


def test_a_rule_that_was_lifted_deletes_no_more(fresh_database: FreshDatabase) -> None:
    """And what it deleted before is still told."""
    said("session:S-1", "result", closes=True)
    all_old()
    keep("result", 30)
    sweep.sweep()
    entry_id = said("session:S-2", "result", closes=True)
    all_old()
    keep("result", None, revision=1)
    assert sweep.sweep() == 0
    assert left() == ["result"]
    assert why_gone("session:S-1", cls="result").startswith("Deleted by its age")
    assert "nothing says who" in why_gone("session:S-2", entry_id=entry_id, cls="result")


def test_a_rule_is_set_as_it_was_shown(db: None) -> None:
    """Two who set it at once do not undo each other unseen; what is as it was is no change."""
    first = keep("result", 30)
    assert (first.days, first.revision) == (30, 1)
    with pytest.raises(StaleRetention):
        keep("result", 10)
    assert keep("result", 30, revision=1).revision == 1
    assert keep("result", None, revision=1).days is None
    assert AuditEntry.objects.filter(kind="content.rule_set").count() == 2


@pytest.mark.parametrize(("cls", "days"), [("prompt", 30), ("nothing", 30), ("result", 0), ("result", 40_000)])
def test_what_no_rule_can_say_is_refused(db: None, cls: str, days: int) -> None:
    """Texts of versions stay as long as their versions."""
    with pytest.raises(InvalidRetention):
        keep(cls, days)


def test_holds_are_bounded_and_say_why(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Placing one twice is placing it once; what is no session holds nothing, so it is refused."""
    said("session:S-1")
    said("session:S-2")
    one = holds.place(scope="session", whose="S-1", reason="A court asked for it.", actor=ADA)
    assert holds.place(scope="session", whose="S-1", reason="Somebody else asks too.", actor=ADA).pk == one.pk
    monkeypatch.setattr(holds, "MOST", 1)
    with pytest.raises(TooManyHolds):
        holds.place(scope="session", whose="S-2", reason="A court asked for it.", actor=ADA)
    for wrong in ({"scope": "all"}, {"whose": " "}, {"whose": "s-1"}, {"whose": "S-3"}, {"reason": "x"}):
        with pytest.raises(InvalidRetention):
            holds.place(**{"scope": "session", "whose": "S-1", "reason": "A court.", "actor": ADA, **wrong})  # type: ignore[arg-type]
    holds.lift(id_=one.pk, actor=ADA)
    with pytest.raises(UnknownHold):
        holds.lift(id_=one.pk, actor=ADA)


def test_streams_are_deleted_whole_because_somebody_asks(fresh_database: FreshDatabase) -> None:
    """Each place says when, by whom and by which request; the log verifies."""
    said("session:S-1", "goal", "result", closes=True)
    said("session:S-2", "goal", closes=True)
    asked = deletions.Asked(["session:S-1"], {"session": "S-1"}, "She asks for it.", {"left cases": 2})
    row = deletions.delete(asked, actor=ADA)
    index_log()
    assert (row.texts, row.classes) == (2, {"goal": 1, "result": 1})
    assert left() == ["goal"]
    told = why_gone("session:S-1")
    assert told.startswith("Deleted on ")
    assert told.endswith(f"by Ada, request {row.number}.")
    facts: dict[str, Any] = AuditEntry.objects.get(kind="content.deleted").body_json
    assert facts["ids"] == ["S-1"]
    assert facts["facts"]["beside"] == {"left cases": 2}
    assert verify().ok


def test_what_is_held_is_deleted_for_nobody(db: None) -> None:
    """The one who asks is told why."""
    said("session:S-1", "goal", closes=True)
    holds.place(scope="session", whose="S-1", reason="A court asked for it", actor=ADA)
    with pytest.raises(ContentHeld, match="A court asked for it"):
        deletions.delete(deletions.Asked(["session:S-1"], {}, "She asks for it.", {}), actor=ADA)
    assert left() == ["goal"]


def test_an_entry_names_a_hundred_streams_at_most(db: None) -> None:
    """The counts stand in the first."""
    streams = [f"session:S-{number}" for number in range(1, 151)]
    said(streams[0], "goal", closes=True)
    deletions.delete(deletions.Asked(streams, {"tenant": "halden"}, "The customer left.", {}), actor=ADA)
    rows = [row.body_json for row in AuditEntry.objects.filter(kind="content.deleted").order_by("id")]
    assert [len(row["ids"]) for row in rows] == [100, 50]
    assert ["texts" in row["facts"] for row in rows] == [True, False]


def test_every_class_has_a_sentence() -> None:
    """Pages show it."""
    assert all(told and cls.replace("_", "").isalpha() for cls, told in CLASSES.items())
