"""A full disk under the audit log: nothing is decided, begun or run without its entry, and all goes on once there is room.

The log's table is moved to a small file system of its own (tmpfs), which is then filled. Where mounting is not allowed
the test is skipped; `tests/threats/test_an_approval_is_used_once_and_in_time.py` has the same refusals by a trigger.
"""

import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.db import DatabaseError, connections

from agents.models import Session, ToolCall
from approvals.models import ApprovalRequest, Decision
from audit.models import AuditEntry
from tests.faults import people
from tests.faults.conftest import Figure
from tests.faults.invariants import check
from tests.faults.stage import PATIENCE_S, Play, Stage
from tests.waiting import wait_until

SIZE = 4_000_000
MOST = 200  # starts that may still fit into the last page of the log


@pytest.fixture
def small_disk(stage: Stage) -> Iterator[Path]:
    """A file system of four megabytes."""
    folder = Path(tempfile.mkdtemp(prefix="countersign-small-"))
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "none", folder], capture_output=True, check=False)
    if mounted.returncode:
        folder.rmdir()
        pytest.skip("mounting is not allowed here")
    try:
        yield folder
    finally:
        stage.server.stop()  # whoever has a file open there
        subprocess.run(["umount", folder], check=True)
        folder.rmdir()
        stage.server.start()


@pytest.fixture
def log_on_it(small_disk: Path, play: Play) -> Iterator[Path]:
    """The play's log on that disk; yields the file that fills it."""
    place = small_disk / "log"
    place.mkdir(mode=0o700)
    play.stage.server.user.own(place)
    play.sql(f"CREATE TABLESPACE small LOCATION '{place}'")
    play.sql("ALTER TABLE audit_entry SET TABLESPACE small")
    yield small_disk / "filler"
    play.end()
    play.sql("ALTER TABLE audit_entry SET TABLESPACE pg_default")
    play.sql("DROP TABLESPACE small")


def _fill(play: Play, filler: Path) -> None:
    """Leave no room, not even in the last page of the log."""
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
    for _ in range(MOST):
        try:
            play.start("payment")
        except DatabaseError:
            return  # the test goes on to see the refusals in the server's own log
    raise AssertionError("the disk never became full")


def _refusals(play: Play) -> int:
    return play.stage.server.log.read_text(errors="replace").count("No space left on device")


@pytest.mark.slow
def test_nothing_is_decided_or_done_while_the_logs_disk_is_full(play: Play, log_on_it: Path, figure: Figure) -> None:
    """THREATS 3 (disk full), THREATS 59: the intent of an approved call, a decision and a start are each refused whole."""
    play.start("payment", count=2)
    first = play.worker()
    wait_until(lambda: ApprovalRequest.objects.filter(status="pending").count() == 2, seconds=PATIENCE_S)
    first.end(signal.SIGTERM)
    one, _ = ApprovalRequest.objects.order_by("number")
    people.decide(one, people.reviewer())
    worker = play.worker("gate.before_intent:stop:1")
    wait_until(lambda: worker.stopped, seconds=PATIENCE_S)
    _fill(play, log_on_it)
    sessions, entries, refusals = Session.objects.count(), AuditEntry.objects.count(), _refusals(play)
    with pytest.raises(DatabaseError, match="No space left on device"):
        people.decide_all()
    connections["default"].close()
    worker.send(signal.SIGCONT)
    wait_until(lambda: _refusals(play) >= refusals + 5, seconds=PATIENCE_S)
    assert (Decision.objects.count(), Session.objects.count(), AuditEntry.objects.count()) == (1, sessions, entries)
    assert list(ToolCall.objects.values_list("status", flat=True)) == ["awaiting", "awaiting"]
    assert [effect for effect in play.stage.effects.read() if effect.session == one.session_ref] == []
    log_on_it.unlink()
    play.until(play.at_rest)
    found = check(play, each_does=("pay",))
    assert found.effects == sessions
    figure(refusals=_refusals(play), sessions=sessions)
