"""Entries are pushed with their link in the chain: in order, at least once, from where it was left. Whoever keeps them can check."""

import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db.models.functions import Now

from audit.errors import IllegalMove
from audit.events import EventKind
from audit.feed import head
from audit.index import index_log
from audit.models import AuditEntry
from audit.push import sending, targets
from audit.push.errors import InvalidPush, NotPushed, UnknownPush
from audit.push.files import append
from audit.push.lifecycle import PUSH
from audit.push.models import PushTarget
from audit.push.sending import Lines
from audit.services import record
from tests.audit.conftest import REMY, entry
from tests.conftest import FreshDatabase

DYING = """
import os, signal, sys, django
django.setup()
from audit.push import files, sending
left = {"sent": 0, "moved": 0, sys.argv[1]: int(sys.argv[2])}
def die(where):
    left[where] -= 1
    if left[where] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
def send(row, lines):
    files.append(row.address, lines.lines)
    die("sent")
def moved():
    die("moved")
    return False
sending.MOST_LINES = 5
sending.push_due(send, stopping=moved)
"""


class Place:
    """Somewhere that takes lines, or does not."""

    def __init__(self) -> None:
        self.came: list[dict[str, Any]] = []
        self.refuses: list[NotPushed] = []

    def __call__(self, row: PushTarget, lines: Lines) -> None:
        """Take lines, unless it refuses."""
        if self.refuses:
            raise self.refuses.pop(0)
        self.came += [json.loads(line) for line in lines.lines]

    @property
    def places(self) -> list[int]:
        """The log indexes in the order in which they came."""
        return [said["i"] for said in self.came]


@pytest.fixture
def folder(settings: Any, tmp_path: Path) -> Path:
    """The folder of files, which is made when it is needed."""
    settings.AUDIT_PUSH_DIR = tmp_path / "push"
    return tmp_path / "push"


def happen(count: int, stream: str = "session:S-1", **more: Any) -> None:
    """Let things happen."""
    for _ in range(count):
        record([entry(stream, **more)])
    index_log()


def target(name: str = "archive", **more: Any) -> PushTarget:
    """Push to a file of that name, from the beginning of the log."""
    return targets.create(actor=REMY, **{"name": name, "way": "file", "address": f"{name}.jsonl", "start": 1, **more})


def due_now() -> None:
    """Let leases and back-offs be over."""
    PushTarget.objects.update(ready_at=Now())


def lines_of(file: Path) -> Iterator[dict[str, Any]]:
    """The whole lines of a file, as a careful receiver reads them: what was cut off by a crash is left out."""
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def received(said: Iterator[dict[str, Any]] | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a receiver keeps: that which goes on where it was; repeats are dropped, a gap would be an error."""
    kept: list[dict[str, Any]] = []
    for one in said:
        if one["i"] <= (kept[-1]["i"] if kept else 0):
            continue
        kept.append(one)
    return kept


def test_each_line_holds_the_exact_bytes_and_the_link(db: None, folder: Path) -> None:
    """Its hash can be made from the line alone, and of a stream each names the hash of the one before."""
    target()
    happen(3)
    happen(2, "policy", kind=EventKind.POLICY_REVISED)
    place = Place()
    sending.push_due(place)
    assert place.places == list(range(1, head() + 1))
    last: dict[str, str] = {}
    for said in place.came:
        body, name = said["body"].encode(), said["stream"].encode()
        where = len(name).to_bytes(4, "big") + name + said["seq"].to_bytes(8, "big")
        chained = b"countersign.entry.v1\0" + where + bytes.fromhex(said["prev"]) + hashlib.sha256(body).digest()
        assert hashlib.sha256(chained).hexdigest() == said["hash"]
        assert said["prev"] == last.get(said["stream"], hashlib.sha256(b"countersign.genesis.v1\0" + name).hexdigest())
        last[said["stream"]] = said["hash"]
        assert json.loads(body)["stream"] == said["stream"]


def test_it_goes_on_from_where_it_was(db: None, folder: Path) -> None:
    """What came is not sent again; a target that is up to date costs no batch."""
    target()
    happen(3)
    place = Place()
    sending.push_due(place)
    before = len(place.came)
    assert sending.push_due(place) == 0
    happen(2)
    sending.push_due(place)
    assert place.places == list(range(1, head() + 1))
    assert len(place.came) == before + 2
    row = targets.get("archive")
    assert (row.cursor, row.sent) == (head(), head())
    assert targets.waiting(row, head()) == (0, None)


def test_without_a_beginning_it_sends_what_comes(db: None, folder: Path) -> None:
    """The first is the entry of its own making."""
    happen(3)
    target(start=None)
    index_log()
    place = Place()
    sending.push_due(place)
    assert [json.loads(said["body"])["kind"] for said in place.came] == ["push.created"]


def test_batches_are_bounded_and_keep_the_order(db: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their number and by their bytes; one entry that is larger than a batch goes alone."""
    target()
    happen(7, facts={"note": "x" * 200})
    monkeypatch.setattr(sending, "MOST_LINES", 3)
    sizes: list[int] = []
    place = Place()

    def send(row: PushTarget, lines: Lines) -> None:
        sizes.append(len(lines.lines))
        place(row, lines)

    sending.push_due(send)
    assert sizes == [3, 3, 2]
    assert place.places == list(range(1, 9))
    targets.rewind(name="archive", start=2, actor=REMY)
    monkeypatch.setattr(sending, "MOST_BYTES", 10)
    sizes.clear()
    sending.push_due(send)
    assert set(sizes) == {1}


def test_a_target_that_wants_few_kinds_gets_those_alone(db: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By kind or noun; what it does not want is behind it, though nothing was sent."""
    target(kinds=["policy", "alarm.tampering"])
    happen(4)
    happen(1, "policy", kind=EventKind.POLICY_REVISED)
    happen(3)
    monkeypatch.setattr(sending, "SCANNED", 2)
    place = Place()
    sending.push_due(place)
    assert [json.loads(said["body"])["kind"] for said in place.came] == ["policy.revised"]
    assert targets.get("archive").cursor == head()


def test_what_fails_waits_longer_each_time_and_stops_in_the_end(
    db: None, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is lost: after a person looked, it goes on where it was. Its stop is an entry."""
    target()
    happen(3)
    monkeypatch.setattr(sending, "MOST_FAILURES", 3)
    place = Place()
    place.refuses = [NotPushed(reason="The disk is full.", final=False)] * 3
    for failures in (1, 2, 3):
        due_now()
        assert sending.push_due(place) == 1
        row = targets.get("archive")
        assert (row.failures, row.error, row.cursor) == (failures, "The disk is full.", 0)
    assert targets.get("archive").status == "stopped"
    told = AuditEntry.objects.get(kind="push.stopped").body_json
    assert (told["ids"], told["facts"]["error"]) == (["push:archive", "archive"], "The disk is full.")
    due_now()
    assert sending.push_due(place) == 0
    targets.resume(name="archive", actor=REMY)
    index_log()
    sending.push_due(place)
    assert place.places == list(range(1, head() + 1))
    assert targets.get("archive").failures == 0


def test_an_answer_for_good_stops_it_at_once(db: None, folder: Path) -> None:
    """Trying again would not help."""
    target()
    happen(1)
    place = Place()
    place.refuses = [NotPushed(reason="The receiver answered 410.", final=True)]
    sending.push_due(place)
    assert targets.get("archive").status == "stopped"


def test_while_it_waits_for_its_next_attempt_it_is_left_alone(db: None, folder: Path) -> None:
    """The other targets are not."""
    target()
    target("other")
    happen(1)
    place = Place()
    place.refuses = [NotPushed(reason="Not now.", final=False)]
    sending.push_due(place)
    assert {row.failures for row in targets.targets()} == {0, 1}
    assert place.places
    assert sending.push_due(place) == 0


def test_it_is_paused_resumed_sent_again_and_ended(db: None, folder: Path) -> None:
    """Each is an entry; what is ended keeps its name."""
    target()
    happen(2)
    place = Place()
    targets.pause(name="archive", actor=REMY)
    assert sending.push_due(place) == 0
    targets.resume(name="archive", actor=REMY)
    index_log()
    sending.push_due(place)
    targets.rewind(name="archive", start=2, actor=REMY)
    index_log()
    before = len(place.came)
    sending.push_due(place)
    assert place.places[before] == 2
    targets.rotate(name="archive", actor=REMY)
    targets.end(name="archive", actor=REMY)
    assert targets.targets() == []
    kinds = AuditEntry.objects.filter(stream="push").order_by("seq").values_list("kind", flat=True)
    assert [kind.removeprefix("push.") for kind in kinds] == ["created", "paused", "resumed", "rewound", "rotated", "ended"]
    with pytest.raises(UnknownPush):
        targets.resume(name="archive", actor=REMY)
    with pytest.raises(InvalidPush):
        target()


def test_who_was_late_moves_nothing(db: None, folder: Path) -> None:
    """A sender that slept past its claim, or during whose batch somebody sent again from elsewhere."""
    target()
    happen(3)
    late = sending.claim({row.pk for row in targets.targets()})
    assert late is not None
    lines = sending.read(late.row)
    assert sending.claim({late.row.pk}) is None, "while one sends no other does"
    due_now()
    other = sending.claim({late.row.pk})
    assert other is not None
    assert not sending.arrived(late, lines)
    targets.rewind(name="archive", start=1, actor=REMY)
    assert not sending.arrived(other, lines)
    sending.failed(other, NotPushed(reason="Late.", final=True))
    assert (targets.get("archive").cursor, targets.get("archive").status) == (0, "active")


@pytest.mark.parametrize(
    ("field", "wrong"),
    [
        ("name", {"name": "Not A Name"}),
        ("way", {"way": "pigeon"}),
        ("address", {"address": "../../etc/cron.d/x.jsonl"}),
        ("address", {"address": "/etc/x.jsonl"}),
        ("address", {"address": "x.txt"}),
        ("kinds", {"kinds": ["nothing.happened"]}),
        ("start", {"start": 10_000}),
    ],
)
def test_what_cannot_be_is_refused(db: None, folder: Path, field: str, wrong: dict[str, Any]) -> None:
    """With the field that it is about."""
    with pytest.raises(InvalidPush) as refused:
        target(**wrong)
    assert refused.value.field == field


def test_two_targets_never_share_a_file_and_there_are_not_many(db: None, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is there a file where nobody named a folder."""
    target()
    with pytest.raises(InvalidPush, match="written by another"):
        target("second", address="archive.jsonl")
    monkeypatch.setattr(targets, "MOST", 1)
    with pytest.raises(InvalidPush, match="one more"):
        target("third")


def test_without_a_folder_there_are_no_files(db: None, settings: Any) -> None:
    """The operator of the machine names it, nobody in the console."""
    settings.AUDIT_PUSH_DIR = None
    with pytest.raises(InvalidPush, match="AUDIT_PUSH_DIR"):
        target()
    with pytest.raises(NotPushed):
        append("archive.jsonl", ["{}"])


def test_a_link_in_the_place_of_the_file_is_not_followed(folder: Path, tmp_path: Path) -> None:
    """Whoever can write into the folder cannot have another file written."""
    elsewhere = tmp_path / "elsewhere"
    folder.mkdir()
    (folder / "archive.jsonl").symlink_to(elsewhere)
    with pytest.raises(NotPushed):
        append("archive.jsonl", ["{}"])
    assert not elsewhere.exists()


def test_a_line_that_a_crash_cut_off_stands_alone(folder: Path) -> None:
    """The next begins on a line of its own."""
    append("archive.jsonl", ['{"i":1}'])
    with (folder / "archive.jsonl").open("a") as file:
        file.write('{"i":2,"bo')
    append("archive.jsonl", ['{"i":2}'])
    assert [said["i"] for said in lines_of(folder / "archive.jsonl")] == [1, 2]


def test_secrets_differ_by_target_and_turn(db: None, folder: Path, settings: Any) -> None:
    """After a turn both sign; while the installation's key is changed all of them do."""
    settings.WEBHOOK_KEY = "one"
    first = targets.secrets(target())
    assert len(first) == 1
    assert targets.secrets(target("other")) != first
    second = targets.secrets(targets.rotate(name="archive", actor=REMY))
    assert second[1:] == first
    settings.WEBHOOK_KEY = "two,one"
    assert set(second) < set(targets.secrets(targets.get("archive")))


def test_only_moves_of_the_table_are_made(db: None) -> None:
    """An ended target stays so."""
    assert PUSH.ends == {"ended"}
    with pytest.raises(IllegalMove):
        PUSH.next("ended", "resume")


@pytest.mark.parametrize("where", ["sent", "moved"])
def test_killed_at_any_moment_it_loses_nothing(fresh_database: FreshDatabase, folder: Path, where: str, settings: Any) -> None:
    """`kill -9` before and after the place moves: nothing is lost, what comes twice is the same, the order is kept."""
    target()
    happen(18)
    environment = {**fresh_database.environment, "AUDIT_PUSH_DIR": str(folder)}
    for nth in ("1", "2", "1", "0"):
        ran = subprocess.run([sys.executable, "-c", DYING, where, nth], env=environment, check=False, timeout=300)
        assert ran.returncode == (0 if nth == "0" else -9)
        due_now()
    kept = received(lines_of(folder / "archive.jsonl"))
    assert [said["i"] for said in kept] == list(range(1, head() + 1))
    by_place: dict[int, str] = {}
    for said in lines_of(folder / "archive.jsonl"):
        assert by_place.setdefault(said["i"], said["hash"]) == said["hash"]
    assert targets.get("archive").cursor == head()


def test_two_senders_at_once_keep_the_order(db: None, folder: Path) -> None:
    """The second finds the target taken, and does nothing."""
    target()
    happen(3)
    place = Place()

    def send(row: PushTarget, lines: Lines) -> None:
        assert sending.push_due(place) == 0
        place(row, lines)

    sending.push_due(send)
    assert place.places == list(range(1, head() + 1))


def test_the_receiver_in_the_documentation_finds_what_was_changed(db: None, folder: Path) -> None:
    """It reads a file with a repeat and a line that was cut off; one changed letter and a missing entry are found."""
    target()
    happen(4)
    sending.push_due(lambda row, lines: append(row.address, lines.lines))
    text = (folder / "archive.jsonl").read_text(encoding="utf-8")
    first, rest = text.split("\n", 1)
    assert _documented(f'{{"i":1,"bo\n{first}\n{text}') == "5 entries are whole"
    assert "is not what it was" in _documented(text.replace("session.resumed", "session.stopped", 1))
    second, third = rest.split("\n", 1)
    assert "are missing" in _documented(f"{first}\n{third}")
    assert second not in third


def _documented(lines: str) -> str:
    """What the documentation's receiver says of these lines, in its last line."""
    page = (Path(__file__).parents[2] / "docs" / "audit-format.md").read_text(encoding="utf-8")
    code = page.partition("## Pushed entries")[2].partition("```python\n")[2].partition("```")[0]
    ran = subprocess.run([sys.executable, "-c", code], input=lines, capture_output=True, text=True, check=False, timeout=300)
    return (ran.stdout + ran.stderr).strip().splitlines()[-1]
