"""Exports as jobs: bounded, cancelled, taken over in the same bytes, kept for a while, and each step an entry."""

import threading
import time
import tracemalloc
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connections, transaction
from django.utils import timezone

from audit.actors import SYSTEM, Actor
from audit.errors import StaleState
from audit.exports import exports, serving, work
from audit.exports.errors import ExportEnded, ExportGone, TooManyExports, UnknownExport
from audit.exports.lifecycle import EXPORT
from audit.exports.making import Pace, Place
from audit.exports.models import Export, ExportPart, ExportStream
from audit.models import AuditEntry
from audit.note import Signer
from audit.queries import EntryFilter
from audit.seal import seal
from audit.services import record
from tests.audit.conftest import REMY, entry
from tests.audit.exports.conftest import ask, file_of, made
from tests.audit.exports.reading import read
from tests.audit.exports.test_bundle import SMALL


def told(*names: str) -> list[tuple[str, dict[str, Any]]]:
    """What the log says of exports."""
    rows = AuditEntry.objects.filter(stream=exports.STREAM).order_by("seq").values_list("kind", "body_json")
    return [(kind, {name: said["facts"][name] for name in names if name in said["facts"]}) for kind, said in rows]


def parts_of(row: Export, pace: Pace) -> bytes:
    """The file as one worker makes it that nobody disturbs."""
    maker, place, entries, data, last = work.maker_of(row, pace), Place(), 0, b"", False
    while not last:
        part = maker.step(place, entries)
        data, place, entries, last = data + part.data, part.place, entries + part.entries, part.last
    return data


def started(signer: Signer, row: Export, parts: int = 3) -> Export:
    """An export of which some parts are written, by a worker that is still at it."""
    seal(signer)
    claimed = work.claim(row.number)
    assert claimed is not None
    assert work.begin(claimed, time.monotonic() + 600)
    maker = work.maker_of(claimed, SMALL)
    for _ in range(parts):
        work.write(claimed, maker.step(Place(claimed.done, claimed.head), claimed.entries))
    return claimed


def test_asking_and_the_end_are_entries_that_say_which_how_many_and_the_hash(signer: Signer) -> None:
    record([entry() for _ in range(5)])
    row, _ = made(signer, ask(EntryFilter(stream="session:S-1"), texts=True))
    assert told("export", "filter", "texts", "entries", "sha256") == [
        ("audit.export_requested", {"export": "EX-1", "filter": {"stream": "session:S-1"}, "texts": True}),
        (
            "audit.exported",
            {"export": "EX-1", "filter": {"stream": "session:S-1"}, "texts": True, "entries": 5, "sha256": row.sha256},
        ),
    ]


def test_what_a_dead_worker_left_is_gone_on_with_in_the_same_bytes(signer: Signer) -> None:
    record([entry(f"session:S-{number % 50}") for number in range(600)])
    dead = started(signer, ask(EntryFilter(kind="session")))
    assert work.claim() is None, "its lease still runs"
    Export.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))

    assert work.is_open()
    other = work.claim()
    assert other is not None
    work.make(other, until=time.monotonic() + 600, pace=SMALL)
    row = exports.export_numbered("EX-1")
    assert (row.status, row.entries) == ("ready", 600)
    assert file_of(row) != b""
    assert read(file_of(row)).places == list(range(1, 601))
    with pytest.raises(StaleState):
        work.write(dead, work.maker_of(dead, SMALL).step(Place(dead.done, dead.head), dead.entries))
    assert ExportStream.objects.count() == 0
    again = Export.objects.get()
    for name in {stream["stream"] for stream in read(file_of(row)).entries}:
        ExportStream.objects.create(export=again, name=name)
    assert parts_of(again, SMALL) == file_of(row)


def test_a_late_worker_writes_nothing(signer: Signer) -> None:
    record([entry() for _ in range(300)])
    late = started(signer, ask())
    Export.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    assert work.claim() is not None
    before = ExportPart.objects.count()
    work.make(late, until=time.monotonic() + 600, pace=SMALL)
    assert (ExportPart.objects.count(), Export.objects.get().status) == (before, "running")


def test_what_is_cancelled_is_made_no_further_and_takes_no_room(signer: Signer) -> None:
    record([entry() for _ in range(300)])
    going = started(signer, ask())
    row = exports.cancel_export(ref="EX-1", actor=REMY)
    assert (row.status, ExportPart.objects.count(), exports.kept_bytes()) == ("cancelled", 0, 0)
    work.make(going, until=time.monotonic() + 600, pace=SMALL)
    assert (Export.objects.get().status, ExportPart.objects.count()) == ("cancelled", 0)
    with pytest.raises(ExportEnded):
        exports.cancel_export(ref="EX-1", actor=REMY)
    with pytest.raises(UnknownExport):
        exports.cancel_export(ref="EX-2", actor=REMY)
    assert [kind for kind, _ in told()] == ["audit.export_requested", "audit.export_cancelled"]


def test_a_search_for_words_shows_how_far_it_is_window_by_window_and_is_cancelled_between_two(signer: Signer) -> None:
    """To take words apart costs seconds for each window of a large log: no step may outlast its lease."""
    record([entry(facts={"note": "needle"} if number == 299 else {}) for number in range(300)])
    going = started(signer, ask(EntryFilter(text="needle")), parts=2)
    assert (going.done, going.entries) == (2 * SMALL.window, 0)
    assert Export.objects.get().done == 2 * SMALL.window
    exports.cancel_export(ref="EX-1", actor=REMY)
    with pytest.raises(StaleState):
        work.write(going, work.maker_of(going, SMALL).step(Place(going.done, going.head), going.entries))
    _, data = made(signer, ask(EntryFilter(text="needle")), pace=SMALL)
    assert 300 in read(data).places


def test_a_worker_whose_time_is_over_gives_it_back_and_the_next_goes_on(signer: Signer) -> None:
    record([entry() for _ in range(300)])
    going = started(signer, ask())
    work.make(going, until=0.0, pace=SMALL)
    assert Export.objects.get().status == "queued"
    assert made(signer, Export.objects.get(), pace=SMALL)[0].entries == 301


def test_where_nobody_seals_it_fails_and_says_so(signer: Signer) -> None:
    record([entry()])
    row = ask()
    claimed = work.claim()
    assert claimed is not None
    work.make(claimed, until=time.monotonic() + 600, patience_s=0.0)
    row.refresh_from_db()
    assert row.status == "failed"
    assert "manage.py seal" in row.error
    assert told("why")[-1] == ("audit.export_failed", {"why": row.error})


def test_a_sealer_that_is_behind_is_waited_for(signer: Signer) -> None:
    record([entry() for _ in range(3)])
    seal(signer)
    ask()
    claimed = work.claim()
    assert claimed is not None
    work.make(claimed, until=0.0)
    assert (Export.objects.get().status, Export.objects.get().wanted) == ("queued", 4)
    assert made(signer, Export.objects.get())[0].size == 4


def test_how_many_are_open_and_how_much_they_take_is_bounded(signer: Signer, settings: Any) -> None:
    record([entry()])
    for _ in range(exports.MOST_EACH):
        ask()
    with pytest.raises(TooManyExports, match="you asked for"):
        ask()
    for number in range(exports.MOST_OPEN - exports.MOST_EACH):
        ask(actor=Actor("user", str(100 + number), "Somebody"))
    with pytest.raises(TooManyExports, match="still being made"):
        ask(actor=REMY)
    settings.EXPORT_MOST_MB = 0
    seal(signer)
    claimed = work.claim()
    assert claimed is not None
    work.make(claimed, until=time.monotonic() + 600)
    assert "room" in exports.export_numbered("EX-1").error
    with pytest.raises(TooManyExports, match="MB"):
        ask(actor=REMY)


def test_a_file_is_deleted_when_its_time_is_over_and_the_record_stays(signer: Signer) -> None:
    record([entry()])
    row, _ = made(signer, ask())
    assert exports.sweep(SYSTEM) == 0
    Export.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert (exports.sweep(SYSTEM), exports.sweep(SYSTEM)) == (1, 0)
    row.refresh_from_db()
    assert (row.status, ExportPart.objects.count(), exports.kept_bytes()) == ("expired", 0, 0)
    with pytest.raises(ExportGone):
        serving.check_ready(row)
    assert told("sha256")[-1] == ("audit.export_deleted", {"sha256": row.sha256})


def test_two_workers_make_two_exports_side_by_side(signer: Signer) -> None:
    record([entry(f"session:S-{number % 3}") for number in range(800)])
    for name in ("session:S-1", "session:S-2"):
        ask(EntryFilter(stream=name))
    seal(signer)

    def go() -> None:
        try:
            work.work_open(seconds=60)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(180)
    rows = exports.exports(10)
    assert [row.status for row in rows] == ["ready", "ready"]
    for row, name in zip(rows, ("session:S-2", "session:S-1"), strict=True):
        assert {one["stream"] for one in read(file_of(row)).entries} == {name}


def test_two_that_ask_in_the_same_moment_get_two_numbers(signer: Signer) -> None:
    made_: list[int] = []

    def go() -> None:
        try:
            made_.append(ask().number)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=go) for _ in range(3)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(180)
    assert sorted(made_) == [1, 2, 3]


def test_a_file_of_a_thousand_parts_is_handed_out_part_by_part(signer: Signer) -> None:
    """AUDIT-4: whatever its size, no more than a part of it is in memory."""
    record([entry()])
    row, _ = made(signer, ask())
    ExportPart.objects.all().delete()
    size = 64 * 1024
    for number in range(0, 1000, 100):
        parts = [ExportPart(export=row, start=n * size, data=bytes([n % 256]) * size) for n in range(number, number + 100)]
        ExportPart.objects.bulk_create(parts)
    tracemalloc.start()
    try:
        count = sum(len(data) for data in serving.parts(row, 0, 1000 * size - 1))
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 1000 * size
    assert most < 40 * size
    middle = b"".join(serving.parts(row, size - 2, size + 1))
    assert middle == b"\0\0\1\1"


def test_a_ready_export_cannot_stand_without_its_file_and_hash(signer: Signer) -> None:
    """The database holds that too."""
    assert EXPORT.ends == {"failed", "cancelled", "expired"}
    row = ask()
    row.status = "ready"
    with pytest.raises(IntegrityError, match="audit_export_ready_is_whole|audit_export_lease"), transaction.atomic():
        row.save()
