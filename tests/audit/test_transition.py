"""The one writer: compare-and-swap, new rows and entries stand or fall together. AUDIT-1, THREATS.md 15 and 59."""

import threading
from datetime import UTC, datetime, timedelta
from itertools import product
from typing import Any
from uuid import UUID

import pytest
from django.db import IntegrityError, connection, connections, transaction

from audit.connection import PIPED
from audit.errors import IllegalMove, InvalidEntry, StaleState
from audit.ids import uuid7
from audit.models import AuditEntry, AuditStream, Content
from audit.services import FUTURE, NOW, PAST, After, Batch, Birth, Change, Plus, Text, record, transition
from tests.audit.conftest import LAMP, Lamp, Wick, entry, lamp


def born(*path: str, **values: Any) -> UUID:
    """A stored lamp."""
    row = lamp(**values)
    transition(Batch(births=(Birth("audit.Lamp", row, LAMP, path),)))
    id_: UUID = row["id"]
    return id_


def test_a_row_is_born_in_the_state_that_its_path_leads_to(lamps: Any) -> None:
    moment = datetime(2026, 2, 3, 4, 5, 6, 789, UTC)
    facts = {"text": "ö'\"\\ 😂", "list": [1, 2.5, None], "nested": {"a": True}}
    id_ = born("light", owner="w", due_at=moment, facts=facts, note="ö\n\t'\"\\{},", data=b"\0\xff\\x")
    row = Lamp.objects.get(id=id_)
    assert (row.status, row.owner, row.due_at, row.facts, row.note) == ("lit", "w", moment, facts, "ö\n\t'\"\\{},")
    assert row.data is not None
    assert (bytes(row.data), row.uses) == (b"\0\xff\\x", 0)


def test_a_change_moves_the_row_and_writes_its_values(lamps: Any) -> None:
    id_ = born("light", owner="w1", uses=3, note="before")
    transition(Batch(changes=(Change(LAMP, id_, "lit", "quench", {"owner": None, "note": "after", "uses": Plus(4)}),)))
    row = Lamp.objects.get(id=id_)
    assert (row.status, row.owner, row.note, row.uses) == ("dark", None, "after", 7)


def test_times_are_the_databases_and_one_for_the_whole_call(lamps: Any) -> None:
    one, other = born(), born()
    changes = (Change(LAMP, one, "dark", "light", {"due_at": NOW}), Change(LAMP, other, "dark", "light", {"due_at": After(90)}))
    (written,) = transition(Batch(changes=changes, entries=(entry(),)))
    assert Lamp.objects.get(id=one).due_at == written.at == AuditEntry.objects.get().at
    assert Lamp.objects.get(id=other).due_at == written.at + timedelta(seconds=90)
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        assert timedelta(0) <= cursor.fetchone()[0] - written.at < timedelta(seconds=30)


def test_a_change_from_a_state_that_is_gone_is_stale_and_writes_nothing(lamps: Any) -> None:
    good, late = born(), born("light")
    changes = (Change(LAMP, good, "dark", "light"), Change(LAMP, late, "dark", "light"))
    with pytest.raises(StaleState) as stale:
        transition(Batch(changes=changes, births=(Birth("audit.Lamp", lamp(), LAMP),), entries=(entry(),)))
    assert stale.value.ids == [str(late)]
    assert Lamp.objects.get(id=good).status == "dark"
    assert (Lamp.objects.count(), AuditEntry.objects.count(), AuditStream.objects.count()) == (2, 0, 0)


def test_a_row_that_never_was_is_stale(lamps: Any) -> None:
    with pytest.raises(StaleState):
        transition(Batch(changes=(Change(LAMP, uuid7(), "dark", "light"),)))


GUARDS: list[tuple[dict[str, Any], dict[str, Any], bool]] = [
    ({"owner": "w1"}, {"owner": "w1"}, True),
    ({"owner": "w2"}, {"owner": "w1"}, False),
    ({"owner": None}, {"owner": "w1"}, False),
    ({"owner": None}, {"owner": None}, True),
    ({"owner": "w1"}, {"owner": None}, False),
    ({"due_at": After(60)}, {"due_at": FUTURE}, True),
    ({"due_at": After(-60)}, {"due_at": FUTURE}, False),
    ({"due_at": None}, {"due_at": FUTURE}, False),
    ({"due_at": After(-60)}, {"due_at": PAST}, True),
    ({"due_at": After(60)}, {"due_at": PAST}, False),
    ({"uses": 2, "owner": "w"}, {"uses": 2, "owner": "w"}, True),
    ({"uses": 2, "owner": "w"}, {"uses": 1, "owner": "w"}, False),
]


def test_a_guard_must_hold(lamps: Any) -> None:
    for held, guard, holds in GUARDS:
        id_ = born(**held)
        change = Batch(changes=(Change(LAMP, id_, "dark", "light", {"note": "moved"}, guard),))
        if holds:
            transition(change)
        else:
            with pytest.raises(StaleState):
                transition(change)
        row = Lamp.objects.get(id=id_)
        assert (row.status, row.note) == (("lit", "moved") if holds else ("dark", "")), (held, guard)


def test_only_moves_of_the_table_are_made(lamps: Any) -> None:
    """Every pair of state and event, legal and illegal."""
    paths = {"dark": (), "lit": ("light",), "broken": ("light", "break")}
    for state, event in product(sorted(LAMP.states), sorted(LAMP.events)):
        id_ = born(*paths[state])
        change = Batch(changes=(Change(LAMP, id_, state, event),))
        if LAMP.allows(state, event):
            transition(change)
            assert Lamp.objects.get(id=id_).status == LAMP.next(state, event)
        else:
            with pytest.raises(IllegalMove):
                transition(change)
            assert Lamp.objects.get(id=id_).status == state


def test_one_row_can_go_several_steps_in_one_call(lamps: Any) -> None:
    id_ = born()
    steps = (Change(LAMP, id_, "dark", ("light", "dim")), Change(LAMP, id_, "lit", "dim", {"uses": Plus(1)}))
    transition([Batch(changes=steps), Batch(changes=(Change(LAMP, id_, "lit", "break", {"uses": Plus(1)}),))])
    row = Lamp.objects.get(id=id_)
    assert (row.status, row.uses) == ("broken", 2)


def test_rows_of_many_shapes_go_together(lamps: Any) -> None:
    ids = [born() for _ in range(6)]
    changes = tuple(
        Change(LAMP, id_, "dark", "light", {"note": str(n)} if n % 2 else {"uses": n}, {"owner": None} if n % 3 else {})
        for n, id_ in enumerate(ids)
    )
    wicks = tuple(Birth("audit.Wick", {"id": uuid7(), "lamp": id_}) for id_ in ids)
    written = transition(
        [
            Batch((change,), (wick,), (entry(f"session:S-{n}"),))
            for n, (change, wick) in enumerate(zip(changes, wicks, strict=True))
        ]
    )
    assert {row.status for row in Lamp.objects.all()} == {"lit"}
    assert [Lamp.objects.get(id=id_).note for id_ in ids] == ["", "1", "", "3", "", "5"]
    assert [(one.stream, one.seq) for one in written] == [(f"session:S-{n}", 1) for n in range(6)]
    assert Wick.objects.filter(burnt=False).count() == 6


def test_a_column_can_be_named_as_field_or_column(lamps: Any) -> None:
    id_ = born()
    transition(
        Batch(births=(Birth("audit.Wick", {"id": uuid7(), "lamp": id_}), Birth("audit.Wick", {"id": uuid7(), "lamp_id": id_})))
    )
    assert Wick.objects.filter(lamp=id_).count() == 2


def test_a_birth_after_the_changes_takes_the_place_that_they_free(lamps: Any) -> None:
    with connections["owner"].cursor() as cursor:
        cursor.execute("CREATE UNIQUE INDEX one_lit ON test_lamp (status) WHERE status = 'lit'")
    first = born("light")
    later = Birth("audit.Lamp", lamp(), LAMP, ("light",), after_changes=True)
    transition(Batch(changes=(Change(LAMP, first, "lit", "quench"),), births=(later,)))
    assert Lamp.objects.get(status="lit").id == later.values["id"]


def test_what_fails_inside_a_transaction_cannot_be_committed_by_it(lamps: Any) -> None:
    """THREATS.md 59: a caller that swallows the error still cannot keep what it did beside it."""
    id_ = born("light")
    with transaction.atomic():
        Lamp.objects.filter(id=id_).update(note="beside")
        with pytest.raises(StaleState):
            transition(Batch(changes=(Change(LAMP, id_, "dark", "light"),)))
    assert Lamp.objects.get(id=id_).note == ""


def test_a_savepoint_of_the_caller_saves_the_rest(lamps: Any) -> None:
    id_ = born("light")
    with transaction.atomic():
        record([entry("policy")])
        with pytest.raises(StaleState), transaction.atomic():
            transition(Batch(changes=(Change(LAMP, id_, "dark", "light"),), entries=(entry("system"),)))
        record([entry("policy")])
    assert list(AuditEntry.objects.order_by("id").values_list("stream", "seq")) == [("policy", 1), ("policy", 2)]


def test_an_entry_that_cannot_be_written_takes_the_change_with_it(lamps: Any) -> None:
    """THREATS.md 59: no decision without audit."""
    id_ = born()
    with pytest.raises(InvalidEntry):
        transition(Batch(changes=(Change(LAMP, id_, "dark", "light"),), entries=(entry(facts={"ratio": 0.5}),)))
    assert Lamp.objects.get(id=id_).status == "dark"


@pytest.mark.parametrize("note", ["a\0b", "half \ud83d"])
def test_text_that_the_database_cannot_hold_is_refused_by_name(lamps: Any, note: str) -> None:
    with pytest.raises(InvalidEntry):
        born(note=note)
    with pytest.raises(InvalidEntry):
        record([entry(texts=(Text(uuid7(), "message", note),))])
    assert (Lamp.objects.count(), Content.objects.count(), AuditEntry.objects.count()) == (0, 0, 0)


def test_a_broken_rule_of_the_table_is_djangos_own_error(lamps: Any) -> None:
    row = lamp()
    with pytest.raises(IntegrityError):
        transition(Batch(births=(Birth("audit.Lamp", row, LAMP), Birth("audit.Lamp", row, LAMP))))


def test_of_two_that_move_one_row_at_once_exactly_one_wins(lamps: Any) -> None:
    """THREATS.md 15: real transactions, released together."""
    for _ in range(10):
        id_ = born()
        gate = threading.Barrier(4)
        results: list[str] = []

        def move(name: str, id_: UUID = id_, gate: threading.Barrier = gate, results: list[str] = results) -> None:
            gate.wait()
            try:
                transition(
                    Batch(changes=(Change(LAMP, id_, "dark", "light", {"owner": name}),), entries=(entry(facts={"by": name}),))
                )
                results.append(name)
            except StaleState:
                results.append("")
            finally:
                connection.close()

        threads = [threading.Thread(target=move, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = filter(None, results)
        assert Lamp.objects.get(id=id_).owner == winner
        assert AuditEntry.objects.latest("id").body_json["facts"] == {"by": winner}
    assert AuditEntry.objects.count() == 10


@pytest.mark.parametrize("piped", [True, False])
def test_a_stale_change_is_told_also_where_something_after_it_fails_because_of_it(lamps: Any, piped: bool) -> None:
    """All statements are sent together: what fails behind a row that moved on is not the cause."""
    late, taken = born("light"), lamp()
    transition(Batch(births=(Birth("audit.Lamp", taken, LAMP),)))
    again = Birth("audit.Lamp", {**taken}, LAMP, after_changes=True)
    token = PIPED.set(piped)
    try:
        with pytest.raises(StaleState) as stale:
            transition(Batch(changes=(Change(LAMP, late, "dark", "light"),), births=(again,), entries=(entry(),)))
    finally:
        PIPED.reset(token)
    assert stale.value.ids == [str(late)]
    assert AuditEntry.objects.count() == 0


def test_a_row_that_cannot_be_born_is_told_as_such_whatever_follows(lamps: Any) -> None:
    taken = lamp()
    transition(Batch(births=(Birth("audit.Lamp", taken, LAMP),)))
    with pytest.raises(IntegrityError):
        transition(Batch(changes=(Change(LAMP, taken["id"], "lit", "quench"),), births=(Birth("audit.Lamp", {**taken}, LAMP),)))
