"""Bundles: whatever is chosen, the rest stands in it as hashes, and all of it adds up to the root that was signed (AUDIT-4)."""

import hashlib
import itertools
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from django.core.management import CommandError, call_command

from audit import merkle
from audit.content import forget
from audit.entry import Text
from audit.events import EventKind
from audit.exports import exports
from audit.exports.errors import InvalidExport
from audit.exports.making import Pace, as_facts, of_facts
from audit.exports.models import Export
from audit.exports.nodes import subtrees
from audit.ids import uuid7
from audit.index import index_log
from audit.models import AuditEntry, AuditStream, LogIndex
from audit.note import Checkpoint as Said
from audit.note import Note, Signer
from audit.queries import EntryFilter
from audit.seal import seal
from audit.services import record
from tests.audit.conftest import REMY, entry
from tests.audit.exports.conftest import AUDREY, ask, made, sealing
from tests.audit.exports.reading import Read, read

SMALL = Pace(raw=6000, batch=7, window=64, windows=3)
HOSTILE = ("x' OR '1'='1", "%", "session:%", "\\", '"', "a & b | !c", "🙂", "<script>", "; DROP TABLE audit_entry", "*" * 200)


def written(count: int, streams: int = 7) -> None:
    for start in range(0, count, 500):
        record([entry(f"session:S-{number % streams}") for number in range(start, min(count, start + 500))])


def assert_signed(bundle: Read, signer: Signer) -> None:
    note = Note.of(bundle.last["checkpoint"])
    assert [key for key, _ in note.signed_by([signer.verifier()])] == [signer.verifier()]
    said = Said.of(note.text)
    assert (said.size, said.root, said.origin) == (bundle.first["size"], bundle.root, bundle.first["origin"])


def chosen(**where: Any) -> list[int]:
    """What a filter chooses, asked in the plainest way."""
    return sorted(
        LogIndex.objects.filter(**{f"entry__{name}": value for name, value in where.items()}).values_list("pk", flat=True)
    )


def test_a_gap_is_the_fewest_subtrees_that_begin_at_a_multiple_of_their_size() -> None:
    for start in range(70):
        for end in range(start, 70):
            found = list(subtrees((start, end)))
            covered = [leaf for level, number in found for leaf in range(number << level, (number + 1) << level)]
            assert covered == list(range(start, end))
            assert all(one[1] % 2 or one[0] != two[0] or one[1] + 1 != two[1] for one, two in itertools.pairwise(found))


@pytest.mark.parametrize("pace", [Pace(), SMALL], ids=["at once", "in many steps"])
def test_the_whole_log_is_exported_entry_by_entry_in_its_exact_bytes(signer: Signer, pace: Pace) -> None:
    written(300)
    row, data = made(signer, ask(), pace=pace)
    bundle = read(data)

    assert_signed(bundle, signer)
    assert (bundle.first["whole"], bundle.first["filter"], bundle.skips) == (True, {}, 0)
    assert bundle.places == list(range(1, 302))  # with the entry of asking
    bodies = LogIndex.objects.order_by("log_index").values_list("entry__body", flat=True)
    assert [one["body"].encode() for one in bundle.entries] == [bytes(body) for body in bodies[:301]]
    assert set(bundle.heads) == {*(f"session:S-{number}" for number in range(7)), exports.STREAM}
    for name, head in bundle.heads.items():
        last = [one for one in bundle.entries if one["stream"] == name][-1]
        assert head["head"] == last["seq"] == sum(one["stream"] == name for one in bundle.entries)
        assert not head["closed"]
    assert (row.entries, row.size, row.sha256) == (301, 301, hashlib.sha256(data).hexdigest())
    assert (row.parts > 10) is (pace is SMALL)


@pytest.mark.parametrize("every", [2, 3, 7, 64, 700, 4999])
def test_every_kth_of_many_is_chosen_and_the_rest_stands_as_hashes(signer: Signer, every: int) -> None:
    for start in range(0, 5000, 1000):
        record([entry(actor=REMY if number % every == 0 else AUDREY) for number in range(start, start + 1000)])
    row, data = made(signer, ask(EntryFilter(principal="user:7")), pace=Pace(raw=100_000, batch=100, window=1024, windows=2))
    bundle = read(data)

    assert_signed(bundle, signer)
    assert bundle.places == [number + 1 for number in range(0, 5000, every)] == chosen(actor_id="7")
    assert row.entries == len(bundle.places)
    assert bundle.heads["session:S-1"]["head"] == 5000  # of the stream, however few of it were chosen


def test_a_log_of_several_kept_levels_is_skipped_in_a_few_hashes(signer: Signer) -> None:
    written(700)
    seal(signer)
    written(9)
    record([entry("session:S-99", closes=True)])
    bundle = read(made(signer, ask(EntryFilter(stream="session:S-99")))[1])

    assert_signed(bundle, signer)
    assert bundle.places == [710]
    assert bundle.heads == {"session:S-99": {**bundle.heads["session:S-99"], "head": 1, "closed": True}}


def test_what_is_committed_when_it_is_asked_for_is_in_it_and_what_comes_after_is_not(signer: Signer) -> None:
    written(10)
    row = ask(EntryFilter(stream="session:S-0"))
    row, data = made(signer, row)
    record([entry("session:S-0")])
    index_log(patience_ms=2000)

    bundle = read(data)
    assert bundle.heads["session:S-0"]["head"] == 2
    assert AuditStream.objects.get(pk="session:S-0").head_seq == 3


@pytest.mark.parametrize("name", ["stream", "principal", "tool", "text"])
def test_a_hostile_filter_chooses_what_fits_it_and_breaks_nothing(signer: Signer, name: str) -> None:
    """THREATS 4: filters are values, never words of a statement."""
    written(20)
    seal(signer)
    for value in HOSTILE:
        said = f"user:{value}" if name == "principal" else value
        where = of_facts({name: said})
        row, data = made(signer, ask(where))
        bundle = read(data)
        assert_signed(bundle, signer)
        assert bundle.first["filter"] == {name: said}
        assert of_facts(row.filter) == where
        exports.cancel_export(ref=exports.ref_of(row), actor=AUDREY)
    assert AuditEntry.objects.count() >= 20


@pytest.mark.django_db
@pytest.mark.parametrize("value", HOSTILE)
def test_a_kind_that_there_is_none_of_is_refused(value: str) -> None:
    """THREATS 4: nothing is made for it, and nothing of it runs."""
    for where in (EntryFilter(kind=value), EntryFilter(principal=value)):
        with pytest.raises(InvalidExport):
            ask(where)
    assert not Export.objects.exists()


def test_a_filter_of_times_and_words_chooses_what_the_trail_shows(signer: Signer) -> None:
    record([entry(facts={"note": f"word{number % 3}"}) for number in range(30)])
    seal(signer)
    now = datetime.now(UTC)
    where = EntryFilter(text="word1", since=now - timedelta(hours=1), until=now + timedelta(hours=1))
    assert of_facts(as_facts(where)) == where
    bundle = read(made(signer, ask(where))[1])
    assert_signed(bundle, signer)
    assert bundle.places == [*range(2, 31, 3), 31]  # the last is that of asking, which names the word
    nothing = read(made(signer, ask(EntryFilter(until=now - timedelta(days=1))))[1])
    assert_signed(nothing, signer)
    assert (nothing.places, nothing.heads) == ([], {})


def test_a_session_is_exported_with_what_names_it_elsewhere(signer: Signer) -> None:
    record([entry("session:S-5", kind=EventKind.APPROVAL_REQUESTED, ids=("AP-9", "S-5")), entry("session:S-6")])
    record([entry("content", ids=("AP-9",)), entry("prompt:x", ids=("S-5",)), entry("content", ids=("AP-90", "S-55"))])
    bundle = read(made(signer, ask(EntryFilter(session="S-5")))[1])
    assert_signed(bundle, signer)
    assert bundle.places == [1, 3, 4]
    assert set(bundle.heads) == {"session:S-5", "content", "prompt:x"}


def test_raw_texts_stand_behind_their_entry_where_they_are_asked_for(signer: Signer) -> None:
    """AUDIT-6: each with what its commitment was made of; one that was deleted is missing, and the log is whole."""
    kept, gone = Text(uuid7(), "goal", 'Hear "this"\n\x1b[31m ＝1', "goal"), Text(uuid7(), "note", "Forget this", "note")
    record([entry(texts=(kept, gone)), entry()])
    forget([gone.id], actor=AUDREY, reason="Asked for.")

    assert read(made(signer, ask())[1]).texts == []
    _, data = made(signer, ask(texts=True))
    bundle = read(data)
    assert_signed(bundle, signer)
    ((place, text),) = bundle.texts
    assert (place, text["text"], text["body"], text["class"]) == (1, "goal", kept.body, "goal")
    said = json.loads(bundle.entries[0]["body"])["content"]["goal"]["commitment"]
    salted = b"countersign.content.v1\0" + bytes.fromhex(text["salt"]) + text["body"].encode()
    assert hashlib.sha256(salted).hexdigest() == said


def test_a_bundle_proves_that_the_one_made_before_is_its_beginning(signer: Signer) -> None:
    """THREATS 4: what was exported once cannot be rewritten without being seen; each person's own chain of bundles."""
    written(40)
    first = read(made(signer, ask())[1])
    assert first.last["older"] is None
    written(300)
    made(signer, ask(actor=REMY))
    second = read(made(signer, ask())[1])
    older = second.last["older"]
    assert (older["size"], older["checkpoint"]) == (first.first["size"], first.last["checkpoint"])
    path = [bytes.fromhex(step) for step in older["path"]]
    assert merkle.proves_consistency(path, older["size"], first.root, second.first["size"], second.root)


def test_checkpoints_stand_where_they_were_signed(signer: Signer) -> None:
    """AUDIT-4: of the whole log all of them, of a selection those around what was chosen; in the same bytes at any pace."""
    for size in (40, 41, 200, 700):
        written(size - LogIndex.objects.count())
        seal(signer)
    written(9)
    record([entry("policy")])
    assert read(made(signer, ask(), pace=SMALL)[1]).signed == [40, 41, 200, 700]
    bundle = read(made(signer, ask(EntryFilter(stream="policy")))[1])
    assert_signed(bundle, signer)
    assert (bundle.places, bundle.signed) == ([710], [700, 711])
    assert read(made(signer, ask(EntryFilter(kind="seal")))[1]).signed == []


def test_of_a_very_long_log_one_of_checkpoints_that_are_close_together_is_told(
    signer: Signer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("audit.exports.between.MOST", 10)
    for _ in range(30):
        written(1)
        seal(signer)
    written(9)
    assert read(made(signer, ask(), pace=SMALL)[1]).signed == [4, 8, 12, 16, 20, 24, 28, 30]
    chosen = read(made(signer, ask(EntryFilter(stream="session:S-0")))[1])
    assert set(chosen.signed) <= {5, 10, 15, 20, 25, 30, 40}
    assert chosen.signed


def test_the_header_says_what_was_asked_for_by_whom_and_what_kinds_mean(signer: Signer) -> None:
    written(3)
    row, data = made(signer, ask(EntryFilter(kind="session")))
    first = read(data).first
    assert (first["bundle"], first["whole"], first["texts"]) == (2, False, False)
    assert first["by"] == {"kind": "user", "id": "6", "name": "Audrey"}
    assert first["origin"] == f"countersign/{first['log']}"
    assert first["schema"] == {kind.value: kind.doc for kind in EventKind}
    assert first["made"].endswith("Z")
    assert "does not say that it was deleted" in first["left_out"]["texts"]
    assert "left_out" not in read(made(signer, ask(texts=True))[1]).first
    assert row.expires_at is not None


def test_a_log_that_lost_an_entry_is_not_exported_as_if_it_were_whole(signer: Signer, fresh_database: Any) -> None:
    """THREATS 4 (delete, as superuser): exports never leave entries out."""
    written(10)
    asked = ask()
    seal(signer)
    with psycopg.connect(fresh_database.superuser_url, autocommit=True) as one:
        one.execute("ALTER TABLE audit_entry DISABLE TRIGGER ALL")
        one.execute("DELETE FROM audit_entry WHERE id = (SELECT entry_id FROM audit_log_index WHERE log_index = 4)")
    with pytest.raises(AssertionError, match="does not hold entry 4"):
        made(signer, asked)


def test_an_operator_exports_to_a_file_and_leaves_nothing_behind_but_entries(
    signer: Signer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    written(20)
    out = tmp_path / "log.countersign.jsonl.gz"
    with sealing(signer):
        call_command("export_audit", out=out, stream="session:S-1")

    bundle = read(out.read_bytes())
    assert_signed(bundle, signer)
    assert {one["stream"] for one in bundle.entries} == {"session:S-1"}
    assert hashlib.sha256(out.read_bytes()).hexdigest() in capsys.readouterr().out
    kinds = AuditEntry.objects.filter(stream=exports.STREAM).order_by("seq").values_list("kind", flat=True)
    assert list(kinds) == ["audit.export_requested", "audit.exported", "audit.export_downloaded", "audit.export_deleted"]
    assert exports.kept_bytes() == 0
    with pytest.raises(CommandError, match="written over"):
        call_command("export_audit", out=out)
    with pytest.raises(CommandError, match="no folder"):
        call_command("export_audit", out=tmp_path / "nowhere" / "log.gz")
