"""A worker that makes an export, and stops in the middle of writing a part: `python -m tests.faults.exporter PARTS`."""

import sys
import time

import django

django.setup()

from django.db import transaction  # noqa: E402

from audit.exports import work  # noqa: E402
from audit.exports.making import Place  # noqa: E402
from tests.audit.exports.test_bundle import SMALL  # noqa: E402

if __name__ == "__main__":
    row = work.claim()
    assert row is not None
    assert work.begin(row, time.monotonic() + 60)
    maker = work.maker_of(row, SMALL)
    for _ in range(int(sys.argv[1])):
        work.write(row, maker.step(Place(row.done, row.head), row.entries))
    with transaction.atomic():
        work.write(row, maker.step(Place(row.done, row.head), row.entries))
        sys.stdout.write("writing\n")
        sys.stdout.flush()
        time.sleep(600)  # until it is killed
