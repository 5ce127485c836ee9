"""A worker dies by `kill -9` while it makes an export: the next one goes on, and the file is the same to the byte."""

import signal
import subprocess
import sys
import time
from datetime import timedelta

import pytest
from django.utils import timezone

from audit.exports import exports, work
from audit.exports.models import Export, ExportPart
from audit.note import Signer
from audit.queries import EntryFilter
from audit.seal import seal
from audit.services import record
from tests.audit.conftest import entry
from tests.audit.exports.conftest import ask, file_of, signer
from tests.audit.exports.reading import read
from tests.audit.exports.test_bundle import SMALL, assert_signed
from tests.audit.exports.test_jobs import parts_of
from tests.conftest import FreshDatabase
from tests.server import ROOT

__all__ = ["signer"]


@pytest.mark.parametrize("kind", ["bundle", "csv"])
@pytest.mark.parametrize("parts", [0, 1, 6])
def test_a_worker_that_dies_in_the_middle_of_a_part_leaves_what_the_next_goes_on_with(
    fresh_database: FreshDatabase, signer: Signer, kind: str, parts: int
) -> None:
    record([entry(f"session:S-{number % 9}") for number in range(500)])
    ask(EntryFilter(), kind=kind)
    seal(signer)
    words = [sys.executable, "-m", "tests.faults.exporter", str(parts)]
    with subprocess.Popen(words, cwd=ROOT, env=fresh_database.environment, stdout=subprocess.PIPE, text=True) as worker:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "writing\n"
        worker.send_signal(signal.SIGKILL)
    row = Export.objects.get()
    assert (row.status, row.parts, ExportPart.objects.count()) == ("running", parts, parts)

    Export.objects.update(lease_expires=timezone.now() - timedelta(seconds=1))
    claimed = work.claim()
    assert claimed is not None
    work.make(claimed, until=time.monotonic() + 60, pace=SMALL)
    row = exports.export_numbered("EX-1")
    assert (row.status, row.entries) == ("ready", 501)
    assert file_of(row) == parts_of(row, SMALL)
    if kind == "bundle":
        assert_signed(read(file_of(row)), signer)
